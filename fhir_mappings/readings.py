"""Observations and form answers in one shape, so that every fact is read the same way from both.

Only `final`, `amended` and `corrected` Observations and `completed` or `amended` forms count; a value that cannot be
read is a warning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from typing import TYPE_CHECKING

from fhir_mappings.code_sets import Hit
from fhir_mappings.resources import Resource, concept_text, items, mapping, number, reference_of, references, text
from fhir_mappings.roles import author_role
from fhir_mappings.times import Span, When, choice_span, when
from policies.values import ANSWER, FINDING, Evidence

if TYPE_CHECKING:
    from fhir_mappings.chart import Chart

OBSERVATION_COUNTS = frozenset({"final", "amended", "corrected"})
FORM_COUNTS = frozenset({"completed", "amended"})
FACT_PREFIX = "fact:"
ORDINAL_EXTENSIONS = (
    "http://hl7.org/fhir/StructureDefinition/ordinalValue",
    "http://hl7.org/fhir/StructureDefinition/itemWeight",
)
_DISTANT = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one thing at one time.

    `hits`      value-set id -> what matched
    `value`     a yes/no, an exact number, or None (then `concept` may hold a coded answer, `low`/`high` a range)
    `unit`      UCUM code or unit as written
    `when`      when it was observed (a period: its end); `period` its whole time where it is one
    `role`      who says so, see policies.values.AUTHORS
    `source`    FINDING for an Observation, ANSWER for a form
    """

    reference: str
    hits: Mapping[str, Hit]
    source: str
    value: bool | Fraction | None = None
    concept: Resource = field(default_factory=dict)
    low: Fraction | None = None
    high: Fraction | None = None
    unit: str = ""
    when: When | None = None
    period: Span = field(default_factory=lambda: Span(None, None))
    role: str | None = None
    body_site: str = ""
    resource: Resource = field(default_factory=dict)

    @property
    def order(self) -> datetime:
        """Return the moment to sort by; undated readings come first."""
        return self.when.order if self.when else _DISTANT

    @property
    def is_number(self) -> bool:
        """Return whether the value is a number."""
        return isinstance(self.value, Fraction)

    def evidence(self, summary: str) -> Evidence:
        """Return the pointer to this reading with a short summary of what it says."""
        return Evidence(self.reference, self.when.text if self.when else "", summary)


def readings_of(resource: Resource, chart: Chart) -> Iterator[Reading]:
    """Yield what one Observation or QuestionnaireResponse says about the things that any value set knows."""
    if resource.get("resourceType") == "Observation":
        yield from _observed(resource, chart)
    else:
        yield from _answered(resource, chart)


# Observations -------------------------------------------------------------------------------------------------


def _observed(resource: Resource, chart: Chart) -> Iterator[Reading]:
    if text(resource.get("status")) not in OBSERVATION_COUNTS:
        return
    hits = _hits(chart, resource.get("code"))
    parts = [(hits, resource)] if hits else []
    for component in items(resource.get("component")):
        own = _hits(chart, component.get("code")) or (hits if not _has_value(resource) else {})
        if own:
            parts.append((own, component))
    if not parts:
        return
    time = choice_span(resource, "effective")
    moment = time.end or time.start
    role = author_role(chart, resource, "performer")
    site = concept_text(resource.get("bodySite")).lower()
    for found, part in parts:
        if "dataAbsentReason" in part:
            continue
        value = _value(part)
        if value is None:
            if part is not resource or "component" not in resource:
                chart.warnings.append(f"{reference_of(resource)}: Observation.value[x] could not be read.")
            continue
        yield value.reading(reference_of(resource), found, FINDING, moment, time, role, site, resource)


def _hits(chart: Chart, concept: object) -> dict[str, Hit]:
    return {hit.value_set: hit for hit in reversed(chart.sets.all_hits(concept))}


def _has_value(resource: Resource) -> bool:
    return any(key.startswith("value") for key in resource)


@dataclass(frozen=True, slots=True)
class _Value:
    """The value part of a reading."""

    value: bool | Fraction | None = None
    concept: Resource = field(default_factory=dict)
    low: Fraction | None = None
    high: Fraction | None = None
    unit: str = ""

    def reading(
        self,
        reference: str,
        hits: Mapping[str, Hit],
        source: str,
        moment: When | None,
        period: Span,
        role: str | None,
        site: str,
        resource: Resource,
    ) -> Reading:
        """Return the reading of this value."""
        return Reading(
            reference, hits, source, self.value, self.concept, self.low, self.high, self.unit, moment, period, role,
            site, resource,
        )  # fmt: skip


def _value(part: Resource) -> _Value | None:
    """Return `value[x]` of an Observation, a component or a form's answer, None where nothing can be read."""
    if isinstance(part.get("valueBoolean"), bool):
        return _Value(part["valueBoolean"])
    for member in ("valueInteger", "valueDecimal", "valueString"):
        size = number(part.get(member))
        if size is not None:
            return _Value(size)
    quantity = mapping(part.get("valueQuantity"))
    size = number(quantity.get("value"))
    if size is not None:
        return _quantity(size, quantity)
    span = mapping(part.get("valueRange"))
    low, high = (mapping(span.get(end)) for end in ("low", "high"))
    bounds = number(low.get("value")), number(high.get("value"))
    if bounds != (None, None):
        return _Value(low=bounds[0], high=bounds[1], unit=text(low.get("unit")) or text(high.get("unit")))
    concept = mapping(part.get("valueCodeableConcept")) or _as_concept(part.get("valueCoding"))
    return _Value(_ordinal(concept), concept) if concept else None


def _quantity(size: Fraction, quantity: Resource) -> _Value:
    unit = text(quantity.get("code")) or text(quantity.get("unit"))
    comparator = text(quantity.get("comparator"))
    if not comparator:
        return _Value(size, unit=unit)
    return _Value(low=size, unit=unit) if comparator.startswith(">") else _Value(high=size, unit=unit)


def _as_concept(coding: object) -> Resource:
    return {"coding": [coding]} if isinstance(coding, Mapping) else {}


def _ordinal(concept: Resource) -> Fraction | None:
    for coding in items(concept.get("coding")):
        for extension in items(coding.get("extension")):
            if extension.get("url") in ORDINAL_EXTENSIONS:
                return number(extension.get("valueDecimal"))
    return None


# Forms --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FormAnswer:
    """One answered item of a counted form: its linkId and the answer object (`valueBoolean` and the like)."""

    form: Resource
    link_id: str
    answer: Resource
    item: Resource


def form_answers(resource: Resource) -> Iterator[FormAnswer]:
    """Yield the answered items of a completed or amended QuestionnaireResponse, at any depth."""
    if text(resource.get("status")) in FORM_COUNTS:
        yield from _walk(resource, resource.get("item"))


def _walk(form: Resource, members: object) -> Iterator[FormAnswer]:
    for item in items(members):
        link_id = text(item.get("linkId"))
        for answer in items(item.get("answer")):
            yield FormAnswer(form, link_id, answer, item)
            yield from _walk(form, answer.get("item"))
        if link_id.startswith(FACT_PREFIX) and not item.get("answer"):
            yield FormAnswer(form, link_id, {}, item)
        yield from _walk(form, item.get("item"))


def _answered(resource: Resource, chart: Chart) -> Iterator[Reading]:
    for found in form_answers(resource):
        if not found.link_id.startswith(FACT_PREFIX):
            continue
        name, _, part = found.link_id.removeprefix(FACT_PREFIX).partition("/")
        if part:
            continue
        hits = _hits_of_fact(chart, name)
        if hits is None:
            chart.warnings.append(f"{reference_of(resource)}: item `{found.link_id}` names no known fact.")
            continue
        reading = _timed(found, hits, chart) if _is_group(found) else _bare(found, hits, chart)
        if reading is None:
            chart.warnings.append(f"{reference_of(resource)}: the answer to `{found.link_id}` could not be read.")
        else:
            yield reading


def _is_group(found: FormAnswer) -> bool:
    return any("/" in text(child.get("linkId")) for child in items(found.item.get("item")))


def _hits_of_fact(chart: Chart, name: str) -> dict[str, Hit] | None:
    try:
        own = chart.sets.resolve(FACT_SETS.get(name, name))
    except ValueError:
        return None
    entries = chart.sets.entries(own)
    return {own: Hit(own, entries[0], {})} if entries else None


FACT_SETS = {
    "pain-severity": "pain-nrs",
    "ashworth-mean": "ashworth",
    "spasm-frequency": "penn-spasm-frequency",
}
"""Facts whose readings are kept under the id of the value set that states them."""


def _bare(found: FormAnswer, hits: Mapping[str, Hit], chart: Chart) -> Reading | None:
    value = _value(found.answer)
    return None if value is None else _form_reading(found, hits, chart, value, when(found.form.get("authored")), "")


def _timed(found: FormAnswer, hits: Mapping[str, Hit], chart: Chart) -> Reading | None:
    children = {
        text(child.get("linkId")).rpartition("/")[2]: next(items(child.get("answer")), {})
        for child in items(found.item.get("item"))
    }
    value = _value(children.get("value", {}))
    effective = children.get("effective", {})
    moment = when(effective.get("valueDateTime") or effective.get("valueDate") or found.form.get("authored"))
    site = children.get("bodySite", {})
    words = text(site.get("valueString")) or concept_text(_as_concept(site.get("valueCoding")))
    return None if value is None else _form_reading(found, hits, chart, value, moment, words.lower())


def _form_reading(
    found: FormAnswer,
    hits: Mapping[str, Hit],
    chart: Chart,
    value: _Value,
    moment: When | None,
    site: str,
) -> Reading:
    member = "author" if list(references(found.form.get("author"))) else "source"
    role = author_role(chart, found.form, member)
    name = reference_of(found.form)
    return value.reading(name, hits, ANSWER, moment, Span(moment, moment), role, site, found.form)
