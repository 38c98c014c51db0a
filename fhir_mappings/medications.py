"""Drug records as therapies: what was taken, by which route, on which schedule, when, and why it was stopped."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from fhir_mappings.chart import Chart
from fhir_mappings.code_sets import codings_of
from fhir_mappings.resources import Resource, concept_text, items, mapping, number, reference_of, references, text
from fhir_mappings.therapy_runs import DRUG, Days, Stretch
from fhir_mappings.times import Span, When, choice_span, span, when
from policies.dates import add_months
from policies.values import CONTRAINDICATED, INEFFECTIVE, NOT_TOLERATED, Evidence

REQUEST, STATEMENT, ADMINISTRATION = "MedicationRequest", "MedicationStatement", "MedicationAdministration"
DRUG_TYPES = (REQUEST, STATEMENT, ADMINISTRATION)
TAKEN = {
    REQUEST: frozenset({"active", "completed", "stopped", "on-hold"}),
    STATEMENT: frozenset({"active", "completed", "stopped", "on-hold"}),
    ADMINISTRATION: frozenset({"completed", "in-progress", "stopped"}),
}
ORDERED = frozenset({"", "order", "original-order", "instance-order", "filler-order"})
RUNNING = frozenset({"active", "in-progress"})

FIXED, AS_NEEDED, UNKNOWN = "fixed", "as-needed", "unknown"
SCHEDULE_WORDS = {FIXED: "fixed schedule", AS_NEEDED: "as needed", UNKNOWN: "schedule not recorded"}

ORAL, TRANSDERMAL, SUBCUTANEOUS = "oral", "transdermal", "subcutaneous"
RECTAL, BUCCAL, INTRAVENOUS = "rectal", "buccal", "intravenous"
SPINAL, UNDETERMINED, UNSTATED = "spinal", "undetermined", "unstated"
SYSTEMIC = frozenset({ORAL, TRANSDERMAL, SUBCUTANEOUS, RECTAL, BUCCAL, INTRAVENOUS, UNSTATED})
"""`UNSTATED`: neither route nor dosage form is recorded. `UNDETERMINED`: an injection, or a route that is not known."""

_ROUTE_SETS = {
    "route-intrathecal": SPINAL,
    "route-epidural": SPINAL,
    "route-oral": ORAL,
    "route-transdermal": TRANSDERMAL,
    "route-subcutaneous": SUBCUTANEOUS,
    "route-rectal": RECTAL,
    "route-buccal": BUCCAL,
    "route-intravenous": INTRAVENOUS,
}
_FORM_ROUTES = {
    "tablet": ORAL,
    "capsule": ORAL,
    "oral-liquid": ORAL,
    "patch": TRANSDERMAL,
    "suppository": RECTAL,
    "buccal": BUCCAL,
}
_INJECTED_SYSTEMS = frozenset({"hcpcs"})
_STOPS = {
    "stop-ineffective": INEFFECTIVE,
    "stop-not-tolerated": NOT_TOLERATED,
    "stop-contraindicated": CONTRAINDICATED,
}
_AS_NEEDED_WORDS = re.compile(r"\b(?:p\.?r\.?n\b|(?:as|if|when|where)\s+(?:needed|required|necessary))", re.IGNORECASE)
_BOUNDS = frozenset({"boundsPeriod", "boundsDuration", "boundsRange", "id", "extension"})
_DAYS_OF = {"d": 1, "day": 1, "days": 1, "wk": 7, "week": 7, "weeks": 7}
_MONTHS_OF = {"mo": 1, "month": 1, "months": 1, "a": 12, "year": 12, "years": 12}
_LONGEST = 1200


@dataclass(frozen=True, slots=True)
class DrugRecord:
    """One order, statement or administration of a drug that was taken.

    `ingredients`  names of the drug table; `what` their labels
    `schedule`     `fixed`, `as-needed` or `unknown`; a record with both fixed and as-needed doses is fixed
    `stretches`    its time by any schedule; `scheduled` its time on a fixed schedule, empty without one
    `dated`        whether it bears any date
    `outcome`      why it was stopped, in a word of policies.values.OUTCOMES; empty: not said, or no failure
    """

    reference: str
    kind: str
    ingredients: frozenset[str]
    what: str
    route: str
    schedule: str
    stretches: tuple[Stretch, ...]
    scheduled: tuple[Stretch, ...]
    status: str
    dated: bool
    outcome: str
    outcome_doubt: str
    evidence: Evidence


def stop_outcome(chart: Chart, concepts: object) -> str:
    """Return what a reason for stopping, or an outcome, says of a therapy; empty where it speaks of no failure."""
    for concept in items(concepts):
        hit = chart.sets.find(concept, *_STOPS)
        if hit is not None:
            return _STOPS[hit.value_set]
    return ""


def drug_records(chart: Chart, on: date, groups: frozenset[str], gap: int) -> list[DrugRecord]:
    """Return what was taken up to a day of the drugs that belong to any of the groups.

    An active order whose time ended no more than `gap` days before counts as going on: its next supply would join.
    """
    found = (_record(resource, chart, on, groups, gap) for resource in chart.of_type(*DRUG_TYPES))
    return [one for one in found if one is not None]


def _record(resource: Resource, chart: Chart, on: date, groups: frozenset[str], gap: int) -> DrugRecord | None:
    kind, status = text(resource.get("resourceType")), text(resource.get("status"))
    if status not in TAKEN[kind] or resource.get("doNotPerform") is True:
        return None
    if kind == REQUEST and text(resource.get("intent")) not in ORDERED:
        return None
    concepts = list(_medication(resource, chart))
    drugs = chart.sets.drugs
    ingredients = frozenset(name for concept in concepts for name in drugs.identify(concept))
    if not any(drugs.group(name) & groups for name in ingredients):
        return None
    doses = list(_doses(resource, kind, chart))
    timed = [(_schedule(dose, resource), _time(resource, kind, dose, on, gap)) for dose in doses]
    kept = [(schedule, time) for schedule, time in timed if time is not None]
    if not kept:
        return None
    what = " and ".join(sorted(drugs.label(name) for name in ingredients))
    reference = reference_of(resource)
    stretches = [(schedule, time.stretch(what, ingredients, reference)) for schedule, time in kept]
    scheduled = tuple(one for schedule, one in stretches if schedule == FIXED)
    stopped = kind in (REQUEST, STATEMENT) and status == "stopped"
    planned = next((time.planned for _, time in kept if time.planned), "")
    shown = next((time.shown for _, time in kept if time.shown), text(resource.get("authoredOn")))
    return DrugRecord(
        reference,
        kind,
        ingredients,
        what,
        _route(doses, concepts, chart),
        FIXED if scheduled else next((own for own, _ in kept if own == AS_NEEDED), UNKNOWN),
        tuple(one for _, one in stretches),
        scheduled,
        status,
        any(time.dated for _, time in kept),
        stop_outcome(chart, resource.get("statusReason")) if stopped else "",
        f"The planned end of the stopped order ({planned}) lies after the evidence date." if planned else "",
        Evidence(reference, shown, what),
    )


# What ---------------------------------------------------------------------------------------------------------


def _medication(resource: Resource, chart: Chart) -> Iterator[object]:
    """Yield the concepts that name the drug: written there, behind the reference, or the reference's own words."""
    own = mapping(resource.get("medicationCodeableConcept"))
    if own:
        yield own
        return
    for one in items(resource.get("medicationReference")):
        for reference in references(one):
            target = chart.resolve(reference, resource)
            if target is not None:
                yield from _named(target)
                return
        if text(one.get("display")):
            yield text(one.get("display"))


def _named(medication: Resource) -> Iterator[object]:
    yield mapping(medication.get("code"))
    for ingredient in items(medication.get("ingredient")):
        yield mapping(ingredient.get("itemCodeableConcept"))
    if concept_text(medication.get("form")):
        yield {"text": concept_text(medication.get("form"))}


# By which route -----------------------------------------------------------------------------------------------


def _doses(resource: Resource, kind: str, chart: Chart) -> Iterator[Resource]:
    """Yield the dosage instructions; an empty one where there are none.

    An administration bears no schedule of its own: the order's is taken where it is known.
    """
    member = "dosageInstruction" if kind == REQUEST else "dosage"
    doses = list(items(resource.get(member))) or [mapping(None)]
    if kind != ADMINISTRATION:
        yield from doses
        return
    order: Resource = mapping(None)
    for reference in references(resource.get("request")):
        order = chart.resolve(reference, resource) or order
    ordered = list(items(order.get("dosageInstruction")))
    for dose in doses:
        schedules = ordered or [mapping(None)]
        fixed = next((one for one in schedules if _schedule(one, order) == FIXED), schedules[0])
        yield {"route": mapping(fixed.get("route")), **fixed, **dose}


def _route(doses: list[Resource], concepts: list[object], chart: Chart) -> str:
    stated = [mapping(dose.get("route")) for dose in doses if mapping(dose.get("route"))]
    words = [text(dose.get("text")) for dose in doses] + [text(dose.get("patientInstruction")) for dose in doses]
    words += [part for concept in concepts for part in _texts(concept)]
    known = [_stated_route(route, chart) for route in stated]
    if SPINAL in known:
        return SPINAL
    if any(known):
        return next(route for route in known if route)
    if any(chart.sets.mentioned(part, name) for part in words for name in ("route-intrathecal", "route-epidural")):
        return SPINAL
    form = _form(concepts, words, chart)
    if form is not None:
        return _FORM_ROUTES.get(form, UNDETERMINED)
    if stated or any(_is_injected(concept, chart) for concept in concepts):
        return UNDETERMINED
    return UNSTATED


def _stated_route(route: Resource, chart: Chart) -> str:
    hit = chart.sets.find(route, *_ROUTE_SETS)
    if hit is not None:
        return _ROUTE_SETS[hit.value_set]
    words = concept_text(route)
    return next((own for name, own in _ROUTE_SETS.items() if chart.sets.mentioned(words, name)), "")


def _texts(concept: object) -> Iterator[str]:
    if isinstance(concept, str):
        yield concept
        return
    yield text(mapping(concept).get("text"))
    for coding in codings_of(concept):
        yield text(coding.get("display"))


def _form(concepts: list[object], words: list[str], chart: Chart) -> str | None:
    for source in (*concepts, *words):
        form = chart.sets.drugs.form(source)
        if form is not None:
            return form
    return None


def _is_injected(concept: object, chart: Chart) -> bool:
    return any(chart.sets.system_key(coding.get("system")) in _INJECTED_SYSTEMS for coding in codings_of(concept))


# On which schedule --------------------------------------------------------------------------------------------


def _schedule(dose: Resource, resource: Resource) -> str:
    asked = dose.get("asNeededBoolean")
    if asked is True or dose.get("asNeededCodeableConcept") not in (None, {}, []):
        return AS_NEEDED
    words = (text(dose.get("text")), text(dose.get("patientInstruction")))
    if any(_AS_NEEDED_WORDS.search(one) for one in words):
        return AS_NEEDED
    timing = mapping(dose.get("timing"))
    repeat = mapping(timing.get("repeat"))
    # Bounds alone say how long, not how often.
    if mapping(timing.get("code")) or set(repeat) - _BOUNDS or (repeat and asked is False):
        return FIXED
    return UNKNOWN


# When ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Time:
    """The days of one dosage instruction. `planned`: the end of a stopped order where it is only the plan's."""

    certain: Days | None
    possible: Days | None
    goes_on: bool
    dated: bool
    shown: str = ""
    planned: str = ""

    def stretch(self, what: str, keys: frozenset[str], reference: str) -> Stretch:
        """Return the days as a stretch of a drug."""
        return Stretch(DRUG, what, self.certain, self.possible, self.goes_on, keys, reference)


def _time(resource: Resource, kind: str, dose: Resource, on: date, gap: int) -> _Time | None:
    """Return when a dosage instruction was followed; None where it begins after the day."""
    status = text(resource.get("status"))
    start, end, open_ended = _ends(resource, kind, dose)
    if start is not None and not start.possibly_by(on):
        return None
    shown = start.text if start else ""
    if end is None and open_ended and status in RUNNING:
        return _days(start, on, on, True, shown)
    if start is None or end is None:
        return _Time(None, None, status not in ("stopped", "completed"), start is not None, shown)
    if end.first > on:
        if status in RUNNING or status == "completed":
            return _days(start, on, on, True, shown)
        possible = Days(start.first, on) if start.first <= on else None
        return _Time(None, possible, status == "on-hold", True, shown, end.text if status == "stopped" else "")
    last = min(end.last, on)
    recent = status in RUNNING and (on - last).days <= gap
    return _days(start, min(end.first, on), last, recent, shown)


def _days(start: When | None, certain_last: date, possible_last: date, goes_on: bool, shown: str) -> _Time:
    if start is None:
        return _Time(None, None, goes_on, False, shown)
    certain = Days(start.last, certain_last) if start.last <= certain_last else None
    possible = Days(start.first, possible_last) if start.first <= possible_last else None
    return _Time(certain, possible, goes_on, True, shown)


def _ends(resource: Resource, kind: str, dose: Resource) -> tuple[When | None, When | None, bool]:
    """Return start, end, and whether a missing end means that it goes on (else its length is unknown)."""
    authored = when(resource.get("authoredOn"))
    if kind == ADMINISTRATION:
        given = choice_span(resource, "effective")
        return given.start or given.end, given.end, True
    if kind == STATEMENT:
        taken = span(resource.get("effectivePeriod"))
        if not taken.is_empty:
            return taken.start, taken.end, True
        authored = choice_span(resource, "effective").start or when(resource.get("dateAsserted"))
    repeat = mapping(mapping(dose.get("timing")).get("repeat"))
    bounds = span(repeat.get("boundsPeriod"))
    if not bounds.is_empty:
        return bounds.start or authored, bounds.end, True
    dispense = mapping(resource.get("dispenseRequest"))
    valid = span(dispense.get("validityPeriod"))
    if not valid.is_empty and valid.end is not None:
        return valid.start or authored, valid.end, True
    lengths = ((repeat.get("boundsDuration"), 1), (dispense.get("expectedSupplyDuration"), _fills(dispense)))
    for length, times in lengths:
        supplied = _supplied(authored, length, times)
        if supplied.end is not None:
            return supplied.start, supplied.end, True
    return authored or valid.start, None, False


def _fills(dispense: Mapping[str, Any]) -> int:
    repeats = number(dispense.get("numberOfRepeatsAllowed"))
    return 1 + int(repeats) if repeats is not None and 0 < repeats <= _LONGEST else 1


def _supplied(start: When | None, length: object, times: int) -> Span:
    """Return the time for which a supply, dispensed so often, lasts from its start."""
    quantity = mapping(length)
    size = number(quantity.get("value"))
    unit = (text(quantity.get("code")) or text(quantity.get("unit"))).lower()
    if start is None or size is None or not 0 < size * times <= _LONGEST * 31:
        return Span(start, None)
    try:
        if unit in _DAYS_OF:
            shift = int(size * times * _DAYS_OF[unit])
            first, last = (day + timedelta(days=shift - 1) for day in (start.first, start.last))
        elif unit in _MONTHS_OF and (size * times).denominator == 1:
            months = int(size * times) * _MONTHS_OF[unit]
            first, last = (add_months(day, months) - timedelta(days=1) for day in (start.first, start.last))
        else:
            return Span(start, None)
    except (OverflowError, ValueError):
        return Span(start, None)
    return Span(start, When(first, last, None, first.isoformat()))
