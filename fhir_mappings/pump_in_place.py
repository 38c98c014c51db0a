"""Whether an intrathecal or epidural system, a pump or a tunneled catheter, is in place.

Proofs are an active Device, a completed implant, a finding on whether the pump works. A pump's removal ends the pump, a
catheter's the catheter. Insulin, cardiac and other devices are none, and so is a temporary pump.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from fhir_mappings.chart import Chart
from fhir_mappings.code_sets import Hit, codings_of
from fhir_mappings.resources import Resource, concept_text, items, mapping, reference_of, text
from fhir_mappings.times import When, choice_span
from policies.values import Evidence

PUMP, CATHETER = "pump", "catheter"
PUMP_STATED = "pump-functional"
_GONE = frozenset({"inactive", "entered-in-error"})
_IMPLANTS = {"pump-implant": PUMP, "pump-tunneled-catheter": CATHETER}
_ITEMS = ("pump-item", "pump-replacement-item")


@dataclass(frozen=True, slots=True)
class SystemInPlace:
    """A part of an implanted system: `kind` is `pump` or `catheter`, `since` the day of its implant where known."""

    kind: str
    evidence: Evidence
    since: When | None = None


def systems_in_place(chart: Chart, by: date) -> tuple[SystemInPlace, ...]:
    """Return the pumps and tunneled catheters that the chart shows in place on a day, not one implanted that day."""
    removed = {PUMP: list(_removals(chart, PUMP, by)), CATHETER: list(_removals(chart, CATHETER, by))}
    found = [one for one in _implanted(chart, by) if not _taken_out(one.since, removed[one.kind])]
    found += [one for one in _stated(chart, by) if not _taken_out(one.since, removed[PUMP])]
    found += [one for one in _devices(chart) if not removed[one.kind] or any(other.kind == one.kind for other in found)]
    return tuple(found)


def _implanted(chart: Chart, by: date) -> Iterator[SystemInPlace]:
    for procedure, kind in _implants(chart):
        since = _performed(procedure)
        if since is None or since.first < by:
            yield SystemInPlace(kind, _evidence(procedure, since, f"{kind} implanted"), since)


def _implants(chart: Chart) -> Iterator[tuple[Resource, str]]:
    for value_set, kind in _IMPLANTS.items():
        yield from ((procedure, kind) for procedure, _ in chart.coded("Procedure", value_set) if _is_done(procedure))
    for procedure in chart.of_type("Procedure"):
        used = [*items(procedure.get("usedCode")), *_focal_device_types(procedure, chart)]
        kinds = {kind for concept in used for kind in _item_kinds(chart.sets.all_hits(concept))}
        if kinds and _is_done(procedure):
            yield from ((procedure, kind) for kind in sorted(kinds))


def _focal_device_types(procedure: Resource, chart: Chart) -> Iterator[Resource]:
    for focal in items(procedure.get("focalDevice")):
        device = chart.resolve(mapping(focal.get("manipulated")).get("reference"), procedure)
        if device is not None:
            yield from items(device.get("type"))


def _item_kinds(hits: tuple[Hit, ...]) -> Iterator[str]:
    """Yield what the codes of items stand for; a temporary pump is no implant."""
    for hit in hits:
        if hit.value_set in _ITEMS and not hit.attributes.get("temporary"):
            yield CATHETER if hit.attributes.get("part") == CATHETER else PUMP


def _devices(chart: Chart) -> Iterator[SystemInPlace]:
    for device in chart.of_type("Device"):
        if text(device.get("status")) in _GONE:
            continue
        kinds = {kind for concept in items(device.get("type")) for kind in _item_kinds(chart.sets.all_hits(concept))}
        if not kinds and any(_names_pump(chart, words) for words in _names(device)):
            kinds = {PUMP}
        for kind in sorted(kinds):
            yield SystemInPlace(kind, Evidence(reference_of(device), "", f"{kind} in place"))


def _names(device: Resource) -> Iterator[str]:
    for concept in items(device.get("type")):
        yield text(concept.get("text"))
        yield from (text(coding.get("display")) for coding in codings_of(concept))
    yield from (text(name.get("name")) for name in items(device.get("deviceName")))
    yield text(device.get("modelNumber"))


def _names_pump(chart: Chart, words: str) -> bool:
    if chart.sets.mentioned(words, "pump-in-place"):
        return True
    return bool(chart.sets.mentioned(words, "spinal-words") and chart.sets.mentioned(words, "pump-words"))


def _stated(chart: Chart, by: date) -> Iterator[SystemInPlace]:
    for reading in chart.readings(PUMP_STATED):
        if isinstance(reading.value, bool) and (reading.when is None or reading.when.possibly_by(by)):
            yield SystemInPlace(PUMP, reading.evidence("pump in place"), reading.when)


def _removals(chart: Chart, part: str, by: date) -> Iterator[When | None]:
    for procedure, hit in chart.coded("Procedure", "pump-removal"):
        when = _performed(procedure)
        if hit.attributes.get("part") == part and _is_done(procedure) and (when is None or when.possibly_by(by)):
            yield when


def _taken_out(since: When | None, removals: list[When | None]) -> bool:
    """Return whether a removal came later; one without a date, or of a part without one, counts as later."""
    return any(since is None or when is None or when.order > since.order for when in removals)


def _performed(procedure: Resource) -> When | None:
    span = choice_span(procedure, "performed")
    return span.start or span.end


def _is_done(procedure: Resource) -> bool:
    return procedure.get("status") == "completed"


def _evidence(resource: Resource, when: When | None, what: str) -> Evidence:
    label = concept_text(resource.get("code"))[:60]
    return Evidence(reference_of(resource), when.text if when else "", f"{what}: {label}" if label else what)
