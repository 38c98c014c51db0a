"""Facts about the person: age, life expectancy, advanced illness, Washington Medicaid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from fhir_mappings.code_sets import Hit
from fhir_mappings.conditions import Standing, diagnoses, standing
from fhir_mappings.inquiry import Extractor, Inquiry, record_flag, silent
from fhir_mappings.readings import Reading
from fhir_mappings.records import (
    ENCOUNTER_STATUS,
    ORDER_INTENTS,
    ORDER_STATUS,
    dated_records,
    done_procedures,
    late_doubt,
)
from fhir_mappings.resources import Resource, concept_text, mapping, reference_of, text
from fhir_mappings.times import When, when
from policies.dates import add_months, whole_months, years_on
from policies.values import PATIENT, Evidence, Fact, Flag, Measure, Statement

FIGURE = "life-expectancy-months"
BARE = "life-expectancy-at-least-3-months"
BARE_MONTHS = 3
NO_LIMIT = 1200
"""Months that stand for "no upper bound": a hundred years."""

MONTH_UNITS = frozenset({"", "mo", "month", "months", "{mo}", "{month}", "{months}"})
YEAR_UNITS = frozenset({"a", "y", "yr", "yrs", "year", "years"})
DAYS_OF_UNIT = {"wk": 7, "week": 7, "weeks": 7, "d": 1, "day": 1, "days": 1}
YEAR_MONTHS = 12


# Age ------------------------------------------------------------------------------------------------------------


def age(inquiry: Inquiry) -> Fact:
    """Return the age in completed years on the policy date; a partial birth date gives a lowest and a highest."""
    patient = inquiry.chart.patient
    if not patient:
        return silent(inquiry, "Patient")
    born = when(patient.get("birthDate"))
    if born is None:
        note = "Patient.birthDate could not be read." if patient.get("birthDate") else ""
        return silent(inquiry, note=note)
    day = inquiry.policy_date
    if born.first > day:
        return silent(inquiry, note=f"The date of birth ({born.text}) lies after {day.isoformat()}.")
    lowest, highest = max(years_on(born.last, day), 0), years_on(born.first, day)
    years = str(lowest) if lowest == highest else f"{lowest} or {highest}"
    evidence = (Evidence(reference_of(patient), born.text, f"age {years}"),)
    return Fact(Measure(Fraction(lowest), Fraction(highest)), evidence, f"Age {years} on {day.isoformat()}.")


# Life expectancy ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Estimate:
    """One statement on life expectancy, in months from the evidence date on. `bare`: at least three, no figure."""

    reading: Reading
    certain: Fraction
    possible: Fraction
    words: str
    doubt: str = ""
    bare: bool = False

    @property
    def denies(self) -> bool:
        return self.bare and not self.reading.value

    @property
    def supports(self) -> bool:
        return self.bare and bool(self.reading.value)


def life_expectancy_months(inquiry: Inquiry) -> Fact:
    """Return the months of life left on the evidence date, from the latest estimate.

    A figure of n months is certain as far as its date + n months reaches and possible as it was stated. The bare
    statement "at least three months" stands for three months; it is a lower bound, so a figure before it still counts.
    """
    estimates = _estimates(inquiry)
    types = ("Observation", "QuestionnaireResponse")
    if not estimates:
        return _without_estimate(inquiry, types)
    used = _used(estimates)
    measure = _joined(used)
    evidence = tuple(one.reading.evidence(one.words) for one in used)
    note = "; ".join(f"{one.words}{_stated_on(one.reading.when)}" for one in used) + "."
    if measure.certain != measure.possible and not used[0].denies:
        note += f" Counted from {inquiry.evidence_date.isoformat()}: at least {measure.certain} months."
    doubt = next((one.doubt for one in used if one.doubt), "")
    return Fact(measure, evidence, f"{note[0].upper()}{note[1:]}", doubt, unread=inquiry.unread(*types))


def _estimates(inquiry: Inquiry) -> list[_Estimate]:
    """Return the estimates by anybody but the patient, oldest first."""
    found = []
    for reading in inquiry.chart.readings(FIGURE, BARE):
        if reading.role == PATIENT or (reading.when and not reading.when.possibly_by(inquiry.evidence_date)):
            continue
        estimate = _bare(reading, inquiry) if BARE in reading.hits else _figure(reading, inquiry)
        if estimate is not None:
            found.append(estimate)
    return found


def _bare(reading: Reading, inquiry: Inquiry) -> _Estimate | None:
    if not isinstance(reading.value, bool):
        return None
    months, dated, day = Fraction(BARE_MONTHS), reading.when, inquiry.evidence_date
    doubt = _age_doubt(dated, inquiry)
    said = f"life expectancy of at least {BARE_MONTHS} months: {'yes' if reading.value else 'no'}"
    if not reading.value:
        return _Estimate(reading, Fraction(0), months if doubt else Fraction(0), said, doubt, bare=True)
    stands = dated is not None and day <= add_months(dated.first, BARE_MONTHS)
    late = late_doubt(dated, inquiry)
    return _Estimate(reading, months if stands and not late else Fraction(0), months, said, late, bare=True)


def _figure(reading: Reading, inquiry: Inquiry) -> _Estimate | None:
    low, high = reading.low, reading.high
    if isinstance(reading.value, Fraction):
        low = high = reading.value
    if isinstance(reading.value, bool) or (low is None and high is None) or not _known(reading.unit):
        _warn(inquiry, f"{reading.reference}: the life expectancy is no number of months and was not used.")
        return None
    if min(one for one in (low, high) if one is not None) < 0:
        _warn(inquiry, f"{reading.reference}: a life expectancy below zero was not used.")
        return None
    certain = Fraction(0) if low is None else _months_left(low, reading, inquiry.evidence_date)
    possible = Fraction(NO_LIMIT) if high is None else _months_stated(high, reading)
    possible = max(possible - Fraction(1, NO_LIMIT), Fraction(0)) if _is_strict(reading) and low is None else possible
    doubt = _age_doubt(reading.when, inquiry)
    return _Estimate(reading, min(certain, possible), possible, f"life expectancy {_size(low, high, reading)}", doubt)


def _known(unit: str) -> bool:
    word = unit.lower()
    return word in MONTH_UNITS or word in YEAR_UNITS or word in DAYS_OF_UNIT


def _months_left(size: Fraction, reading: Reading, day: date) -> Fraction:
    """Return the whole months from the day to the date that an estimate reaches."""
    if reading.when is None:
        return Fraction(0)
    end = _reaches(size, reading.unit.lower(), reading.when.first)
    return Fraction(whole_months(day, end - timedelta(days=1))) if end > day else Fraction(0)


def _reaches(size: Fraction, unit: str, start: date) -> date:
    if unit in DAYS_OF_UNIT:
        return start + timedelta(days=min(int(size * DAYS_OF_UNIT[unit]), NO_LIMIT * 30))
    return add_months(start, int(min(size * (YEAR_MONTHS if unit in YEAR_UNITS else 1), Fraction(NO_LIMIT))))


def _months_stated(size: Fraction, reading: Reading) -> Fraction:
    """Return an estimate in months as it was stated; weeks and days round up, so that they deny nothing by rounding."""
    unit = reading.unit.lower()
    if unit in DAYS_OF_UNIT:
        start = reading.when.first if reading.when else date(2000, 1, 1)
        end = _reaches(size, unit, start)
        months = whole_months(start, end - timedelta(days=1)) if end > start else 0
        return Fraction(months if add_months(start, months) == end else months + 1)
    return min(size * (YEAR_MONTHS if unit in YEAR_UNITS else 1), Fraction(NO_LIMIT))


def _is_strict(reading: Reading) -> bool:
    return mapping(reading.resource.get("valueQuantity")).get("comparator") == "<"


def _size(low: Fraction | None, high: Fraction | None, reading: Reading) -> str:
    unit = reading.unit.lower()
    word = "years" if unit in YEAR_UNITS else {7: "weeks", 1: "days"}.get(DAYS_OF_UNIT.get(unit, 0), "months")
    if low is not None and high is not None:
        return f"{_plain(low)}{'' if low == high else f' to {_plain(high)}'} {word}"
    return f"at least {_plain(low)} {word}" if low is not None else f"at most {_plain(high or Fraction(0))} {word}"


def _plain(size: Fraction) -> str:
    return f"{float(size):g}"


def _age_doubt(dated: When | None, inquiry: Inquiry) -> str:
    """Return why an estimate does not stand any more: no date, too old, or a date that may lie too late."""
    if dated is None:
        return "The estimate bears no date."
    months = inquiry.look_back.statement_months
    if add_months(dated.first, months) < inquiry.evidence_date:
        return f"The estimate of {dated.text[:10]} is older than {months} months."
    return late_doubt(dated, inquiry)


def _used(estimates: list[_Estimate]) -> list[_Estimate]:
    """Return the latest estimates; those before them too, as long as the latest are mere lower bounds."""
    used: list[_Estimate] = []
    rest = list(estimates)
    while rest and all(one.supports for one in used):
        latest = [one for one in rest if _same_time(one.reading, rest[-1].reading)]
        rest = [one for one in rest if one not in latest]
        used += latest
    return used


def _same_time(one: Reading, other: Reading) -> bool:
    """Return whether two readings cannot be told apart in time."""
    if one.when is None or other.when is None:
        return one.when is other.when
    if one.when.instant and other.when.instant:
        return one.when.instant == other.when.instant
    return one.when.last >= other.when.first


def _joined(used: list[_Estimate]) -> Measure:
    supporting = [one for one in used if one.supports]
    others = [one for one in used if not one.supports]
    possible = max(one.possible for one in used)
    if not others:
        return Measure(max(one.certain for one in supporting), possible)
    certain = min(one.certain for one in others)
    later = [one for one in supporting if all(one.reading.order > other.reading.order for other in others)]
    return Measure(max([certain, *(one.certain for one in later)]), possible)


def _stated_on(dated: When | None) -> str:
    return f" (stated {dated.text[:10]})" if dated else " (no date)"


def _without_estimate(inquiry: Inquiry, types: tuple[str, ...]) -> Fact:
    hints = [*_care_records(inquiry, prognosis=True), *_limited_survival(inquiry)]
    if not hints:
        return silent(inquiry, *types)
    evidence = tuple(item for one in hints for item in one.evidence)
    seen = "; ".join(dict.fromkeys(f"{item.summary}{_on(item.date)}" for item in evidence))
    doubt = "Hospice care or a limited survival is on record, and no life expectancy in months."
    measure = Measure(Fraction(0), Fraction(BARE_MONTHS))
    return Fact(measure, evidence, f"On record: {seen}.", doubt, unread=inquiry.unread(*types))


def _on(day: str) -> str:
    return f" ({day[:10]})" if day else ""


def _warn(inquiry: Inquiry, sentence: str) -> None:
    if sentence not in inquiry.chart.warnings:
        inquiry.chart.warnings.append(sentence)


# Advanced illness -----------------------------------------------------------------------------------------------


def advanced_illness_on_record(inquiry: Inquiry) -> Fact:
    """Return the signs of an advanced illness: metastases, stage 4, hospice or palliative care. Shown, never proof."""
    spread = standing(diagnoses(inquiry, "advanced-disease", lasting=True), Standing.ACTIVE)
    signs = [*(one.statement() for one in spread), *_stage_four(inquiry), *_care_records(inquiry, prognosis=False)]
    signs += _limited_survival(inquiry, findings=False)
    types = ("Condition", "Procedure", "Encounter", "ServiceRequest", "Observation")
    if not signs:
        return silent(inquiry, *types)
    evidence = tuple(dict.fromkeys(item for one in signs for item in one.evidence))
    note = "; ".join(dict.fromkeys(f"{item.summary}{_on(item.date)}" for item in evidence))
    return Fact(Flag(tuple(signs)), evidence, f"On record: {note}.", unread=inquiry.unread(*types))


def _stage_four(inquiry: Inquiry) -> Iterator[Statement]:
    for reading in inquiry.chart.readings("tnm-stage"):
        if reading.when and not reading.when.possibly_by(inquiry.evidence_date):
            continue
        coded = inquiry.sets.find(reading.concept, "tnm-stage-four")
        if coded or inquiry.sets.mentioned(concept_text(reading.concept), "tnm-stage-four"):
            evidence = reading.evidence(f"{reading.hits['tnm-stage'].entry.label}: stage 4")
            yield Statement(True, reading.when.first if reading.when else None, reading.role, (evidence,))


def _limited_survival(inquiry: Inquiry, *, findings: bool = True) -> list[Statement]:
    found = standing(diagnoses(inquiry, "limited-survival", lasting=True), Standing.ACTIVE)
    statements = [one.statement() for one in found]
    if findings:
        said = [
            reading
            for reading in inquiry.chart.readings("limited-survival")
            if isinstance(reading.value, bool) and (not reading.when or reading.when.possibly_by(inquiry.evidence_date))
        ]
        if said and said[-1].value:
            statements.append(Statement(True, evidence=(said[-1].evidence("survival is limited"),)))
    return statements


def _care_records(inquiry: Inquiry, *, prognosis: bool) -> list[Statement]:
    """Return hospice and palliative care on record; `prognosis`: only what speaks of the time that is left."""
    name = "hospice-palliative"
    active = standing(diagnoses(inquiry, name, lasting=True), Standing.ACTIVE)
    found = [(one.hit, one.statement()) for one in active]
    records = done_procedures(inquiry, name)
    records += list(dated_records(inquiry, inquiry.chart.coded("Encounter", name)))
    records += list(dated_records(inquiry, _discharges(inquiry, name)))
    records += list(dated_records(inquiry, inquiry.chart.coded("ServiceRequest", name)))
    held = [
        one for one in records if _took_place(one.resource) and not (prognosis and _is_long_past(one.when, inquiry))
    ]
    found += [(one.hit, one.statement()) for one in held]
    return [statement for hit, statement in found if not prognosis or hit.attributes.get("prognosis") is not False]


def _is_long_past(dated: When | None, inquiry: Inquiry) -> bool:
    return dated is not None and add_months(dated.last, inquiry.look_back.statement_months) < inquiry.evidence_date


def _discharges(inquiry: Inquiry, name: str) -> Iterator[tuple[Resource, Hit]]:
    for encounter in inquiry.chart.of_type("Encounter"):
        hit = inquiry.sets.find(mapping(encounter.get("hospitalization")).get("dischargeDisposition"), name)
        if hit:
            yield encounter, hit


def _took_place(resource: Resource) -> bool:
    kind = resource.get("resourceType")
    if kind == "Encounter":
        return text(resource.get("status")) in ENCOUNTER_STATUS
    if kind == "ServiceRequest":
        ordered = text(resource.get("status")) in ORDER_STATUS and text(resource.get("intent")) in ORDER_INTENTS
        return ordered and resource.get("doNotPerform") is not True
    return True


# Washington Medicaid --------------------------------------------------------------------------------------------


def washington_medicaid(inquiry: Inquiry) -> Fact:
    """Return whether a Coverage in force is Washington Medicaid, as the coverage mapping found."""
    evidence = tuple(Evidence(one, "", "Washington Medicaid") for one in inquiry.washington_medicaid)
    if evidence:
        return record_flag(True, evidence, note="The plan is Washington Medicaid.")
    return silent(inquiry, "Coverage")


FACTS: dict[str, Extractor] = {
    "age": age,
    FIGURE: life_expectancy_months,
    "advanced-illness-on-record": advanced_illness_on_record,
    "washington-medicaid": washington_medicaid,
}
