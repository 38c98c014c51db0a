"""Facts about contraindications that the record shows: infection, tumour, blood, devices, allergies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from fhir_mappings.code_sets import codings_of
from fhir_mappings.conditions import (
    ACTIVE_STATUS,
    PAST_STATUS,
    Diagnosis,
    Standing,
    diagnoses,
    diagnosis_fact,
    standing,
    status_code,
)
from fhir_mappings.inquiry import Extractor, Inquiry, silent
from fhir_mappings.records import (
    ORDER_INTENTS,
    counts_by,
    documents,
    done_procedures,
    evidence_of,
    late_doubt,
    medication_concept,
)
from fhir_mappings.resources import Resource, concept_text, items, mapping, reference_of, text
from fhir_mappings.times import Span, choice_span, span, when
from policies.values import Evidence, Fact, Flag, Statement

NAME_SHOWN = 40


# Infection ------------------------------------------------------------------------------------------------------

LAST_DOSE = timedelta(days=2)
"""A dose given so shortly before counts as therapy that goes on."""


def infection_on_record(inquiry: Inquiry) -> Fact:
    """Return whether an active infection is on record; a chronic one, or an antibiotic by vein, is a doubt."""
    found = diagnoses(inquiry, "active-infection", lasting=False)
    seen = {id(one.resource) for one in found}
    chronic = diagnoses(inquiry, "infection-chronic", lasting=True)
    found += [one for one in chronic if id(one.resource) not in seen]
    types = ("Condition", "MedicationRequest", "MedicationAdministration")
    return diagnosis_fact(
        inquiry, found, what="infection", doubt=_infection_doubt, types=types, more=tuple(_antibiotics(inquiry))
    )


def _infection_doubt(diagnosis: Diagnosis) -> str:
    if diagnosis.hit.value_set == "infection-chronic":
        return f"The infection ({diagnosis.hit.entry.label}) is chronic or past."
    if diagnosis.hit.attributes.get("review"):
        return f"The diagnosis ({diagnosis.hit.entry.label}) does not say that it is an infection now."
    return ""


def _antibiotics(inquiry: Inquiry) -> Iterator[Statement]:
    for resource in inquiry.chart.of_type("MedicationRequest", "MedicationAdministration"):
        running = _is_running(resource, inquiry) and not _was_left_open(resource, inquiry)
        if running and _by_vein(resource, inquiry):
            name = _antibiotic(medication_concept(inquiry, resource), inquiry)
            if name:
                evidence = Evidence(reference_of(resource), _day_of(resource), f"{name} by vein")
                yield Statement(True, evidence=(evidence,), doubt=f"An antibiotic ({name}) is given by vein.")


def _antibiotic(concept: object, inquiry: Inquiry) -> str:
    hit = inquiry.sets.find(concept, "antibiotic")
    if hit is not None:
        return hit.entry.label
    words = [text(coding.get("display")) for coding in codings_of(concept)]
    words.append(concept_text(concept) or text(concept))
    return next((found for one in words if (found := inquiry.sets.mentioned(one, "antibiotic"))), "")


def _by_vein(resource: Resource, inquiry: Inquiry) -> bool:
    dosages = [*items(resource.get("dosageInstruction")), *items(resource.get("dosage"))]
    return any(inquiry.sets.find(dosage.get("route"), "route-intravenous") for dosage in dosages)


def _is_running(resource: Resource, inquiry: Inquiry) -> bool:
    """Return whether a drug is ordered for the evidence date, or was given on it or shortly before."""
    day, status = inquiry.evidence_date, resource.get("status")
    if resource.get("resourceType") == "MedicationAdministration":
        time = choice_span(resource, "effective")
        begun, last = time.start or time.end, time.end or time.start
        if begun is None or not begun.possibly_by(day):
            return False
        return status == "in-progress" or (status == "completed" and last is not None and last.last >= day - LAST_DOSE)
    intent = text(resource.get("intent"))
    ordered = status == "active" and intent in ORDER_INTENTS and resource.get("doNotPerform") is not True
    return ordered and _covers(_ordered_period(resource), day)


def _was_left_open(resource: Resource, inquiry: Inquiry) -> bool:
    """Return whether an order without an end was written so long ago that nobody closed it."""
    period = _ordered_period(resource)
    oldest = inquiry.evidence_date - timedelta(days=inquiry.look_back.scores)
    is_order = resource.get("resourceType") == "MedicationRequest"
    return is_order and period.end is None and period.start is not None and period.start.last < oldest


def _ordered_period(resource: Resource) -> Span:
    """Return when a prescription runs: its dosage's bounds, else its validity, else from the day it was written."""
    bounds = [
        span(mapping(mapping(dosage.get("timing")).get("repeat")).get("boundsPeriod"))
        for dosage in items(resource.get("dosageInstruction"))
    ]
    validity = span(mapping(resource.get("dispenseRequest")).get("validityPeriod"))
    written = Span(when(resource.get("authoredOn")), None)
    return next((one for one in (*bounds, validity) if not one.is_empty), written)


def _covers(period: Span, day: date) -> bool:
    begun = period.start is None or period.start.possibly_by(day)
    return begun and (period.end is None or period.end.last >= day)


def _day_of(resource: Resource) -> str:
    given = choice_span(resource, "effective").start
    return given.text if given else text(resource.get("authoredOn"))


# Tumour, blood, pressure, body ----------------------------------------------------------------------------------


def thecal_tumor_on_record(inquiry: Inquiry) -> Fact:
    """Return whether a tumour at the thecal sac is on the problem list; a compression of the cord is a doubt."""

    def doubt(one: Diagnosis) -> str:
        return (
            f"The diagnosis ({one.hit.entry.label}) does not name a tumour." if one.hit.attributes.get("review") else ""
        )

    return diagnosis_fact(
        inquiry, diagnoses(inquiry, "thecal-tumour", lasting=True), what="tumour at the thecal sac", doubt=doubt
    )


def spine_imaging_on_record(inquiry: Inquiry) -> Fact:
    """Return whether a report of spine imaging is on file. Its content is not read."""
    found = documents(inquiry, "spine-imaging")
    if not found:
        return silent(inquiry, "DiagnosticReport", "DocumentReference")
    days = "; ".join(f"{one.hit.entry.label}{f' ({one.when.text[:10]})' if one.when else ''}" for one in found[:4])
    evidence = tuple(one.evidence for one in found)
    unread = inquiry.unread("DiagnosticReport", "DocumentReference")
    return Fact(Flag(tuple(one.statement() for one in found)), evidence, f"On file, not read: {days}.", unread=unread)


def contraindication_on_record(inquiry: Inquiry) -> Fact:
    """Return whether a bleeding disorder, too few blood cells or a raised intracranial pressure is on record."""
    found = [
        one for one in diagnoses(inquiry, "coagulopathy", lasting=False) if not one.hit.attributes.get("shown_only")
    ]
    found += diagnoses(inquiry, "leukopenia-pancytopenia", lasting=False)
    found += diagnoses(inquiry, "raised-icp", "raised-icp-hint", lasting=True)
    shunted = bool(standing(diagnoses(inquiry, "csf-shunt", lasting=True), Standing.ACTIVE))

    def doubt(one: Diagnosis) -> str:
        has = one.hit.attributes.get
        if has("kind") == "leukopenia":
            return f"The code ({one.name}) does not say that the leukopenia is profound."
        if has("anticoagulant"):
            return f"The bleeding disorder ({one.name}) comes from an anticoagulant."
        if has("review_if_shunted") and shunted:
            return "The hydrocephalus has a shunt."
        return f"The diagnosis ({one.name}) is a hint, no proof." if has("review") else ""

    return diagnosis_fact(inquiry, found, what="contraindication of this kind", doubt=doubt)


def anticoagulant_on_record(inquiry: Inquiry) -> Fact:
    """Return whether an anticoagulant is taken. Shown, no contraindication by itself."""
    taken = [*_anticoagulants(inquiry)]
    marked = standing(diagnoses(inquiry, "coagulopathy", lasting=False), Standing.ACTIVE)
    marked = [one for one in marked if one.hit.attributes.get("shown_only")]
    statements = (*taken, *(one.statement() for one in marked))
    types = ("MedicationRequest", "MedicationStatement", "Condition")
    if not statements:
        return silent(inquiry, *types)
    evidence = tuple(item for one in statements for item in one.evidence)
    told = "; ".join(dict.fromkeys(f"{item.summary}{f' ({item.date[:10]})' if item.date else ''}" for item in evidence))
    return Fact(Flag(statements), evidence, f"{told}.", unread=inquiry.unread(*types))


def _anticoagulants(inquiry: Inquiry) -> Iterator[Statement]:
    drugs = inquiry.sets.drugs
    wanted = drugs.ingredients("anticoagulant")
    for resource in inquiry.chart.of_type("MedicationRequest", "MedicationStatement"):
        if _is_taken(resource, inquiry):
            names = drugs.identify(medication_concept(inquiry, resource)) & wanted
            if names:
                labels = ", ".join(drugs.label(name) for name in sorted(names))
                evidence = Evidence(reference_of(resource), _day_of(resource), labels)
                yield Statement(True, evidence=(evidence,))


def _is_taken(resource: Resource, inquiry: Inquiry) -> bool:
    if resource.get("resourceType") == "MedicationRequest":
        return _is_running(resource, inquiry)
    return resource.get("status") == "active" and _covers(_taken_period(resource), inquiry.evidence_date)


def _taken_period(resource: Resource) -> Span:
    """Return when a statement says that a drug is taken; a single date is its begin."""
    time = choice_span(resource, "effective")
    return time if "effectivePeriod" in resource else Span(time.start, None)


def small_body_on_record(inquiry: Inquiry) -> Fact:
    """Return whether the problem list hints at a small body; a hint is always a doubt."""

    def doubt(one: Diagnosis) -> str:
        return f"The diagnosis ({one.name}) hints at a small body; whether it can carry the pump is for a clinician."

    return diagnosis_fact(
        inquiry, diagnoses(inquiry, "small-body", lasting=False), what="hint at a small body", doubt=doubt
    )


# Other programmable devices -------------------------------------------------------------------------------------

NO_DEVICE = frozenset({"inactive", "entered-in-error"})
DEVICE_DOUBT = "Whether the device interferes with a programmable pump is for a clinician to say."


def programmable_device_on_record(inquiry: Inquiry) -> Fact:
    """Return whether another programmable device is on record, always for a clinician to judge."""
    name = "programmable-device"
    more = [*_devices(inquiry, name), *(one.statement(DEVICE_DOUBT) for one in done_procedures(inquiry, name))]
    more += _items_implanted(inquiry, name)
    return diagnosis_fact(
        inquiry,
        diagnoses(inquiry, name, lasting=True),
        what="other programmable device",
        doubt=lambda one: DEVICE_DOUBT,
        types=("Device", "Condition", "Procedure"),
        more=tuple(more),
    )


def _devices(inquiry: Inquiry, name: str) -> Iterator[Statement]:
    for device, hit in inquiry.chart.coded("Device", name):
        is_pump = inquiry.sets.find(device.get("type"), "pump-item") is not None
        if text(device.get("status")) not in NO_DEVICE and not is_pump:
            yield Statement(True, evidence=(evidence_of(device, None, hit.entry.label),), doubt=DEVICE_DOUBT)


def _items_implanted(inquiry: Inquiry, name: str) -> Iterator[Statement]:
    for procedure in inquiry.chart.of_type("Procedure"):
        used = procedure.get("usedCode")
        if not used or procedure.get("status") != "completed":
            continue
        performed = choice_span(procedure, "performed").start
        hit = next((hit for one in items(used) if (hit := inquiry.sets.find(one, name))), None)
        if hit is not None and counts_by(performed, inquiry):
            yield Statement(True, evidence=(evidence_of(procedure, performed, hit.entry.label),), doubt=DEVICE_DOUBT)


# Allergy to the drug --------------------------------------------------------------------------------------------

PUMP_DRUGS = ("it-opioid", "it-ziconotide", "it-baclofen", "it-clonidine", "it-local-anaesthetic")
CLASSES = {"opioid-allergy": "it-opioid", "anaesthetic-allergy": "it-local-anaesthetic"}
"""Value set of an allergy to a class -> the drug group that it concerns."""
SPINAL_ROUTES = ("route-intrathecal", "route-epidural")
UNSURE_ALLERGY = frozenset({"unconfirmed", "presumed", "provisional", "differential"})
ALLERGY_TYPES = ("AllergyIntolerance", "Condition")


@dataclass(slots=True)
class _AllergyList:
    """What the allergies on record say about some drugs."""

    against: list[Statement] = field(default_factory=list)
    absent: list[Statement] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    past: list[str] = field(default_factory=list)
    unreadable: list[Evidence] = field(default_factory=list)


def drug_allergy_on_record(inquiry: Inquiry) -> Fact:
    """Return whether an allergy to a drug ordered, planned or used in the trial is on record.

    False where the allergy list speaks and names none; silent where it is empty. An intolerance is a doubt. Where
    no drug is known, a list that names a possible pump drug is a doubt.
    """
    wanted = drugs_of_concern(inquiry)
    found = _read_allergies(inquiry, wanted)
    drugs = inquiry.sets.drugs
    asked = ", ".join(drugs.label(name) for name in sorted(wanted)) or "the drug (not known)"
    if found.against or found.absent:
        evidence = tuple(item for one in (*found.against, *found.absent) for item in one.evidence)
        told = "; ".join(
            dict.fromkeys(f"{item.summary}{f' ({item.date[:10]})' if item.date else ''}" for item in evidence)
        )
        statements = (*found.against, *found.absent)
        return Fact(Flag(statements), evidence, f"{told}.", unread=inquiry.unread(*ALLERGY_TYPES))
    if inquiry.unread(*ALLERGY_TYPES):
        return silent(inquiry, *ALLERGY_TYPES)
    if not (found.others or found.past or found.unreadable):
        return silent(inquiry, note="The allergy list is empty.")
    doubt = "An entry of the allergy list names no substance." if found.unreadable else ""
    listed = ", ".join(dict.fromkeys(found.others))[:120] or "no active entry"
    note = f"The allergy list ({listed}) names no allergy to {asked}."
    if found.past:
        note += f" No longer active: {', '.join(dict.fromkeys(found.past))[:80]}."
    evidence = tuple(found.unreadable)
    return Fact(Flag((Statement(False, evidence=evidence, doubt=doubt),)), evidence, note)


def drugs_of_concern(inquiry: Inquiry) -> frozenset[str]:
    """Return every ingredient ordered, planned for the pump, or used in a trial; empty where none is known."""
    trials = inquiry.trials
    doses = [*trials.latest, *(dose for group in trials.earlier for dose in group)]
    used = {name for dose in doses for name in dose.drugs}
    return frozenset({*inquiry.procedure.drugs, *used, *_stated_drugs(inquiry), *_spinal_orders(inquiry)})


def _stated_drugs(inquiry: Inquiry) -> Iterator[str]:
    for reading in inquiry.chart.readings("planned-pump-drug", "trial-drug"):
        if reading.when is None or reading.when.possibly_by(inquiry.evidence_date):
            yield from inquiry.sets.drugs.identify(reading.concept)


def _spinal_orders(inquiry: Inquiry) -> Iterator[str]:
    for request in inquiry.chart.of_type("MedicationRequest"):
        routes = [dosage.get("route") for dosage in items(request.get("dosageInstruction"))]
        if any(inquiry.sets.find(route, *SPINAL_ROUTES) for route in routes) and _is_running(request, inquiry):
            yield from inquiry.sets.drugs.identify(medication_concept(inquiry, request))


def _read_allergies(inquiry: Inquiry, wanted: frozenset[str]) -> _AllergyList:
    found = _AllergyList()
    for entry in inquiry.chart.of_type("AllergyIntolerance"):
        _read_entry(entry, inquiry, wanted, found)
    for one in standing(diagnoses(inquiry, *CLASSES, lasting=True), Standing.ACTIVE):
        if _of_class(one.hit.value_set, wanted, inquiry):
            found.against.append(one.statement("The history names a class of drugs, not the drug."))
    for document in _empty_lists(inquiry):
        evidence = evidence_of(document, when(document.get("date")), "no known allergy")
        found.absent.append(Statement(False, evidence=(evidence,)))
    return found


def _read_entry(entry: Resource, inquiry: Inquiry, wanted: frozenset[str], found: _AllergyList) -> None:
    verification, clinical = status_code(entry.get("verificationStatus")), status_code(entry.get("clinicalStatus"))
    dated = when(entry.get("recordedDate")) or choice_span(entry, "onset").start
    if verification == "entered-in-error" or not counts_by(dated, inquiry):
        return
    if inquiry.sets.find(entry.get("code"), "no-known-allergy"):
        if verification != "refuted" and clinical not in PAST_STATUS:
            evidence = evidence_of(entry, dated, "no known allergy")
            found.absent.append(Statement(False, evidence=(evidence,), doubt=late_doubt(dated, inquiry)))
        return
    match, doubt = _match(entry, inquiry, wanted)
    name = match or concept_text(entry.get("code"))[:NAME_SHOWN]
    kind = "intolerance" if entry.get("type") == "intolerance" else "allergy"
    if verification == "refuted":
        if match and not doubt:
            evidence = evidence_of(entry, dated, f"{kind} to {match} refuted")
            found.absent.append(Statement(False, evidence=(evidence,)))
    elif clinical in PAST_STATUS:
        found.past.append(name or "an entry without a substance")
    elif match:
        doubt = doubt or _entry_doubt(kind, verification, clinical, wanted) or late_doubt(dated, inquiry)
        evidence = evidence_of(entry, dated, f"{kind} to {match}")
        found.against.append(Statement(True, evidence=(evidence,), doubt=doubt))
    elif name or list(items(mapping(entry.get("code")).get("coding"))):
        found.others.append(name or "coded entry")
    else:
        found.unreadable.append(evidence_of(entry, dated, "entry without a substance"))


def _entry_doubt(kind: str, verification: str, clinical: str, wanted: frozenset[str]) -> str:
    if not wanted:
        return "The drug for the pump is not known; the list names a possible one."
    if kind == "intolerance":
        return "It is an intolerance, not an allergy."
    if verification in UNSURE_ALLERGY:
        return f"The allergy is {verification}."
    return "" if clinical in ACTIVE_STATUS else "Whether the allergy is still active is not stated."


def _match(entry: Resource, inquiry: Inquiry, wanted: frozenset[str]) -> tuple[str, str]:
    """Return what of the wanted drugs an entry names (a drug or a class, empty: none), and a doubt about it."""
    drugs = inquiry.sets.drugs
    concepts = [entry.get("code"), *(one.get("substance") for one in items(entry.get("reaction")))]
    targets = wanted or drugs.ingredients(*PUMP_DRUGS)
    named_drugs = frozenset(name for concept in concepts for name in drugs.identify(concept)) & targets
    if named_drugs:
        return ", ".join(drugs.label(name) for name in sorted(named_drugs)), ""
    for name in CLASSES:
        if not _of_class(name, wanted, inquiry):
            continue
        hit = next((hit for concept in concepts if (hit := inquiry.sets.find(concept, name))), None)
        if hit is not None:
            review = hit.attributes.get("review")
            return hit.entry.label, "The entry names a class of drugs, not the drug." if review else ""
        words = next((word for one in _words(concepts) if (word := inquiry.sets.mentioned(one, name))), "")
        if words:
            return words, "The entry names a class of drugs in words."
    return "", ""


def _of_class(value_set: str, wanted: frozenset[str], inquiry: Inquiry) -> bool:
    """Return whether one of the wanted drugs belongs to the class; with no drug known any class may."""
    return not wanted or bool(wanted & inquiry.sets.drugs.ingredients(CLASSES[value_set]))


def _words(concepts: Iterable[object]) -> Iterator[str]:
    for concept in concepts:
        yield concept_text(concept)
        yield from (text(coding.get("display")) for coding in codings_of(concept))


def _empty_lists(inquiry: Inquiry) -> Iterator[Resource]:
    """Yield the allergy lists that are empty because nothing is known to be there."""
    for document, _ in inquiry.chart.coded("List", "allergy-list"):
        usable = document.get("status") == "current" and counts_by(when(document.get("date")), inquiry)
        if usable and not document.get("entry") and status_code(document.get("emptyReason")) == "nilknown":
            yield document


FACTS: dict[str, Extractor] = {
    "infection-on-record": infection_on_record,
    "thecal-tumor-on-record": thecal_tumor_on_record,
    "spine-imaging-on-record": spine_imaging_on_record,
    "contraindication-on-record": contraindication_on_record,
    "anticoagulant-on-record": anticoagulant_on_record,
    "small-body-on-record": small_body_on_record,
    "drug-allergy-on-record": drug_allergy_on_record,
    "programmable-device-on-record": programmable_device_on_record,
}
