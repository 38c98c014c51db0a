"""What the chart holds of therapies: drugs taken, visits attended, allergies, and outcomes that somebody stated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from functools import cached_property

from fhir_mappings.chart import relative
from fhir_mappings.inquiry import Inquiry
from fhir_mappings.medications import DrugRecord, drug_records, stop_outcome
from fhir_mappings.readings import Reading
from fhir_mappings.records import counts_by, late_doubt
from fhir_mappings.resources import Resource, concept_text, items, mapping, reference_of, references, text
from fhir_mappings.therapy_runs import BEHAVIOURAL, PHYSICAL, STATED, Days, Stretch
from fhir_mappings.times import Span, When, choice_span, span, when
from policies.values import (
    ANSWER,
    CONTRAINDICATED,
    EFFECTIVE,
    INEFFECTIVE,
    NOT_TOLERATED,
    OUTCOMES,
    PATIENT,
    Evidence,
)

OPIOID, ANALGESIC, ANTISPASMODIC = "systemic-opioid", "analgesic-nonopioid", "oral-antispasmodic"
NOT_ANTISPASTIC = "muscle-relaxant-not-antispastic"
DRUG_GROUPS = frozenset({OPIOID, ANALGESIC, ANTISPASMODIC, NOT_ANTISPASTIC})
OPIOID_CLASS = "opioid-allergy"

EXERCISE_SETS = ("active-exercise", "physical-therapy")
PHYSICAL_SETS = (*EXERCISE_SETS, "passive-pt")
BEHAVIOURAL_SETS = ("behavioural-therapy",)
NO_TREATMENT_SETS = (
    "neuraxial-catheter-infusion", "pump-tunneled-catheter", "pump-implant", "pump-item", "pump-replacement-item",
    "pump-removal", "pump-service", "psych-evaluation", "psych-screening", "pt-evaluation",
)  # fmt: skip
"""Procedures that treat no cause of pain."""
PAIN_REASONS = ("pain-pathology", "chronic-pain-nonmalignant", "pain-symptom-only", "cancer-pain")

FAILURES = frozenset({INEFFECTIVE, NOT_TOLERATED})
OUTCOME_WORDS = {
    INEFFECTIVE: "ineffective",
    NOT_TOLERATED: "not tolerated",
    CONTRAINDICATED: "contraindicated",
    EFFECTIVE: "effective",
}
TOP_OF_PAIN = 10
_ATTENDED = frozenset({"completed", "in-progress"})
_SAID_BY = frozenset({"completed", "in-progress", "stopped", "not-done"})
_ALLERGY_PAST = frozenset({"inactive", "resolved"})
_ALLERGY_DROPPED = frozenset({"refuted", "entered-in-error"})
_ALLERGY_UNSURE = frozenset({"unconfirmed", "presumed"})


@dataclass(frozen=True, slots=True)
class Visit:
    """One Procedure or Encounter. `stretch` is None where it was not attended or bears no date."""

    reference: str
    stretch: Stretch | None
    what: str
    outcome: str
    evidence: Evidence
    on: When | None
    attended: bool
    doubt: str


@dataclass(frozen=True, slots=True)
class StatedOutcome:
    """An outcome that a finding or a form states: of which therapy, for what time, about which records."""

    name: str
    outcome: str
    on: When | None
    stretch: Stretch | None
    focus: frozenset[str]
    evidence: Evidence
    doubt: str


@dataclass(frozen=True, slots=True)
class Allergy:
    """An allergy or intolerance as the outcome of a drug. `of_class`: it names opioids, no drug."""

    ingredients: frozenset[str]
    of_class: bool
    what: str
    outcome: str
    doubt: str
    evidence: Evidence


@dataclass
class TherapyRecords:
    """The therapies of one chart up to the evidence date; each kind is read once, when first asked for."""

    inquiry: Inquiry
    _visits: dict[tuple[str, ...], list[Visit]] = field(default_factory=dict)
    _stated: dict[str, list[StatedOutcome]] = field(default_factory=dict)

    @cached_property
    def drugs(self) -> list[DrugRecord]:
        """Return the analgesics and antispasmodics taken, by any route and schedule."""
        inquiry = self.inquiry
        return drug_records(inquiry.chart, inquiry.evidence_date, DRUG_GROUPS, inquiry.look_back.month_gap)

    @cached_property
    def opioids(self) -> frozenset[str]:
        """Return the ingredients that are opioids."""
        return self.inquiry.sets.drugs.ingredients(OPIOID)

    def visits(self, kind: str, *value_sets: str) -> list[Visit]:
        """Return the Procedures and Encounters of a therapy, attended or not, oldest record first."""
        if value_sets not in self._visits:
            self._visits[value_sets] = list(_visits(self.inquiry, kind, value_sets))
        return self._visits[value_sets]

    @property
    def physical(self) -> list[Visit]:
        """Return the visits of physical therapy, active or passive."""
        return self.visits(PHYSICAL, *PHYSICAL_SETS)

    @property
    def exercise(self) -> list[Visit]:
        """Return the visits of active exercise."""
        return self.visits(PHYSICAL, *EXERCISE_SETS)

    @property
    def evaluations(self) -> list[Visit]:
        """Return the evaluations for physical therapy; alone they are none."""
        return [visit for visit in self.visits(PHYSICAL, "pt-evaluation") if visit.attended]

    @property
    def behavioural(self) -> list[Visit]:
        """Return the visits of behavioural therapy."""
        return self.visits(BEHAVIOURAL, *BEHAVIOURAL_SETS)

    def stated(self, name: str) -> list[StatedOutcome]:
        """Return what findings and forms state of one therapy. The patient's own word is no documented outcome."""
        if name not in self._stated:
            readings = self.inquiry.chart.readings(name)
            self._stated[name] = [one for one in (_stated(self.inquiry, name, each) for each in readings) if one]
        return self._stated[name]

    @cached_property
    def allergies(self) -> list[Allergy]:
        """Return the allergies and intolerances to drugs that hold."""
        entries = self.inquiry.chart.of_type("AllergyIntolerance")
        return [one for one in (_allergy(self.inquiry, entry) for entry in entries) if one]

    @cached_property
    def pain_scores(self) -> list[tuple[When, Fraction]]:
        """Return the 0-10 pain scores read before any trial of the pump, with their dates."""
        trial = self.inquiry.trials.reference_instant()
        return [
            (reading.when, reading.value)
            for reading in self.inquiry.chart.readings("pain-nrs")
            if reading.when is not None
            and isinstance(reading.value, Fraction)
            and 0 <= reading.value <= TOP_OF_PAIN
            and (trial is None or reading.order < trial)
        ]

    @cached_property
    def operations(self) -> list[Visit]:
        """Return the procedures for the pain with an outcome, other than therapy visits, pumps and their trials."""
        return list(_operations(self.inquiry))


def outcome_of(inquiry: Inquiry, concept: object) -> str:
    """Return the outcome that a coded answer states: one of our four words, or a reason for stopping."""
    hit = inquiry.sets.find(concept, "therapy-outcome")
    if hit is not None and hit.entry.code in OUTCOMES:
        return hit.entry.code
    return stop_outcome(inquiry.chart, concept)


# Visits -------------------------------------------------------------------------------------------------------


def _visits(inquiry: Inquiry, kind: str, value_sets: Sequence[str]) -> Iterator[Visit]:
    seen: set[int] = set()
    pairs = [
        *inquiry.chart.coded("Procedure", *value_sets),
        *inquiry.chart.coded("Encounter", *value_sets),
    ]
    for resource, hit in pairs:
        if id(resource) in seen:
            continue
        seen.add(id(resource))
        visit = _visit(inquiry, kind, resource, hit.entry.label)
        if visit is not None:
            yield visit


def _visit(inquiry: Inquiry, kind: str, resource: Resource, what: str) -> Visit | None:
    status = text(resource.get("status"))
    if resource.get("resourceType") == "Encounter":
        time, attended, outcome = span(resource.get("period")), status == "finished", ""
        if not attended:
            return None
    else:
        if status not in _SAID_BY:
            return None
        time, attended = choice_span(resource, "performed"), status in _ATTENDED
        outcome = _procedure_outcome(inquiry, resource, status)
        if not attended and not outcome:
            return None
    start = time.start or time.end
    if start is not None and not start.possibly_by(inquiry.evidence_date):
        return None
    reference = reference_of(resource)
    stretch = _visit_stretch(inquiry, kind, what, time, status, reference) if attended else None
    evidence = Evidence(reference, start.text if start else "", what)
    ended = time.end or time.start
    doubt = late_doubt(ended if outcome else None, inquiry)
    return Visit(reference, stretch, what, outcome, evidence, ended, attended, doubt)


def _procedure_outcome(inquiry: Inquiry, resource: Resource, status: str) -> str:
    """Return the outcome of a Procedure; of one that was not done only its contraindication."""
    found = stop_outcome(inquiry.chart, resource.get("outcome")) or stop_outcome(
        inquiry.chart, resource.get("statusReason")
    )
    return "" if status == "not-done" and found != CONTRAINDICATED else found


def _visit_stretch(inquiry: Inquiry, kind: str, what: str, time: Span, status: str, reference: str) -> Stretch | None:
    on = inquiry.evidence_date
    if time.start is None:
        return None
    goes_on = time.end is None and status == "in-progress"
    end = time.end or time.start
    certain_last, possible_last = (on, on) if goes_on else (min(end.first, on), min(end.last, on))
    if end.first > on:
        goes_on = True
    return Stretch(
        kind,
        what,
        _days(time.start.last, certain_last if not time.start.is_partial or time.end else time.start.last, on),
        _days(time.start.first, possible_last, on),
        goes_on,
        frozenset({kind}),
        reference,
    )


def _days(first: date, last: date, on: date) -> Days | None:
    last = min(last, on)
    return Days(first, last) if first <= last else None


# Stated outcomes ----------------------------------------------------------------------------------------------


def _stated(inquiry: Inquiry, name: str, reading: Reading) -> StatedOutcome | None:
    outcome = outcome_of(inquiry, reading.concept) if reading.concept else ""
    if not outcome or reading.role == PATIENT or not counts_by(reading.when, inquiry):
        return None
    words = OUTCOME_WORDS[outcome]
    doubt = late_doubt(reading.when, inquiry) or ("The outcome bears no date." if reading.when is None else "")
    return StatedOutcome(
        name,
        outcome,
        reading.when,
        _stated_stretch(inquiry, name, reading) if outcome != CONTRAINDICATED else None,
        frozenset(relative(one) for one in references(reading.resource.get("focus"))),
        reading.evidence(f"{inquiry.sets.title(name)}: {words}"),
        doubt,
    )


def _stated_stretch(inquiry: Inquiry, name: str, reading: Reading) -> Stretch | None:
    start, end = reading.period.start, reading.period.end
    if reading.source == ANSWER or "effectivePeriod" not in reading.resource or start is None:
        return None
    on = inquiry.evidence_date
    what = inquiry.sets.title(name)
    keys = frozenset({name})
    if end is None:
        return Stretch(STATED, what, None, _days(start.first, on, on), True, keys, reading.reference)
    return Stretch(
        STATED,
        what,
        _days(start.last, end.first, on),
        _days(start.first, end.last, on),
        False,
        keys,
        reading.reference,
    )


# Allergies ----------------------------------------------------------------------------------------------------


def _code(value: object) -> str:
    """Return a status or type, whether written as a code or as a CodeableConcept."""
    if isinstance(value, str):
        return text(value).lower()
    codes = (text(coding.get("code")) for coding in items(mapping(value).get("coding")))
    return next((code for code in codes if code), "").lower()


def _allergy(inquiry: Inquiry, entry: Resource) -> Allergy | None:
    clinical, verification = _code(entry.get("clinicalStatus")), _code(entry.get("verificationStatus"))
    dated = when(entry.get("recordedDate")) or choice_span(entry, "onset").start
    if clinical in _ALLERGY_PAST or verification in _ALLERGY_DROPPED or not counts_by(dated, inquiry):
        return None
    concepts = [entry.get("code"), *(one.get("substance") for one in items(entry.get("reaction")))]
    drugs = inquiry.sets.drugs
    ingredients = frozenset(name for concept in concepts for name in drugs.identify(concept))
    in_words = next((word for one in concepts if (word := inquiry.sets.mentioned(concept_text(one), OPIOID_CLASS))), "")
    coded = any(inquiry.sets.find(one, OPIOID_CLASS) for one in concepts)
    if not ingredients and not coded and not in_words:
        return None
    what = " and ".join(sorted(drugs.label(name) for name in ingredients)) or "opioids"
    kind = _code(entry.get("type"))
    doubt = late_doubt(dated, inquiry)
    if not ingredients:
        doubt = "The allergy list names a class of drugs, not the drug."
    elif verification in _ALLERGY_UNSURE:
        doubt = f"The entry of the allergy list is {verification}."
    elif not clinical:
        doubt = "Whether the entry of the allergy list is still active is not stated."
    if kind == "allergy":
        outcome, doubt = CONTRAINDICATED, f"An allergy to {what} is a contraindication to that drug, no failure of it."
        said = f"allergy to {what}"
    elif kind == "intolerance":
        outcome, said = NOT_TOLERATED, f"intolerance to {what}"
    else:
        outcome, said = NOT_TOLERATED, f"allergy or intolerance to {what}"
        doubt = f"Whether {what} is an allergy or an intolerance is not stated."
    evidence = Evidence(reference_of(entry), dated.text if dated else "", said)
    return Allergy(ingredients, not ingredients, said, outcome, doubt, evidence)


# Operations ---------------------------------------------------------------------------------------------------


def _operations(inquiry: Inquiry) -> Iterator[Visit]:
    trials = {dose.reference for group in (inquiry.trials.latest, *inquiry.trials.earlier) for dose in group}
    passed_over = (*PHYSICAL_SETS, *BEHAVIOURAL_SETS, *NO_TREATMENT_SETS)
    for resource in inquiry.chart.of_type("Procedure"):
        status = text(resource.get("status"))
        if status not in _SAID_BY or not ("outcome" in resource or "statusReason" in resource):
            continue
        outcome = _procedure_outcome(inquiry, resource, status)
        if not outcome or reference_of(resource) in trials or inquiry.sets.find(resource.get("code"), *passed_over):
            continue
        reasons = list(reason_concepts(inquiry, resource))
        if reasons and not any(inquiry.sets.find(reason, *PAIN_REASONS) for reason in reasons):
            continue
        time = choice_span(resource, "performed")
        ended = time.end or time.start
        if not counts_by(ended, inquiry):
            continue
        doubt = late_doubt(ended, inquiry)
        if not reasons:
            doubt = "The record does not say what the procedure was for."
        what = concept_text(resource.get("code"))[:60] or "procedure"
        evidence = Evidence(reference_of(resource), ended.text if ended else "", f"{what}: {OUTCOME_WORDS[outcome]}")
        yield Visit(reference_of(resource), None, what, outcome, evidence, ended, False, doubt)


def reason_concepts(inquiry: Inquiry, resource: Resource) -> Iterator[Resource]:
    """Yield the coded reasons of a resource, those of Conditions it refers to included."""
    for concept in items(resource.get("reasonCode")):
        if list(items(concept.get("coding"))):
            yield concept
    for reference in references(resource.get("reasonReference")):
        target = inquiry.chart.resolve(reference, resource)
        if target is not None and target.get("resourceType") == "Condition":
            yield mapping(target.get("code"))
