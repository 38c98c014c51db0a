"""The prefetch templates: everything the mappings read, in the RECOMMENDED query subset of CDS Hooks 2.0 (R4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fhir_mappings.code_sets import ValueSets

PATIENT = "{{context.patientId}}"

OBSERVATION_SETS = (
    "pain-nrs",
    "pain-nrs-generic",
    "pain-vas",
    "pain-observable",
    "function-measure",
    "modified-ashworth",
    "phq9",
    "performance",
    "tnm-stage",
)


@dataclass(frozen=True, slots=True)
class Query:
    """One prefetch key: the FHIR query and the resource types that it answers for."""

    template: str
    types: tuple[str, ...]
    required: bool = False


def queries(sets: ValueSets) -> Mapping[str, Query]:
    """Return the prefetch queries by key. Scores and findings are asked by code, with a site's local codes."""
    of_patient = f"patient={PATIENT}"
    scores = _codes(sets, OBSERVATION_SETS)
    findings = _codes(sets, tuple(finding.code for finding in sets.findings()))
    return {
        "patient": Query(f"Patient/{PATIENT}", ("Patient",), required=True),
        "coverages": Query(f"Coverage?{of_patient}", ("Coverage",), required=True),
        "conditions": Query(f"Condition?{of_patient}", ("Condition",)),
        "scores": Query(f"Observation?{of_patient}&code={scores}", ("Observation",)),
        "findings": Query(f"Observation?{of_patient}&code={findings}", ("Observation",)),
        "procedures": Query(f"Procedure?{of_patient}", ("Procedure",)),
        "medicationRequests": Query(f"MedicationRequest?{of_patient}", ("MedicationRequest",)),
        "medicationStatements": Query(f"MedicationStatement?{of_patient}", ("MedicationStatement",)),
        "medicationAdministrations": Query(f"MedicationAdministration?{of_patient}", ("MedicationAdministration",)),
        "allergies": Query(f"AllergyIntolerance?{of_patient}", ("AllergyIntolerance",)),
        "activeOrders": Query(f"ServiceRequest?{of_patient}&status=active", ("ServiceRequest",)),
        "devices": Query(f"Device?{of_patient}", ("Device",)),
        "encounters": Query(f"Encounter?{of_patient}", ("Encounter",)),
        "consents": Query(f"Consent?{of_patient}", ("Consent",)),
        "forms": Query(f"QuestionnaireResponse?{of_patient}", ("QuestionnaireResponse",)),
        "documents": Query(f"DocumentReference?{of_patient}", ("DocumentReference",)),
        "reports": Query(f"DiagnosticReport?{of_patient}", ("DiagnosticReport",)),
        "adverseEvents": Query(f"AdverseEvent?subject={PATIENT}", ("AdverseEvent",)),
    }


def _codes(sets: ValueSets, names: tuple[str, ...]) -> str:
    """Return the codes of value sets for a token search, without systems: the mappings match the system themselves."""
    known = [name for name in names if name in sets.ids()]
    return ",".join(sorted({code.code for name in known for code in sets.codings(name)}))
