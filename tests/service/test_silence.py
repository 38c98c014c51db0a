"""What must stay silent stays silent, at once; what concerns us gets its card."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from service.engine import Engine
from tests.builder import Builder, concept
from tests.service.conftest import TODAY
from tests.service.requests_made import HOOK, order_sign

PAIN = ("icd-10-cm", "M54.16")
CHRONIC = ("icd-10-cm", "G89.4")


def chart() -> Builder:
    """Return a Cigna patient with chronic pain after spine surgery."""
    builder = Builder(TODAY)
    builder.coverage("Cigna")
    builder.condition("icd-10-cm", "M96.1")
    return builder


def cards(client: FlaskClient, engine: Engine, builder: Builder) -> list[Any]:
    """Return the cards for the builder's orders."""
    response = client.post(HOOK, json=order_sign(builder, engine))
    assert response.status_code == 200
    found: list[Any] = response.get_json()["cards"]
    return found


@pytest.mark.parametrize("code", ["62320", "62321", "62322", "62323", "62324", "62325", "62326", "62327", "64483"])
@pytest.mark.parametrize("reason", [PAIN, ("icd-10-cm", "M48.061"), ("icd-10-cm", "M51.26"), CHRONIC, None])
def test_an_epidural_without_a_sign_is_silent(
    client: FlaskClient, engine: Engine, code: str, reason: tuple[str, str] | None
) -> None:
    """The code of an ordinary epidural, whatever its reason, gets no card."""
    builder = chart()
    builder.order(code, reason=reason, text="Epidural steroid injection")
    assert cards(client, engine, builder) == []


@pytest.mark.parametrize("code", ["62322", "62323", "62326"])
def test_a_steroid_silences_an_opioid(client: FlaskClient, engine: Engine, code: str) -> None:
    """An opioid with a steroid beside it is an epidural injection."""
    builder = chart()
    builder.order(code, reason=CHRONIC, orderDetail=[concept("hcpcs", "J2274"), concept("hcpcs", "J1010")])
    assert cards(client, engine, builder) == []


@pytest.mark.parametrize(
    "reason",
    [("icd-10-cm", "O80"), ("icd-10-cm", "Z33.1"), ("icd-10-cm", "G89.18"), ("icd-10-cm", "O62.0")],
)
def test_an_opioid_for_labour_or_after_surgery_is_silent(
    client: FlaskClient, engine: Engine, reason: tuple[str, str]
) -> None:
    """Labour and surgical epidurals carry opioids too."""
    builder = chart()
    builder.order("62326", reason=reason, orderDetail=[concept("hcpcs", "J3010")])
    assert cards(client, engine, builder) == []


@pytest.mark.parametrize(
    "code", ["62355", "62365", "62367", "62368", "62370", "95990", "95991", "36260", "61215", "62281", "63650"]
)
def test_removal_service_and_other_devices_are_silent(client: FlaskClient, engine: Engine, code: str) -> None:
    """Removal, refill, analysis, vascular pumps, neurolysis and stimulators are not our order."""
    builder = chart()
    builder.order(code, reason=CHRONIC)
    assert cards(client, engine, builder) == []


@pytest.mark.parametrize(
    ("code", "details", "text"),
    [
        ("62322", [], "Intrathecal pump trial, single injection"),
        ("62323", [], "Intrathecal morphine trial"),
        ("62322", ["J0476"], ""),
        ("62326", ["J2278"], ""),
        ("62326", ["J2274"], ""),
    ],
)
def test_a_trial_with_a_sign_gets_a_card(
    client: FlaskClient, engine: Engine, code: str, details: list[str], text: str
) -> None:
    """Words for a trial, intrathecal baclofen or ziconotide, or an opioid with chronic pain as reason are signs."""
    builder = chart()
    builder.order(code, reason=CHRONIC, text=text, orderDetail=[concept("hcpcs", one) for one in details] or None)
    found = cards(client, engine, builder)
    assert [card["source"]["label"][:5] for card in found] == ["Cigna"]
    assert "pump trial" in found[0]["summary"]


def test_pump_catheter_and_drug_are_one_procedure_and_one_card(client: FlaskClient, engine: Engine) -> None:
    """62350 with 62362, the pump as an item and the drug's order make one card."""
    builder = chart()
    builder.order("62350", reason=("icd-10-cm", "M96.1"))
    builder.order("62362", reason=("icd-10-cm", "M96.1"))
    builder.order("E0783", resource_type="DeviceRequest")
    builder.order(
        "7052", system="rxnorm", resource_type="MedicationRequest", text="morphine injection",
        dosageInstruction=[{"route": concept("snomed", "72607000")}],
    )  # fmt: skip
    found = cards(client, engine, builder)
    assert len(found) == 1
    assert "pump implant" in found[0]["summary"]


def test_references_among_the_drafts_are_resolved(client: FlaskClient, engine: Engine) -> None:
    """An epidural code that is based on a pump order of the same bundle is its trial."""
    builder = chart()
    pump = builder.order("62362", reason=("icd-10-cm", "M96.1"))
    builder.order("62322", basedOn=[{"reference": f"ServiceRequest/{pump['id']}"}])
    assert [card["summary"].split(":")[0] for card in cards(client, engine, builder)] == [
        "Cigna CMM-210, pump trial",
        "Cigna CMM-210, pump implant",
    ]


@pytest.mark.parametrize(
    "resource_type", ["NutritionOrder", "CommunicationRequest", "VisionPrescription", "Task", "SupplyRequest"]
)
def test_other_kinds_of_order_are_ignored(client: FlaskClient, engine: Engine, resource_type: str) -> None:
    """Orders of other types are nothing to us."""
    builder = chart()
    builder.orders.append({"resourceType": resource_type, "id": "x", "status": "draft"})
    assert cards(client, engine, builder) == []


def test_an_unknown_payer_is_silent_by_default(client: FlaskClient, engine: Engine) -> None:
    """No known policy: no card unless the site asks for one."""
    builder = Builder(TODAY)
    builder.coverage("Aetna")
    builder.order("62362", reason=CHRONIC)
    assert cards(client, engine, builder) == []
