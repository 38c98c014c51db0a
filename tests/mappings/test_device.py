"""The implanted pump on record: a note on its failure, complications, documents."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from fhir_mappings.device import FACTS
from policies.values import Flag
from tests.builder import Builder, concept
from tests.mapping_tools import fact, inquiry

TODAY = date(2026, 6, 1)
NOTE, COMPLICATION, DOCUMENT = "pump-failure-with-note", "pump-complication-on-record", "pump-document"
WHY = [{"text": "Motor stall, telemetry fails."}]


def says(name: str, chart: Builder) -> str:
    """Return what a fact says: nothing, yes, or yes with a doubt."""
    found = fact(FACTS[name], chart)
    if not isinstance(found.value, Flag):
        return "nothing"
    return "yes" if any(not one.doubt for one in found.value.statements) else "yes, doubtful"


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([(False, "2026-05-01", WHY)], "yes"),
        ([(False, "2026-05-01", None)], "nothing"),
        ([(False, "2026-05-01", [{"text": "  "}])], "nothing"),
        ([(True, "2026-05-01", WHY)], "nothing"),
        ([(False, "2026-04-01", WHY), (True, "2026-05-01", None)], "nothing"),
        ([(True, "2026-04-01", None), (False, "2026-05-01", WHY)], "yes"),
        ([(False, "2026-05-01", WHY), (True, "2026-05-01", None)], "nothing"),
        ([(False, "2026-06-02", WHY)], "nothing"),
        ([(False, "2026-06", WHY)], "yes, doubtful"),
    ],
)
def test_a_note_on_the_failure(findings: list[tuple[bool, str, Any]], expected: str) -> None:
    """The latest finding that the pump does not work carries its reason in a note; a bare or older one does not."""
    chart = Builder(TODAY)
    for value, at, note in findings:
        chart.finding("pump-functional", value, at=at, note=note)
    assert says(NOTE, chart) == expected


@pytest.mark.parametrize(
    ("code", "members", "expected"),
    [
        ("T85.615A", {}, "yes"),
        ("T85.695A", {}, "yes"),
        ("T85.610A", {}, "yes"),
        ("T85.615D", {}, "yes, doubtful"),
        ("T85.615", {}, "yes, doubtful"),
        ("T85.618A", {}, "yes, doubtful"),
        ("T85.615S", {}, "nothing"),
        ("T85.614A", {}, "nothing"),
        ("T85.738A", {}, "nothing"),
        ("T85.615A", {"clinical": "resolved"}, "nothing"),
        ("T85.615A", {"clinical": None}, "yes, doubtful"),
        ("T85.615A", {"verification": "refuted"}, "nothing"),
    ],
)
def test_complications(code: str, members: dict[str, Any], expected: str) -> None:
    """A mechanical failure coded as current counts; a sequela, an insulin pump's or an infection does not."""
    chart = Builder(TODAY)
    chart.condition("icd-10-cm", code, **members)
    assert says(COMPLICATION, chart) == expected


@pytest.mark.parametrize(("code", "expected"), [("T85.615A", "yes, doubtful"), ("T85.610A", "yes")])
def test_a_neurostimulator_shares_the_pumps_codes(code: str, expected: str) -> None:
    """With a stimulator on record the device's codes may be the stimulator's; the catheter's are not."""
    chart = Builder(TODAY)
    chart.condition("icd-10-cm", code)
    chart.condition("icd-10-cm", "Z96.82")
    assert says(COMPLICATION, chart) == expected


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"type": {"text": "Intrathecal pump interrogation"}}, "yes"),
        ({"description": "SynchroMed II telemetry"}, "yes"),
        ({"content": [{"attachment": {"title": "Baclofen pump check"}}]}, "yes"),
        ({"type": concept("loinc", "11504-8")}, "nothing"),
        ({"type": concept("loinc", "11504-8"), "description": "insulin pump"}, "nothing"),
        ({"description": "SynchroMed II telemetry", "status": "superseded"}, "nothing"),
        ({"description": "SynchroMed II telemetry", "docStatus": "preliminary"}, "nothing"),
        ({"description": "SynchroMed II telemetry", "date": "2026-06-02"}, "nothing"),
    ],
)
def test_documents_on_the_pump(members: dict[str, Any], expected: str) -> None:
    """A document whose type, title or description names the pump is on file; any other operation note is none."""
    chart = Builder(TODAY)
    chart.add("DocumentReference", **{"status": "current", **members})
    assert says(DOCUMENT, chart) == expected


def test_a_document_that_refers_to_the_pump() -> None:
    """A document related to the pump's Device is one on the pump."""
    chart = Builder(TODAY)
    pump = chart.add("Device", status="active", type=concept("hcpcs", "C1772"))
    related = {"related": [{"reference": f"Device/{pump['id']}"}]}
    chart.add("DocumentReference", status="current", type=concept("loinc", "11504-8"), context=related)
    assert says(DOCUMENT, chart) == "yes"


@pytest.mark.parametrize(
    ("name", "kind"), [(NOTE, "Observation"), (COMPLICATION, "Condition"), (DOCUMENT, "DocumentReference")]
)
def test_unread_records_are_not_silence(name: str, kind: str) -> None:
    """Where a kind of record could not be read, the fact names it."""
    assert fact(FACTS[name], Builder(TODAY), unread=frozenset({kind})).unread == (kind,)


@pytest.mark.parametrize("garbage", [None, 7, "text", [], ["x"], {"coding": "x"}, {"attachment": 3}, [{}]])
def test_malformed_members_never_raise(garbage: object) -> None:
    """Garbage in notes, types and contents says nothing."""
    chart = Builder(TODAY)
    chart.finding("pump-functional", False, note=garbage)
    chart.add("DocumentReference", status="current", type=garbage, content=garbage, context=garbage)
    chart.add("DiagnosticReport", status="final", code=garbage, presentedForm=garbage)
    asked = inquiry(chart)
    assert [extract(asked).value for extract in FACTS.values()] == [None, None, None]
