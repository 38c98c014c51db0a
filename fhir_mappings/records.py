"""Records that count by being there: procedures done, encounters held, documents on file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fhir_mappings.code_sets import Hit
from fhir_mappings.inquiry import Inquiry
from fhir_mappings.resources import Resource, mapping, reference_of, references, text
from fhir_mappings.times import When, choice_span, span, when
from policies.values import Evidence, Statement

DONE_PROCEDURE = frozenset({"completed"})
ORDER_INTENTS = frozenset({"order", "original-order", "instance-order", "filler-order"})
ORDER_STATUS = frozenset({"active", "completed", "on-hold"})
ENCOUNTER_STATUS = frozenset({"arrived", "triaged", "in-progress", "onleave", "finished"})
REPORT_STATUS = frozenset({"final", "amended", "corrected"})
DOCUMENT_STATUS = frozenset({"final", "amended", ""})


@dataclass(frozen=True, slots=True)
class Record:
    """One resource that a value set holds, with its date; `doubt` where a partial date may lie too late."""

    resource: Resource
    hit: Hit
    when: When | None
    doubt: str = ""

    @property
    def evidence(self) -> Evidence:
        """Return the pointer to the resource, under our own label."""
        return evidence_of(self.resource, self.when, self.hit.entry.label)

    def statement(self, doubt: str = "") -> Statement:
        """Return "this is on record", with the record's own doubt first, else the one given."""
        return Statement(True, self.when.first if self.when else None, None, (self.evidence,), self.doubt or doubt)


def evidence_of(resource: Resource, dated: When | None, summary: str) -> Evidence:
    """Return a pointer to a resource."""
    return Evidence(reference_of(resource), dated.text if dated else "", summary)


def late_doubt(dated: When | None, inquiry: Inquiry) -> str:
    """Return why a date may lie after the evidence date, empty where it surely does not."""
    if dated is None or dated.surely_by(inquiry.evidence_date):
        return ""
    return f"Its date ({dated.text}) may lie after the evidence date."


def counts_by(dated: When | None, inquiry: Inquiry) -> bool:
    """Return whether something of this date may count; what bears no date does."""
    return dated is None or dated.possibly_by(inquiry.evidence_date)


def dated_records(inquiry: Inquiry, pairs: Iterable[tuple[Resource, Hit]]) -> Iterator[Record]:
    """Yield each resource once, dated as its type is dated, unless it lies after the evidence date."""
    seen: set[int] = set()
    for resource, hit in pairs:
        if id(resource) in seen:
            continue
        seen.add(id(resource))
        dated = record_date(resource)
        if counts_by(dated, inquiry):
            yield Record(resource, hit, dated, late_doubt(dated, inquiry))


def record_date(resource: Resource) -> When | None:
    """Return the day by which a resource had happened or was written."""
    kind = resource.get("resourceType")
    if kind == "Procedure":
        time = choice_span(resource, "performed")
        return time.end or time.start
    if kind == "Encounter":
        return span(resource.get("period")).start
    if kind == "DocumentReference":
        context = span(mapping(resource.get("context")).get("period"))
        return when(resource.get("date")) or context.end or context.start
    if kind == "DiagnosticReport":
        time = choice_span(resource, "effective")
        return time.end or time.start or when(resource.get("issued"))
    return when(resource.get("authoredOn"))


def done_procedures(inquiry: Inquiry, *value_sets: str) -> list[Record]:
    """Return the completed Procedures whose code a value set holds."""
    pairs = inquiry.chart.coded("Procedure", *value_sets)
    return list(dated_records(inquiry, [pair for pair in pairs if text(pair[0].get("status")) in DONE_PROCEDURE]))


def documents(inquiry: Inquiry, *value_sets: str) -> list[Record]:
    """Return the documents and reports on file of these types. Their content is not read."""
    pairs = inquiry.chart.coded("DocumentReference", *value_sets)
    pairs += inquiry.chart.coded("DiagnosticReport", *value_sets)
    return list(dated_records(inquiry, [pair for pair in pairs if is_on_file(pair[0])]))


def is_on_file(resource: Resource) -> bool:
    """Return whether a DocumentReference is current and signed, or a DiagnosticReport final."""
    if resource.get("resourceType") == "DiagnosticReport":
        return text(resource.get("status")) in REPORT_STATUS
    return resource.get("status") == "current" and text(resource.get("docStatus")) in DOCUMENT_STATUS


def medication_concept(inquiry: Inquiry, resource: Resource) -> object:
    """Return the concept that names the drug of a medication resource, whether written there or referred to."""
    own = resource.get("medicationCodeableConcept")
    if own:
        return own
    for reference in references(resource.get("medicationReference")):
        target = inquiry.chart.resolve(reference, resource)
        if target is not None:
            return target.get("code")
    return mapping(resource.get("medicationReference")).get("display")
