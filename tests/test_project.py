"""The project as a whole: what is packaged, what imports what, and what must never be committed."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("policies", "fhir_mappings", "cds_cards", "service")
PACKAGES = (*ROOMS, "sandbox")

LOINC = re.compile(r"(?<![\w-])\d{3,5}-\d(?![\w-])")
CPT = re.compile(r"(?<![\w.-])(?:623[2-6]\d|62370)(?![\w.-])")
HCPCS = re.compile(r"(?<!\w)[A-V]\d{4}(?!\w)")
ICD_10_CM = re.compile(r"(?<!\w)[A-Z]\d[0-9AB]\.[0-9A-Z]{1,4}(?!\w)")
SNOMED_CT = re.compile(r"(?<![\w.-])\d{6,18}(?![\w.-])")
CLINICAL_CODES = (LOINC, CPT, HCPCS, ICD_10_CM, SNOMED_CT)
RXNORM_NUMBER = re.compile(r"""["']\d{3,8}["']""")

MACHINE_PATH = re.compile(r"(?<![\w./:-])/(?:home|root|tmp|work)/\w")
REGISTRY_HOST = re.compile(r"pypi\.org|pythonhosted\.org|registry\.npmjs|deb\.debian\.org")


def tracked_files(*folders: str) -> list[Path]:
    """Return the committed files under the folders that are there, relative to the checkout."""
    # A checkout of another owner is still ours to list.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--", *folders]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [Path(name) for name in listing.split("\0") if name and (ROOT / name).is_file()]


def literals(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of each string and whole number in Python source, except docstrings."""
    tree = ast.parse(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in docstrings:
            continue
        if isinstance(node.value, str) or (isinstance(node.value, int) and not isinstance(node.value, bool)):
            yield node.lineno, str(node.value)


def clinical_codes(source: str) -> list[str]:
    """Return "line: literal" for each literal that looks like a code of a clinical code system."""
    found = [f"{line}: {text}" for line, text in literals(source) if any(code.search(text) for code in CLINICAL_CODES)]
    lines = source.splitlines()
    for number, text in enumerate(lines, start=1):
        nearby = " ".join(lines[max(0, number - 3) : number + 2]).lower()
        if "rxnorm" in nearby:
            found += [f"{number}: {match}" for match in RXNORM_NUMBER.findall(text)]
    return found


@pytest.fixture(scope="module")
def clean_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what is committed, without leftovers of earlier builds."""
    copy = tmp_path_factory.mktemp("checkout")
    for path in tracked_files(*PACKAGES, "pyproject.toml", "README.md", "LICENSE"):
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, copy / path)
    return copy


def test_the_wheel_holds_every_file_of_the_packages(clean_copy: Path, tmp_path: Path) -> None:
    """Whoever installs PumpCheck gets every module, policy, value set and page of it."""
    build = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(tmp_path)], cwd=clean_copy, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")

    packaged = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}

    assert {path.as_posix() for path in tracked_files(*PACKAGES)} == packaged


def test_imports_against_the_grain_are_reported(clean_copy: Path, tmp_path: Path) -> None:
    """`make lint` stops each import that would tie two rooms together the wrong way."""
    copy = tmp_path / "checkout"
    shutil.copytree(clean_copy, copy)
    planted = {
        "policies": "import fhir_mappings",
        "fhir_mappings": "import cds_cards",
        "cds_cards": "import service, requests",
        "service": "import sandbox",
        "sandbox": "import policies",
    }
    for package, statement in planted.items():
        (copy / package / "planted.py").write_text(statement + "\n")
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]

    report = subprocess.run(command, cwd=copy, capture_output=True, text=True)

    assert report.returncode == 1
    assert [line.rsplit(" ", 1) for line in report.stdout.splitlines() if line.endswith((" KEPT", " BROKEN"))] == [
        ["Imports run one way", "BROKEN"],
        ["The sandbox is a client: it imports nothing of ours", "BROKEN"],
        ["Nothing imports the sandbox", "BROKEN"],
        ["No network, web framework or clock outside service and sandbox", "BROKEN"],
    ]
    for package in ("policies.planted -> fhir_mappings", "fhir_mappings.planted -> cds_cards"):
        assert package in report.stdout


def test_no_clinical_code_stands_in_python() -> None:
    """Codes live in value set files, where a site can read, verify and extend them."""
    found = {
        path.as_posix(): codes
        for path in tracked_files(*ROOMS)
        if path.suffix == ".py" and (codes := clinical_codes((ROOT / path).read_text(encoding="utf-8")))
    }

    assert found == {}


@pytest.mark.parametrize(
    ("statement", "is_code"),
    [
        ('code = "11111-2"', True),
        ("code = 62350", True),
        ('code = "62370"', True),
        ('code = "E9999"', True),
        ('code = "G99.9"', True),
        ('code = "999999999"', True),
        ('RXNORM = "rxnorm"\ncode = "9999"', True),
        ('day = "2024-08-01"', False),
        ('version = "4.0.1"', False),
        ('model = "fhir.resources.R4B"', False),
        ("limit = 62319", False),
        ('reference = "Condition/c1"', False),
    ],
)
def test_clinical_codes_are_told_from_other_literals(statement: str, is_code: bool) -> None:
    """The search for codes finds codes, and leaves dates, versions and references alone."""
    assert bool(clinical_codes(statement)) is is_code


def test_no_machine_path_and_no_registry_host_is_committed() -> None:
    """A checkout works on any machine: nothing in it names the one it was written on, or a package registry."""
    found = [
        f"{path}:{number}"
        for path in tracked_files()
        if ROOT / path != Path(__file__).resolve()  # it holds the patterns
        and b"\0" not in (content := (ROOT / path).read_bytes())
        for number, line in enumerate(content.decode("utf-8").splitlines(), start=1)
        if MACHINE_PATH.search(line) or REGISTRY_HOST.search(line)
    ]

    assert found == []


def test_the_changelog_opens_with_the_packaged_version() -> None:
    """Who reads the changelog's first entry reads about the version that pyproject.toml names."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    entries = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert version == entries[0]


def test_the_lock_pins_every_dependency_with_hashes() -> None:
    """`make setup` installs the same files everywhere, and every dependency named in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    wanted = {re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", name).group()).lower() for name in named}
    pins = re.sub(r"\\\n", "", (ROOT / "requirements.lock").read_text(encoding="utf-8")).splitlines()
    locked = {pin.partition("==")[0]: pin for pin in pins if not pin.startswith("#")}

    assert wanted - locked.keys() == set()
    assert [name for name, pin in locked.items() if " --hash=sha256:" not in pin] == []
