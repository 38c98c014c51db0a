"""What prefetch lacks is read from the EHR's FHIR server: with its token, within its scope, only there."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
import responses
from flask.testing import FlaskClient
from responses import matchers

from service.app import create_app
from service.config import Config
from service.engine import Engine
from service.fhir_client import FhirReader, is_allowed, is_below, scope_allows
from service.hook_requests import Access
from service.prefetched import State
from tests.builder import Builder, Json
from tests.service.conftest import FHIR, TODAY
from tests.service.requests_made import HOOK, order_sign, searchset

TOKEN = "marked-token-7f3a"
ACCESS = Access(FHIR, TOKEN, "patient/*.read")
BEARER = matchers.header_matcher({"Authorization": f"Bearer {TOKEN}"})


def reader(scope: str = "patient/*.read", budget: float = 2.0) -> FhirReader:
    """Return a reader of the test server."""
    return FhirReader(Access(FHIR, TOKEN, scope), budget)


def bundle(*ids: str, following: str = "") -> Json:
    """Return a searchset of Conditions, with the next page's address where there is one."""
    found: Json = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": {"resourceType": "Condition", "id": one}} for one in ids],
    }
    if following:
        found["link"] = [{"relation": "next", "url": following}]
    return found


def outcome(code: str) -> Json:
    """Return an OperationOutcome with one error."""
    return {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code}]}


def ids(found: Any) -> list[str]:
    """Return the ids of what was found."""
    return [one.resource["id"] for one in found.resources]


@responses.activate
def test_pages_are_followed_with_the_token() -> None:
    """Every page of the same server is read, each call with the bearer token."""
    responses.get(
        f"{FHIR}/Condition",
        json=bundle("a", following=f"{FHIR}/page/2"),
        match=[BEARER, matchers.query_param_matcher({"patient": "p1"})],
    )
    responses.get(f"{FHIR}/page/2", json=bundle("b", following="page/3"), match=[BEARER])
    responses.get(f"{FHIR}/page/3", json=bundle("c"), match=[BEARER])
    found = reader().read_all({"conditions": "Condition?patient=p1"})["conditions"]
    assert (found.state, ids(found)) == (State.DATA, ["a", "b", "c"])


@responses.activate
@pytest.mark.parametrize(
    "following",
    [
        "https://elsewhere.example.org/fhir/2",
        "http://ehr.example.org/fhir/2",
        "https://ehr.example.org/other/2",
        "//elsewhere.example.org/2",
        "https://ehr.example.org/fhir/../admin",
    ],
)
def test_a_next_link_to_another_place_is_not_followed(following: str) -> None:
    """The token goes nowhere but below the server's base; what was read counts, the rest is unread."""
    responses.get(f"{FHIR}/Condition", json=bundle("a", following=following))
    found = reader().read_all({"conditions": "Condition?patient=p1"})["conditions"]
    assert (found.state, ids(found)) == (State.FAILED, ["a"])
    assert len(responses.calls) == 1


@responses.activate
def test_a_redirect_is_not_followed() -> None:
    """A redirect is an answer that could not be used, not a way to another host."""
    responses.get(f"{FHIR}/Condition", status=302, headers={"Location": "https://elsewhere.example.org/fhir"})
    found = reader().read_all({"conditions": "Condition?patient=p1"})["conditions"]
    assert (found.state, len(responses.calls)) == (State.FAILED, 1)


@responses.activate
@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ({"status": 401}, State.REFUSED),
        ({"status": 403}, State.REFUSED),
        ({"status": 404}, State.FAILED),
        ({"status": 500}, State.FAILED),
        ({"body": requests.ConnectionError()}, State.FAILED),
        ({"body": requests.Timeout()}, State.FAILED),
        ({"body": "<html>"}, State.FAILED),
        ({"json": outcome("forbidden")}, State.FAILED),
        ({"json": {"resourceType": "Bundle"}}, State.EMPTY),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_unread(answer: Json, state: State) -> None:
    """No failure of the server reads as "nothing on file"; an empty searchset does."""
    responses.get(f"{FHIR}/Condition", **answer)
    found = reader().read_all({"conditions": "Condition?patient=p1"})["conditions"]
    assert found.state is state
    assert all(TOKEN not in text for text in found.warnings)


@responses.activate
def test_only_what_the_scope_allows_is_asked() -> None:
    """A type outside the scope is not asked for, and stays unread."""
    found = reader("patient/Patient.read").read_all({"conditions": "Condition?patient=p1"})["conditions"]
    assert (found.state, len(responses.calls)) == (State.REFUSED, 0)


@pytest.mark.parametrize(
    ("scope", "kind", "allowed"),
    [
        ("patient/*.read", "Condition", True),
        ("user/Condition.read launch", "Condition", True),
        ("patient/Condition.rs", "Condition", True),
        ("patient/Condition.cruds", "Condition", True),
        ("patient/Condition.r", "Condition", False),
        ("patient/Condition.rs?category=problem-list-item", "Condition", True),
        ("system/*.*", "Condition", True),
        ("patient/*.write", "Condition", False),
        ("patient/Observation.read", "Condition", False),
        ("openid fhirUser launch", "Condition", False),
        ("", "Condition", False),
    ],
)
def test_scopes(scope: str, kind: str, allowed: bool) -> None:
    """SMART v1 and v2 scopes are understood; reading needs read and search."""
    assert scope_allows(scope, kind) is allowed


@pytest.mark.parametrize(
    ("url", "below"),
    [
        (f"{FHIR}/Condition", True),
        (FHIR, True),
        ("https://ehr.example.org/fhirther", False),
        ("https://ehr.example.org:444/fhir/x", False),
        ("https://user@ehr.example.org/fhir/x", False),
    ],
)
def test_addresses_below_the_base(url: str, below: bool) -> None:
    """Scheme, host, port and path must be the server's own."""
    assert is_below(url, FHIR) is below


def test_only_listed_servers_are_read() -> None:
    """A trailing slash makes no difference, anything else does."""
    assert is_allowed(f"{FHIR}/", [FHIR])
    assert not is_allowed("https://ehr.example.org/fhir2", [FHIR])


def gappy() -> Builder:
    """Return a Cigna chart with a pump order."""
    builder = Builder(TODAY)
    builder.coverage("Cigna")
    builder.condition("icd-10-cm", "M96.1")
    builder.finding("further-treatment-indicated", False)
    builder.order("62362", reason=("icd-10-cm", "M96.1"))
    return builder


def with_access(request: Json, **authorization: Any) -> Json:
    """Return the request with the FHIR server's address and a token."""
    granted = {
        "access_token": TOKEN,
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/*.read",
        "subject": "pumpcheck",
        "patient": "p1",
    }
    return {**request, "fhirServer": FHIR, "fhirAuthorization": {**granted, **authorization}}


def serve(builder: Builder) -> None:
    """Let the mocked server answer every read and search from the builder's chart."""

    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        kind = re.sub(r"^/fhir/", "", request.path_url).partition("?")[0]
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        if kind == "Patient/p1":
            return 200, {}, dumps(builder.patient)
        if "/" in kind:
            return 404, {}, "{}"
        found = [one for one in builder.resources if one["resourceType"] == kind]
        return 200, {}, dumps(searchset(found) or {"resourceType": "Bundle", "type": "searchset"})

    responses.add_callback(responses.GET, re.compile(rf"{FHIR}/.*"), callback=answer)


def dumps(value: Json) -> str:
    """Return JSON text."""
    return json.dumps(value)


def core(response: Any) -> list[tuple[str, str]]:
    """Return what of the cards does not change from call to call."""
    return [(card["summary"], card["detail"]) for card in response.get_json()["cards"]]


@responses.activate
def test_prefetch_reads_and_half_and_half_give_the_same_cards(client: FlaskClient, engine: Engine) -> None:
    """The same chart by prefetch, by FHIR reads, or half and half."""
    builder = gappy()
    serve(builder)
    whole = with_access(order_sign(builder, engine))
    expected = core(client.post(HOOK, json=whole))
    assert len(expected) == 1
    assert "Could not be read" not in expected[0][1]
    read = {**whole}
    del read["prefetch"]
    assert core(client.post(HOOK, json=read)) == expected
    half = with_access(order_sign(builder, engine, without=("coverages", "conditions", "findings", "procedures")))
    assert core(client.post(HOOK, json=half)) == expected


@responses.activate
def test_a_killed_server_leaves_a_card_that_says_so(client: FlaskClient, engine: Engine) -> None:
    """With the Coverage prefetched and the server down the card names what could not be read."""
    responses.add(responses.GET, re.compile(rf"{FHIR}/.*"), body=requests.ConnectionError())
    request = with_access(order_sign(gappy(), engine, without=("conditions",)))
    response = client.post(HOOK, json=request)
    assert response.status_code == 200
    detail = response.get_json()["cards"][0]["detail"]
    assert "conditions: the FHIR server could not be reached" in detail
    assert TOKEN not in response.get_data(as_text=True)


@responses.activate
@pytest.mark.parametrize("answer", [{"status": 401}, {"status": 500}, {"body": requests.Timeout()}])
def test_coverage_that_cannot_be_read_anywhere_is_412(client: FlaskClient, engine: Engine, answer: Json) -> None:
    """No Coverage by prefetch and none from the server: nothing can be said."""
    responses.add(responses.GET, re.compile(rf"{FHIR}/.*"), **answer)
    request = with_access(order_sign(gappy(), engine, without=("coverages",)))
    assert client.post(HOOK, json=request).status_code == 412


@responses.activate
@pytest.mark.parametrize(
    "change",
    [
        {"fhirServer": "https://elsewhere.example.org/fhir"},
        {"fhirAuthorization": {"access_token": TOKEN, "token_type": "mac", "scope": "patient/*.read"}},
        {"fhirAuthorization": {"access_token": TOKEN, "token_type": "Bearer", "scope": "user/*.read", "patient": "p2"}},
    ],
)  # fmt: skip
def test_a_server_or_token_that_is_not_ours_is_not_used(client: FlaskClient, engine: Engine, change: Json) -> None:
    """A server that is not listed, a token of another kind or for another patient: no call goes out."""
    request = {**with_access(order_sign(gappy(), engine, without=("conditions",))), **change}
    response = client.post(HOOK, json=request)
    assert response.status_code == 200
    assert len(responses.calls) == 0
    assert "Could not be read: Condition" in response.get_json()["cards"][0]["detail"]


@responses.activate
def test_an_operation_outcome_is_read_once_more_unless_it_is_final(client: FlaskClient, engine: Engine) -> None:
    """A failed key is asked again once; one that is forbidden or not supported is not."""
    serve(gappy())
    request = with_access(order_sign(gappy(), engine))
    request["prefetch"]["conditions"] = outcome("timeout")
    request["prefetch"]["procedures"] = outcome("forbidden")
    assert client.post(HOOK, json=request).status_code == 200
    asked = [call.request.path_url for call in responses.calls]
    assert [path for path in asked if path.startswith("/fhir/Condition?")] == ["/fhir/Condition?patient=p1"]
    assert not any(path.startswith("/fhir/Procedure") for path in asked)


@pytest.fixture
def mute_server() -> Iterator[str]:
    """Run a FHIR server on loopback that takes every call and never answers; yield its base URL."""
    ended = threading.Event()

    class Mute(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            ended.wait()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Mute)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/fhir"
    finally:
        ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.server
def test_a_server_that_never_answers_costs_no_more_than_the_budget(mute_server: str) -> None:
    """The call ends although the server never does, and the card names every key that was waited for."""
    config = Config.model_validate(
        {"fhir": {"allowed_servers": [mute_server], "time_budget_s": 0.3}, "client_auth": {"mode": "off"}}
    )
    engine = Engine.build(config)
    client = create_app(config, engine, lambda: TODAY).test_client()
    request = with_access(order_sign(gappy(), engine, without=("conditions", "procedures")))
    request["fhirServer"] = mute_server
    response = client.post(HOOK, json=request)
    assert response.status_code == 200
    detail = response.get_json()["cards"][0]["detail"]
    assert "conditions: the FHIR server did not answer within 0.3 s" in detail
    assert "procedures: the FHIR server did not answer within 0.3 s" in detail


def test_all_reads_of_a_call_share_one_budget() -> None:
    """A reader whose time is used up asks for nothing more."""
    spent = FhirReader(ACCESS, 1.0, begun=time.monotonic() - 2)
    with responses.RequestsMock() as calls:
        found = spent.read_all({"conditions": "Condition?patient=p1"})["conditions"]
        assert len(calls.calls) == 0
    assert found.state is State.FAILED
