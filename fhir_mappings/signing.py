"""The orders of one signing, read: codes, drugs, reasons, purposes, texts, and what their references point to.

Nothing is concluded here; see orders.py. A chart may be missing (the quick first look): what a reference points to is
then unknown, and `is_open` says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from fhir_mappings.chart import Chart, Located, relative
from fhir_mappings.code_sets import Hit, ValueSets, codings_of
from fhir_mappings.resources import Resource, items, mapping, reference_of, references, text
from fhir_mappings.wording import Wording, wording

SERVICE, DEVICE, MEDICATION = "ServiceRequest", "DeviceRequest", "MedicationRequest"
ORDER_TYPES = (SERVICE, DEVICE, MEDICATION)
ENDED = frozenset({"cancelled", "entered-in-error", "completed", "revoked", "stopped"})
"""Orders that are not being signed."""

ORDER_SETS = frozenset(
    {
        "neuraxial-single-injection", "neuraxial-catheter-infusion", "pump-tunneled-catheter", "pump-implant",
        "pump-item", "pump-replacement-item", "pump-removal", "pump-service", "pump-not-spinal", "epidural-other",
        "neurolytic", "scs",
    }
)  # fmt: skip
"""The value sets of order codes."""

SPINAL_ROUTES = ("route-intrathecal", "route-epidural")
OTHER_ROUTES = (
    "route-oral",
    "route-transdermal",
    "route-subcutaneous",
    "route-rectal",
    "route-buccal",
    "route-intravenous",
)
BILLING_OPTIONS = "ext-billing-options"
EARLIER = {
    SERVICE: ("basedOn", "replaces"),
    DEVICE: ("basedOn", "priorRequest"),
    MEDICATION: ("basedOn", "priorPrescription"),
}
_CODE_MEMBERS = {
    SERVICE: ("code", ""),
    DEVICE: ("codeCodeableConcept", "codeReference"),
    MEDICATION: ("medicationCodeableConcept", "medicationReference"),
}


class Resolver:
    """Finds what a reference points to: contained, among the draft orders, in the chart."""

    def __init__(self, located: Sequence[Located], chart: Chart | None) -> None:
        self._chart = chart
        self._near: dict[str, Resource] = {}
        for one in located:
            own = reference_of(one.resource)
            for address in (own if "/" in own else "", one.url, relative(one.url) if one.url else ""):
                if address:
                    self._near.setdefault(address, one.resource)

    def near(self, reference: object, holder: Resource) -> Resource | None:
        """Return a contained resource or one of the draft orders' Bundle."""
        target = text(reference)
        if target.startswith("#"):
            return next((one for one in items(holder.get("contained")) if text(one.get("id")) == target[1:]), None)
        return self._near.get(target) or self._near.get(relative(target))

    def find(self, reference: object, holder: Resource) -> Resource | None:
        """Return the resource behind a reference, None where it is not known."""
        found = self.near(reference, holder)
        if found is None and self._chart is not None:
            found = self._chart.resolve(reference)
        return found


class OrderReading:
    """One order as it is written. Everything malformed in it reads as absent."""

    def __init__(self, resource: Resource, sets: ValueSets, resolver: Resolver) -> None:
        self.resource = resource
        self.kind = text(resource.get("resourceType"))
        self.reference = reference_of(resource)
        self.sets = sets
        self._resolver = resolver

    @property
    def reader(self) -> Wording:
        """Return the reader of free text."""
        return wording(self.sets)

    # codes

    @cached_property
    def concepts(self) -> tuple[Resource, ...]:
        """The concepts that say what is ordered, billing options and a referenced device or drug included."""
        direct, referenced = _CODE_MEMBERS[self.kind]
        found = [*_concepts(self.resource.get(direct)), *self._billing(self.resource)]
        for concept in tuple(found):
            found += self._billing(concept)
        for target in self._targets(referenced):
            member = "type" if target.get("resourceType") == "Device" else "code"
            found += _concepts(target.get(member))
            for ingredient in items(target.get("ingredient")):
                found += _concepts(ingredient.get("itemCodeableConcept"))
        return tuple(found)

    @staticmethod
    def _billing(holder: Resource) -> list[Resource]:
        """Return the codes that a Da Vinci CRD client offers for billing beside the clinical code."""
        found = []
        for extension in items(holder.get("extension")):
            if text(extension.get("url")).rpartition("/")[2] == BILLING_OPTIONS:
                found += _concepts(extension.get("valueCodeableConcept")) + _concepts(extension.get("valueCoding"))
        return found

    @cached_property
    def hits(self) -> tuple[Hit, ...]:
        """Every value set that holds a code of the order."""
        return tuple(hit for concept in self.concepts for hit in self.sets.all_hits(concept))

    @cached_property
    def _order_hits(self) -> tuple[Hit, ...]:
        """The codes of order value sets; a drug's record is asked for no procedure."""
        hits = self.hits
        if self.kind == MEDICATION:
            own = _concepts(self.resource.get("medicationCodeableConcept"))
            hits = tuple(hit for concept in own for hit in self.sets.all_hits(concept))
        return tuple(hit for hit in hits if hit.value_set in ORDER_SETS)

    @cached_property
    def roles(self) -> frozenset[str]:
        """Ids of the order value sets that hold its codes."""
        return frozenset(hit.value_set for hit in self._order_hits)

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """Its CPT and HCPCS codes that order value sets hold."""
        billed = (hit for hit in self._order_hits if self.sets.system_key(hit.entry.system) in ("cpt", "hcpcs"))
        return tuple(dict.fromkeys(hit.entry.code for hit in billed))

    def has(self, value_set: str, **attributes: object) -> bool:
        """Return whether a code of the order stands in a value set, with these attributes."""
        return any(
            hit.value_set == value_set and all(hit.attributes.get(name) == value for name, value in attributes.items())
            for hit in self.hits
        )

    @cached_property
    def unplaced_codes(self) -> tuple[str, ...]:
        """Codes that look like ours but bear no code system that is known."""
        known = {entry.code for name in ORDER_SETS for entry in self.sets.entries(name)}
        return tuple(
            code
            for concept in self.concepts
            for coding in codings_of(concept)
            if (code := text(coding.get("code")).upper()) in known
            and self.sets.system_key(coding.get("system")) is None
        )

    # reasons, purposes, texts

    @cached_property
    def reasons(self) -> tuple[tuple[Resource, Resource | None], ...]:
        """The concepts that say why, each with the resource that it comes from (None: the order's own reasonCode)."""
        own: list[tuple[Resource, Resource | None]] = [
            (concept, None) for concept in _concepts(self.resource.get("reasonCode"))
        ]
        for target in self._targets("reasonReference"):
            own += [(concept, target) for concept in _concepts(target.get("code"))]
        return tuple(own)

    @cached_property
    def purposes(self) -> tuple[Resource, ...]:
        """The concepts that say what for: categories, order details and the order's own reasons."""
        found = [
            concept
            for member in ("category", "orderDetail", "reasonCode")
            for concept in _concepts(self.resource.get(member))
        ]
        return (*found, *self.concepts)

    @cached_property
    def details(self) -> tuple[Resource, ...]:
        """The concepts of the order's details."""
        return tuple(_concepts(self.resource.get("orderDetail")))

    @cached_property
    def purpose_codes(self) -> frozenset[str]:
        """Our own purpose codes on the order."""
        hits = (self.sets.find(concept, "order-purpose") for concept in self.purposes)
        return frozenset(hit.entry.code for hit in hits if hit)

    @cached_property
    def name_texts(self) -> tuple[str, ...]:
        """The words in which the order names itself: texts, and displays of codes that no value set knows."""
        return tuple(words for concept in self._near_concepts() for words in self.words(concept))

    def _near_concepts(self) -> Iterator[Resource]:
        """Yield what is ordered as far as the signing itself says it."""
        direct, referenced = _CODE_MEMBERS[self.kind]
        yield from _concepts(self.resource.get(direct))
        yield from self.details
        for reference in items(self.resource.get(referenced)):
            yield {"text": reference.get("display")}
            target = self._resolver.near(reference.get("reference"), self.resource)
            if target is not None:
                yield from _concepts(target.get("type" if target.get("resourceType") == "Device" else "code"))
                for name in items(target.get("deviceName")):
                    yield {"text": name.get("name")}

    @cached_property
    def reason_texts(self) -> tuple[str, ...]:
        """The words of reasons, categories and what the reason's reference is called."""
        concepts = [
            concept for member in ("reasonCode", "category") for concept in _concepts(self.resource.get(member))
        ]
        shown = [{"text": reference.get("display")} for reference in items(self.resource.get("reasonReference"))]
        near = [
            concept
            for reference in references(self.resource.get("reasonReference"))
            for concept in _concepts(mapping(self._resolver.near(reference, self.resource)).get("code"))
        ]
        return tuple(words for concept in (*concepts, *shown, *near) for words in self.words(concept))

    @cached_property
    def note_texts(self) -> tuple[str, ...]:
        """Notes and instructions."""
        found = [note.get("text") for note in items(self.resource.get("note"))]
        found.append(self.resource.get("patientInstruction"))
        for dosage in items(self.resource.get("dosageInstruction")):
            found += [dosage.get("text"), dosage.get("patientInstruction")]
            found += [
                words for concept in _concepts(dosage.get("additionalInstruction")) for words in self.words(concept)
            ]
        return tuple(one for one in found if isinstance(one, str) and one)

    @property
    def texts(self) -> tuple[str, ...]:
        """Everything the order says in words."""
        return (*self.name_texts, *self.reason_texts, *self.note_texts)

    def words(self, concept: Resource) -> Iterator[str]:
        """Yield a concept's text, and the displays of codings that no value set holds: known codes need no words."""
        if isinstance(concept.get("text"), str):
            yield concept["text"]
        for coding in codings_of(concept):
            display = coding.get("display")
            if isinstance(display, str) and display != concept.get("text") and not self.sets.all_hits(coding):
                yield display

    # drugs

    @cached_property
    def is_spinal(self) -> bool | None:
        """Whether its drug is given into the spine: None where neither route, form nor schedule say."""
        if self.kind != MEDICATION:
            return None
        dosages = list(items(self.resource.get("dosageInstruction")))
        said = [self._route(concept) for dosage in dosages for concept in _concepts(dosage.get("route"))]
        if not any(one is not None for one in said):
            said = [self._route({"text": words}) for dosage in dosages for words in [dosage.get("text")]]
        if True in said:
            return True
        if False in said or any(self.sets.drugs.systemic_form(concept) for concept in self.concepts):
            return False
        if any(self.sets.drugs.form(concept) == "injection" for concept in self.concepts) or self._is_billed_drug():
            return None
        return False if any(_is_schedule(dosage) for dosage in dosages) else None

    @cached_property
    def is_epidural(self) -> bool:
        """Whether its route is named epidural."""
        routes = [
            concept
            for dosage in items(self.resource.get("dosageInstruction"))
            for concept in _concepts(dosage.get("route"))
        ]
        return any(
            self.sets.find(concept, "route-epidural") or self.sets.mentioned(concept.get("text"), "route-epidural")
            for concept in routes
        )

    def _route(self, concept: Resource) -> bool | None:
        if self.sets.find(concept, *SPINAL_ROUTES):
            return True
        if self.sets.find(concept, *OTHER_ROUTES):
            return False
        words = " ".join([text(concept.get("text")), *(text(one.get("display")) for one in codings_of(concept))])
        if any(self.sets.mentioned(words, name) for name in SPINAL_ROUTES):
            return True
        return False if any(self.sets.mentioned(words, name) for name in OTHER_ROUTES) else None

    def _is_billed_drug(self) -> bool:
        return any(
            "ingredient" in hit.attributes and self.sets.system_key(hit.entry.system) == "hcpcs" for hit in self.hits
        )

    @cached_property
    def drugs(self) -> frozenset[str]:
        """The ingredients that it names as given into the spine, or may be."""
        if self.is_spinal is False:
            return frozenset()
        return frozenset(
            name for concept in (*self.concepts, *self.details) for name in self.sets.drugs.identify(concept)
        )

    @cached_property
    def described_drugs(self) -> frozenset[str]:
        """The ingredients that a note or reason calls intrathecal: they may be a sign, and are no order of the drug."""
        return frozenset(
            name
            for words in (*self.reason_texts, *self.note_texts)
            if self.reader.says_spinal(words) and not self.sets.mentioned(words, "pump-words")
            for name in self.sets.drugs.identify(words)
        )

    def in_groups(self, *groups: str) -> bool:
        """Return whether one of its spinal drugs belongs to a group."""
        return bool(self._groups & set(groups))

    @cached_property
    def _groups(self) -> frozenset[str]:
        return frozenset(group for name in self.drugs for group in self.sets.drugs.group(name))

    # references

    def _targets(self, member: str) -> Iterator[Resource]:
        for reference in references(self.resource.get(member)):
            target = self._resolver.find(reference, self.resource)
            if target is not None:
                yield target

    @cached_property
    def earlier(self) -> tuple[Resource, ...]:
        """The orders that it is based on or replaces."""
        return tuple(target for member in EARLIER[self.kind] for target in self._targets(member))

    def is_open(self, *members: str) -> bool:
        """Return whether a reference of these members points to something that is not known here."""
        return any(
            self._resolver.find(reference, self.resource) is None
            for member in members
            for reference in references(self.resource.get(member))
        )

    def unknown_reasons(self) -> tuple[str, ...]:
        """Return the reasonReferences that point to nothing known."""
        return tuple(
            reference
            for reference in references(self.resource.get("reasonReference"))
            if self._resolver.find(reference, self.resource) is None
        )


class Signing:
    """The live orders of one signing."""

    def __init__(self, located: Sequence[Located], sets: ValueSets, chart: Chart | None = None) -> None:
        resolver = Resolver(located, chart)
        self.sets = sets
        self.resolver = resolver
        self.orders: tuple[OrderReading, ...] = tuple(
            OrderReading(one.resource, sets, resolver) for one in located if _is_live(one.resource)
        )

    @property
    def reader(self) -> Wording:
        """Return the reader of free text."""
        return wording(self.sets)

    def read(self, resource: Resource) -> OrderReading | None:
        """Return another order, such as one that an order replaces; None where it is none or an error."""
        if text(resource.get("resourceType")) not in ORDER_TYPES or resource.get("status") == "entered-in-error":
            return None
        return OrderReading(resource, self.sets, self.resolver)


def _is_live(resource: Resource) -> bool:
    if text(resource.get("resourceType")) not in ORDER_TYPES:
        return False
    return text(resource.get("status")) not in ENDED and resource.get("doNotPerform") is not True


def _concepts(value: object) -> list[Resource]:
    """Return CodeableConcepts whether one or a list stands there; a bare string is its text."""
    if isinstance(value, str):
        return [{"text": value}]
    return list(items(value))


def _is_schedule(dosage: Resource) -> bool:
    """Return whether a dosage repeats, as what is swallowed does and a test dose does not."""
    timing = mapping(dosage.get("timing"))
    return (
        bool(timing.get("code"))
        or "frequency" in mapping(timing.get("repeat"))
        or dosage.get("asNeededBoolean") is True
    )
