"""Bad input gets a clear answer that names the field, never a 500, and costs nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.engine import Engine
from tests.builder import Builder, Json, concept
from tests.service.conftest import TODAY
from tests.service.requests_made import HOOK, order_sign


def gappy() -> Builder:
    """Return a Cigna chart with a pump order and most things undocumented."""
    builder = Builder(TODAY)
    builder.coverage("Cigna")
    builder.condition("icd-10-cm", "M96.1")
    builder.order("62362", reason=("icd-10-cm", "M96.1"))
    return builder


def changed(engine: Engine, **context: Any) -> Json:
    """Return a good request with members of its context replaced; None removes one."""
    request = order_sign(gappy(), engine)
    request["context"] = {key: value for key, value in {**request["context"], **context}.items() if value is not None}
    return request


def test_the_good_request_gets_a_card(client: FlaskClient, engine: Engine) -> None:
    """The request that the others change is itself answered with one card."""
    response = client.post(HOOK, json=order_sign(gappy(), engine))
    assert response.status_code == 200
    assert len(response.get_json()["cards"]) == 1


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "no JSON object"),
        (b'"text"', "no JSON object"),
        (b"null", "`body` is missing"),
        (b'{"hook": "order-sign", "hook": "order-select"}', "`hook` stands twice"),
        (b'{"hook": NaN}', "NaN is no JSON number"),
        (b"[" * 100_000, "nested too deeply"),
        (b'\xff\xfe{"hook": 1}', "UTF-8"),
    ],
)
def test_a_body_that_is_no_json_object(client: FlaskClient, body: bytes, text: str) -> None:
    """Whatever is no JSON object is refused with the reason."""
    response = client.post(HOOK, data=body, content_type="application/json")
    assert response.status_code == 400
    outcome = response.get_json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert text in outcome["issue"][0]["diagnostics"]


def test_a_body_over_the_limit(engine: Engine, client: FlaskClient) -> None:
    """A body larger than the configured size is refused with 413 before it is read."""
    client.application.config["MAX_CONTENT_LENGTH"] = 2000
    response = client.post(HOOK, data=b" " * 2001, content_type="application/json")
    assert response.status_code == 413
    assert "larger than this service takes" in response.get_json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"hook": "order-select"}, "hook"),
        ({"hook": None}, "hook"),
        ({"hookInstance": None}, "hookInstance"),
        ({"hookInstance": 7}, "hookInstance"),
        ({"context": None}, "context"),
        ({"context": []}, "context"),
        ({"prefetch": []}, "prefetch"),
        ({"fhirAuthorization": {"access_token": "t"}}, "fhirServer"),
    ],
)
def test_wrong_members_are_named(client: FlaskClient, engine: Engine, members: Json, field: str) -> None:
    """A missing or wrong member of the request is named in text and expression."""
    request = {key: value for key, value in {**order_sign(gappy(), engine), **members}.items() if value is not None}
    response = client.post(HOOK, json=request)
    assert response.status_code == 400
    issue = response.get_json()["issue"][0]
    assert issue["expression"] == [field]
    assert f"`{field}`" in issue["diagnostics"]


@pytest.mark.parametrize(
    ("context", "field"),
    [
        ({"userId": None}, "context.userId"),
        ({"patientId": None}, "context.patientId"),
        ({"patientId": {"id": "p1"}}, "context.patientId"),
        ({"draftOrders": None}, "context.draftOrders"),
        ({"draftOrders": []}, "context.draftOrders"),
        ({"draftOrders": {"resourceType": "ServiceRequest"}}, "context.draftOrders"),
        ({"draftOrders": {"resourceType": "Bundle", "entry": {}}}, "context.draftOrders.entry"),
    ],
)
def test_wrong_context_members_are_named(client: FlaskClient, engine: Engine, context: Json, field: str) -> None:
    """A missing or wrong member of the context is named."""
    request = order_sign(gappy(), engine)
    request["context"] = {key: value for key, value in {**request["context"], **context}.items() if value is not None}
    response = client.post(HOOK, json=request)
    assert response.status_code == 400
    assert response.get_json()["issue"][0]["expression"] == [field]


@pytest.mark.parametrize("bundle", [{"resourceType": "Bundle"}, {"resourceType": "Bundle", "entry": []}])
def test_empty_draft_orders_are_silence(client: FlaskClient, engine: Engine, bundle: Json) -> None:
    """Nothing to sign: 200 and no cards."""
    response = client.post(HOOK, json=changed(engine, draftOrders=bundle))
    assert (response.status_code, response.get_json()) == (200, {"cards": []})


def test_an_order_without_a_code_is_silence(client: FlaskClient, engine: Engine) -> None:
    """An order without code and text says nothing to us."""
    builder = Builder(TODAY)
    builder.coverage("Cigna")
    builder.order(None)
    response = client.post(HOOK, json=order_sign(builder, engine))
    assert (response.status_code, response.get_json()) == (200, {"cards": []})


CLINICAL = {
    "Condition", "Observation", "Procedure", "MedicationRequest", "MedicationStatement", "MedicationAdministration",
    "Device", "AllergyIntolerance", "Encounter", "QuestionnaireResponse", "DocumentReference", "DiagnosticReport",
    "Consent", "Coverage", "AdverseEvent",
}  # fmt: skip
ODD_MEMBERS = """
status code type category clinicalStatus verificationStatus effectiveDateTime effectivePeriod valueQuantity
valueInteger valueCodeableConcept performedPeriod performedDateTime performer bodySite component item author
authored medicationCodeableConcept dosageInstruction statusReason reaction payor class period provision
onsetDateTime abatementDateTime recordedDate reasonCode usedCode outcome note deviceName extension order
"""
ODD_ORDER_MEMBERS = """
reasonCode reasonReference note category replaces basedOn occurrencePeriod occurrenceDateTime authoredOn performer
quantityQuantity extension orderDetail intent
"""
GARBAGE: list[Any] = [None, 0, "x", [], {}, [None], [[]], {"coding": None}, {"coding": {"code": 7}}, True, "2026-99-99"]


@pytest.mark.parametrize("garbage", GARBAGE, ids=repr)
@pytest.mark.parametrize("resource_type", sorted(CLINICAL))
def test_wrong_types_in_fields_cost_nothing_else(
    client: FlaskClient, engine: Engine, resource_type: str, garbage: Any
) -> None:
    """A resource with a wrong type in every field leaves the rest of the answer as it was."""
    subject = {"Coverage": "beneficiary", "AllergyIntolerance": "patient", "Device": "patient", "Consent": "patient"}
    members = dict.fromkeys(ODD_MEMBERS.split(), garbage)
    builder = gappy()
    before = client.post(HOOK, json=order_sign(builder, engine)).get_json()["cards"]
    odd: Json = {"resourceType": resource_type, "id": "odd", **members}
    odd[subject.get(resource_type, "subject")] = {"reference": "Patient/p1"}
    request = order_sign(builder, engine)
    request["prefetch"]["odd"] = {"resourceType": "Bundle", "entry": [{"resource": odd}]}
    response = client.post(HOOK, json=request)
    assert response.status_code == 200
    assert [card["summary"] for card in response.get_json()["cards"]] == [card["summary"] for card in before]


@pytest.mark.parametrize("garbage", GARBAGE, ids=repr)
def test_wrong_types_in_the_order(client: FlaskClient, engine: Engine, garbage: Any) -> None:
    """An order with wrong types beside its code is still understood."""
    builder = gappy()
    for member in ODD_ORDER_MEMBERS.split():
        builder.orders[0][member] = garbage
    response = client.post(HOOK, json=order_sign(builder, engine))
    assert response.status_code == 200
    assert len(response.get_json()["cards"]) == 1


@pytest.mark.parametrize("bad", ["yesterday", "2026-02-30", "2026-13", 20260101, {"value": "2026"}])
def test_dates_that_are_no_dates(client: FlaskClient, engine: Engine, bad: Any) -> None:
    """A score whose date cannot be read does not count and does not crash."""
    builder = gappy()
    builder.nrs(9)["effectiveDateTime"] = bad
    response = client.post(HOOK, json=order_sign(builder, engine))
    assert response.status_code == 200
    assert len(response.get_json()["cards"]) == 1


def test_another_patients_order_is_refused(client: FlaskClient, engine: Engine) -> None:
    """An order for somebody else makes the request unusable."""
    builder = gappy()
    builder.orders[0]["subject"] = {"reference": "Patient/somebody-else"}
    response = client.post(HOOK, json=order_sign(builder, engine))
    assert response.status_code == 400
    assert response.get_json()["issue"][0]["expression"] == ["ServiceRequest.subject"]


def test_another_patients_coverage_is_refused(client: FlaskClient, engine: Engine) -> None:
    """A Coverage of somebody else makes the request unusable."""
    builder = gappy()
    builder.resources[0]["beneficiary"] = {"reference": "Patient/somebody-else"}
    response = client.post(HOOK, json=order_sign(builder, engine))
    assert response.status_code == 400
    assert response.get_json()["issue"][0]["expression"] == ["Coverage.beneficiary"]


def test_another_patient_under_the_patient_key_is_refused(client: FlaskClient, engine: Engine) -> None:
    """The prefetched Patient must be the context's."""
    request = order_sign(gappy(), engine)
    request["prefetch"]["patient"] = {"resourceType": "Patient", "id": "somebody-else"}
    assert client.post(HOOK, json=request).status_code == 400


def test_another_patients_observation_is_left_out_and_named(client: FlaskClient, engine: Engine) -> None:
    """A score of somebody else does not count; the card says that it was not used."""
    builder = gappy()
    foreign = builder.nrs(9)
    foreign["subject"] = {"reference": "Patient/somebody-else"}
    card = client.post(HOOK, json=order_sign(builder, engine)).get_json()["cards"][0]
    assert f"Observation/{foreign['id']} is about somebody else" in card["detail"].replace("\\", "")


@pytest.mark.parametrize("value", [None, {"resourceType": "Bundle", "entry": []}, {"resourceType": "Bundle"}])
def test_a_null_or_empty_key_means_nothing_on_file(client: FlaskClient, engine: Engine, value: Any) -> None:
    """Null and an empty Bundle are read and empty: the cause of the pain is not documented."""
    builder = gappy()
    request = order_sign(builder, engine)
    request["prefetch"]["conditions"] = value
    detail = client.post(HOOK, json=request).get_json()["cards"][0]["detail"]
    assert "Could not be read: Condition" not in detail


TIMEOUT = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}


@pytest.mark.parametrize(
    "value",
    [
        "absent",
        {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]},
        {"resourceType": "Bundle", "entry": [], "link": [{"relation": "next", "url": "https://x.example.org/2"}]},
        {"resourceType": "Bundle", "entry": [{"resource": TIMEOUT}]},
        {"resourceType": "Bundle", "entry": {}},
        ["no bundle"],
        "text",
    ],
)  # fmt: skip
def test_an_unread_key_is_never_not_documented(client: FlaskClient, engine: Engine, value: Any) -> None:
    """A key that is missing, failed or paged leaves its criteria to review, and the card says what was not read."""
    builder = gappy()
    builder.order("62362")
    request = order_sign(builder, engine, without=("conditions",))
    if value != "absent":
        request["prefetch"]["conditions"] = value
    response = client.post(HOOK, json=request)
    assert response.status_code == 200
    assert "Could not be read: Condition" in response.get_json()["cards"][0]["detail"]


@pytest.mark.parametrize("value", ["absent", {"resourceType": "OperationOutcome", "issue": []}])
def test_without_any_coverage_nothing_can_be_said(client: FlaskClient, engine: Engine, value: Any) -> None:
    """Coverage unread and no FHIR server: 412 with an OperationOutcome that names the key."""
    request = order_sign(gappy(), engine, without=("coverages",))
    if value != "absent":
        request["prefetch"]["coverages"] = value
    response = client.post(HOOK, json=request)
    assert response.status_code == 412
    outcome = response.get_json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"][0]["code"] == "processing"
    assert "coverages" in outcome["issue"][0]["diagnostics"]


def test_no_prefetch_at_all_is_412_only_for_orders_that_concern_us(client: FlaskClient, engine: Engine) -> None:
    """An oral drug is silent without any data; a pump order is not."""
    pump = order_sign(gappy(), engine)
    del pump["prefetch"]
    assert client.post(HOOK, json=pump).status_code == 412
    oral = Builder(TODAY)
    oral.order("860975", system="rxnorm", resource_type="MedicationRequest", text="metformin 500 MG Oral Tablet")
    request = order_sign(oral, engine)
    del request["prefetch"]
    response = client.post(HOOK, json=request)
    assert (response.status_code, response.get_json()) == (200, {"cards": []})


def test_an_order_that_hangs_on_an_unread_reason_is_412(client: FlaskClient, engine: Engine) -> None:
    """Morphine by catheter is a trial only with a pain reason: while the reason is unread nothing can be said."""
    builder = Builder(TODAY)
    builder.coverage("Cigna")
    reason = builder.condition("icd-10-cm", "G89.4")
    builder.order(
        "62326",
        orderDetail=[concept("hcpcs", "J2274")],
        reasonReference=[{"reference": f"Condition/{reason['id']}"}],
    )
    assert len(client.post(HOOK, json=order_sign(builder, engine)).get_json()["cards"]) == 1
    response = client.post(HOOK, json=order_sign(builder, engine, without=("conditions",)))
    assert response.status_code == 412
    assert response.get_json()["issue"][0]["expression"] == ["prefetch.conditions"]


def test_entries_without_a_resource_are_warnings(client: FlaskClient, engine: Engine) -> None:
    """An entry that holds no resource is named; the others are answered."""
    request = order_sign(gappy(), engine)
    request["context"]["draftOrders"]["entry"][:0] = [None, {}, {"resource": "x"}]
    card = client.post(HOOK, json=request).get_json()["cards"][0]
    assert "entry[0] holds no resource" in card["detail"].replace("\\", "")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("get", HOOK, 405), ("post", "/cds-services/none", 404), ("get", "/nowhere", 404)],
)
def test_wrong_addresses_answer_with_an_outcome(client: FlaskClient, method: str, path: str, status: int) -> None:
    """A wrong method or address is told in an OperationOutcome."""
    response = getattr(client, method)(path)
    assert response.status_code == status
    assert response.get_json()["resourceType"] == "OperationOutcome"


def test_unknown_members_are_ignored(client: FlaskClient, engine: Engine) -> None:
    """Members that nobody knows change nothing."""
    request = order_sign(gappy(), engine)
    request["extension"] = {"com.example": 1}
    request["context"]["future"] = [1]
    assert client.post(HOOK, data=json.dumps(request), content_type="text/plain").status_code == 200


def test_a_chart_beside_unreadable_resources_keeps_its_evidence(client: FlaskClient, engine: Engine) -> None:
    """One unreadable score never costs the readable one beside it."""
    builder = gappy()
    builder.nrs(8)
    builder.observation("loinc", "72514-3", valueQuantity={"value": "eight"})
    builder.add("Observation", status="final", code=concept("loinc", "72514-3"))
    response = client.post(HOOK, json=order_sign(builder, engine))
    assert response.status_code == 200
    assert len(response.get_json()["cards"]) == 1
