"""`pumpcheck check`: the determinations of a file, without a network."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from fhir_mappings.chart import Located
from fhir_mappings.coverage import policies_for_name
from fhir_mappings.orders import procedures
from fhir_mappings.resources import items, mapping, reference_of, text
from service.engine import Engine
from service.errors import BadRequest
from service.fhir_json import JsonError, parse
from service.hook_requests import ORDER_TYPES, hook_request
from service.pipeline import Decision, Records, decide
from service.records import read_records, refuse_other_patients


def check(
    engine: Engine, body: bytes, today: date, *, policies: Sequence[str] = (), payer: str | None = None
) -> Decision:
    """Return what the service would say of an order-sign request or a Bundle. Raises BadRequest for unusable input."""
    try:
        document = parse(body)
    except JsonError as error:
        raise BadRequest(f"the input is unusable: {error}") from None
    records = _records(engine, document, today)
    stand_in = policies_for_name(payer, engine.payers) if payer is not None else None
    decision = decide(engine, records, today, policies=policies, applicable=stand_in)
    if decision.coverage_unread and not decision.answers:
        raise BadRequest("the patient's Coverage could not be read: prefetch key `coverages` is missing or failed")
    return decision


def _records(engine: Engine, document: Any, today: date) -> Records:
    if isinstance(document, dict) and document.get("resourceType") == "Bundle":
        return _of_bundle(engine, document, today)
    if isinstance(document, dict) and "hook" in document:
        hook = document["hook"] if document["hook"] in ("order-sign", "order-select") else "order-sign"
        return read_records(hook_request(document, hook), engine.queries, None)
    raise BadRequest("the input is neither an order-sign request (no `hook`) nor a FHIR Bundle (no `resourceType`)")


def _of_bundle(engine: Engine, bundle: dict[str, Any], today: date) -> Records:
    """Return a Bundle's records: whatever it does not hold is not there, nothing is unread."""
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise BadRequest("`Bundle.entry` is no list", "Bundle.entry")
    located, warnings = [], []
    for index, entry in enumerate(entries):
        resource = mapping(mapping(entry).get("resource"))
        if not text(resource.get("resourceType")):
            warnings.append(f"Bundle.entry[{index}].resource is no resource: not read.")
            continue
        located.append(Located(resource, text(mapping(entry).get("fullUrl"))))
    patient_id = _patient_id(located)
    orders = [one for one in located if one.resource["resourceType"] in ORDER_TYPES]
    drafts = [one for one in orders if one.resource.get("status") == "draft"]
    records = Records(patient_id, tuple(drafts), tuple(located), warnings=tuple(warnings))
    if not _concerns_us(engine, records, today):
        active = [one for one in orders if one.resource.get("status") == "active"]
        records = Records(patient_id, tuple(active), tuple(located), warnings=tuple(warnings))
    coverages = [one for one in located if one.resource["resourceType"] == "Coverage"]
    refuse_other_patients([*drafts, *records.orders, *coverages], located, patient_id)
    return records


def _concerns_us(engine: Engine, records: Records, today: date) -> bool:
    from fhir_mappings.chart import build_chart

    chart = build_chart(records.resources, records.patient_id, engine.sets)
    return bool(procedures(records.orders, chart, today)[0])


def _patient_id(located: Sequence[Located]) -> str:
    patients = [one for one in located if one.resource.get("resourceType") == "Patient"]
    ids = list(dict.fromkeys(text(one.resource.get("id")) for one in patients))
    if len(ids) == 1 and ids[0]:
        return ids[0]
    if not ids or not ids[0]:
        raise BadRequest("the Bundle holds no Patient with an id", "Patient.id")
    subjects = {
        target.rpartition("/")[2]
        for one in located
        if text(one.resource.get("resourceType")) in ORDER_TYPES
        for target in [text(subject.get("reference")) for subject in items(one.resource.get("subject"))]
    }
    chosen = [own for own in ids if own in subjects]
    if len(chosen) == 1:
        return chosen[0]
    names = ", ".join(reference_of(one.resource) for one in patients)
    raise BadRequest(f"the Bundle holds several patients ({names}): which one is meant is not clear", "Patient.id")
