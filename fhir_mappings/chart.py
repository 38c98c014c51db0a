"""One patient's records, indexed once: by type, by reference, by value set.

A chart holds only what concerns its patient. What could not be read, or is somebody else's, is a warning that
names the resource and the field; it costs nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from fhir_mappings.code_sets import Hit, ValueSets
from fhir_mappings.readings import Reading, readings_of
from fhir_mappings.resources import Resource, items, reference_of, references, text

SUBJECT = {
    "AllergyIntolerance": "patient",
    "Coverage": "beneficiary",
    "Consent": "patient",
    "Device": "patient",
    "Appointment": "participant",
}
"""Where a resource names its patient, where that is not `subject`."""

SHARED = frozenset(
    {"Practitioner", "PractitionerRole", "Organization", "Location", "Medication", "Questionnaire", "OperationOutcome"}
)
"""Types that belong to no patient."""

CLINICAL = frozenset(
    {
        "AdverseEvent", "AllergyIntolerance", "Condition", "Consent", "Coverage", "Device", "DiagnosticReport",
        "DocumentReference", "Encounter", "MedicationAdministration", "MedicationRequest", "MedicationStatement",
        "Observation", "Procedure", "QuestionnaireResponse", "DeviceRequest", "ServiceRequest", "List",
    }
)  # fmt: skip
"""Types that are read."""


@dataclass(frozen=True, slots=True)
class Located:
    """A resource with the address it came under (a Bundle's fullUrl; empty where it had none)."""

    resource: Resource
    url: str = ""


@dataclass(slots=True)
class Chart:
    """The records of one patient. Build it with `build_chart`.

    `unread`  the resource types that could not be read: silence about them says nothing
    """

    patient_id: str
    patient: Resource
    sets: ValueSets
    unread: frozenset[str] = frozenset()
    warnings: list[str] = field(default_factory=list)
    _by_type: dict[str, list[Resource]] = field(default_factory=lambda: defaultdict(list))
    _by_reference: dict[str, Resource] = field(default_factory=dict)
    _readings: dict[str, list[Reading]] = field(default_factory=lambda: defaultdict(list))
    _by_set: dict[tuple[str, str], list[tuple[Resource, Hit]]] = field(default_factory=lambda: defaultdict(list))

    def of_type(self, *types: str) -> list[Resource]:
        """Return the patient's resources of these types."""
        return [resource for kind in types for resource in self._by_type.get(kind, ())]

    def readings(self, *value_sets: str) -> list[Reading]:
        """Return the Observations and form answers whose code one of the value sets holds, oldest first."""
        found = [reading for name in value_sets for reading in self._readings.get(name, ())]
        return sorted(found, key=lambda reading: reading.order)

    def coded(self, kind: str, *value_sets: str) -> list[tuple[Resource, Hit]]:
        """Return the resources of one type (Condition, Procedure, Device, …) whose code a value set holds."""
        return [pair for name in value_sets for pair in self._by_set.get((kind, name), ())]

    def resolve(self, reference: object, holder: Resource | None = None) -> Resource | None:
        """Return the resource behind a reference (`Type/id`, absolute, urn:uuid, `#contained`), None if unknown."""
        target = text(reference)
        if target.startswith("#") and holder is not None:
            for contained in items(holder.get("contained")):
                if text(contained.get("id")) == target[1:]:
                    return contained
            return None
        return self._by_reference.get(target) or self._by_reference.get(relative(target))

    def could_not_read(self, *types: str) -> tuple[str, ...]:
        """Return those of the types that could not be read."""
        return tuple(kind for kind in types if kind in self.unread)


def relative(reference: str) -> str:
    """Return `Type/id` of a reference, without server and version."""
    parts = reference.split("/_history/")[0].rstrip("/").split("/")
    return "/".join(parts[-2:]) if len(parts) >= 2 else reference


def concerns(resource: Resource, patient_id: str, aliases: frozenset[str] = frozenset()) -> bool | None:
    """Return whether a resource is about the patient; None where it does not say whose it is."""
    member = SUBJECT.get(text(resource.get("resourceType")), "subject")
    targets = list(references(resource.get(member)))
    if not targets:
        return None
    return any(
        target in aliases or relative(target) == f"Patient/{patient_id}" or target == patient_id for target in targets
    )


def build_chart(
    located: Iterable[Located],
    patient_id: str,
    sets: ValueSets,
    unread: frozenset[str] = frozenset(),
) -> Chart:
    """Return the patient's chart. Whatever is about somebody else is left out and named in the warnings."""
    entries = list(located)
    aliases = frozenset(
        entry.url
        for entry in entries
        if entry.url and entry.resource.get("resourceType") == "Patient" and entry.resource.get("id") == patient_id
    )
    chart = Chart(patient_id, {}, sets, unread)
    for entry in entries:
        _index(chart, entry, aliases)
    for kind in ("Observation", "QuestionnaireResponse"):
        for resource in chart._by_type.get(kind, ()):
            _index_readings(chart, resource)
    return chart


def _index(chart: Chart, entry: Located, aliases: frozenset[str]) -> None:
    resource = entry.resource
    kind, reference = text(resource.get("resourceType")), reference_of(resource)
    if kind == "Patient":
        if text(resource.get("id")) == chart.patient_id:
            chart.patient = resource
            _address(chart, entry, reference)
        return
    if kind in SHARED:
        _address(chart, entry, reference)
        return
    if kind not in CLINICAL:
        return
    if "/" in reference and reference in chart._by_reference:
        return
    whose = concerns(resource, chart.patient_id, aliases)
    if whose is not True:
        member = SUBJECT.get(kind, "subject")
        problem = "is about somebody else" if whose is False else "does not say whose it is"
        chart.warnings.append(f"{reference} {problem} ({kind}.{member}): not used.")
        return
    _address(chart, entry, reference)
    chart._by_type[kind].append(resource)
    if kind not in ("Observation", "QuestionnaireResponse"):
        for concept in _concepts(resource, kind):
            for hit in chart.sets.all_hits(concept):
                chart._by_set[(kind, hit.value_set)].append((resource, hit))


def _address(chart: Chart, entry: Located, reference: str) -> None:
    if "/" in reference:
        chart._by_reference[reference] = entry.resource
    if entry.url:
        chart._by_reference.setdefault(entry.url, entry.resource)


def _concepts(resource: Resource, kind: str) -> Iterable[object]:
    yield resource.get("type" if kind in ("Device", "DocumentReference") else "code")
    if kind == "Encounter":
        yield from items(resource.get("type"))


def _index_readings(chart: Chart, resource: Resource) -> None:
    for reading in readings_of(resource, chart):
        for name in reading.hits:
            chart._readings[name].append(reading)
