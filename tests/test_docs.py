"""The documents say what the code does: words, settings, prefetch keys, findings, commands, examples, links."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from pydantic import BaseModel

from fhir_mappings import coverage, orders
from fhir_mappings.chart import Located, build_chart
from fhir_mappings.code_sets import Finding, ValueSets
from fhir_mappings.inquiry import Inquiry
from fhir_mappings.orders import Procedure
from fhir_mappings.prefetch import queries
from fhir_mappings.registry import extract, extractors
from policies.library import PolicyLibrary
from policies.logic import Status
from policies.model import DeterminationKind
from sandbox.__main__ import export_bundles
from service.app import SERVICES
from service.cli import main
from service.config import Config, Issuer, Payer, ValueSetAdditions, load_config
from service.engine import Engine

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")), *DOCS.glob("*.md")]

FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
COMMAND = re.compile(r"(?:\.venv/bin/)?pumpcheck((?: [^`\n#]+)?)")
MAKE_TARGET = re.compile(r"\bmake ([a-z-]+)\b")
CONFIG_TABLES: Mapping[str, type[BaseModel]] = {
    "[client_auth.issuers]": Issuer,
    "[payers]": Payer,
    "value_sets.<id>": ValueSetAdditions,
}
"""Heading of the page -> model, for what is no section by itself."""


def text_of(page: Path) -> str:
    """Return a page's text."""
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return FENCE.sub("", text_of(page))


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return [body for found, body in FENCE.findall(text_of(page)) if found == language]


def section(page: Path, heading: str) -> str:
    """Return what stands under a heading, up to the next one of any level."""
    _, _, rest = prose(page).partition(f"# {heading}\n")
    assert rest, f"{page.name} has no heading `{heading}`"
    return re.split(r"^#+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of the table rows, without heading and rule."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def quoted(text: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`]+)`", text)


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to a page's headings."""
    headings = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(prose(page)))
    return {heading.replace(" ", "-") for heading in headings}


# Words ----------------------------------------------------------------------------------------------------------


def test_the_reading_page_explains_every_status_and_determination() -> None:
    """An analyst finds each status, and each determination in the order in which they are tried."""
    page = DOCS / "reading.md"
    tables = [rows(part) for part in section(page, "The words of an answer").split("The criteria together")]

    assert [quoted(row[0])[0] for row in tables[0]] == [status.value for status in Status]
    assert [quoted(row[0])[0] for row in tables[1]] == [kind.value for kind in DeterminationKind]


def test_the_reading_page_explains_every_caution_and_whether_it_caps() -> None:
    """A nurse who reads a caution on a card can look up what it means."""
    policies = PolicyLibrary.load().all()
    capping = {orders.PHASE_UNCLEAR, orders.INDICATION_UNCLEAR, orders.DRUG_UNLIKE, orders.NOT_UNDERSTOOD}
    capping |= {rule.unsure for policy in policies for rule in policy.scope if rule.unsure}
    capping |= {rule.code for policy in policies for rule in policy.cautions if rule.caps}
    plain = {orders.DATE_PAST, coverage.OTHER_COVERAGE, "code-not-listed", "text-not-confirmed-current"}
    plain |= {rule.code for policy in policies for rule in policy.cautions if not rule.caps}

    stated = {quoted(row[0])[0]: row[1] for row in rows(section(DOCS / "reading.md", "Cautions"))}

    assert stated == dict.fromkeys(capping, "yes") | dict.fromkeys(plain, "no")


# Charts ---------------------------------------------------------------------------------------------------------


def value_of(finding: Finding) -> str:
    """Return a finding's value as the page writes it."""
    unit = f" `{finding.unit}`" if finding.unit else ""
    drawn = f" of `{finding.value_set}`" if finding.value_set else ""
    if finding.minimum is None or finding.value_set:
        return f"{finding.value}{unit}{drawn}"
    return f"{finding.value}{unit} {finding.minimum}–{'' if finding.maximum is None else finding.maximum}"


def test_the_table_of_findings_is_the_closed_list() -> None:
    """An integrator who copies a code from the page copies one that is read, with the value it takes."""
    table = "\n".join(f"| `{one.code}` | {value_of(one)} | {one.label} |" for one in ValueSets.load().findings())
    heading = "| code | value | what it states |\n| --- | --- | --- |\n"

    stated = re.search(
        r"<!-- findings: .*? -->\n(.*)\n<!-- end of findings -->", text_of(DOCS / "charts.md"), re.DOTALL
    )

    assert stated is not None
    assert stated.group(1) == heading + table


def test_every_value_set_on_the_charts_page_exists() -> None:
    """An id that a site copies into its configuration is one that the service knows."""
    named = {
        name for row in rows(section(DOCS / "charts.md", "Which fact comes from where")) for name in quoted(row[2])
    }

    assert named - ValueSets.load().ids() == set()


def test_the_criteria_on_the_charts_page_exist() -> None:
    """The criterion ids of the form example are ids of the policy files, and its facts have known names."""
    criteria = {leaf for policy in PolicyLibrary.load().all() for leaf in policy.leaves}
    (form,) = (one for one in map(json.loads, blocks(DOCS / "charts.md", "json")) if "item" in one)
    ids = {item["linkId"] for item in form["item"]}
    facts = {one.removeprefix("fact:") for one in ids if one.startswith("fact:")}

    assert facts <= ValueSets.load().ids()
    assert {one for one in ids if not one.startswith("fact:")} <= criteria


@pytest.mark.parametrize("index", range(len(blocks(DOCS / "charts.md", "json"))))
def test_the_shapes_to_copy_are_valid_fhir(index: int) -> None:
    """Who sends a resource of this shape sends valid FHIR R4."""
    resource = json.loads(blocks(DOCS / "charts.md", "json")[index])

    model = get_fhir_model_class(resource["resourceType"]).model_validate(resource)

    assert json.loads(model.model_dump_json())["id"] == resource["id"]


def observation(number: int, coding: Mapping[str, str], value: int) -> dict[str, Any]:
    """Return a score of one day in October 2026."""
    return {
        "resourceType": "Observation",
        "id": f"local-{number}",
        "status": "final",
        "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": coding["system"], "code": coding["code"]}]},
        "effectiveDateTime": f"2026-10-0{number}",
        "valueInteger": value,
    }


def test_the_shapes_to_copy_and_the_local_codes_are_read() -> None:
    """Whoever sends the page's shapes, or adds its local codes, finds each fact in the answer."""
    page = DOCS / "charts.md"
    added = {name: one["add"] for name, one in tomllib.loads(blocks(page, "toml")[0])["value_sets"].items()}
    scores = [*added["pain-nrs"], *added["penn-spasm-frequency"]]
    resources = [*map(json.loads, blocks(page, "json"))]
    resources += [observation(number, coding, number) for number, coding in enumerate(scores, start=1)]
    chart = build_chart([Located(one) for one in resources], "p1", ValueSets.load(added))
    day = date(2026, 11, 24)
    procedure = Procedure((), (("spasticity", "permanent"),), day)
    inquiry = Inquiry(chart, procedure, "spasticity", "permanent", day, day)

    facts = extract(
        ("active-infection", "oral-baclofen", "physical-therapy", "trial-method", "pain-severity", "spasm-frequency"),
        inquiry,
        extractors(),
    )

    assert {statement.value for statement in facts["active-infection"].value.statements} == {False}
    assert list(facts["oral-baclofen"].value.outcomes) == ["not-tolerated"]
    assert list(facts["physical-therapy"].value.outcomes) == ["ineffective"]
    assert facts["trial-method"].value.code == "catheter"
    assert facts["pain-severity"].value.certain == 2
    assert facts["spasm-frequency"].value.certain == 3
    assert chart.warnings == []


# The service ----------------------------------------------------------------------------------------------------


def test_the_prefetch_table_is_what_discovery_asks() -> None:
    """The keys and queries on the page are those of the discovery answer, in its order."""
    asked = {key: re.sub(r"(?<=code=).*", "…", query.template) for key, query in queries(ValueSets.load()).items()}

    stated = {quoted(row[0])[0]: quoted(row[1])[0] for row in rows(section(DOCS / "cds-hooks.md", "Prefetch"))}

    assert list(stated.items()) == list(asked.items())


def test_every_service_has_its_address_on_the_page() -> None:
    """Each hook that discovery names is described with its address."""
    stated = section(DOCS / "cds-hooks.md", "Endpoints")

    assert set(re.findall(r"POST /cds-services/([\w-]+)", stated)) == set(SERVICES.values())


def config_models() -> list[tuple[str, type[BaseModel]]]:
    """Return the heading and model of each table of settings."""
    sections = [(name, field.annotation) for name, field in Config.model_fields.items()]
    plain = [(name, kind) for name, kind in sections if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return [*plain, *CONFIG_TABLES.items()]


@pytest.mark.parametrize(("heading", "model"), config_models())
def test_every_setting_stands_on_the_page_with_its_default(heading: str, model: type[BaseModel]) -> None:
    """Whoever configures the service finds every key of a section, and what holds where it is left out."""
    stated = {quoted(row[0])[0]: row[1] for row in rows(section(DOCS / "cds-hooks.md", f"`[{heading}]`"))}

    assert {name: default_of(text) for name, text in stated.items()} == {
        name: "required" if field.is_required() else as_toml(field.get_default())
        for name, field in model.model_fields.items()
    }


def default_of(text: str) -> Any:
    """Return the default that a cell states: a TOML value in backticks, `none` or `required` in words."""
    if text == "required":
        return text
    return None if text == "none" else tomllib.loads(f"default = {quoted(text)[0]}")["default"]


def as_toml(value: Any) -> Any:
    """Return a default as TOML would give it."""
    return list(value) if isinstance(value, tuple) else value


def test_every_top_level_key_has_a_table() -> None:
    """No section of the configuration is left out of the page."""
    headings = re.findall(r"^### `\[+([\w.]+)", prose(DOCS / "cds-hooks.md"), re.MULTILINE)

    assert {heading.partition(".")[0] for heading in headings} == set(Config.model_fields)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_of_a_configuration_are_accepted(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A configuration copied from the documents starts the service, if the files it names are there."""
    monkeypatch.chdir(tmp_path)
    for body in blocks(page, "toml"):
        for name in re.findall(r'^\s*(?:jwks|ca_file) = "([\w.-]+)"', body, re.MULTILINE):
            Path(name).write_text('{"keys": []}')
        Path("pumpcheck.toml").write_text(body, encoding="utf-8")

        config = load_config(Path("pumpcheck.toml"), {})

        assert Engine.build(config).config == config


# Commands -------------------------------------------------------------------------------------------------------


def commands(page: Path) -> set[str]:
    """Return the `pumpcheck` commands of a page, in its text and in its consoles."""
    inline = [one for one in quoted(prose(page)) if one.startswith(("pumpcheck ", ".venv/bin/pumpcheck "))]
    lines = [line for body in blocks(page, "console") for line in body.splitlines() if line.startswith("$ ")]
    typed = [line.partition("#")[0] for line in lines if "pumpcheck " in line]
    return {match.group(1).strip() for one in (*inline, *typed) if (match := COMMAND.search(one))}


@pytest.mark.parametrize("command", sorted({command for page in PAGES for command in commands(page)}))
def test_every_command_in_the_documents_exists(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A command copied from the documents is one that `--help` knows, with the options that it names."""
    words = shlex.split(command)
    names = words[: 2 if words[0] == "policies" else 1]

    with pytest.raises(SystemExit) as end:
        main([*names, "--help"])

    assert end.value.code == 0
    explained = capsys.readouterr().out
    assert f"usage: pumpcheck {' '.join(names)} " in explained
    assert [word for word in words if word.startswith("--") and word not in explained] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_in_the_documents_exists(page: Path) -> None:
    """`make` knows each target that the documents name."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    code = "\n".join([*quoted(prose(page)), *blocks(page, "console")])

    assert set(MAKE_TARGET.findall(code)) - targets == set()


def test_the_output_in_the_readme_is_what_the_commands_print(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who types the README's commands sees the lines that it shows, in that order; `...` stands for lines left out."""
    monkeypatch.chdir(tmp_path)
    export_bundles(Path("charts"), date(2026, 11, 24))
    shown = [body for body in blocks(ROOT / "README.md", "console") if "\nPOLICY" in body or "\nAs of" in body]

    assert len(shown) == 2
    for body in shown:
        *_, typed = (line for line in body.splitlines() if line.startswith("$ "))
        main(shlex.split(COMMAND.search(typed).group(1)))
        printed = iter(capsys.readouterr().out.splitlines())  # `in` reads on from where it found the line before
        expected = [line for line in body.partition(f"{typed}\n")[2].splitlines() if line not in ("", "...")]
        assert [line for line in expected if line not in printed] == []


# Links ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    """A reader who follows a link to another file, heading or picture arrives."""
    lost = []
    for target in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (page.parent / file).resolve() if file else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            lost.append(target)

    assert lost == []
