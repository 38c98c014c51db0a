"""`pumpcheck policies list | show | evaluate`, as an analyst uses them."""

from __future__ import annotations

import io
import json

import pytest

from policies.library import PolicyLibrary
from service.cli import main


@pytest.fixture(scope="module")
def library() -> PolicyLibrary:
    """Return the shipped policies."""
    return PolicyLibrary.load()


def evaluate(monkeypatch: pytest.MonkeyPatch, lines: list[str], *arguments: str) -> int:
    """Run `policies evaluate` on lines of standard input and return the exit status."""
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    return main(["policies", "evaluate", *arguments])


CANCER = ("cigna-cmm-210", "cancer-pain", "permanent")
TRIAL = "cigna-cmm-210/cancer-pain/trial/noninvasive-failure"
RELIEF = "cigna-cmm-210/cancer-pain/permanent/trial-pain-reduction"


def test_a_line_out_for_each_line_in(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Determination and gaps of the tree alone; a leaf left out is not documented."""
    lines = [
        json.dumps({TRIAL: "met", RELIEF: "met"}),
        json.dumps({TRIAL: "met"}),
        json.dumps({TRIAL: "not-met"}),
        json.dumps({TRIAL: "met", RELIEF: "needs-review"}),
        "{}",
    ]
    assert evaluate(monkeypatch, lines, *CANCER) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"determination": "complete", "gaps": []},
        {"determination": "incomplete", "gaps": [RELIEF]},
        {"determination": "not-satisfied", "gaps": []},
        {"determination": "needs-review", "gaps": [RELIEF]},
        {"determination": "incomplete", "gaps": [TRIAL, RELIEF]},
    ]


@pytest.mark.parametrize(
    ("lines", "arguments", "words"),
    [
        (["{}", '{"cigna-cmm-210/x": "met"}'], CANCER, ("line 2", "cigna-cmm-210/x")),
        ([json.dumps({TRIAL: "maybe"})], CANCER, ("line 1", TRIAL, "maybe")),
        ([json.dumps({TRIAL: ["met"]})], CANCER, ("line 1", TRIAL)),
        (["{"], CANCER, ("line 1", "not JSON")),
        (["[]"], CANCER, ("line 1",)),
        ([f'{{"{TRIAL}": "met", "{TRIAL}": "met"}}'], CANCER, ("line 1", "stands twice")),
        ([], ("no-policy", "cancer-pain", "trial"), ("no-policy", "cigna-cmm-210")),
        ([], ("cigna-cmm-210", "cancer-pain", "revision"), ("no criteria for cancer-pain revision",)),
        ([], ("uhc-it-infusion", "cancer-pain", "trial"), ("no criteria for cancer-pain trial",)),
    ],
)
def test_what_is_wrong_is_named(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    lines: list[str],
    arguments: tuple[str, str, str],
    words: tuple[str, ...],
) -> None:
    """Exit 2; the message names line and id."""
    assert evaluate(monkeypatch, lines, *arguments) == 2
    error = capsys.readouterr().err
    assert all(word in error for word in words), error


def test_other_use_stands_as_a_phase(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The national determination's tree for other drugs is asked by its own name."""
    assert evaluate(monkeypatch, ["{}"], "ncd-280-14", "nonmalignant-pain", "other-use") == 0
    assert json.loads(capsys.readouterr().out)["gaps"] == [
        f"ncd-280-14/nonmalignant-pain/other-use/{name}" for name in ("drug-necessary", "pump-necessary", "pump-label")
    ]


def test_list_names_every_version(capsys: pytest.CaptureFixture[str], library: PolicyLibrary) -> None:
    """Every policy stands in the list with version and period."""
    assert main(["policies", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[:2] for line in lines] == [[policy.id, policy.version] for policy in library.all()]


def test_show_prints_every_criterion_as_a_sentence(capsys: pytest.CaptureFixture[str], library: PolicyLibrary) -> None:
    """Each leaf appears with its citation, its When / Then lines and what to do."""
    for policy in library.all():
        assert main(["policies", "show", policy.id]) == 0
        shown = capsys.readouterr().out
        for leaf in policy.leaves.values():
            assert leaf.id in shown
            assert leaf.cite.section in shown
            assert leaf.to_do in shown
        assert shown.count("Then ") >= len(policy.leaves)


def test_an_unknown_policy_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    """The message helps to find the right id."""
    assert main(["policies", "show", "cigna"]) == 2
    assert "known are cigna-cmm-210" in capsys.readouterr().err
