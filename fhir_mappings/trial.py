"""The trial that counts: which completed procedures were intrathecal trials, when, how and with what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from fhir_mappings.chart import Chart, relative
from fhir_mappings.orders import CATHETER_INFUSION, PUMP_IMPLANT, SINGLE_INJECTION, TUNNELED_CATHETER
from fhir_mappings.readings import Reading
from fhir_mappings.resources import Resource, items, mapping, reference_of, references, text
from fhir_mappings.signs import countered, drug_sign, names_trial, pain_indication, purposes, reasons
from fhir_mappings.times import Span, When, choice_span
from fhir_mappings.windows import Limit, Window, zone_of
from policies.values import ANSWER, Evidence

if TYPE_CHECKING:
    from fhir_mappings.inquiry import Inquiry

CATHETER = "catheter"
SINGLE = "single-injection"
METHOD_WORDS = {CATHETER: "catheter", SINGLE: "single injection"}
INJECTION_WINDOW = timedelta(hours=24)
SHORTEST_INFUSION = timedelta(hours=8)
"""A shorter catheter procedure is the placing of the catheter, not the infusion."""

_GIVEN = frozenset({"completed", "in-progress", "stopped"})
_ROUTES = ("route-intrathecal", "route-epidural")
_SURELY_SPINAL = frozenset({"it-baclofen", "it-ziconotide"})
_NOT_INJECTED = frozenset({"analgesic-nonopioid", "anticoagulant"})


@dataclass(frozen=True, slots=True)
class TrialDose:
    """One completed trial.

    `start`, `end`  its window; `timed`  whether the start bears a clock time; `window` places readings in it
    `method`  `catheter` or `single-injection`; `drugs`  ingredients given, empty where unknown
    `doubt`   why its window is not sure; `drug_doubt`  why its drug is not sure
    """

    reference: str
    period: Span
    start: datetime
    end: datetime
    timed: bool
    method: str
    drugs: frozenset[str]
    evidence: Evidence
    window: Window
    doubt: str = ""
    drug_doubt: str = ""

    @property
    def day(self) -> date:
        """Return the day of the start in its own offset."""
        return self.window.start.first


@dataclass(frozen=True, slots=True)
class TrialHistory:
    """The doses of the trial that counts (oldest first), and the groups of doses before it (latest first).

    `unsigned`  completed spinal injections that bear no sign of a trial
    """

    latest: tuple[TrialDose, ...] = ()
    earlier: tuple[tuple[TrialDose, ...], ...] = ()
    unsigned: tuple[Evidence, ...] = ()

    def reference_instant(self) -> datetime | None:
        """Return the start of the trial that counts, None without one."""
        return self.latest[0].start if self.latest else None

    @property
    def day(self) -> date | None:
        """Return the day on which the trial that counts began."""
        return self.latest[0].day if self.latest else None

    @property
    def drugs(self) -> frozenset[str]:
        """Return the ingredients given in the trial that counts."""
        return frozenset(drug for dose in self.latest for drug in dose.drugs)


def trial_history(inquiry: Inquiry) -> TrialHistory:
    """Return the completed trials on record up to the evidence date."""
    found, unsigned = _Search(inquiry).trials()
    if not found:
        return TrialHistory(unsigned=unsigned)
    doses = _doses(inquiry, sorted(found, key=lambda one: one.start.order))
    latest, *earlier = _groups(_with_stated_drugs(inquiry, doses), inquiry.look_back.titration)
    return TrialHistory(latest, tuple(earlier), unsigned)


# Finding the trials -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Found:
    """A trial on record before its window is known. `ends` are recorded ends that hold."""

    reference: str
    start: When
    period: Span
    ends: tuple[When, ...]
    method: str
    drugs: frozenset[str]
    doubt: str = ""
    drug_doubt: str = ""


@dataclass(frozen=True, slots=True)
class _Given:
    """One administration by a spinal route, or by none that is stated."""

    part_of: frozenset[str]
    day: date | None
    route: str
    drugs: frozenset[str]
    premixed: bool


class _Search:
    """One look through a chart for completed trials."""

    def __init__(self, inquiry: Inquiry) -> None:
        self._inquiry = inquiry
        self._chart = inquiry.chart
        self._orders = {order.reference: order.resource for order in inquiry.procedure.orders}

    def trials(self) -> tuple[list[_Found], tuple[Evidence, ...]]:
        """Return the trials, and the spinal injections that are none."""
        stated = list(self._stated())
        by_focus: dict[int, list[_Found]] = {}
        alone: list[_Found] = []
        for finding, procedure in stated:
            if procedure is None:
                alone.append(finding)
            else:
                by_focus.setdefault(id(procedure), []).append(finding)
        procedures = list(self._procedures())
        administrations = self._administrations() if procedures else []
        found: list[_Found] = []
        unsigned: list[Evidence] = []
        for procedure, method in procedures:
            findings = by_focus.pop(id(procedure), [])
            one = self._performed(procedure, method, administrations, findings)
            if one is None:
                continue
            if findings or self._has_sign(procedure, method, administrations):
                found.append(one)
            else:
                unsigned.append(Evidence(one.reference, one.start.text, "spinal injection without a sign of a trial"))
        for findings in by_focus.values():
            alone += findings
        for finding in alone:
            _merge(found, finding)
        return found, tuple(unsigned)

    def _counts(self, start: When | None) -> bool:
        return start is not None and start.possibly_by(self._inquiry.evidence_date)

    def _procedures(self) -> Iterator[tuple[Resource, str]]:
        seen: set[int] = set()
        for value_set, method in ((CATHETER_INFUSION, CATHETER), (SINGLE_INJECTION, SINGLE)):
            for procedure, _ in self._chart.coded("Procedure", value_set):
                if procedure.get("status") == "completed" and id(procedure) not in seen:
                    seen.add(id(procedure))
                    yield procedure, method

    def _performed(
        self, procedure: Resource, method: str, administrations: list[_Given], findings: list[_Found]
    ) -> _Found | None:
        period = choice_span(procedure, "performed")
        start = period.start or period.end
        if start is None and findings:
            start = findings[0].start
        if start is None or not self._counts(start):
            return None
        for finding in findings:
            if start.instant is None and finding.start.instant is not None and finding.start.first == start.first:
                start = finding.start
        ends = [end for finding in findings for end in finding.ends]
        if method == CATHETER and "performedPeriod" in procedure and period.start and _is_infusion(start, period.end):
            ends += [period.end] if period.end else []
        drugs, doubt = self._drugs_of(procedure, start, administrations)
        return _Found(reference_of(procedure), start, period, tuple(ends), method, drugs, "", doubt)

    def _stated(self) -> Iterator[tuple[_Found, Resource | None]]:
        """Yield the coded findings that a trial took place, each with its Procedure if it names one that counts."""
        for reading in self._chart.readings("trial-completed"):
            method = self._chart.sets.find(reading.concept, "trial-method")
            if method is None:
                warn(self._chart, f"{reading.reference}: the method of the trial (trial-completed) could not be read.")
                continue
            focus = self._focus(reading)
            found = _stated_trial(reading, method.entry.code, focus)
            if found is not None and self._counts(found.start):
                completed = focus is not None and focus.get("status") == "completed"
                yield found, focus if completed and self._is_spinal(focus) else None

    def _is_spinal(self, procedure: Resource | None) -> bool:
        concept = mapping(procedure).get("code")
        return self._chart.sets.find(concept, CATHETER_INFUSION, SINGLE_INJECTION) is not None

    def _focus(self, reading: Reading) -> Resource | None:
        for reference in references(reading.resource.get("focus")):
            target = self._chart.resolve(reference, reading.resource)
            if target is not None and target.get("resourceType") == "Procedure":
                return target
        return None

    # signs

    def _has_sign(self, procedure: Resource, method: str, administrations: list[_Given]) -> bool:
        chart = self._chart
        if names_trial(procedure, chart):
            return True
        orders = [order for order in map(self._order, references(procedure.get("basedOn"))) if order is not None]
        if any(self._is_trial_order(order) for order in orders):
            return True
        concepts = list(purposes(procedure, chart))
        if countered(chart.sets, [*concepts, *items(procedure.get("code"))]):
            return False
        start = choice_span(procedure, "performed").start
        beside = [one for one in administrations if one.route and _belongs(one, procedure, start)]
        proving = [one for one in beside if one.route == "route-intrathecal" or method == CATHETER]
        used = self._used_drugs(procedure)
        drugs = used.union(*(one.drugs for one in proving))
        steroid = any("injectate-steroid" in chart.sets.drugs.group(drug) for one in beside for drug in one.drugs)
        plain = not steroid and not any(one.premixed for one in beside) and not self._premixed(procedure)
        why = [*concepts, *(concept for order in orders for concept in reasons(order, chart))]
        return drug_sign(chart.sets, drugs, pain=plain and pain_indication(chart.sets, why))

    def _order(self, reference: str) -> Resource | None:
        return self._orders.get(relative(reference)) or self._chart.resolve(reference)

    def _is_trial_order(self, order: Resource) -> bool:
        if names_trial(order, self._chart):
            return True
        for member in ("basedOn", "replaces", "priorRequest"):
            for reference in references(order.get(member)):
                other = self._order(reference)
                codes = [mapping(other).get("code"), mapping(other).get("codeCodeableConcept")]
                if any(self._chart.sets.find(code, PUMP_IMPLANT, "pump-item", TUNNELED_CATHETER) for code in codes):
                    return True
        return False

    # drugs

    def _drugs_of(self, procedure: Resource, start: When, administrations: list[_Given]) -> tuple[frozenset[str], str]:
        given = [one for one in administrations if _belongs(one, procedure, start)]
        drugs = frozenset(
            drug
            for drug in self._used_drugs(procedure).union(*(one.drugs for one in given))
            if not self._chart.sets.drugs.group(drug) <= _NOT_INJECTED
        )
        compounded = any(is_compounded(self._chart, concept) for concept in self._used(procedure))
        return drugs, "A compounded drug was given: its parts are not all named." if compounded else ""

    def _used(self, procedure: Resource) -> Iterator[object]:
        yield from items(procedure.get("usedCode"))
        yield {"coding": mapping(procedure.get("code")).get("coding")}
        for reference in references(procedure.get("usedReference")):
            target = self._chart.resolve(reference, procedure)
            if target is not None and target.get("resourceType") == "Medication":
                yield target.get("code")

    def _used_drugs(self, procedure: Resource) -> frozenset[str]:
        drugs = self._chart.sets.drugs
        return frozenset(
            drug
            for concept in self._used(procedure)
            if drugs.systemic_form(concept) is not True
            for drug in drugs.identify(concept)
        )

    def _premixed(self, procedure: Resource) -> bool:
        return any(self._chart.sets.find(concept, "epidural-premix") for concept in self._used(procedure))

    def _administrations(self) -> list[_Given]:
        return [
            given
            for resource in self._chart.of_type("MedicationAdministration")
            if text(resource.get("status")) in _GIVEN and (given := self._given(resource)) is not None
        ]

    def _given(self, resource: Resource) -> _Given | None:
        chart = self._chart
        stated = mapping(mapping(resource.get("dosage")).get("route"))
        hit = chart.sets.find(stated, *_ROUTES)
        if stated and hit is None:
            return None
        concept = medication_of(resource, chart)
        drugs = chart.sets.drugs.identify(concept)
        if hit is None:
            drugs = frozenset(drug for drug in drugs if chart.sets.drugs.group(drug) & _SURELY_SPINAL)
        effective = choice_span(resource, "effective").start
        parts = frozenset(relative(reference) for reference in references(resource.get("partOf")))
        premixed = chart.sets.find(concept, "epidural-premix") is not None
        return _Given(parts, effective.first if effective else None, hit.value_set if hit else "", drugs, premixed)


def _belongs(given: _Given, procedure: Resource, start: When | None) -> bool:
    if reference_of(procedure) in given.part_of:
        return True
    return bool(given.route) and start is not None and not start.is_partial and given.day == start.first


def _stated_trial(reading: Reading, method: str, focus: Resource | None) -> _Found | None:
    periodic = "effectivePeriod" in reading.resource
    start = reading.period.start or reading.period.end or choice_span(mapping(focus), "performed").start
    if start is None:
        return None
    ends = [reading.period.end] if periodic and reading.period.start and reading.period.end else []
    doubt = ""
    if periodic and reading.period.start is None:
        doubt = "The start of the trial is not recorded."
    elif reading.source == ANSWER and start.text == text(reading.resource.get("authored")):
        doubt = "The form does not say when the trial began."
    elif focus is not None and focus.get("status") != "completed":
        doubt = "The trial's procedure is not recorded as completed."
    return _Found(reading.reference, start, reading.period, tuple(ends), method, frozenset(), doubt)


def _is_infusion(start: When, end: When | None) -> bool:
    """Return whether a catheter procedure lasted long enough to be the infusion."""
    if end is None:
        return False
    if start.instant is not None and end.instant is not None:
        return end.instant - start.instant >= SHORTEST_INFUSION
    return end.first > start.last


def _merge(found: list[_Found], finding: _Found) -> None:
    """Add a finding, or join it to the record of the same trial (same day, same method)."""
    for index, one in enumerate(found):
        if one.method == finding.method and not finding.start.is_partial and one.start.first == finding.start.first:
            timed = one.start if one.start.instant is not None else finding.start
            found[index] = replace(one, start=timed, ends=(*one.ends, *finding.ends))
            return
    found.append(finding)


# Windows and groups -------------------------------------------------------------------------------------------


def _doses(inquiry: Inquiry, found: Sequence[_Found]) -> list[TrialDose]:
    pumps = sorted(_pump_starts(inquiry.chart), key=lambda start: start.order)
    return [_dose(inquiry, one, found, pumps) for one in found]


def _dose(inquiry: Inquiry, one: _Found, found: Sequence[_Found], pumps: Sequence[When]) -> TrialDose:
    # An end after the evidence date is none yet: some charts write the last day there is for "open".
    ended = [end for end in one.ends if _follows(end, one.start) and end.possibly_by(inquiry.evidence_date)]
    limits = [Limit(end, inclusive=True) for end in ended]
    if one.method == SINGLE:
        limits.append(Limit(one.start, INJECTION_WINDOW))
    elif not limits:
        limits.append(Limit(one.start, timedelta(days=inquiry.look_back.open_catheter)))
        limits += [Limit(pump) for pump in pumps if pump.order > one.start.order][:1]
    limits += [Limit(other.start) for other in found if other.start.order > one.start.order][:1]
    window = Window(one.start, tuple(limits))
    return TrialDose(
        one.reference,
        one.period,
        one.start.order,
        window.end_bounds(zone_of(one.start))[0],
        one.start.instant is not None,
        one.method,
        one.drugs,
        Evidence(one.reference, one.start.text, _summary(inquiry, one.method, one.drugs)),
        window,
        one.doubt or ("The day of the trial is not recorded." if one.start.is_partial else ""),
        one.drug_doubt,
    )


def _follows(end: When, start: When) -> bool:
    if end.instant is not None and start.instant is not None:
        return end.instant > start.instant
    return end.last >= start.first


def _summary(inquiry: Inquiry, method: str, drugs: frozenset[str]) -> str:
    return ", ".join(["trial", METHOD_WORDS[method], *drug_labels(inquiry.chart, drugs)])


def _pump_starts(chart: Chart) -> Iterator[When]:
    for procedure, _ in chart.coded("Procedure", PUMP_IMPLANT, TUNNELED_CATHETER):
        start = choice_span(procedure, "performed").start
        if procedure.get("status") == "completed" and start is not None:
            yield start


def _with_stated_drugs(inquiry: Inquiry, doses: list[TrialDose]) -> list[TrialDose]:
    """Return the doses with the drugs that a finding states for the last trial begun before it."""
    chains = _chains(doses, inquiry.look_back.titration)
    named: list[TrialDose] = []
    for index, chain in enumerate(chains):
        until = chains[index + 1][0].day if index + 1 < len(chains) else None
        readings = [
            one
            for one in drug_readings(inquiry, "trial-drug")
            if (until is None if one.when is None else chain[0].day <= one.when.last and _precedes(one.when, until))
        ]
        drugs, doubt = stated_drugs(inquiry, readings)
        named += [_named(inquiry, dose, drugs, doubt, dose is chain[-1]) for dose in chain] if readings else chain
    return named


def _precedes(moment: When, until: date | None) -> bool:
    return until is None or moment.first < until


def _named(inquiry: Inquiry, dose: TrialDose, drugs: frozenset[str], doubt: str, is_last: bool) -> TrialDose:
    if dose.drugs:
        clash = is_last and drugs != dose.drugs
        own, said = (" and ".join(drug_labels(inquiry.chart, names)) for names in (dose.drugs, drugs))
        differs = f"The record of the trial names {own}, a statement {said or 'another drug'}." if clash else ""
        return replace(dose, drug_doubt=dose.drug_doubt or differs or (doubt if is_last else ""))
    summary = _summary(inquiry, dose.method, drugs)
    return replace(
        dose, drugs=drugs, drug_doubt=dose.drug_doubt or doubt, evidence=replace(dose.evidence, summary=summary)
    )


def _chains(doses: Sequence[TrialDose], days: int) -> list[list[TrialDose]]:
    """Return the doses in groups that start within so many days of the last of the group, oldest group first."""
    chains: list[list[TrialDose]] = []
    for dose in reversed(doses):
        if chains and (chains[0][-1].day - dose.day).days <= days:
            chains[0].insert(0, dose)
        else:
            chains.insert(0, [dose])
    return chains


def _groups(doses: Sequence[TrialDose], days: int) -> list[tuple[TrialDose, ...]]:
    """Return the trials, latest first: titrated doses of one known drug are one."""
    left = list(doses)
    groups: list[tuple[TrialDose, ...]] = []
    while left:
        last = left[-1]
        group = [
            dose
            for dose in left
            if dose is last or (last.drugs and dose.drugs == last.drugs and (last.day - dose.day).days <= days)
        ]
        groups.append(tuple(group))
        left = [dose for dose in left if not any(dose is one for one in group)]
    return groups


# What drug facts share ----------------------------------------------------------------------------------------


def drug_readings(inquiry: Inquiry, name: str) -> list[Reading]:
    """Return the findings `trial-drug` or `planned-pump-drug` up to the evidence date, oldest first."""
    return [
        reading
        for reading in inquiry.chart.readings(name)
        if reading.concept and (reading.when is None or reading.when.possibly_by(inquiry.evidence_date))
    ]


def stated_drugs(inquiry: Inquiry, readings: Sequence[Reading]) -> tuple[frozenset[str], str]:
    """Return the ingredients that findings name, and why they are not sure."""
    named = [(one, inquiry.sets.drugs.identify(one.concept)) for one in readings]
    drugs = frozenset(drug for _, found in named for drug in found)
    if any(not found for _, found in named):
        return drugs, "A drug that is named is not in the drug table."
    by_day: dict[date | None, set[str]] = {}
    for one, found in named:
        by_day.setdefault(one.when.first if one.when else None, set()).update(found)
    differs = len({frozenset(found) for found in by_day.values()}) > 1
    return drugs, "Statements of different days name different drugs." if differs else ""


def medication_of(resource: Resource, chart: Chart) -> Resource:
    """Return the medication's concept: `medicationCodeableConcept`, or the code behind `medicationReference`."""
    own = mapping(resource.get("medicationCodeableConcept"))
    if own:
        return own
    for reference in references(resource.get("medicationReference")):
        target = chart.resolve(reference, resource)
        if target is not None:
            return mapping(target.get("code"))
    return mapping(None)


def is_compounded(chart: Chart, concept: object) -> bool:
    """Return whether a billing code says that the drug is compounded."""
    hit = chart.sets.find(concept, "it-drug-hcpcs")
    return hit is not None and bool(hit.attributes.get("compounded"))


def drug_labels(chart: Chart, drugs: frozenset[str]) -> list[str]:
    """Return the names of ingredients as they are written in a sentence, in order."""
    return sorted(chart.sets.drugs.label(drug) for drug in drugs)


def warn(chart: Chart, warning: str) -> None:
    """Add a warning to the chart, once."""
    if warning not in chart.warnings:
        chart.warnings.append(warning)
