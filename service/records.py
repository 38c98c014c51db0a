"""What one call may read: prefetch, the FHIR server for what is missing, the people and drugs referred to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fhir_mappings.chart import SUBJECT, Located, concerns, relative
from fhir_mappings.prefetch import PATIENT, Query
from fhir_mappings.resources import Resource, items, mapping, reference_of, references
from service.errors import BadRequest
from service.fhir_client import FhirReader, scope_allows
from service.hook_requests import HookRequest
from service.pipeline import Records
from service.prefetched import Found, found_under, under_other_keys

FOLLOWED = ("Organization", "Practitioner", "PractitionerRole", "Medication", "Condition")
MAX_FOLLOWED = 60
REFERRING = {
    "Coverage": ("payor",),
    "Observation": ("performer",),
    "QuestionnaireResponse": ("author", "source"),
    "MedicationRequest": ("medicationReference", "reasonReference"),
    "MedicationStatement": ("medicationReference",),
    "MedicationAdministration": ("medicationReference",),
    "ServiceRequest": ("reasonReference",),
    "DeviceRequest": ("reasonReference",),
    "PractitionerRole": ("practitioner",),
}


def read_records(request: HookRequest, queries: Mapping[str, Query], reader: FhirReader | None) -> Records:
    """Return everything that can be read for a request. Raises BadRequest for another patient's Coverage."""
    found = {key: found_under(key, request.prefetch) for key in queries}
    warnings = [text for one in found.values() for text in one.warnings]
    if reader is not None:
        found |= _from_server(request, queries, found, reader)
        warnings += [text for key, one in found.items() for text in one.warnings]
    unread = frozenset(kind for key, one in found.items() if not one.state.is_read for kind in queries[key].types)
    resources = [located for one in found.values() for located in one.resources]
    resources += under_other_keys(request.prefetch, queries)
    refuse_other_patients(_coverages(resources), resources, request.patient_id)
    if reader is not None:
        resources += _followed([*request.orders, *resources], reader)
    return Records(
        request.patient_id,
        request.orders,
        tuple(resources),
        unread,
        tuple(dict.fromkeys((*request.warnings, *warnings))),
    )


def _from_server(
    request: HookRequest, queries: Mapping[str, Query], found: Mapping[str, Found], reader: FhirReader
) -> dict[str, Found]:
    asked = {
        key: queries[key].template.replace(PATIENT, request.patient_id)
        for key, one in found.items()
        if one.state.may_be_asked_again
    }
    return reader.read_all(asked, {key: found[key] for key in asked}) if asked else {}


def refuse_other_patients(refused: Iterable[Located], everything: Iterable[Located], patient_id: str) -> None:
    """Raise BadRequest for a Coverage or an order of somebody else: the input is then unusable as a whole."""
    aliases = frozenset(
        one.url for one in everything if reference_of(one.resource) == f"Patient/{patient_id}" and one.url
    )
    for one in refused:
        if concerns(one.resource, patient_id, aliases) is False:
            kind = str(one.resource.get("resourceType"))
            name, member = reference_of(one.resource), SUBJECT.get(kind, "subject")
            raise BadRequest(f"{name} is for somebody else than Patient/{patient_id}.", f"{kind}.{member}")


def _coverages(resources: Iterable[Located]) -> list[Located]:
    return [one for one in resources if one.resource.get("resourceType") == "Coverage"]


def _followed(known: Sequence[Located], reader: FhirReader) -> list[Located]:
    """Return the people, drugs and insurers that the records refer to and that did not come with them."""
    have = {reference_of(one.resource) for one in known} | {one.url for one in known if one.url}
    wanted = list(dict.fromkeys(target for one in known for target in _targets(one.resource) if target not in have))
    allowed = [one for one in wanted if scope_allows(reader.access.scope, one.partition("/")[0])]
    read = reader.read_all({target: target for target in allowed[:MAX_FOLLOWED]})
    return [located for one in read.values() for located in one.resources]


def _targets(resource: Resource) -> Iterable[str]:
    members = REFERRING.get(str(resource.get("resourceType")), ())
    for member in members:
        for target in references(resource.get(member)):
            name = relative(target)
            if name.partition("/")[0] in FOLLOWED and not target.startswith("#"):
                yield name
    if resource.get("resourceType") == "Procedure":
        for performer in items(resource.get("performer")):
            for target in references(mapping(performer).get("actor")):
                if relative(target).partition("/")[0] in FOLLOWED:
                    yield relative(target)
