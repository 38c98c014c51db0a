"""Facts about diagnoses and about what the order is for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from fhir_mappings.code_sets import Hit
from fhir_mappings.conditions import Diagnosis, Standing, diagnoses, named, near_misses, standing
from fhir_mappings.inquiry import Extractor, Inquiry, silent
from fhir_mappings.orders import Order
from fhir_mappings.resources import Resource, items, reference_of, references, text
from policies.values import Evidence, Fact, Flag, Statement

ONLY_ON_ORDER = "The diagnosis stands only as a code on the order, not on the problem list."
FRESH_INJURY = frozenset({"A", "B", "C", "D"})
"""Seventh characters of an injury that is under treatment, not of its late effect."""


# What the order cites -------------------------------------------------------------------------------------------


def _order_codes(inquiry: Inquiry, *value_sets: str) -> Iterator[tuple[Order, Hit]]:
    """Yield the diagnoses that stand on the orders themselves: reason codes and contained Conditions."""
    for order in inquiry.procedure.orders:
        for concept in _own_reasons(order, inquiry):
            hit = inquiry.sets.find(concept, *value_sets)
            if hit is not None:
                yield order, hit


def _own_reasons(order: Order, inquiry: Inquiry) -> Iterator[Resource]:
    yield from items(order.resource.get("reasonCode"))
    for reference in references(order.resource.get("reasonReference")):
        if reference.startswith("#"):
            target = inquiry.chart.resolve(reference, order.resource)
            yield from items((target or {}).get("code"))


def _cited(inquiry: Inquiry) -> frozenset[str]:
    """Return the Conditions of the chart that the orders cite as their reason."""
    targets = (
        inquiry.chart.resolve(reference, order.resource)
        for order in inquiry.procedure.orders
        for reference in references(order.resource.get("reasonReference"))
        if not reference.startswith("#")
    )
    return frozenset(reference_of(target) for target in targets if target is not None)


def _on_order(pairs: Iterable[tuple[Order, Hit]], doubt: str = ONLY_ON_ORDER) -> list[Statement]:
    return [
        Statement(True, evidence=(Evidence(order.reference, "", _label(hit)),), doubt=doubt) for order, hit in pairs
    ]


def _label(hit: Hit) -> str:
    return f"{hit.entry.label} ({text(hit.coding.get('code'))[:20]})"


def _fact(inquiry: Inquiry, statements: list[Statement], found: list[Diagnosis], on_order: list[Statement]) -> Fact:
    """Return the statements as a fact, silent where there are none; what was seen besides stands in the note."""
    active = standing(found, Standing.ACTIVE)
    if not statements:
        return silent(inquiry, "Condition", note=near_misses(found))
    ordered = "; ".join(item.summary for one in on_order for item in one.evidence)
    parts = [f"{named(active)}." if active else "", f"On the order: {ordered}." if ordered else ""]
    evidence = tuple(dict.fromkeys(item for one in statements for item in one.evidence))
    return Fact(
        Flag(tuple(statements)), evidence, " ".join(part for part in parts if part), unread=inquiry.unread("Condition")
    )


# A cause of pain ------------------------------------------------------------------------------------------------


def pain_cause_diagnosis(inquiry: Inquiry) -> Fact:
    """Return whether a diagnosis names a cause of the chronic pain.

    A refuted diagnosis says nothing. One that stands only on the order is a doubt; so is a pain said to be
    exclusively psychological, and beside a cause it is a conflict.
    """
    found = diagnoses(inquiry, "pain-pathology", lasting=True)
    causes = [one.statement(_cause_doubt(one.hit)) for one in standing(found, Standing.ACTIVE)]
    on_order = _on_order(_order_codes(inquiry, "pain-pathology")) if not causes else []
    psychological = [
        one
        for one in standing(diagnoses(inquiry, "pain-psych", lasting=True), Standing.ACTIVE)
        if one.hit.attributes.get("contradicts_pathology")
    ]
    statements = [*causes, *on_order]
    if psychological and statements:
        fact = _fact(inquiry, statements, found, on_order)
        evidence = (*fact.evidence, *(one.evidence for one in psychological))
        conflict = f"{fact.note} Against it: {named(psychological)}."
        return Fact(fact.value, evidence, fact.note, conflict=conflict, unread=fact.unread)
    if psychological:
        doubt = "The only diagnosis calls the pain exclusively psychological."
        statements = [one.statement(doubt) for one in psychological]
        return _fact(inquiry, statements, psychological, [])
    if not statements:
        return silent(inquiry, "Condition", note=" ".join(_without_cause(inquiry, found)))
    return _fact(inquiry, statements, found, on_order)


def _cause_doubt(hit: Hit) -> str:
    if hit.attributes.get("weak"):
        return f"The diagnosis ({hit.entry.label}) names a kind of pain rather than its cause."
    if hit.attributes.get("review"):
        return f"The diagnosis ({hit.entry.label}) counts only with a chronic course."
    return ""


def _without_cause(inquiry: Inquiry, found: list[Diagnosis]) -> Iterator[str]:
    bare = diagnoses(inquiry, "chronic-pain-nonmalignant", "pain-symptom-only", lasting=True)
    active = standing(bare, Standing.ACTIVE)
    if active:
        yield f"Pain without a cause: {named(active)}."
    near = near_misses(found)
    if near:
        yield near


# Cancer pain ----------------------------------------------------------------------------------------------------


def cancer_pain_diagnosis(inquiry: Inquiry) -> Fact:
    """Return whether a diagnosis says that the pain comes from a cancer; false where it was refuted."""
    found = diagnoses(inquiry, "cancer-pain", "cancer-treatment-pain", lasting=False)
    statements = [one.statement(_after_treatment(one)) for one in standing(found, Standing.ACTIVE)]
    cited, cited_statements = _cited_neoplasms(inquiry)
    statements += cited_statements
    on_order: list[Statement] = []
    if not statements:
        on_order = _on_order(_order_codes(inquiry, "cancer-pain", "neoplasm"))
        statements += on_order
    refuted = [one for one in standing(found, Standing.REFUTED) if one.hit.value_set == "cancer-pain"]
    statements += [one.statement(value=False) for one in refuted]
    fact = _fact(inquiry, statements, [*found, *cited], on_order)
    if fact.value is not None and refuted:
        return Fact(fact.value, fact.evidence, f"{fact.note} Refuted: {named(refuted)}.".strip(), unread=fact.unread)
    return fact


def _after_treatment(diagnosis: Diagnosis) -> str:
    if diagnosis.hit.value_set == "cancer-treatment-pain":
        return "Pain after a cancer's treatment may or may not be cancer pain."
    return ""


def _cited_neoplasms(inquiry: Inquiry) -> tuple[list[Diagnosis], list[Statement]]:
    """Return the active cancers that the order cites as its reason."""
    cited = _cited(inquiry)
    if not cited:
        return [], []
    found = [
        one
        for one in standing(diagnoses(inquiry, "neoplasm", lasting=True), Standing.ACTIVE)
        if reference_of(one.resource) in cited
    ]
    beside = _cites_other_pain(inquiry, cited)
    return found, [one.statement(beside or _not_malignant(one)) for one in found]


def _cites_other_pain(inquiry: Inquiry, cited: frozenset[str]) -> str:
    names = ("chronic-pain-nonmalignant", "pain-pathology", "pain-symptom-only")
    stated = any(True for _ in _order_codes(inquiry, *names))
    referred = any(reference_of(one) in cited for one, _ in inquiry.chart.coded("Condition", *names))
    return "The order names a pain that is not from cancer beside the cancer." if stated or referred else ""


def _not_malignant(diagnosis: Diagnosis) -> str:
    return "" if diagnosis.hit.attributes.get("malignant") else "The neoplasm is not stated to be malignant."


# Origin of spasticity -------------------------------------------------------------------------------------------


def spasticity_origin_diagnosis(inquiry: Inquiry) -> Fact:
    """Return whether an active diagnosis places the origin of spasticity in the brain or the spinal cord."""
    found = diagnoses(inquiry, "origin-cerebral", "origin-spinal", lasting=True)
    statements = [one.statement(_fresh(one.hit)) for one in standing(found, Standing.ACTIVE)]
    on_order = [] if statements else _on_order(_order_codes(inquiry, "origin-cerebral", "origin-spinal"))
    return _fact(inquiry, [*statements, *on_order], found, on_order)


def _fresh(hit: Hit) -> str:
    if hit.seventh_character in FRESH_INJURY:
        return f"The diagnosis ({_label(hit)}) is of a fresh injury, not of its late effect."
    return ""


# What the order is for ------------------------------------------------------------------------------------------


def _of_order(says: Callable[[Inquiry], bool], note: str) -> Extractor:
    """Return the extractor of a fact that the orders state; they deny nothing."""

    def extract(inquiry: Inquiry) -> Fact:
        if not says(inquiry):
            return Fact()
        evidence = tuple(Evidence(order.reference, "", note.rstrip(".")) for order in inquiry.procedure.orders)
        return Fact(Flag((Statement(True, evidence=evidence),)), evidence, note)

    return extract


FACTS: dict[str, Extractor] = {
    "pain-cause-diagnosis": pain_cause_diagnosis,
    "cancer-pain-diagnosis": cancer_pain_diagnosis,
    "spasticity-origin-diagnosis": spasticity_origin_diagnosis,
    "dystonia-without-spasticity": _of_order(
        lambda inquiry: inquiry.procedure.dystonia_only, "Dystonia is the indication, no spasticity beside it."
    ),
    "injectate-out-of-scope": _of_order(
        lambda inquiry: inquiry.procedure.out_of_scope_injectate, "The drug ordered is no pain or spasticity drug."
    ),
    "antispasmodic-other-than-baclofen": _of_order(
        lambda inquiry: inquiry.procedure.other_antispasmodic,
        "The drug ordered is an antispasmodic other than baclofen.",
    ),
    "anaesthesia-purpose": _of_order(
        lambda inquiry: inquiry.procedure.anaesthesia, "The order is for obstetric or surgical anaesthesia."
    ),
}
