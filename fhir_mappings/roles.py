"""In which role somebody speaks: the patient, a clinician, a mental-health professional, or not stated."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from fhir_mappings.resources import Resource, concept_text, items, references, text
from policies.values import CLINICIAN, MENTAL_HEALTH, PATIENT

if TYPE_CHECKING:
    from fhir_mappings.chart import Chart

PROVIDERS = "mental-health-provider"
_STRENGTH = {MENTAL_HEALTH: 3, CLINICIAN: 2, None: 1, PATIENT: 0}


def author_role(chart: Chart, resource: Resource, member: str) -> str | None:
    """Return the strongest role among the people that a member names; None where no role is stated."""
    roles = [_role(chart, reference, resource) for reference in references(resource.get(member))]
    return max(roles, key=lambda role: _STRENGTH[role], default=None)


def _role(chart: Chart, reference: str, holder: Resource) -> str | None:
    person = chart.resolve(reference, holder)
    if person is None:
        return PATIENT if _names_patient(reference, chart) else None
    kind = person.get("resourceType")
    if kind in ("Patient", "RelatedPerson"):
        return PATIENT
    concepts = list(_stated(person))
    if kind == "PractitionerRole":
        for target in references(person.get("practitioner")):
            practitioner = chart.resolve(target, person)
            concepts += _stated(practitioner) if practitioner else ()
    if any(_is_mental_health(chart, concept) for concept in concepts):
        return MENTAL_HEALTH
    return CLINICIAN if concepts else None


def _names_patient(reference: str, chart: Chart) -> bool:
    return reference.rstrip("/").endswith((f"Patient/{chart.patient_id}",)) or "RelatedPerson/" in reference


def _stated(person: Resource) -> Iterable[Resource]:
    """Yield the concepts that state a profession."""
    yield from items(person.get("code"))
    yield from items(person.get("specialty"))
    for qualification in items(person.get("qualification")):
        yield from items(qualification.get("code"))


def _is_mental_health(chart: Chart, concept: Resource) -> bool:
    if chart.sets.find(concept, PROVIDERS):
        return True
    words = concept_text(concept) or text(concept.get("text"))
    return chart.sets.mentioned(words, PROVIDERS) is not None
