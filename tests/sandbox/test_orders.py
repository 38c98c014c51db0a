"""Draft orders: what the form says becomes FHIR requests that belong together."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from flask.testing import FlaskClient

from sandbox.orders import OrderForm, draft_orders, reason_in
from sandbox.patients import build_chart
from sandbox.terms import concept

from .conftest import TODAY

PATIENT = "cigna-permanent-complete"


def test_a_pump_with_its_drug_becomes_one_signing() -> None:
    """Pump, catheter and item come as requests of their own, and the drug as a fourth that is based on the pump."""
    problem = build_chart(PATIENT, TODAY).resources
    form = OrderForm(
        items=["pump", "catheter", "pump-item"],
        purpose="permanent-implant",
        drug="morphine",
        reason=reason_in(problem, "postlaminectomy-syndrome"),
        on=date(2026, 12, 8),
        text="After a good trial.",
    )

    pump, catheter, item, drug = draft_orders(PATIENT, form, TODAY)

    assert [each["resourceType"] for each in (pump, catheter, item, drug)] == [
        "ServiceRequest", "ServiceRequest", "DeviceRequest", "MedicationRequest",
    ]  # fmt: skip
    for order in (pump, catheter, item, drug):
        get_fhir_model_class(order["resourceType"]).model_validate(order)
        assert (order["status"], order["intent"], order["authoredOn"]) == ("draft", "order", "2026-11-24")
        assert order["subject"] == {"reference": f"Patient/{PATIENT}"}
        assert order["reasonReference"] == [{"reference": f"Condition/{PATIENT}-problem-1"}]
        assert order["note"] == [{"text": "After a good trial."}]
    assert pump["code"] == concept("procedures", "programmable-pump")
    assert pump["category"] == [concept("purposes", "permanent-implant")]
    assert pump["occurrenceDateTime"] == item["occurrenceDateTime"] == "2026-12-08"
    assert drug["basedOn"] == [{"reference": f"ServiceRequest/{pump['id']}"}]
    assert drug["dosageInstruction"][0]["route"] == concept("routes", "intrathecal")


def test_an_oral_drug_stands_alone() -> None:
    """A drug by mouth is a single request; the drug for the spine goes with procedures only."""
    (order,) = draft_orders(PATIENT, OrderForm(items=["oral-gabapentin"], drug="morphine"), TODAY)

    assert order["medicationCodeableConcept"] == concept("drugs", "gabapentin")
    assert order["dosageInstruction"] == [{"route": concept("routes", "oral")}]


def test_an_order_that_says_nothing_of_purpose_has_no_word_of_it() -> None:
    """Without a purpose, neither code nor text of a pump order says whether the pump is new or a replacement."""
    (order,) = draft_orders(PATIENT, OrderForm(items=["pump"]), TODAY)

    assert "category" not in order
    assert "replac" not in str(order).lower()


def test_a_finding_may_be_the_reason() -> None:
    """A replacement refers to the finding about the pump, which has no diagnosis code to repeat."""
    chart = build_chart("cigna-replacement", TODAY)
    finding = reason_in(chart.resources, "pump-battery-end")

    (order,) = draft_orders(chart.patient_id, OrderForm(items=["pump"], reason=finding), TODAY)

    assert order["reasonReference"] == [{"reference": "Observation/cigna-replacement-observation-1"}]
    assert "reasonCode" not in order


def test_a_reason_that_is_not_in_the_chart_is_an_error() -> None:
    """A suggestion cannot name a problem that its patient does not have."""
    with pytest.raises(LookupError, match="torsion-dystonia"):
        reason_in(build_chart(PATIENT, TODAY).resources, "torsion-dystonia")


def test_the_page_gets_drafts_with_reason_and_insurance(sandbox: FlaskClient, session: dict[str, str]) -> None:
    """The page's form comes back as drafts that name the patient's coverages, the primary one first."""
    body = {
        "patient": "two-coverages",
        "items": ["pump"],
        "drug": "morphine",
        "reason": "Condition/two-coverages-problem-1",
        "on": "2026-12-01",
    }

    orders = sandbox.post("/drafts", json=body, headers=session).get_json()["orders"]

    assert [order["resourceType"] for order in orders] == ["ServiceRequest", "MedicationRequest"]
    assert orders[0]["reasonCode"] == [concept("problems", "postlaminectomy-syndrome")]
    assert orders[0]["insurance"] == [
        {"reference": "Coverage/two-coverages-coverage-1"},
        {"reference": "Coverage/two-coverages-coverage-2"},
    ]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"patient": None}, "patient"),
        ({"items": []}, "items"),
        ({"items": ["leeches"]}, "items"),
        ({"drug": "absinthe"}, "drug"),
        ({"purpose": "fun"}, "purpose"),
        ({"on": "soon"}, "on"),
        ({"reason": "Condition/none"}, "Condition/none"),
    ],
)
def test_a_form_that_makes_no_sense_is_refused(
    sandbox: FlaskClient, session: dict[str, str], change: dict[str, Any], named: str
) -> None:
    """What is wrong with a form is named."""
    body = {"patient": PATIENT, "items": ["pump"]} | change

    answer = sandbox.post("/drafts", json=body, headers=session)

    assert answer.status_code in (400, 404)
    assert named in answer.get_json()["issue"][0]["diagnostics"]
