"""A wrong file stops the start and says where, what, and how to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest

from policies.errors import PolicyFileError, PolicyLibraryError
from policies.loading import LIBRARY, load_policies, load_policy
from policies.vocabulary import load_vocabulary

GOOD = (LIBRARY / "uhc-it-infusion" / "undated.yaml").read_text(encoding="utf-8")
FIRST_CITE = next(line for line in GOOD.splitlines(keepends=True) if line.startswith("      cite:"))
VOCABULARY = load_vocabulary()


def complaint(tmp_path: Path, old: str, new: str) -> PolicyFileError:
    """Return the error of a good file with one passage changed."""
    assert old in GOOD
    file = tmp_path / "policy.yaml"
    file.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(PolicyFileError) as caught:
        load_policy(file, VOCABULARY)
    return caught.value


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("fact: trial-pain-relief", "fact: trial-pain-releif", "no known fact"),
        ("encoding: 1", "encoding: 1\nencoding: 2", "`encoding` stands twice"),
        (FIRST_CITE, "", "`cite` is missing"),
        ("reached: {gte: 50}", "gte: 50", "`gte` cannot be asked of trial-pain-relief"),
        ("reached: {gte: 50}", "reached: {gte: half}", "`half` is no number"),
        ("reached: {gte: 50}", "atleast: 50", "`atleast` is not known here"),
        ("failed_after: 6 months", "failed_after: half a year", "is no duration"),
        ("outcome: effective", "outcome: great", "`great` is not known"),
        ("{all: [age, etiology,", "{all: [age, aetiology,", "`aetiology` is no criterion"),
        ("encoded: [nonmalignant-pain/trial/etiology]", "encoded: [nonmalignant-pain/trial/etio]", "is no criterion"),
        ("cancer-pain/trial: &interqual", "cancer/trial: &interqual", "`cancer/trial` is no indication/phase"),
        ("  from: null", "  from: 2026-13-01", "is no date"),
        ("trial-completed, trial-pain-reduction]}", "trial-completed]}", "stands in no tree"),
        ("version: undated", "version: spring", "is no date"),
        ("- met: {fact: age, gte: 19}", "- {met: {fact: age, gte: 19}, not-met: {}}", "exactly one status"),
        ("title: UnitedHealthcare, epidural", "title: [a\n", "not YAML"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_with_its_line(tmp_path: Path, old: str, new: str, problem: str) -> None:
    """The message names the file, the line, the problem and a mend."""
    error = complaint(tmp_path, old, new)
    assert problem in str(error)
    assert str(error).startswith(f"{tmp_path / 'policy.yaml'}:{error.line}: ")
    assert error.mend


def test_the_line_is_the_mistakes_own(tmp_path: Path) -> None:
    """The line points at the wrong word itself."""
    error = complaint(tmp_path, "fact: trial-pain-relief", "fact: trial-pain-releif")
    changed = (tmp_path / "policy.yaml").read_text(encoding="utf-8").splitlines()
    assert "trial-pain-releif" in changed[error.line - 1]


def test_an_uncited_leaf_is_refused(tmp_path: Path) -> None:
    """A criterion that no bullet of the source accounts for does not load."""
    bullet = next(
        line for line in GOOD.splitlines(keepends=True) if "encoded: [nonmalignant-pain/trial/psych-clearance]" in line
    )
    assert "no bullet of the source is encoded by" in str(complaint(tmp_path, bullet, ""))


def test_overlapping_versions_are_refused(tmp_path: Path) -> None:
    """Two versions of one policy may not hold on the same day."""
    for name, version, start, end in (
        ("a", "2024-01-01", "2024-01-01", "2025-01-01"),
        ("b", "2025-01-01", "2025-01-01", "null"),
    ):
        text = GOOD.replace("version: undated", f"version: {version}").replace(
            "  from: null\n  to: null", f"  from: {start}\n  to: {end}"
        )
        (tmp_path / name).mkdir()
        (tmp_path / name / "p.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(PolicyLibraryError, match="overlap"):
        load_policies(VOCABULARY, tmp_path)
