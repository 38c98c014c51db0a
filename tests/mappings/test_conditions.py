"""Which diagnoses hold on the evidence date."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from fhir_mappings.conditions import Standing, diagnoses, near_misses
from tests.builder import Builder, concept
from tests.mapping_tools import inquiry

TODAY = date(2026, 6, 1)
CATEGORY = "http://terminology.hl7.org/CodeSystem/condition-category"
ENCOUNTER = [concept(CATEGORY, "encounter-diagnosis")]
PROBLEM = [concept(CATEGORY, "problem-list-item")]


def standing_of(*, lasting: bool = False, **members: Any) -> tuple[str, bool] | None:
    """Return how one pneumonia stands, and whether it is doubtful; None where it does not count at all."""
    chart = Builder(TODAY)
    chart.condition("icd-10-cm", "J18.9", **members)
    found = diagnoses(inquiry(chart), "active-infection", lasting=lasting)
    return (found[0].standing.value, bool(found[0].doubt)) if found else None


@pytest.mark.parametrize(
    ("clinical", "expected"),
    [
        ("active", ("active", False)),
        ("recurrence", ("active", False)),
        ("relapse", ("active", False)),
        ("inactive", ("past", False)),
        ("remission", ("past", False)),
        ("resolved", ("past", False)),
        (None, ("active", True)),
        ("unknown", ("active", True)),
    ],
)
def test_clinical_status(clinical: str | None, expected: tuple[str, bool]) -> None:
    """Remission, inactive and resolved are past; a status that is not stated is active with a doubt."""
    assert standing_of(clinical=clinical) == expected


@pytest.mark.parametrize(
    ("verification", "expected"),
    [
        ("confirmed", ("active", False)),
        (None, ("active", False)),
        ("provisional", ("active", True)),
        ("differential", ("active", True)),
        ("unconfirmed", ("active", True)),
        ("refuted", ("refuted", False)),
        ("entered-in-error", None),
    ],
)
def test_verification_status(verification: str | None, expected: tuple[str, bool] | None) -> None:
    """What is not confirmed is a doubt, what was refuted says so, an error never counts."""
    assert standing_of(verification=verification) == expected


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"abatementDateTime": "2026-05-31"}, ("past", False)),
        ({"abatementDateTime": "2026-06-01"}, ("past", False)),
        ({"abatementDateTime": "2026-06-02"}, ("active", False)),
        ({"abatementDateTime": "2026-06"}, ("active", True)),
        ({"abatementPeriod": {"start": "2026-05-01", "end": "2026-05-20"}}, ("past", False)),
        ({"abatementString": "last spring"}, ("active", True)),
        ({"abatementAge": {"value": 50, "unit": "a"}}, ("active", True)),
        ({"abatementBoolean": False}, ("active", False)),
    ],
)
def test_abatement(members: dict[str, Any], expected: tuple[str, bool]) -> None:
    """An end in the past outweighs the status `active`; one without a readable date is a doubt."""
    assert standing_of(**members) == expected


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"onsetDateTime": "2026-06-01"}, ("active", False)),
        ({"onsetDateTime": "2026-06-02"}, None),
        ({"onsetDateTime": "2026-06"}, ("active", True)),
        ({"recordedDate": "2026-06-02"}, None),
        ({"onsetDateTime": "2026-05-01", "recordedDate": "2026-06-02"}, ("active", False)),
        ({"onsetPeriod": {"start": "2026-05-01"}}, ("active", False)),
        ({"onsetDateTime": "2026-06-02T01:00:00+10:00"}, None),
        ({"onsetDateTime": "yesterday"}, ("active", False)),
    ],
)
def test_nothing_after_the_evidence_date_counts(members: dict[str, Any], expected: tuple[str, bool] | None) -> None:
    """What began after the evidence date, dated in its own offset, is left out; a partial date across it is a doubt."""
    assert standing_of(**members) == expected


@pytest.mark.parametrize(
    ("recorded", "category", "lasting", "expected"),
    [
        ("2026-03-03", ENCOUNTER, False, ("active", False)),
        ("2026-03-02", ENCOUNTER, False, ("old", False)),
        ("2026-03-02", ENCOUNTER, True, ("active", False)),
        ("2026-03-02", PROBLEM, False, ("active", False)),
        ("2026-03-02", ENCOUNTER + PROBLEM, False, ("active", False)),
        ("2026-03", ENCOUNTER, False, ("active", True)),
        (None, ENCOUNTER, False, ("active", True)),
    ],
)
def test_an_encounters_diagnosis_stands_for_the_look_back(
    recorded: str | None, category: list[Any], lasting: bool, expected: tuple[str, bool]
) -> None:
    """A visit's diagnosis of more than 90 days ago counts only where the condition lasts by its nature."""
    members = {"recordedDate": recorded} if recorded else {}
    assert standing_of(category=category, lasting=lasting, **members) == expected


def test_one_condition_with_two_codings_is_one_diagnosis() -> None:
    """A firm coding outweighs one that needs a look, and a resource counts once."""
    chart = Builder(TODAY)
    coding = [*concept("icd-10-cm", "G03.9")["coding"], *concept("snomed", "40733004")["coding"]]
    chart.add("Condition", code={"coding": coding}, clinicalStatus=concept("x", "active"))
    found = diagnoses(inquiry(chart), "active-infection", lasting=False)
    assert [one.name for one in found] == ["infectious disease (40733004)"]


def test_near_misses_are_told() -> None:
    """The note says what was seen and does not count, with code and date."""
    chart = Builder(TODAY)
    chart.condition("icd-10-cm", "J18.9", clinical="resolved", onsetDateTime="2026-01-02")
    chart.condition("icd-10-cm", "A41.9", verification="refuted")
    told = near_misses(diagnoses(inquiry(chart), "active-infection", lasting=False))
    assert told == "No longer active: pneumonia (J18.9), 2026-01-02. Refuted: infectious disease (A41.9)."


@pytest.mark.parametrize("garbage", [None, 7, "text", [], ["x"], {"coding": "x"}, {"coding": [1, None]}, [{}]])
@pytest.mark.parametrize(
    "member",
    ["clinicalStatus", "verificationStatus", "category", "onsetDateTime", "recordedDate", "abatementPeriod", "code"],
)
def test_malformed_members_never_raise(member: str, garbage: object) -> None:
    """Whatever stands where a status, a date or a code belongs, the rest of the chart is read."""
    chart = Builder(TODAY)
    broken = chart.condition("icd-10-cm", "J18.9")
    broken[member] = garbage
    chart.condition("icd-10-cm", "A41.9")
    found = diagnoses(inquiry(chart), "active-infection", lasting=False)
    assert Standing.ACTIVE in {one.standing for one in found if one.hit.coding["code"] == "A41.9"}
