"""`pumpcheck check`, as a nurse and as a script use it."""

from __future__ import annotations

import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from service.cli import main
from tests.builder import Builder

TODAY = date(2026, 6, 1)
AS_OF = ("--as-of", TODAY.isoformat())


def chart(payor: str = "Cigna") -> Builder:
    """Return a chart with a pump order."""
    builder = Builder(TODAY)
    builder.coverage(payor)
    builder.condition("icd-10-cm", "M96.1")
    builder.order("62362", reason=("icd-10-cm", "M96.1"))
    return builder


def written(tmp_path: Path, value: Any) -> str:
    """Write JSON and return the file's name."""
    file = tmp_path / "input.json"
    file.write_text(json.dumps(value), encoding="utf-8")
    return str(file)


def output(capsys: pytest.CaptureFixture[str]) -> Any:
    """Return the JSON that was printed."""
    return json.loads(capsys.readouterr().out)


def test_the_machine_contract(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every member of the contract is there, under its name."""
    status = main(["check", written(tmp_path, chart().bundle()), "--format", "json", *AS_OF])
    found = output(capsys)
    assert status == 1
    assert found["asOf"] == "2026-06-01"
    one = found["determinations"][0]
    assert one["policy"]["id"] == "cigna-cmm-210"
    assert one["policy"]["version"] == "2024-08-01"
    assert one["policy"]["effective"] == {"from": "2024-08-01", "to": None}
    assert (one["indication"], one["phase"], one["determination"]) == ("nonmalignant-pain", "permanent", "incomplete")
    assert one["orders"] == ["ServiceRequest/r3"] or one["orders"][0].startswith("ServiceRequest/")
    criterion = one["criteria"][0]
    assert criterion["id"] == "cigna-cmm-210/nonmalignant-pain/trial/pathology"
    assert criterion["status"] == "met"
    assert criterion["evidence"][0]["reference"].startswith("Condition/")
    assert {"reference", "date", "summary"} == set(criterion["evidence"][0])
    assert criterion["citation"]["section"]
    assert criterion["toDo"]
    assert set(one["gaps"]) <= {each["id"] for each in one["criteria"]}
    assert all({"code", "text", "caps"} == set(caution) for caution in one["cautions"])
    assert found["warnings"] == []


def test_all_policies_and_named_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--policy` evaluates exactly the named policies, `all` every one."""
    file = written(tmp_path, chart().bundle())
    main(["check", file, "--policy", "all", "--format", "json", *AS_OF])
    assert len({one["policy"]["id"] for one in output(capsys)["determinations"]}) == 6
    main(["check", file, "--policy", "molina-itp", "--policy", "ncd-280-14", "--format", "json", *AS_OF])
    assert [one["policy"]["id"] for one in output(capsys)["determinations"]] == ["molina-itp", "ncd-280-14"]


def test_a_payer_stands_in_for_the_coverage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--payer` chooses the policies instead of the Coverage."""
    main(["check", written(tmp_path, chart("Aetna").bundle()), "--payer", "UHC", "--format", "json", *AS_OF])
    assert [one["policy"]["id"] for one in output(capsys)["determinations"]] == ["uhc-it-infusion"]


def test_no_order_that_concerns_us(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Empty determinations and exit status 0."""
    builder = Builder(TODAY)
    builder.coverage("Cigna")
    builder.order("62323", text="Epidural steroid injection")
    assert main(["check", written(tmp_path, builder.bundle()), "--format", "json", *AS_OF]) == 0
    assert output(capsys)["determinations"] == []


def test_active_orders_count_where_no_draft_concerns_us(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a draft that concerns us the active orders are checked."""
    builder = chart()
    builder.orders[0]["status"] = "active"
    builder.order("62323", text="Epidural steroid injection")
    main(["check", written(tmp_path, builder.bundle()), "--format", "json", *AS_OF])
    assert [one["phase"] for one in output(capsys)["determinations"]] == ["permanent"]


def test_an_order_sign_request_is_read_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A hook request in a file gives what the service would say; keys that are absent are unread."""
    request = chart().request()
    request["prefetch"]["coverages"] = request["prefetch"].pop("Coverage")
    main(["check", written(tmp_path, request), "--format", "json", *AS_OF])
    one = output(capsys)["determinations"][0]
    assert {criterion["status"] for criterion in one["criteria"]} <= {"met", "needs-review"}


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`-` reads standard input."""
    body = json.dumps(chart().bundle()).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(body)))
    assert main(["check", "-", "--format", "json", *AS_OF]) == 1
    assert output(capsys)["determinations"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON"),
        ("[]", "neither"),
        ('{"resourceType": "Patient", "id": "p1"}', "neither"),
        ('{"resourceType": "Bundle", "entry": []}', "no Patient"),
        ('{"resourceType": "Bundle", "entry": {}}', "`Bundle.entry` is no list"),
        ('{"hook": "order-sign"}', "`hookInstance` is missing"),
    ],
)
def test_unusable_input(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, words: str) -> None:
    """Exit status 2 with the reason on standard error, nothing on standard output."""
    file = tmp_path / "input.json"
    file.write_text(content, encoding="utf-8")
    assert main(["check", str(file)]) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.out == ""


@pytest.mark.parametrize("member", ["subject", "beneficiary"])
def test_another_patients_order_or_coverage(tmp_path: Path, capsys: pytest.CaptureFixture[str], member: str) -> None:
    """An order or a Coverage of somebody else makes the input unusable."""
    builder = chart()
    target = builder.orders[0] if member == "subject" else builder.resources[0]
    target[member] = {"reference": "Patient/somebody-else"}
    assert main(["check", written(tmp_path, builder.bundle()), *AS_OF]) == 2
    assert "somebody else" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--policy", "cigna"], "`cigna` is no known policy"),
        (["--config", "/nowhere.toml"], "cannot be read"),
    ],
)
def test_wrong_arguments(tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    """Exit status 2; the message names what is wrong."""
    assert main(["check", written(tmp_path, chart().bundle()), *arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_day_that_is_no_day(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong `--as-of` is an argument error."""
    with pytest.raises(SystemExit) as ended:
        main(["check", written(tmp_path, chart().bundle()), "--as-of", "2026-13-01"])
    assert ended.value.code == 2
    assert "is no date" in capsys.readouterr().err


def test_the_text_form_is_grouped_and_without_colour_in_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Missing, then contradicted, to review and met, with what to do; no escape codes outside a terminal."""
    main(["check", written(tmp_path, chart().bundle()), *AS_OF])
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert shown.index("Missing (") < shown.index("Met (")
    assert "To do: Record" in shown


def test_an_unknown_payer(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Silent by default; switched on, a determination without a policy."""
    file = written(tmp_path, chart("Aetna").bundle())
    assert main(["check", file, "--format", "json", *AS_OF]) == 0
    assert output(capsys)["determinations"] == []
    monkeypatch.setenv("PUMPCHECK_CARDS_WHEN_UNKNOWN_PAYER", "info")
    assert main(["check", file, "--format", "json", *AS_OF]) == 1
    one = output(capsys)["determinations"][0]
    assert (one["policy"], one["determination"]) == (None, "no-policy-in-force")
