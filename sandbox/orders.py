"""Draft orders as an EHR writes them: what was ticked in the form becomes FHIR requests of one signing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from sandbox.clinic import CLINICIAN, person
from sandbox.patients.builder import Chart, Resource, reference
from sandbox.terms import concept


@dataclass(frozen=True, slots=True)
class OrderForm:
    """What the clinician filled in.

    Attributes:
        items: keys of orders.yaml.
        purpose: a purpose of codes.yaml, or None.
        drug: a drug of codes.yaml to go with the procedures, or None.
        reason: the Condition or Observation that the order is for, or None.
        on: day of the procedure, or None.
        text: free text, or empty.
        insurance: Coverages, the primary one first.
    """

    items: Sequence[str]
    purpose: str | None = None
    drug: str | None = None
    reason: Mapping[str, Any] | None = None
    on: date | None = None
    text: str = ""
    insurance: Sequence[Resource] = ()


@cache
def catalogue() -> Mapping[str, Any]:
    """Return orders.yaml: ``orders``, ``drugs`` and ``purposes``."""
    loaded: Mapping[str, Any] = yaml.safe_load(files("sandbox").joinpath("orders.yaml").read_text(encoding="utf-8"))
    return loaded


def draft_orders(patient_id: str, form: OrderForm, authored: date, prefix: str = "draft") -> list[Resource]:
    """Return the draft requests of one signing: one for each item, and one for the drug that goes with them.

    Args:
        patient_id: id of the Patient.
        form: what was filled in.
        authored: day on which the orders are written.
        prefix: what the ids of the requests begin with.
    """
    rows = [catalogue()["orders"][item] for item in form.items]
    orders = [
        _request(row, f"{prefix}-{number}", patient_id, form, authored) for number, row in enumerate(rows, start=1)
    ]
    routes = [row["route"] for row in rows if row["resource"] != "MedicationRequest" and "route" in row]
    if form.drug and routes:
        drug = _request(
            {"resource": "MedicationRequest", "concept": ["drugs", form.drug], "route": routes[0]},
            f"{prefix}-drug",
            patient_id,
            form,
            authored,
        )
        services = [order for order in orders if order["resourceType"] == "ServiceRequest"]
        orders.append(drug | ({"basedOn": [reference(services[0])]} if services else {}))
    return orders


def suggested_form(chart: Chart, suggestion: Mapping[str, Any]) -> OrderForm:
    """Return a suggested order of index.yaml as a filled-in form for a chart."""
    return OrderForm(
        items=suggestion["items"],
        purpose=suggestion.get("purpose"),
        drug=suggestion.get("drug"),
        reason=reason_in(chart.resources, suggestion.get("reason")),
        on=chart.today + timedelta(days=suggestion.get("in_days", 7)),
        insurance=tuple(entry for entry in chart.resources if entry["resourceType"] == "Coverage"),
    )


def reason_in(resources: Sequence[Resource], name: str | None) -> Resource | None:
    """Return the problem or finding of a chart that a suggestion names as the order's reason.

    Raises:
        LookupError: if the chart holds no such problem or finding.
    """
    if name is None:
        return None
    for resource in resources:
        kind = resource["resourceType"]
        group = {"Condition": "problems", "Observation": "findings"}.get(kind)
        if group and resource["code"] == _concept_or_none(group, name):
            return resource
    raise LookupError(f"the chart holds no {name}")


def _request(row: Mapping[str, Any], resource_id: str, patient_id: str, form: OrderForm, authored: date) -> Resource:
    kind = row["resource"]
    group, name = row["concept"]
    code = concept(group, name)
    request: Resource = {"resourceType": kind, "id": resource_id, "status": "draft", "intent": "order"}
    if kind == "ServiceRequest":
        request |= {"category": [concept("purposes", form.purpose)]} if form.purpose else {}
        request |= {"code": code}
    elif kind == "DeviceRequest":
        request |= {"codeCodeableConcept": code}
    else:
        request |= {"medicationCodeableConcept": code}
    request |= {
        "subject": {"reference": f"Patient/{patient_id}"},
        "encounter": {"reference": f"Encounter/{patient_id}-encounter-1"},
    }
    if form.on and kind != "MedicationRequest":
        request["occurrenceDateTime"] = form.on.isoformat()
    request |= {"authoredOn": authored.isoformat(), "requester": person(CLINICIAN)}
    if form.reason:
        is_problem = form.reason["resourceType"] == "Condition"
        request |= {"reasonCode": [form.reason["code"]]} if is_problem else {}
        request |= {"reasonReference": [reference(dict(form.reason))]}
    if form.insurance:
        request["insurance"] = [reference(coverage) for coverage in form.insurance]
    if form.text:
        request["note"] = [{"text": form.text}]
    if kind == "MedicationRequest":
        dosage: Resource = {"route": concept("routes", row["route"])}
        if form.on:
            dosage |= {"timing": {"repeat": {"boundsPeriod": {"start": form.on.isoformat()}}}}
        request["dosageInstruction"] = [dosage]
    return request


def _concept_or_none(group: str, name: str) -> Resource | None:
    try:
        return concept(group, name)
    except KeyError:
        return None
