"""Psychological evaluations, documents, suicide risk."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from fhir_mappings.mind import FACTS
from policies.conditions import Reading, Verdict, see_flag
from policies.values import CLINICIAN, MENTAL_HEALTH, PATIENT, Fact, Flag
from tests.builder import Builder, concept
from tests.mapping_tools import fact, inquiry

TODAY = date(2026, 6, 1)
EVALUATION, DOCUMENT, SUICIDE = "psych-evaluation-done", "psych-document", "suicide-risk-on-record"
PSYCHOLOGIST, FAMILY_PHYSICIAN = "103T00000X", "207Q00000X"


def evaluated(
    chart: Builder, code: str = "90791", *, start: str = "2026-05-01", by: str | None = PSYCHOLOGIST, **members: Any
) -> None:
    """Add an evaluation; `by` is the taxonomy code of who did it, empty for a clinician unknown to the chart."""
    actor = {"reference": chart.practitioner(by) if by else "Practitioner/unknown"}
    chart.procedure("cpt", code, start=start, performer=[{"actor": actor}] if by is not None else None, **members)


def asked(found: Fact, by: str = "mental-health-professional") -> Verdict:
    """Return how far an evaluation holds for a policy that asks it by somebody."""
    if not isinstance(found.value, Flag):
        return Verdict.NO
    return see_flag(found.value, True, by, Reading({}, TODAY), "present").verdict


@pytest.mark.parametrize(
    ("by", "role", "holds"),
    [
        (PSYCHOLOGIST, MENTAL_HEALTH, Verdict.YES),
        (FAMILY_PHYSICIAN, CLINICIAN, Verdict.NO),
        ("", None, Verdict.MAYBE),
        (None, None, Verdict.MAYBE),
    ],
)
def test_who_did_the_evaluation(by: str | None, role: str | None, holds: Verdict) -> None:
    """A psychologist's evaluation counts, another clinician's does not, an unknown author's is for review."""
    chart = Builder(TODAY)
    evaluated(chart, by=by)
    found = fact(FACTS[EVALUATION], chart)
    assert isinstance(found.value, Flag)
    assert found.value.statements[0].by == role
    assert asked(found) is holds


def test_an_evaluation_by_the_patient_is_none() -> None:
    """A procedure that names the patient as its performer is no professional's evaluation."""
    chart = Builder(TODAY)
    chart.procedure("cpt", "90791", start="2026-05-01", performer=[{"actor": {"reference": "Patient/p1"}}])
    found = fact(FACTS[EVALUATION], chart)
    assert isinstance(found.value, Flag)
    assert found.value.statements[0].by == PATIENT
    assert asked(found) is Verdict.NO


@pytest.mark.parametrize(
    ("start", "holds"),
    [
        ("2025-06-01", Verdict.YES),
        ("2025-05-31", Verdict.MAYBE),
        ("2026-06-01T23:00:00-05:00", Verdict.YES),
        ("2026-06-02", Verdict.NO),
        ("2026-06", Verdict.MAYBE),
    ],
)
def test_when_the_evaluation_took_place(start: str, holds: Verdict) -> None:
    """Older than twelve months is for review; after the evidence date it has not happened."""
    chart = Builder(TODAY)
    evaluated(chart, start=start)
    assert asked(fact(FACTS[EVALUATION], chart)) is holds


@pytest.mark.parametrize("status", ["preparation", "in-progress", "not-done", "on-hold", "stopped", "entered-in-error"])
def test_only_a_completed_evaluation_counts(status: str) -> None:
    """Booked, begun or cancelled evaluations are none."""
    chart = Builder(TODAY)
    evaluated(chart, status=status)
    assert fact(FACTS[EVALUATION], chart).value is None


def test_a_later_evaluation_by_somebody_else_takes_nothing_away() -> None:
    """A psychologist's evaluation stands although a physician or an unknown author evaluated later."""
    chart = Builder(TODAY)
    evaluated(chart, start="2026-01-01")
    evaluated(chart, start="2026-05-01", by=FAMILY_PHYSICIAN)
    evaluated(chart, start="2026-05-02", by="")
    evaluated(chart, "96132", start="2026-05-03")
    assert asked(fact(FACTS[EVALUATION], chart)) is Verdict.YES


def test_neuropsychological_testing_is_weaker() -> None:
    """It answers another question: for review."""
    chart = Builder(TODAY)
    evaluated(chart, "96132")
    assert asked(fact(FACTS[EVALUATION], chart)) is Verdict.MAYBE


def test_a_screen_is_no_evaluation() -> None:
    """A brief screen is told in the note and counts for nothing."""
    chart = Builder(TODAY)
    evaluated(chart, "96127")
    found = fact(FACTS[EVALUATION], chart)
    assert (found.value, found.note) == (None, "A brief screen is on record; it is no evaluation.")


def test_unread_procedures_are_not_silence() -> None:
    """Where Procedures could not be read the evaluation is unread."""
    assert fact(FACTS[EVALUATION], Builder(TODAY), unread=frozenset({"Procedure"})).unread == ("Procedure",)


# Documents


@pytest.mark.parametrize(
    ("members", "counts"),
    [
        ({"status": "current", "date": "2026-05-01T09:00:00Z"}, True),
        ({"status": "current", "docStatus": "amended"}, True),
        ({"status": "current", "context": {"period": {"start": "2026-05-01"}}}, True),
        ({"status": "current", "docStatus": "preliminary"}, False),
        ({"status": "superseded"}, False),
        ({"status": "current", "date": "2026-06-02T09:00:00Z"}, False),
        ({"status": "current", "context": {"period": {"start": "2026-06-02"}}}, False),
    ],
)
def test_documents_on_file(members: dict[str, Any], counts: bool) -> None:
    """A current, signed consult of a day that counts is on file; its content is not read."""
    chart = Builder(TODAY)
    chart.add("DocumentReference", type=concept("loinc", "34791-4"), **members)
    found = fact(FACTS[DOCUMENT], chart)
    assert (found.value is not None) is counts


@pytest.mark.parametrize(("status", "counts"), [("final", True), ("amended", True), ("preliminary", False)])
def test_reports_on_file(status: str, counts: bool) -> None:
    """A final report of a mental-health consult counts like a document."""
    chart = Builder(TODAY)
    chart.add("DiagnosticReport", status=status, code=concept("loinc", "34788-0"), effectiveDateTime="2026-05-01")
    assert (fact(FACTS[DOCUMENT], chart).value is not None) is counts


def test_an_evaluation_is_no_document() -> None:
    """An evaluation counts by who did it, and is no document; nor is a general note."""
    chart = Builder(TODAY)
    chart.add("DocumentReference", status="current", type=concept("loinc", "11506-3"))
    evaluated(chart, by=FAMILY_PHYSICIAN)
    assert fact(FACTS[DOCUMENT], chart).value is None
    chart.add("DocumentReference", status="current", type=concept("loinc", "34788-0"), date="2026-05-02")
    assert "evaluation" not in fact(FACTS[DOCUMENT], chart).note


# Suicide risk


@pytest.mark.parametrize(
    ("code", "members", "expected"),
    [
        ("R45.851", {}, "yes"),
        ("X78.0XXA", {}, "yes"),
        ("X78.0XXD", {}, None),
        ("R45.851", {"verification": "provisional"}, "doubt"),
        ("R45.851", {"clinical": "resolved"}, None),
        ("R45.851", {"verification": "refuted"}, None),
        ("R45.851", {"category": [concept("x", "encounter-diagnosis")], "recordedDate": "2026-03-02"}, None),
        ("F32.A", {}, None),
    ],
)
def test_suicide_risk_on_the_problem_list(code: str, members: dict[str, Any], expected: str | None) -> None:
    """An active risk is on record; a resolved, refuted or long past one is not; depression is no suicide risk."""
    chart = Builder(TODAY)
    chart.condition("icd-10-cm", code, **members)
    assert risk(fact(FACTS[SUICIDE], chart)) == expected


def risk(found: Fact) -> str | None:
    """Return `yes`, `doubt` or None for nothing."""
    if not isinstance(found.value, Flag):
        return None
    return "yes" if any(not one.doubt for one in found.value.statements) else "doubt"


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([(1, "2026-05-01")], "doubt"),
        ([(0, "2026-05-01")], None),
        ([(2, "2026-04-01"), (0, "2026-05-01")], None),
        ([(0, "2026-04-01"), (1, "2026-05-01")], "doubt"),
        ([(3, "2026-03-03")], "doubt"),
        ([(3, "2026-03-02")], None),
        ([(3, "2026-06-02")], None),
        ([(0, "2026-05-01"), (1, "2026-05-01")], "doubt"),
    ],
)
def test_thoughts_of_death_in_a_phq9(answers: list[tuple[int, str]], expected: str | None) -> None:
    """The latest answer to item 9 within 90 days is a sign if above 0, for a clinician to judge."""
    chart = Builder(TODAY)
    for points, day in answers:
        chart.observation("loinc", "44260-8", at=day, valueInteger=points)
    assert risk(fact(FACTS[SUICIDE], chart)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"valueCodeableConcept": concept("loinc", "LA6569-3")}, "doubt"),
        ({"valueCodeableConcept": concept("loinc", "LA6568-5")}, None),
        ({"valueCodeableConcept": concept("loinc", "LA0000-0")}, None),
        ({"valueQuantity": {"value": 1}}, "doubt"),
    ],
)
def test_coded_answers_of_the_phq9(value: dict[str, Any], expected: str | None) -> None:
    """Coded answers count their points."""
    chart = Builder(TODAY)
    chart.observation("loinc", "44260-8", **value)
    assert risk(fact(FACTS[SUICIDE], chart)) == expected


def test_item_nine_as_a_component_of_the_panel() -> None:
    """The panel's item 9 counts, its total of points does not."""
    chart = Builder(TODAY)
    chart.observation("loinc", "44261-6", valueInteger=20)
    assert risk(fact(FACTS[SUICIDE], chart)) is None
    chart.observation("loinc", "44249-1", component=[{"code": concept("loinc", "44260-8"), "valueInteger": 2}])
    assert risk(fact(FACTS[SUICIDE], chart)) == "doubt"


def test_mental_health_conditions_are_shown() -> None:
    """Depression and substance use disorders are shown with dates, lawful opioid therapy is not."""
    chart = Builder(TODAY)
    chart.condition("icd-10-cm", "F33.1", onsetDateTime="2024-03-01")
    chart.condition("icd-10-cm", "Z79.891")
    found = fact(FACTS["mental-health-condition-on-record"], chart)
    assert found.note == "recurrent depression (F33.1), 2024-03-01."


@pytest.mark.parametrize("garbage", [None, 7, "text", [], ["x"], {"coding": "x"}, {"actor": 3}, [{}]])
def test_malformed_members_never_raise(garbage: object) -> None:
    """Garbage in performers, dates, types and values leaves every fact computable."""
    chart = Builder(TODAY)
    broken = chart.procedure("cpt", "90791", start="2026-05-01", performer=garbage)
    broken["performedDateTime"] = garbage
    chart.add("DocumentReference", status="current", type=garbage, context=garbage, date=garbage)
    chart.add("DiagnosticReport", status="final", code=garbage, issued=garbage)
    chart.observation("loinc", "44260-8", valueCodeableConcept=garbage)
    asked_of = inquiry(chart)
    assert FACTS[SUICIDE](asked_of).value is None
    assert isinstance(FACTS[EVALUATION](asked_of).value, Flag)
    assert FACTS[DOCUMENT](asked_of).value is None
