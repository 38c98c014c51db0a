"""The FHIR server: reading, writing, bundles, access tokens, and errors that name what is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from sandbox.access_tokens import READ_ONE_PATIENT, TokenIssuer
from sandbox.fhir_store import ResourceStore

ORDER = {
    "resourceType": "ServiceRequest",
    "status": "draft",
    "intent": "order",
    "code": {"text": "Pump"},
    "subject": {"reference": "Patient/p1"},
}


def outcome(answer: Any) -> dict[str, Any]:
    """Return the one issue of an OperationOutcome answer."""
    body = answer.get_json()
    assert body["resourceType"] == "OperationOutcome"
    (issue,) = body["issue"]
    return issue


def test_a_created_order_can_be_read_changed_and_deleted(open_fhir: FlaskClient) -> None:
    """The life of an order: each step answers with the status, version and address that FHIR asks for."""
    created = open_fhir.post("/fhir/ServiceRequest", json=ORDER)
    address = f"/fhir/ServiceRequest/{created.get_json()['id']}"
    read = open_fhir.get(address)
    changed = open_fhir.put(address, json=created.get_json() | {"status": "active"})
    deleted = open_fhir.delete(address)

    assert created.status_code == 201
    assert created.headers["Location"] == f"http://localhost{address}/_history/1"
    assert read.get_json() == created.get_json()
    assert read.headers["ETag"] == 'W/"1"'
    assert read.headers["Last-Modified"].endswith("GMT")
    assert (changed.status_code, changed.get_json()["status"], changed.headers["ETag"]) == (200, "active", 'W/"2"')
    assert deleted.status_code == 204
    assert outcome(open_fhir.get(address))["code"] == "deleted"
    assert open_fhir.get(address).status_code == 410
    assert open_fhir.get(f"{address}/_history/1").get_json()["status"] == "draft"
    assert open_fhir.get(f"{address}/_history/9").status_code == 404
    assert open_fhir.get("/fhir/ServiceRequest").get_json()["total"] == 0


def test_an_update_may_create(open_fhir: FlaskClient) -> None:
    """PUT under an id that nothing bears creates the resource under that id."""
    answer = open_fhir.put("/fhir/ServiceRequest/mine", json=ORDER | {"id": "mine"})

    assert answer.status_code == 201
    assert open_fhir.get("/fhir/ServiceRequest/mine").status_code == 200


def test_an_update_of_an_outdated_version_is_refused(open_fhir: FlaskClient) -> None:
    """If-Match keeps one writer from overwriting what another just wrote."""
    open_fhir.put("/fhir/ServiceRequest/mine", json=ORDER | {"id": "mine"})
    body = ORDER | {"id": "mine", "status": "active"}
    good = open_fhir.put("/fhir/ServiceRequest/mine", json=body, headers={"If-Match": 'W/"1"'})
    late = open_fhir.put("/fhir/ServiceRequest/mine", json=body, headers={"If-Match": 'W/"1"'})

    assert (good.status_code, late.status_code) == (200, 412)
    assert outcome(late)["diagnostics"] == "ServiceRequest/mine is at version 2 by now."


@pytest.mark.parametrize(
    ("change", "status", "expression"),
    [
        ({"status": "bogus"}, 422, "ServiceRequest.status"),
        ({"colour": "red"}, 422, "ServiceRequest.colour"),
        ({"intent": None}, 422, "ServiceRequest.intent"),
        ({"occurrenceDateTime": "soon"}, 422, "ServiceRequest.occurrenceDateTime"),
        ({"occurrenceDateTime": "2026-01-01", "occurrenceTiming": {"event": ["2026-01-01"]}}, 422, "ServiceRequest"),
        ({"code": {"coding": [{"cod": "x"}]}}, 422, "ServiceRequest.code.coding[0].cod"),
        ({"subject": {"reference": "Coverage/c1"}}, 422, "ServiceRequest.subject"),
        ({"resourceType": "DeviceRequest"}, 400, "resourceType"),
    ],
)
def test_an_invalid_resource_is_refused_by_element(
    open_fhir: FlaskClient, change: dict[str, Any], status: int, expression: str
) -> None:
    """What is not FHIR is not stored; the answer names the element that is wrong."""
    body = {name: value for name, value in (ORDER | change).items() if value is not None}

    answer = open_fhir.post("/fhir/ServiceRequest", json=body)

    assert answer.status_code == status
    assert outcome(answer)["expression"] == [expression]
    assert open_fhir.get("/fhir/ServiceRequest").get_json()["total"] == 0


@pytest.mark.parametrize(
    ("method", "address", "options", "status", "named"),
    [
        ("GET", "/fhir/Patient/nobody", {}, 404, "Patient/nobody"),
        ("GET", "/fhir/Immunization", {}, 404, "Immunization"),
        ("GET", "/fhir/Patient/p1/everything/else", {}, 404, "/Patient/p1/everything/else"),
        ("PATCH", "/fhir/Patient/p1", {}, 404, "PATCH"),
        ("GET", "/fhir/Patient", {"headers": {"Accept": "application/fhir+xml"}}, 406, "FHIR JSON"),
        ("GET", "/fhir/Patient?_format=xml", {}, 406, "FHIR JSON"),
        ("POST", "/fhir/Patient", {"data": "<Patient/>", "content_type": "application/fhir+xml"}, 415, "fhir+xml"),
        ("POST", "/fhir/Patient", {"data": "{", "content_type": "application/fhir+json"}, 400, "not JSON"),
        ("POST", "/fhir/Patient", {"json": []}, 400, "resourceType"),
        ("POST", "/fhir/ServiceRequest", {"json": ORDER, "headers": {"If-None-Exist": "x=1"}}, 400, "If-None-Exist"),
        ("PUT", "/fhir/ServiceRequest/a", {"json": ORDER | {"id": "b"}}, 400, "'b'"),
        ("PUT", "/fhir/ServiceRequest/a_b", {"json": ORDER | {"id": "a_b"}}, 400, "a_b"),
        ("POST", "/fhir", {"json": ORDER}, 400, "Bundle"),
        ("POST", "/fhir", {"json": {"resourceType": "Bundle", "type": "collection"}}, 400, "collection"),
    ],
)
def test_errors_are_operation_outcomes(
    open_fhir: FlaskClient, method: str, address: str, options: dict[str, Any], status: int, named: str
) -> None:
    """Every refusal is an OperationOutcome in FHIR JSON that says what was refused."""
    answer = open_fhir.open(address, method=method, **options)

    assert answer.status_code == status
    assert answer.mimetype == "application/fhir+json"
    assert named in outcome(answer)["diagnostics"]


def test_a_transaction_ties_its_resources_together(open_fhir: FlaskClient) -> None:
    """What one entry creates, another may refer to by its fullUrl; deletions come before creations."""
    open_fhir.put("/fhir/ServiceRequest/old", json=ORDER | {"id": "old"})
    device = {
        "resourceType": "DeviceRequest",
        "status": "draft",
        "intent": "order",
        "codeCodeableConcept": {"text": "Pump"},
        "subject": {"reference": "Patient/p1"},
        "basedOn": [{"reference": "urn:uuid:1"}, {"reference": "ServiceRequest/planned"}],
    }
    entries = [
        {"resource": device, "request": {"method": "POST", "url": "DeviceRequest"}},
        {"fullUrl": "urn:uuid:1", "resource": ORDER, "request": {"method": "POST", "url": "ServiceRequest"}},
        {
            "fullUrl": "http://localhost/fhir/ServiceRequest/planned",
            "resource": ORDER,
            "request": {"method": "POST", "url": "ServiceRequest"},
        },
        {"request": {"method": "DELETE", "url": "ServiceRequest/old"}},
        {"request": {"method": "GET", "url": "ServiceRequest?patient=Patient/p1"}},
    ]

    answer = open_fhir.post("/fhir", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})

    made_device, first, second, deleted, search = answer.get_json()["entry"]
    made = [f"ServiceRequest/{entry['resource']['id']}" for entry in (first, second)]
    assert answer.get_json()["type"] == "transaction-response"
    assert [entry["reference"] for entry in made_device["resource"]["basedOn"]] == made
    assert first["response"] == {"status": "201 Created", "location": f"{made[0]}/_history/1", "etag": 'W/"1"'}
    assert deleted == {"response": {"status": "204 No Content"}}
    assert search["resource"]["total"] == 2


def test_a_failed_transaction_changes_nothing(open_fhir: FlaskClient) -> None:
    """If one entry is refused, none is carried out, and the answer says which one it was."""
    entries = [
        {"resource": ORDER, "request": {"method": "POST", "url": "ServiceRequest"}},
        {"resource": {"resourceType": "ServiceRequest"}, "request": {"method": "POST", "url": "ServiceRequest"}},
    ]

    answer = open_fhir.post("/fhir", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})

    assert answer.status_code == 422
    assert outcome(answer)["diagnostics"].startswith("Bundle.entry[1]: ServiceRequest.subject:")
    assert open_fhir.get("/fhir/ServiceRequest").get_json()["total"] == 0


def test_a_batch_carries_out_what_it_can(open_fhir: FlaskClient) -> None:
    """In a batch each entry stands alone: one refusal costs the others nothing."""
    entries = [
        {"request": {"method": "GET", "url": "Patient/nobody"}},
        {"resource": ORDER, "request": {"method": "POST", "url": "ServiceRequest"}},
    ]

    answer = open_fhir.post("/fhir/", json={"resourceType": "Bundle", "type": "batch", "entry": entries})

    refused, made = answer.get_json()["entry"]
    assert refused["response"]["status"] == "404 Not Found"
    assert refused["response"]["outcome"]["issue"][0]["code"] == "not-found"
    assert made["response"]["status"] == "201 Created"


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({"resource": ORDER}, "Bundle.entry[0].request"),
        ({"request": {"method": "PATCH", "url": "Patient/p1"}}, "PATCH"),
        ({"resource": ORDER, "request": {"method": "PUT", "url": "ServiceRequest?a=b"}}, "conditional"),
    ],
)
def test_a_bundle_entry_that_asks_too_much_is_named(open_fhir: FlaskClient, entry: dict[str, Any], named: str) -> None:
    """An entry without a request, or with one that is not supported, refuses the Bundle and is named."""
    answer = open_fhir.post("/fhir", json={"resourceType": "Bundle", "type": "batch", "entry": [entry]})

    assert answer.status_code == 400
    assert named in outcome(answer)["diagnostics"]


def test_the_capability_statement_is_open_and_complete(sandbox: FlaskClient) -> None:
    """Anybody may read what the server can do: each type with its search parameters."""
    statement = sandbox.get("/fhir/metadata").get_json()

    rows = {row["type"]: {each["name"] for each in row["searchParam"]} for row in statement["rest"][0]["resource"]}
    assert statement["fhirVersion"] == "4.0.1"
    assert {"patient", "subject", "date", "code", "category", "status", "_id"} <= rows["Observation"]
    assert {"patient", "beneficiary", "status"} <= rows["Coverage"]


def test_a_browser_of_another_origin_may_ask(sandbox: FlaskClient) -> None:
    """A preflight needs no token, and every answer, errors included, lets any origin read it."""
    preflight = sandbox.options("/fhir/Observation", headers={"Origin": "https://app.example", "Accept": "text/html"})
    refused = sandbox.get("/fhir/Observation")

    assert preflight.status_code == 200
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, "*")


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic d2hvOmV2ZXI=", "Bearer"])
def test_without_a_valid_token_nothing_is_shown(sandbox: FlaskClient, header: str | None) -> None:
    """Reading, searching, writing and bundles all ask for a token of the server's own."""
    headers = {"Authorization": header} if header else {}

    answers = [
        sandbox.get("/fhir/Patient/two-coverages", headers=headers),
        sandbox.get("/fhir/Patient", headers=headers),
        sandbox.post("/fhir/ServiceRequest", json=ORDER, headers=headers),
        sandbox.post("/fhir", json={"resourceType": "Bundle", "type": "batch"}, headers=headers),
    ]

    assert [answer.status_code for answer in answers] == [401] * 4
    assert all(answer.headers["WWW-Authenticate"].startswith("Bearer") for answer in answers)


def test_a_hook_token_reads_one_patient_and_writes_nothing(sandbox: FlaskClient, session: dict[str, str]) -> None:
    """The token that goes out with a hook call opens one chart for reading, and the clinic's own entries."""
    given = sandbox.post("/token", json={"patient": "two-coverages"}, headers=session).get_json()
    headers = {"Authorization": f"Bearer {given['access_token']}"}

    def status(address: str) -> int:
        return sandbox.get(f"/fhir/{address}", headers=headers).status_code

    everything = sandbox.get("/fhir/Condition?_count=500", headers=headers).get_json()
    written = sandbox.post("/fhir/ServiceRequest", json=ORDER, headers=headers)
    assert given | {"access_token": ""} == {
        "access_token": "",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/*.read",
        "subject": "pumpcheck",
        "patient": "two-coverages",
    }
    assert (status("Patient/two-coverages"), status("Practitioner/psychologist")) == (200, 200)
    assert (status("Patient/cigna-replacement"), status("Condition/cigna-replacement-problem-1")) == (403, 403)
    assert {entry["resource"]["subject"]["reference"] for entry in everything["entry"]} == {"Patient/two-coverages"}
    assert written.status_code == 403
    assert sandbox.get("/fhir/Coverage?patient=cigna-replacement", headers=headers).get_json()["total"] == 0


def test_a_token_ends_with_its_time() -> None:
    """After its lifetime a token grants nothing."""
    seconds = 100.0
    tokens = TokenIssuer(clock=lambda: seconds)
    token = tokens.issue(READ_ONE_PATIENT, "p1", lifetime_s=300)

    seconds = 399.9
    before = tokens.grant(token)
    seconds = 400.0
    after = tokens.grant(token)

    assert before is not None
    assert before.patient == "p1"
    assert after is None


def test_a_stored_resource_is_not_changed_from_outside(store: ResourceStore) -> None:
    """Who holds a resource that was read sees it as it was, whatever is written afterwards."""
    first = store.put({"resourceType": "Patient", "id": "p1", "active": True}).resource
    store.put({"resourceType": "Patient", "id": "p1", "active": False})

    assert first is not None
    assert (first["active"], first["meta"]["versionId"]) == (True, "1")
