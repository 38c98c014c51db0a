"""Signs that a spinal injection or infusion is an intrathecal trial and no ordinary epidural.

The codes of both are the same. Shared by orders and by completed procedures. The four signs: (a) words or our
purpose code, (b) its order is a trial's, (c) baclofen or ziconotide, (d) an opioid or clonidine for a pain that a
pump is implanted for. Only the pure parts stand here; which resources stand beside each other the callers know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fhir_mappings.chart import Chart
from fhir_mappings.code_sets import ValueSets, codings_of
from fhir_mappings.resources import Resource, items, notes, references, text
from fhir_mappings.wording import wording

TRIAL_PURPOSE = "intrathecal-trial"


def says_trial(sets: ValueSets, words: object) -> bool:
    """Return whether a text speaks of an intrathecal (pump) trial or test dose, in one clause and not denied."""
    return wording(sets).says_trial(words)


def reasons(resource: Resource, chart: Chart) -> Iterator[Resource]:
    """Yield the concepts that say why: `reasonCode`, and the code of what `reasonReference` points to."""
    yield from items(resource.get("reasonCode"))
    for reference in references(resource.get("reasonReference")):
        target = chart.resolve(reference, resource)
        if target is not None:
            yield from items(target.get("code"))


def purposes(resource: Resource, chart: Chart) -> Iterator[Resource]:
    """Yield the concepts that say why or what for: reasons and categories."""
    yield from reasons(resource, chart)
    yield from items(resource.get("category"))


def names_trial(resource: Resource, chart: Chart) -> bool:
    """Return whether reason, category, note, code text or purpose code of an order or procedure say trial (sign a)."""
    concepts = list(purposes(resource, chart))
    if any(is_trial_purpose(chart.sets, concept) for concept in concepts):
        return True
    written = [*concepts, *items(resource.get("code"))]
    return any(says_trial(chart.sets, words) for concept in written for words in _words(concept)) or says_trial(
        chart.sets, notes(resource)
    )


def is_trial_purpose(sets: ValueSets, concept: object) -> bool:
    """Return whether a concept is the purpose code of an intrathecal trial."""
    hit = sets.find(concept, "order-purpose")
    return hit is not None and hit.entry.code == TRIAL_PURPOSE


def pain_indication(sets: ValueSets, concepts: Iterable[object]) -> bool:
    """Return whether a concept is a pain that a pump is implanted for: chronic, from a cancer, or of a known cause.

    The everyday reasons of epidural injections (back pain, radiculopathy, stenosis, discs) are none.
    """
    for concept in concepts:
        for hit in sets.all_hits(concept):
            if hit.value_set in ("chronic-pain-nonmalignant", "cancer-pain", "cancer-treatment-pain"):
                return True
            if hit.value_set in ("pain-pathology", "pain-symptom-only") and hit.attributes.get("trial_sign", True):
                return True
            if hit.value_set == "neoplasm" and hit.attributes.get("malignant"):
                return True
    return False


def countered(sets: ValueSets, concepts: Iterable[Resource]) -> bool:
    """Return whether a concept speaks of pregnancy, labour or surgery: that silences the signs of drugs (c, d)."""
    for concept in concepts:
        if sets.find(concept, "counter-sign"):
            return True
        if any(wording(sets).speaks_against_trial(words) for words in _words(concept)):
            return True
    return False


def drug_sign(sets: ValueSets, drugs: Iterable[str], *, pain: bool) -> bool:
    """Return whether spinal drugs speak for a trial: baclofen, ziconotide, or for such a pain an opioid or clonidine.

    A steroid among the drugs silences the latter.
    """
    groups = {group for drug in drugs for group in sets.drugs.group(drug)}
    if groups & {"it-baclofen", "it-ziconotide"}:
        return True
    return pain and "injectate-steroid" not in groups and bool(groups & {"it-opioid", "it-clonidine"})


def _words(concept: Resource) -> Iterator[str]:
    if text(concept.get("text")):
        yield text(concept.get("text"))
    for coding in codings_of(concept):
        if text(coding.get("display")):
            yield text(coding.get("display"))
