"""What every patient of the sandbox shares: the clinic, its people, and the payers."""

from __future__ import annotations

from typing import Any

from sandbox.terms import concept

CLINICIAN = "pain-physician"
CLINIC = "sandbox-clinic"

_PEOPLE = {
    "pain-physician": "Pain-Physician",
    "primary-care": "Primary-Care-Physician",
    "psychologist": "Psychologist",
    "physical-therapist": "Physical-Therapist",
}

# Payer -> name of the Organization, name of the plan, type of coverage (a concept of codes.yaml).
PAYERS: dict[str, tuple[str, str, str]] = {
    "cigna": ("Cigna Healthcare", "Cigna Open Access Plus", "private"),
    "cohere": ("Cohere Health", "Medicare Advantage HMO managed by Cohere Health", "medicare-advantage"),
    "uhc": ("UnitedHealthcare", "UnitedHealthcare Choice", "private"),
    "uhc-medicare-advantage": ("UnitedHealthcare", "UnitedHealthcare Medicare Advantage HMO", "medicare-advantage"),
    "hcsc": ("Blue Cross and Blue Shield of Illinois", "Blue Choice PPO", "blue-cross"),
    "molina": ("Molina Healthcare", "Molina Healthcare of Illinois Medicaid", "medicaid"),
    "medicare": ("Medicare", "Original Medicare Part B", "medicare"),
    "other": ("Example Mutual Health Plan", "Example Mutual Standard", "private"),
}


def person(role: str) -> dict[str, str]:
    """Return a Reference to the clinic's person in a role, such as ``psychologist``."""
    return {"reference": f"Practitioner/{role}", "display": f"Test, {_PEOPLE[role]}"}


def payer_label(payer: str) -> str:
    """Return what a clinician reads for a payer."""
    name, plan, _ = PAYERS[payer]
    return name if payer != "uhc-medicare-advantage" else plan


def coverage_terms(payer: str) -> dict[str, Any]:
    """Return the parts of a Coverage that say which plan it is: type, payor and class."""
    name, plan, kind = PAYERS[payer]
    plan_class = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/coverage-class", "code": "plan"}],
    }
    return {
        "type": concept("coverage-types", kind),
        "payor": [{"reference": f"Organization/payer-{payer}", "display": name}],
        "class": [{"type": plan_class, "value": f"PLAN-{payer.upper()}", "name": plan}],
    }


def shared_resources() -> list[dict[str, Any]]:
    """Return the Organizations, Practitioners and PractitionerRoles that charts refer to."""
    payers = [
        {
            "resourceType": "Organization",
            "id": f"payer-{payer}",
            "active": True,
            "type": [
                {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/organization-type", "code": "pay"}]}
            ],
            "name": name,
        }
        for payer, (name, _, _) in PAYERS.items()
    ]
    clinic = {
        "resourceType": "Organization",
        "id": CLINIC,
        "active": True,
        "name": "Sandbox Pain and Spasticity Clinic",
    }
    people = [
        {
            "resourceType": "Practitioner",
            "id": role,
            "active": True,
            "name": [{"family": "Test", "given": [given], "text": f"Test, {given}"}],
            "qualification": [{"code": concept("roles", role)}],
        }
        for role, given in _PEOPLE.items()
    ]
    roles = [
        {
            "resourceType": "PractitionerRole",
            "id": f"role-{role}",
            "active": True,
            "practitioner": person(role),
            "organization": {"reference": f"Organization/{CLINIC}"},
            "code": [concept("roles", role)],
        }
        for role in _PEOPLE
    ]
    return [clinic, *payers, *people, *roles]
