"""Facts about the implanted pump that records show: a note on its failure, complications, documents."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_mappings.conditions import Diagnosis, Standing, diagnoses, named, near_misses, standing
from fhir_mappings.inquiry import Extractor, Inquiry, silent
from fhir_mappings.records import counts_by, evidence_of, is_on_file, late_doubt, record_date
from fhir_mappings.resources import Resource, concept_text, items, mapping, notes, references, text
from fhir_mappings.statements import statement_readings
from policies.values import Evidence, Fact, Flag, Statement

MECHANICAL = "mechanical"
NOW = "A"
LATER_VISIT = "D"
NOTE_SHOWN = 80


def pump_failure_with_note(inquiry: Inquiry) -> Fact:
    """Return whether the latest finding that the pump does not work carries a note that says why."""
    readings = statement_readings(inquiry, "pump-functional")
    latest = [one for one in readings if one.order == readings[-1].order] if readings else []
    noted = [one for one in latest if one.value is False and notes(one.resource)]
    if not noted or any(one.value for one in latest):
        return silent(inquiry, "Observation")
    statements = tuple(
        Statement(
            True,
            one.when.first if one.when else None,
            one.role,
            (one.evidence(f"pump does not work: {notes(one.resource)[:NOTE_SHOWN]}"),),
            late_doubt(one.when, inquiry),
        )
        for one in noted
    )
    evidence = tuple(item for one in statements for item in one.evidence)
    return Fact(Flag(statements), evidence, "The finding that the pump does not work carries a note.")


# Complications --------------------------------------------------------------------------------------------------


def pump_complication_on_record(inquiry: Inquiry) -> Fact:
    """Return whether a mechanical complication of pump or catheter is coded as current."""
    names = ("pump-complication", "catheter-complication", "device-complication-unspecified")
    found = [one for one in diagnoses(inquiry, *names, lasting=False) if _is_mechanical(one)]
    active = standing(found, Standing.ACTIVE)
    if not active:
        return silent(inquiry, "Condition", note=near_misses(found))
    stimulator = _has_stimulator(inquiry)
    statements = tuple(one.statement(_complication_doubt(one, stimulator)) for one in active)
    evidence = tuple(one.evidence for one in active)
    return Fact(Flag(statements), evidence, f"{named(active)}.", unread=inquiry.unread("Condition"))


def _is_mechanical(diagnosis: Diagnosis) -> bool:
    return diagnosis.hit.attributes.get("kind", MECHANICAL) == MECHANICAL


def _complication_doubt(diagnosis: Diagnosis, stimulator: bool) -> str:
    if diagnosis.hit.attributes.get("review"):
        return f"The code ({diagnosis.name}) does not name the device."
    if diagnosis.hit.seventh_character == LATER_VISIT:
        return f"The code ({diagnosis.name}) is of a later visit: it may no longer be so."
    if diagnosis.hit.seventh_character != NOW:
        return f"The code ({diagnosis.name}) does not say whether it is so now."
    if stimulator and diagnosis.hit.value_set == "pump-complication":
        return f"The code ({diagnosis.name}) may be of the neurostimulator on record."
    return ""


def _has_stimulator(inquiry: Inquiry) -> bool:
    chart = inquiry.chart
    pairs = [pair for kind in ("Condition", "Device", "Procedure") for pair in chart.coded(kind, "programmable-device")]
    return any(hit.attributes.get("kind") == "neurostimulator" for _, hit in pairs)


# Documents ------------------------------------------------------------------------------------------------------


def pump_document(inquiry: Inquiry) -> Fact:
    """Return whether a document on the pump is on file: of a site's own type, or one whose title names the pump."""
    found = [one for one in inquiry.chart.of_type("DocumentReference", "DiagnosticReport") if is_on_file(one)]
    statements = []
    for resource in found:
        dated = record_date(resource)
        if counts_by(dated, inquiry) and _is_on_pump(resource, inquiry):
            evidence = evidence_of(resource, dated, "document on the pump, not read")
            statements.append(Statement(True, evidence=(evidence,), doubt=late_doubt(dated, inquiry)))
    types = ("DocumentReference", "DiagnosticReport")
    if not statements:
        return silent(inquiry, *types)
    all_evidence: tuple[Evidence, ...] = tuple(item for one in statements for item in one.evidence)
    days = ", ".join(item.date[:10] or "no date" for item in all_evidence)
    note = f"On file, not read: document on the pump ({days})."
    return Fact(Flag(tuple(statements)), all_evidence, note, unread=inquiry.unread(*types))


def _is_on_pump(resource: Resource, inquiry: Inquiry) -> bool:
    member = "type" if resource.get("resourceType") == "DocumentReference" else "code"
    if inquiry.sets.find(resource.get(member), "pump-document"):
        return True
    if any(inquiry.sets.mentioned(words, "pump-document") for words in _titles(resource, member)):
        return True
    return any(_is_pump(inquiry, reference, resource) for reference in _related(resource))


def _titles(resource: Resource, member: str) -> Iterator[str]:
    yield concept_text(resource.get(member))
    yield text(resource.get("description"))
    for content in items(resource.get("content")):
        yield text(mapping(content.get("attachment")).get("title"))
    for form in items(resource.get("presentedForm")):
        yield text(form.get("title"))


def _related(resource: Resource) -> Iterator[str]:
    yield from references(mapping(resource.get("context")).get("related"))


def _is_pump(inquiry: Inquiry, reference: str, holder: Resource) -> bool:
    target = inquiry.chart.resolve(reference, holder)
    if target is None or target.get("resourceType") != "Device":
        return False
    return inquiry.sets.find(target.get("type"), "pump-item") is not None


FACTS: dict[str, Extractor] = {
    "pump-failure-with-note": pump_failure_with_note,
    "pump-complication-on-record": pump_complication_on_record,
    "pump-document": pump_document,
}
