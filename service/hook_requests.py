"""The order-sign request, checked: whatever the hook requires is there, everything else is left as it came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fhir_mappings.chart import Located, concerns
from fhir_mappings.resources import reference_of, text
from service.errors import BadRequest

ORDER_SIGN, ORDER_SELECT = "order-sign", "order-select"
ORDER_TYPES = frozenset({"ServiceRequest", "DeviceRequest", "MedicationRequest"})


@dataclass(frozen=True, slots=True)
class Access:
    """How the EHR's FHIR server may be read: base URL, bearer token, the scopes it was given."""

    server: str
    token: str = field(repr=False)
    scope: str


@dataclass(frozen=True, slots=True)
class HookRequest:
    """One call. `prefetch` is as it came; `server` is the EHR's FHIR base, if named; `warnings` are on odd parts."""

    hook: str
    instance: str
    patient_id: str
    orders: tuple[Located, ...]
    prefetch: Mapping[str, Any]
    server: str = ""
    access: Access | None = None
    selections: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def hook_request(body: Any, hook: str) -> HookRequest:
    """Return the request of a parsed body. Raises BadRequest that names the field.

    Required are `hook`, `hookInstance`, `context.userId`, `context.patientId` and `context.draftOrders`
    (CDS Hooks 2.0 "Calling a CDS Service"; hooks order-sign and order-select 1.0), for order-select `selections` too.
    """
    members = _object(body, "body")
    if _text(members, "hook") != hook:
        raise BadRequest(f"`hook` is not `{hook}`: this service answers {hook} only.", "hook")
    instance = _text(members, "hookInstance")
    context = _object(members.get("context"), "context")
    _text(context, "userId", "context.")
    patient_id = _text(context, "patientId", "context.").removeprefix("Patient/")
    prefetch = members.get("prefetch")
    if prefetch is not None and not isinstance(prefetch, Mapping):
        raise BadRequest("`prefetch` is no object.", "prefetch")
    orders, warnings = draft_orders(context.get("draftOrders"))
    _refuse_other_patient(orders, prefetch or {}, patient_id)
    selections = _selections(context) if hook == ORDER_SELECT else ()
    server = members.get("fhirServer")
    access, doubts = _access(members, patient_id)
    return HookRequest(
        hook,
        instance,
        patient_id,
        orders,
        prefetch or {},
        server.rstrip("/") if isinstance(server, str) else "",
        access,
        selections,
        (*warnings, *doubts),
    )


def _selections(context: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the references in `context.selections` (hook order-select 1.0). Raises BadRequest."""
    where = "context.selections"
    selections = context.get("selections")
    if selections is None:
        raise BadRequest(f"`{where}` is missing.", where)
    if not isinstance(selections, list) or not all(isinstance(one, str) for one in selections):
        raise BadRequest(f"`{where}` is no list of references.", where)
    return tuple(selections)


def draft_orders(bundle: Any) -> tuple[tuple[Located, ...], list[str]]:
    """Return the orders of `context.draftOrders` and warnings about entries that hold none. Raises BadRequest."""
    where = "context.draftOrders"
    members = _object(bundle, where)
    if members.get("resourceType") != "Bundle":
        raise BadRequest(f"`{where}` is no FHIR Bundle.", where)
    entries = members.get("entry", [])
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        raise BadRequest(f"`{where}.entry` is no list.", f"{where}.entry")
    orders, warnings = [], []
    for index, entry in enumerate(entries):
        resource = entry.get("resource") if isinstance(entry, Mapping) else None
        if not isinstance(resource, Mapping) or not text(resource.get("resourceType")):
            warnings.append(f"{where}.entry[{index}] holds no resource: not read.")
            continue
        orders.append(Located(resource, text(entry.get("fullUrl"))))
    return tuple(orders), warnings


def _refuse_other_patient(orders: Sequence[Located], prefetch: Mapping[str, Any], patient_id: str) -> None:
    patient = prefetch.get("patient")
    if isinstance(patient, Mapping) and patient.get("resourceType") == "Patient":
        own = text(patient.get("id"))
        if own and own != patient_id:
            raise BadRequest("The prefetched Patient is not `context.patientId`.", "prefetch.patient.id")
    aliases = frozenset(one.url for one in orders if one.resource.get("resourceType") == "Patient" and one.url)
    for order in orders:
        kind = order.resource.get("resourceType")
        if kind in ORDER_TYPES and concerns(order.resource, patient_id, aliases) is False:
            name = reference_of(order.resource)
            raise BadRequest(f"The order {name} is for somebody else than `context.patientId`.", f"{kind}.subject")


def _access(members: Mapping[str, Any], patient_id: str) -> tuple[Access | None, list[str]]:
    """Return how the FHIR server may be read, and why not where something speaks against it."""
    given = members.get("fhirAuthorization")
    if given is None:
        return None, []
    server = members.get("fhirServer")
    if not isinstance(server, str) or not server:
        raise BadRequest("`fhirAuthorization` stands without `fhirServer`.", "fhirServer")
    authorization = _object(given, "fhirAuthorization")
    token, kind = authorization.get("access_token"), authorization.get("token_type")
    if not isinstance(token, str) or not token or kind != "Bearer":
        return None, ["fhirAuthorization holds no Bearer token: the FHIR server was not read."]
    if authorization.get("patient", patient_id) != patient_id:
        return None, ["fhirAuthorization is for another patient: the FHIR server was not read."]
    return Access(server.rstrip("/"), token, text(authorization.get("scope"))), []


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if value is None:
        raise BadRequest(f"`{where}` is missing.", where)
    if not isinstance(value, Mapping):
        raise BadRequest(f"`{where}` is no JSON object.", where)
    return value


def _text(members: Mapping[str, Any], key: str, prefix: str = "") -> str:
    value = members.get(key)
    if value is None or value == "":
        raise BadRequest(f"`{prefix}{key}` is missing.", prefix + key)
    if not isinstance(value, str):
        raise BadRequest(f"`{prefix}{key}` is no text.", prefix + key)
    return value
