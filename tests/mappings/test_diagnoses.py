"""Causes of pain, cancer pain, origin of spasticity, and what the order is for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from fhir_mappings.diagnoses import FACTS
from fhir_mappings.orders import Order, Procedure
from policies.values import Fact, Flag
from tests.builder import Builder, concept
from tests.mapping_tools import inquiry

TODAY = date(2026, 6, 1)
CAUSE, CANCER, ORIGIN = "pain-cause-diagnosis", "cancer-pain-diagnosis", "spasticity-origin-diagnosis"
SURE, DOUBT = "yes", "yes, doubtful"


def found(name: str, chart: Builder, order: dict[str, Any] | None = None, **flags: bool) -> Fact:
    """Return one fact of the chart under an order for a pump."""
    asked = inquiry(chart)
    resource = order or {"resourceType": "ServiceRequest", "id": "o1"}
    one = Order("ServiceRequest/o1", resource, frozenset({"pump-implant"}), ("62362",), frozenset())
    procedure = Procedure((one,), (("nonmalignant-pain", "trial"),), TODAY, **flags)
    return FACTS[name](replace(asked, procedure=procedure))


def says(fact: Fact) -> str:
    """Return what a fact says in words: nothing, no, yes, with its doubt or conflict."""
    if fact.conflict:
        return "conflict"
    if not isinstance(fact.value, Flag):
        return "nothing"
    values = {one.value for one in fact.value.statements}
    if len(values) > 1:
        return "conflict"
    if values == {False}:
        return "no"
    return SURE if any(not one.doubt for one in fact.value.statements) else DOUBT


@pytest.mark.parametrize(
    ("system", "code", "expected"),
    [
        ("icd-10-cm", "M96.1", SURE),
        ("icd-10-cm", "G90.511", SURE),
        ("icd-10-cm", "G57.72", SURE),
        ("icd-10-cm", "M54.16", SURE),
        ("icd-10-cm", "B02.29", SURE),
        ("snomed", "8217007", SURE),
        ("snomed", "247398009", DOUBT),
        ("icd-10-cm", "G03.9", DOUBT),
        ("icd-10-cm", "F45.41", DOUBT),
        ("icd-10-cm", "F45.42", "nothing"),
        ("icd-10-cm", "G89.29", "nothing"),
        ("icd-10-cm", "G89.4", "nothing"),
        ("icd-10-cm", "R52", "nothing"),
        ("icd-10-cm", "M54.50", "nothing"),
    ],
)
def test_a_cause_of_pain(system: str, code: str, expected: str) -> None:
    """A diagnosis that names a cause says so; a bare pain code does not; a weak or unclear one is a doubt."""
    chart = Builder(TODAY)
    chart.condition(system, code)
    assert says(found(CAUSE, chart)) == expected


def test_a_bare_pain_code_is_told() -> None:
    """The note names the pain that has no cause, so that the clinician sees why more is asked."""
    chart = Builder(TODAY)
    chart.condition("icd-10-cm", "G89.29", onsetDateTime="2025-02-01")
    assert found(CAUSE, chart).note == "Pain without a cause: chronic pain (G89.29), 2025-02-01."


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"clinical": "resolved"}, "nothing"),
        ({"verification": "refuted"}, "nothing"),
        ({"verification": "provisional"}, DOUBT),
        ({"clinical": None}, DOUBT),
        ({"category": [concept("x", "encounter-diagnosis")], "recordedDate": "2024-01-01"}, SURE),
    ],
)
def test_standing_of_a_cause(members: dict[str, Any], expected: str) -> None:
    """A past or refuted cause is no evidence; a cause from an old visit still counts, being chronic."""
    chart = Builder(TODAY)
    chart.condition("icd-10-cm", "M96.1", **members)
    assert says(found(CAUSE, chart)) == expected


def test_a_cause_on_the_order_alone_is_a_doubt() -> None:
    """The order's own reason code is no record of the cause; beside the same problem it takes nothing away."""
    order = {"resourceType": "ServiceRequest", "id": "o1", "reasonCode": [concept("icd-10-cm", "M96.1")]}
    chart = Builder(TODAY)
    assert says(found(CAUSE, chart, order)) == DOUBT
    assert found(CAUSE, chart, order).evidence[0].reference == "ServiceRequest/o1"
    chart.condition("icd-10-cm", "M96.1")
    assert says(found(CAUSE, chart, order)) == SURE


def test_a_contained_condition_is_part_of_the_order() -> None:
    """A Condition that the order carries inside itself stands on the order alone."""
    inside = {"resourceType": "Condition", "id": "c", "code": concept("icd-10-cm", "M96.1")}
    order = {
        "resourceType": "ServiceRequest", "id": "o1", "contained": [inside], "reasonReference": [{"reference": "#c"}],
    }  # fmt: skip
    assert says(found(CAUSE, Builder(TODAY), order)) == DOUBT


def test_a_psychological_pain_contradicts_a_cause() -> None:
    """Pain called exclusively psychological beside a named cause is for a person to weigh."""
    chart = Builder(TODAY)
    chart.condition("icd-10-cm", "M96.1")
    chart.condition("icd-10-cm", "F45.41")
    fact = found(CAUSE, chart)
    assert says(fact) == "conflict"
    assert "M96.1" in fact.conflict
    assert "F45.41" in fact.conflict


def test_unread_problems_are_not_silence() -> None:
    """Where the problem list could not be read every diagnosis is unread."""
    asked = inquiry(Builder(TODAY), unread=frozenset({"Condition"}))
    assert {FACTS[name](asked).unread for name in (CAUSE, CANCER, ORIGIN)} == {("Condition",)}


# Cancer pain


@pytest.mark.parametrize(
    ("system", "code", "members", "expected"),
    [
        ("icd-10-cm", "G89.3", {}, SURE),
        ("snomed", "735935009", {}, SURE),
        ("snomed", "788891004", {}, DOUBT),
        ("icd-10-cm", "C50.911", {}, "nothing"),
        ("icd-10-cm", "G89.29", {}, "nothing"),
        ("icd-10-cm", "G89.3", {"verification": "refuted"}, "no"),
        ("icd-10-cm", "G89.3", {"clinical": "resolved"}, "nothing"),
    ],
)
def test_cancer_pain(system: str, code: str, members: dict[str, Any], expected: str) -> None:
    """Cancer pain is a diagnosis of its own; a cancer alone is none, pain after its treatment is a doubt."""
    chart = Builder(TODAY)
    chart.condition(system, code, **members)
    assert says(found(CANCER, chart)) == expected


def test_refuted_and_active_cancer_pain_is_a_conflict() -> None:
    """One entry that refutes cancer pain and one that states it need a person."""
    chart = Builder(TODAY)
    chart.condition("icd-10-cm", "G89.3", verification="refuted")
    chart.condition("snomed", "735935009")
    assert says(found(CANCER, chart)) == "conflict"


@pytest.mark.parametrize(
    ("cancer", "reason", "expected"),
    [("C50.911", None, SURE), ("D37.9", None, DOUBT), ("C50.911", "G89.29", DOUBT), ("C50.911", "G89.3", SURE)],
)
def test_a_cancer_that_the_order_cites(cancer: str, reason: str | None, expected: str) -> None:
    """A malignant neoplasm as the order's reason is cancer pain, unless a pain of another kind stands beside it."""
    chart = Builder(TODAY)
    cited = chart.condition("icd-10-cm", cancer)
    order: dict[str, Any] = {
        "resourceType": "ServiceRequest", "id": "o1", "reasonReference": [{"reference": f"Condition/{cited['id']}"}],
    }  # fmt: skip
    if reason:
        order["reasonCode"] = [concept("icd-10-cm", reason)]
    assert says(found(CANCER, chart, order)) == expected


def test_a_cancer_code_on_the_order_alone_is_a_doubt() -> None:
    """A code on the order without a problem behind it needs a look."""
    order = {"resourceType": "ServiceRequest", "id": "o1", "reasonCode": [concept("icd-10-cm", "C50.911")]}
    assert says(found(CANCER, Builder(TODAY), order)) == DOUBT


# Origin of spasticity


@pytest.mark.parametrize(
    ("system", "code", "expected"),
    [
        ("icd-10-cm", "G35", SURE),
        ("icd-10-cm", "G35.B1", SURE),
        ("icd-10-cm", "G80.1", SURE),
        ("icd-10-cm", "I69.354", SURE),
        ("icd-10-cm", "S14.109S", SURE),
        ("icd-10-cm", "S14.109A", DOUBT),
        ("snomed", "90584004", SURE),
        ("snomed", "221360009", "nothing"),
        ("icd-10-cm", "M62.838", "nothing"),
    ],
)
def test_origin_of_spasticity(system: str, code: str, expected: str) -> None:
    """Brain and cord are origins, multiple sclerosis is either; a fresh injury is a doubt, spasticity says nothing."""
    chart = Builder(TODAY)
    chart.condition(system, code)
    assert says(found(ORIGIN, chart)) == expected


# What the order is for


@pytest.mark.parametrize(
    ("name", "flag"),
    [
        ("dystonia-without-spasticity", "dystonia_only"),
        ("injectate-out-of-scope", "out_of_scope_injectate"),
        ("antispasmodic-other-than-baclofen", "other_antispasmodic"),
        ("anaesthesia-purpose", "anaesthesia"),
    ],
)
def test_what_the_orders_say(name: str, flag: str) -> None:
    """The order's own marks become facts with the order as evidence; without them the facts are silent."""
    chart = Builder(TODAY)
    assert found(name, chart) == Fact()
    fact = found(name, chart, **{flag: True})
    assert says(fact) == SURE
    assert [item.reference for item in fact.evidence] == ["ServiceRequest/o1"]


@pytest.mark.parametrize("garbage", [None, 7, "text", [], ["x"], {"coding": "x"}, {"reference": 3}, [{}]])
def test_malformed_members_never_raise(garbage: object) -> None:
    """Garbage on the order or in a Condition says nothing."""
    chart = Builder(TODAY)
    chart.add("Condition", code=garbage, clinicalStatus=garbage)
    order = {
        "resourceType": "ServiceRequest", "id": "o1", "reasonCode": garbage, "reasonReference": garbage,
        "contained": garbage,
    }  # fmt: skip
    assert {says(found(name, chart, order)) for name in FACTS} == {"nothing"}
