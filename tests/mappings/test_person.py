"""Age, life expectancy, advanced illness, Washington Medicaid."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from fhir_mappings.person import FACTS
from policies.values import Fact, Flag, Measure
from tests.builder import Builder, concept
from tests.mapping_tools import fact, inquiry

TODAY = date(2026, 6, 1)
MONTHS = "life-expectancy-months"
BARE = "life-expectancy-at-least-3-months"


def age(birth: str) -> Fact:
    """Return the age of a patient born on that date."""
    return fact(FACTS["age"], Builder(TODAY, birth=birth))


def bounds(found: Fact) -> tuple[Fraction, Fraction] | None:
    """Return what is certain and what is possible of a measure."""
    return (found.value.certain, found.value.possible) if isinstance(found.value, Measure) else None


# Age


@pytest.mark.parametrize(
    ("birth", "expected"),
    [
        ("2008-06-02", (17, 17)),
        ("2008-06-01", (18, 18)),
        ("2008-05-31", (18, 18)),
        ("2008-06", (17, 18)),
        ("2008", (17, 18)),
        ("2007-05", (19, 19)),
        ("2004-02-29", (22, 22)),
        ("2026-06-01", (0, 0)),
    ],
)
def test_age_in_completed_years(birth: str, expected: tuple[int, int]) -> None:
    """The birthday counts; a partial birth date gives the lowest and the highest age that is possible."""
    assert bounds(age(birth)) == expected


def test_age_on_the_policy_date() -> None:
    """The age is the one on the policy date, whatever the evidence date is."""
    asked = replace(inquiry(Builder(TODAY, birth="2008-06-10")), policy_date=date(2026, 6, 10))
    assert bounds(FACTS["age"](asked)) == (18, 18)
    assert FACTS["age"](asked).note == "Age 18 on 2026-06-10."


@pytest.mark.parametrize("birth", ["", "2026-06-02", "someday", "19700505"])
def test_no_usable_birth_date_is_silence(birth: str) -> None:
    """No birth date, a future one or one that cannot be read gives no age, and nothing is called unread."""
    found = age(birth)
    assert (found.value, found.unread) == (None, ())


def test_an_unread_patient_is_not_silence() -> None:
    """Where the Patient could not be read the age is unread."""
    asked = inquiry(Builder(TODAY), unread=frozenset({"Patient"}))
    asked.chart.patient = {}
    assert FACTS["age"](asked).unread == ("Patient",)


# Life expectancy


def expectancy(*estimates: tuple[str, Any, int], **options: Any) -> Fact:
    """Return the life expectancy from estimates: finding, value (months or yes/no), days ago."""
    chart = Builder(TODAY)
    for code, value, days_ago in estimates:
        if isinstance(value, bool):
            chart.finding(code, value, days_ago=days_ago)
        else:
            quantity = value if isinstance(value, dict) else {"value": value, "code": "mo"}
            chart.observation("finding", code, days_ago=days_ago, valueQuantity=quantity)
    return fact(FACTS[MONTHS], chart, **options)


@pytest.mark.parametrize(
    ("months", "at", "expected"),
    [
        (6, "2026-03-01", (3, 6)),
        (6, "2026-02-28", (2, 6)),
        (3, "2026-06-01", (3, 3)),
        (3, "2026-05-31", (2, 3)),
        (2, "2026-06-01", (2, 2)),
        (24, "2025-08-01", (14, 24)),
        (3.5, "2026-06-01", (3, Fraction(7, 2))),
        (1, "2026-01-01", (0, 1)),
        (4, "2026-05-31T23:30:00-05:00", (3, 4)),
    ],
)
def test_a_figure_counts_from_its_own_date(months: float, at: str, expected: tuple[int, int]) -> None:
    """Certain is how far date + n months reaches from the evidence date, possible what was stated."""
    chart = Builder(TODAY)
    chart.observation("finding", MONTHS, at=at, valueQuantity={"value": months, "code": "mo"})
    assert bounds(fact(FACTS[MONTHS], chart)) == expected


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        ({"value": 1, "code": "a"}, (12, 12)),
        ({"value": 8, "code": "wk"}, (1, 2)),
        ({"value": 92, "unit": "days"}, (3, 3)),
        ({"value": 91, "unit": "days"}, (2, 3)),
        ({"value": 6}, (6, 6)),
        ({"value": 6, "comparator": ">="}, (6, 1200)),
        ({"value": 3, "comparator": "<"}, (0, 3 - Fraction(1, 1200))),
        ({"value": 3, "comparator": "<="}, (0, 3)),
    ],
)
def test_units_and_bounds(quantity: dict[str, Any], expected: tuple[int, int]) -> None:
    """Years, weeks and days are read; "more than" has no upper bound, "less than 3" never reaches 3."""
    chart = Builder(TODAY)
    chart.observation("finding", MONTHS, at="2026-06-01", valueQuantity=quantity)
    assert bounds(fact(FACTS[MONTHS], chart)) == expected


@pytest.mark.parametrize("quantity", [{"value": 6, "code": "%"}, {"value": -1, "code": "mo"}])
def test_a_figure_that_makes_no_sense_is_reported(quantity: dict[str, Any]) -> None:
    """Another unit or a negative number is not used, and a warning names the resource."""
    chart = Builder(TODAY)
    made = chart.observation("finding", MONTHS, valueQuantity=quantity)
    asked = inquiry(chart)
    assert FACTS[MONTHS](asked).value is None
    assert any(f"Observation/{made['id']}" in warning for warning in asked.chart.warnings)


@pytest.mark.parametrize(
    ("at", "expected"),
    [("2026-06-01", (3, 3)), ("2026-03-01", (3, 3)), ("2026-02-28", (0, 3)), ("2026-06-02", None)],
)
def test_the_bare_yes_stands_for_three_months(at: str, expected: tuple[int, int] | None) -> None:
    """ "At least 3 months" is certain for three months from its date, then merely possible."""
    chart = Builder(TODAY)
    chart.finding(BARE, True, at=at)
    assert bounds(fact(FACTS[MONTHS], chart)) == expected


def test_the_bare_no_is_zero() -> None:
    """A clinician's no says that less than three months are expected."""
    assert bounds(expectancy((BARE, False, 10))) == (0, 0)


@pytest.mark.parametrize(
    ("estimates", "expected"),
    [
        ([(MONTHS, 12, 60), (MONTHS, 2, 5)], (1, 2)),
        ([(MONTHS, 2, 60), (MONTHS, 12, 5)], (11, 12)),
        ([(MONTHS, 24, 200), (BARE, True, 5)], (17, 24)),
        ([(MONTHS, 2, 60), (BARE, True, 5)], (3, 3)),
        ([(BARE, True, 60), (MONTHS, 2, 5)], (1, 2)),
        ([(BARE, True, 60), (BARE, False, 5)], (0, 0)),
        ([(BARE, False, 60), (BARE, True, 5)], (3, 3)),
        ([(MONTHS, 2, 5), (MONTHS, 12, 5)], (1, 12)),
        ([(MONTHS, 24, 200), (BARE, True, 120)], (17, 24)),
    ],
)
def test_the_latest_estimate_counts(estimates: list[tuple[str, Any, int]], expected: tuple[int, int]) -> None:
    """The latest decides; a bare yes is a lower bound and takes nothing from a figure before it; a tie is a range."""
    assert bounds(expectancy(*estimates)) == expected


def test_an_estimate_of_more_than_twelve_months_ago_is_a_doubt() -> None:
    """A survival estimate older than 12 months is for review, one of exactly 12 months is not."""
    chart = Builder(TODAY)
    chart.observation("finding", MONTHS, at="2025-06-01", valueQuantity={"value": 36, "code": "mo"})
    assert fact(FACTS[MONTHS], chart).doubt == ""
    assert "older than 12 months" in fact(FACTS[MONTHS], chart, on=date(2026, 6, 2)).doubt


def test_the_patients_own_estimate_does_not_count() -> None:
    """Only a clinician, or an author who is not stated, says how long a patient will live."""
    chart = Builder(TODAY)
    quantity = {"value": 12, "code": "mo"}
    chart.observation("finding", MONTHS, valueQuantity=quantity, performer=[{"reference": "Patient/p1"}])
    assert fact(FACTS[MONTHS], chart).value is None


def test_a_form_states_the_months() -> None:
    """An answer under the fact's name counts from the form's date."""
    chart = Builder(TODAY)
    chart.form({"fact:life-expectancy-months": 6}, days_ago=0)
    assert bounds(fact(FACTS[MONTHS], chart)) == (6, 6)


def hospice(kind: str) -> Builder:
    """Return a chart with hospice care recorded in one kind of resource."""
    chart, care = Builder(TODAY), concept("snomed", "385763009")
    if kind == "Condition":
        chart.condition("snomed", "300936002")
    elif kind == "Procedure":
        chart.procedure("snomed", "385763009", start="2026-05-01")
    elif kind == "Encounter":
        chart.add("Encounter", status="finished", type=[care], period={"start": "2026-05-01"})
    elif kind == "discharge":
        disposition = {"dischargeDisposition": concept("snomed", "428361000124107")}
        chart.add("Encounter", status="finished", hospitalization=disposition, period={"start": "2026-05-01"})
    elif kind == "ServiceRequest":
        chart.add("ServiceRequest", status="active", intent="order", code=care, authoredOn="2026-05-01")
    else:
        chart.finding("limited-survival", True)
    return chart


@pytest.mark.parametrize("kind", ["Condition", "Procedure", "Encounter", "discharge", "ServiceRequest", "finding"])
def test_hospice_without_a_figure_is_for_review(kind: str) -> None:
    """Hospice or a limited survival on record says nothing certain, and puts the question to a person."""
    found = fact(FACTS[MONTHS], hospice(kind))
    assert bounds(found) == (0, 3)
    assert found.doubt
    assert found.evidence


@pytest.mark.parametrize(("start", "expected"), [("2025-06-01", (0, 3)), ("2025-05-31", None)])
def test_hospice_care_of_long_ago_is_no_hint(start: str, expected: tuple[int, int] | None) -> None:
    """Hospice care of more than twelve months ago is shown as illness and says nothing of the time that is left."""
    chart = Builder(TODAY)
    chart.procedure("snomed", "385763009", start=start)
    assert bounds(fact(FACTS[MONTHS], chart)) == expected
    assert isinstance(fact(FACTS["advanced-illness-on-record"], chart).value, Flag)


def test_a_figure_outweighs_hospice() -> None:
    """With a figure on record hospice raises no doubt."""
    chart = hospice("Procedure")
    chart.observation("finding", MONTHS, at="2026-06-01", valueQuantity={"value": 6, "code": "mo"})
    assert (bounds(fact(FACTS[MONTHS], chart)), fact(FACTS[MONTHS], chart).doubt) == ((6, 6), "")


@pytest.mark.parametrize(
    "members",
    [
        {"status": "planned", "type": [concept("snomed", "385763009")]},
        {"status": "entered-in-error", "type": [concept("snomed", "385763009")]},
        {"status": "finished", "type": [concept("snomed", "385763009")], "period": {"start": "2026-06-02"}},
    ],
)
def test_hospice_that_did_not_take_place(members: dict[str, Any]) -> None:
    """A planned, erroneous or future hospice stay is no hint."""
    chart = Builder(TODAY)
    chart.add("Encounter", **members)
    assert fact(FACTS[MONTHS], chart).value is None


def test_a_palliative_visit_is_no_life_expectancy() -> None:
    """A palliative encounter code is shown as a sign of advanced illness, and is no prognosis."""
    chart = Builder(TODAY)
    chart.condition("icd-10-cm", "Z51.5")
    assert fact(FACTS[MONTHS], chart).value is None
    assert isinstance(fact(FACTS["advanced-illness-on-record"], chart).value, Flag)


def test_unread_observations_are_not_silence() -> None:
    """Where the Observations could not be read the life expectancy is unread."""
    assert expectancy(unread=frozenset({"Observation"})).unread == ("Observation",)


# Advanced illness, Washington Medicaid


def test_signs_of_advanced_illness_are_shown() -> None:
    """Metastases and a coded or written stage 4 are shown with their dates."""
    chart = Builder(TODAY)
    chart.condition("icd-10-cm", "C79.51", onsetDateTime="2026-01-01")
    chart.observation("loinc", "21908-9", at="2026-02-01", valueCodeableConcept=concept("snomed", "258228008"))
    chart.observation("loinc", "21902-2", at="2026-02-02", valueCodeableConcept={"text": "Stage IV"})
    chart.observation("loinc", "21914-7", at="2026-02-03", valueCodeableConcept={"text": "Stage III"})
    found = fact(FACTS["advanced-illness-on-record"], chart)
    assert [item.date for item in found.evidence] == ["2026-01-01", "2026-02-01", "2026-02-02"]


def test_no_sign_of_advanced_illness_is_silence() -> None:
    """Nothing on record denies nothing; unread records are named."""
    chart = Builder(TODAY)
    assert fact(FACTS["advanced-illness-on-record"], chart).value is None
    assert fact(FACTS["advanced-illness-on-record"], chart, unread=frozenset({"Encounter"})).unread == ("Encounter",)


def test_washington_medicaid_comes_from_the_coverages() -> None:
    """The plans that the coverage mapping calls Washington Medicaid make the fact; without any it is silent."""
    asked = inquiry(Builder(TODAY))
    assert FACTS["washington-medicaid"](asked).value is None
    found = FACTS["washington-medicaid"](replace(asked, washington_medicaid=("Coverage/c1",)))
    assert isinstance(found.value, Flag)
    assert [item.reference for item in found.evidence] == ["Coverage/c1"]


@pytest.mark.parametrize("garbage", [None, 7, "text", [], ["x"], {"value": "x"}, {"value": {}}, [{}]])
def test_malformed_members_never_raise(garbage: object) -> None:
    """Garbage in values, dates, encounters and orders leaves every fact computable."""
    chart = Builder(TODAY)
    chart.observation("finding", MONTHS, valueQuantity=garbage)
    chart.observation("finding", BARE, valueBoolean=garbage)
    chart.observation("loinc", "21908-9", valueCodeableConcept=garbage)
    chart.add("Encounter", status=garbage, hospitalization=garbage, period=garbage, type=garbage)
    chart.add("ServiceRequest", status="active", intent=garbage, code=garbage, authoredOn=garbage)
    chart.patient["birthDate"] = garbage
    asked = inquiry(chart)
    assert [extract(asked).value for extract in FACTS.values()] == [None] * len(FACTS)
