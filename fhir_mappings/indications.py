"""What an order is for: its own coded reasons first, then the active problems.

A reason given as text only sets no indication. Refuted, erroneous, resolved and inactive conditions are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from fhir_mappings.chart import Chart
from fhir_mappings.code_sets import Hit, ValueSets, codings_of
from fhir_mappings.resources import Resource, items, text
from fhir_mappings.signing import OrderReading
from fhir_mappings.times import choice_span, when
from fhir_mappings.wording import wording
from policies.model import INDICATIONS, OTHER_INDICATION

PAIN, CANCER, SPASTICITY = INDICATIONS
PLAIN_PAIN = ("chronic-pain-nonmalignant", "pain-symptom-only")
INDICATION_SETS = (
    *PLAIN_PAIN, "pain-pathology", "cancer-pain", "cancer-treatment-pain", "neoplasm", "spasticity", "spasticity-cause",
    "dystonia",
)  # fmt: skip
BACLOFEN = "it-baclofen"
NEITHER = frozenset(
    {
        "pump-complication", "catheter-complication", "device-complication-unspecified", "pump-in-place", "neoplasm",
        "spasticity-symptom", "spasticity-cause", "pain-psych", "order-purpose",
    }
)  # fmt: skip
"""Reasons that are no indication and do not say that there is another one."""

DIAGNOSIS_SYSTEMS = frozenset({"icd-10-cm", "snomed"})
ENCOUNTER_DAYS = 90
"""How long an encounter's diagnosis of a mere symptom stands, in days; chronic causes stand on."""

_PAST = frozenset({"inactive", "remission", "resolved"})
_NOT_SO = frozenset({"refuted", "entered-in-error"})


@dataclass(frozen=True, slots=True)
class Indication:
    """The indications that are possible (`other`: none that concerns us), and whether dystonia alone stands for one.

    `unclear`  order and chart do not tell them apart
    """

    possible: tuple[str, ...]
    unclear: bool = False
    dystonia_only: bool = False


@dataclass(frozen=True, slots=True)
class _Signs:
    """What coded reasons or problems speak for."""

    found: frozenset[str]
    dystonia: bool
    spasticity: bool
    plain_pain: bool
    cause_of_pain: bool
    cancer: bool


def indication_of(orders: Sequence[OrderReading], chart: Chart, on: date) -> Indication:
    """Return what orders of one procedure are for, on a day."""
    baclofen = any(order.in_groups(BACLOFEN) for order in orders)
    reasons = [pair for order in orders for pair in order.reasons if pair[1] is None or is_current(pair[1], on)]
    cited_hits = [hit for concept, _ in reasons for hit in chart.sets.all_hits(concept)]
    cited = _signs(cited_hits, cited=True, baclofen=baclofen)
    listed = _signs(_problems(chart, on), cited=False, baclofen=baclofen)
    found = set(cited.found)
    if (
        cited.found == {PAIN}
        and cited.plain_pain
        and not cited.cause_of_pain
        and (listed.cancer or CANCER in listed.found)
    ):
        found.add(CANCER)
    if not found:
        found = set(listed.found)
        if listed.plain_pain and listed.cancer:
            found.add(CANCER)
    dystonia = (cited.dystonia or (not cited.found and listed.dystonia)) and SPASTICITY in found
    dystonia_only = dystonia and not cited.spasticity and not listed.spasticity
    if found:
        return Indication(tuple(one for one in INDICATIONS if one in found), len(found) > 1, dystonia_only)
    if any(_says_something_else(chart.sets, concept) for concept, source in reasons if _is_diagnosis(source)):
        return Indication((OTHER_INDICATION,))
    return Indication(INDICATIONS, True)


def is_current(condition: Resource, on: date) -> bool:
    """Return whether a referenced reason or problem stands: not refuted, not an error, not over by the day."""
    if condition.get("resourceType") != "Condition":
        return text(condition.get("status")) not in ("entered-in-error", "cancelled")
    if _codes(condition.get("verificationStatus")) & _NOT_SO or _codes(condition.get("clinicalStatus")) & _PAST:
        return False
    if any(condition.get(member) for member in ("abatementAge", "abatementRange", "abatementString")):
        return False
    over = choice_span(condition, "abatement")
    end = over.end or over.start
    return end is None or not end.surely_by(on)


def _codes(value: object) -> frozenset[str]:
    """Return the codes of a status, which some write as a bare code."""
    if isinstance(value, str):
        return frozenset({text(value)})
    return frozenset(text(coding.get("code")) for concept in items(value) for coding in codings_of(concept))


def _is_diagnosis(source: Resource | None) -> bool:
    return source is None or source.get("resourceType") == "Condition"


def _is_of_old_visit(condition: Resource, on: date) -> bool:
    """Return whether it is an encounter's diagnosis from before the look-back."""
    if _codes(condition.get("category")) != {"encounter-diagnosis"}:
        return False
    dated = when(condition.get("recordedDate")) or choice_span(condition, "onset").start
    return dated is not None and dated.last < on - timedelta(days=ENCOUNTER_DAYS)


def _problems(chart: Chart, on: date) -> list[Hit]:
    """Return what the active problems are, as far as it bears on the indication."""
    return [
        hit
        for condition, hit in chart.coded("Condition", *INDICATION_SETS)
        if is_current(condition, on) and not (hit.value_set == "pain-symptom-only" and _is_of_old_visit(condition, on))
    ]


def _signs(hits: Sequence[Hit], *, cited: bool, baclofen: bool) -> _Signs:
    held = {hit.value_set for hit in hits}
    malignant = any(hit.value_set == "neoplasm" and hit.attributes.get("malignant") for hit in hits)
    plain = bool(held & set(PLAIN_PAIN))
    cause = any(hit.value_set == "pain-pathology" and (cited or hit.attributes.get("stands_alone")) for hit in hits)
    of_spasticity = "spasticity" in held or ("spasticity-cause" in held and (cited or baclofen))
    found = set()
    if plain or cause or "cancer-treatment-pain" in held:
        found.add(PAIN)
    if held & {"cancer-pain", "cancer-treatment-pain"} or (cited and malignant):
        found.add(CANCER)
    if of_spasticity or "dystonia" in held:
        found.add(SPASTICITY)
    return _Signs(frozenset(found), "dystonia" in held, of_spasticity, plain, cause, malignant)


def _says_something_else(sets: ValueSets, concept: Resource) -> bool:
    """Return whether a coded reason names another matter than pain, spasticity or the device."""
    coded = [coding for coding in codings_of(concept) if sets.system_key(coding.get("system")) in DIAGNOSIS_SYSTEMS]
    if not coded or any(_is_neutral(hit) for coding in coded for hit in sets.all_hits(coding)):
        return False
    words = [concept.get("text"), *(coding.get("display") for coding in coded)]
    return not any(wording(sets).may_be_indication(one) for one in words)


def _is_neutral(hit: Hit) -> bool:
    return hit.value_set in NEITHER or bool(hit.attributes.get("finding"))
