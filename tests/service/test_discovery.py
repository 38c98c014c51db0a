"""Discovery, order-select and CORS, as a client's developer meets them."""

from __future__ import annotations

import re
from datetime import date

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.config import Config
from service.engine import Engine
from tests.builder import Builder
from tests.service.conftest import TODAY
from tests.service.requests_made import HOOK, order_sign

SELECT = "/cds-services/pumpcheck-order-select"
TOKENS = re.compile(r"\{\{([^}]*)\}\}")


def test_both_services_are_listed(client: FlaskClient) -> None:
    """Ids, hooks, titles and descriptions; the same on every call."""
    first, second = client.get("/cds-services"), client.get("/cds-services")
    assert first.status_code == 200
    assert first.mimetype == "application/json"
    assert first.get_json() == second.get_json()
    services = first.get_json()["services"]
    assert [(one["id"], one["hook"]) for one in services] == [
        ("pumpcheck-order-sign", "order-sign"),
        ("pumpcheck-order-select", "order-select"),
    ]
    assert all(one["title"] and one["description"] and one["usageRequirements"] for one in services)


def test_prefetch_templates_keep_the_specs_subset(client: FlaskClient) -> None:
    """Relative reads and searches, only tokens that order-sign allows, no chained or include parameters."""
    for service in client.get("/cds-services").get_json()["services"]:
        for template in service["prefetch"].values():
            assert set(TOKENS.findall(template)) == {"context.patientId"}
            assert re.fullmatch(r"[A-Z][A-Za-z]+(/\{\{context\.patientId\}\}|\?[^ ]+)", template)
            parameters = {part.partition("=")[0] for part in template.partition("?")[2].split("&") if part}
            assert parameters <= {"patient", "subject", "code", "status"}


def test_local_codes_of_the_site_are_asked_for() -> None:
    """A code that the site adds to a value set appears in the prefetch of findings."""
    local = {"system": "urn:site", "code": "FLO-77", "label": "Spasm row"}
    config = Config.model_validate(
        {"client_auth": {"mode": "off"}, "value_sets": {"penn-spasm-frequency": {"add": [local]}}}
    )
    engine = Engine.build(config)
    client = create_app(config, engine, lambda: TODAY).test_client()
    prefetch = client.get("/cds-services").get_json()["services"][0]["prefetch"]
    assert "FLO-77" in prefetch["findings"].partition("code=")[2].split(",")


def gappy() -> Builder:
    """Return a Cigna chart with two orders."""
    builder = Builder(TODAY)
    builder.coverage("Cigna")
    builder.condition("icd-10-cm", "M96.1")
    builder.order("62362", reason=("icd-10-cm", "M96.1"))
    builder.order("860975", system="rxnorm", resource_type="MedicationRequest", text="metformin 500 MG Oral Tablet")
    return builder


def test_order_select_tells_early_and_quietly(client: FlaskClient, engine: Engine) -> None:
    """The same gaps as at signing, only for selected orders, and never more than info."""
    builder = gappy()
    request = order_sign(builder, engine, hook="order-select")
    request["context"]["selections"] = [f"ServiceRequest/{builder.orders[0]['id']}"]
    early = client.post(SELECT, json=request).get_json()["cards"]
    late = client.post(HOOK, json=order_sign(builder, engine)).get_json()["cards"]
    assert [card["summary"] for card in early] == [card["summary"] for card in late]
    assert [card["indicator"] for card in early] == ["info"]
    request["context"]["selections"] = [f"MedicationRequest/{builder.orders[1]['id']}"]
    assert client.post(SELECT, json=request).get_json() == {"cards": []}


@pytest.mark.parametrize("selections", [None, "ServiceRequest/o1", [1]])
def test_order_select_needs_its_selections(client: FlaskClient, engine: Engine, selections: object) -> None:
    """Missing or wrong selections are named."""
    request = order_sign(gappy(), engine, hook="order-select")
    request["context"]["selections"] = selections
    response = client.post(SELECT, json=request)
    assert response.status_code == 400
    assert response.get_json()["issue"][0]["expression"] == ["context.selections"]


def test_only_listed_origins_may_call_from_a_browser(engine: Engine) -> None:
    """Preflight, answers and errors carry the header for a listed origin, none for another."""
    config = Config.model_validate(
        {"server": {"cors_origins": ["https://ehr.example.org"]}, "client_auth": {"mode": "off"}}
    )
    client = create_app(config, engine, lambda: date(2026, 6, 1)).test_client()
    preflight = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    for path in ("/cds-services", HOOK):
        listed = client.options(path, headers={"Origin": "https://ehr.example.org", **preflight})
        assert listed.status_code == 204
        assert listed.headers["Access-Control-Allow-Origin"] == "https://ehr.example.org"
        other = client.options(path, headers={"Origin": "https://evil.example.org", **preflight})
        assert "Access-Control-Allow-Origin" not in other.headers
    error = client.post(HOOK, data=b"{", headers={"Origin": "https://ehr.example.org"})
    assert error.status_code == 400
    assert error.headers["Access-Control-Allow-Origin"] == "https://ehr.example.org"
    assert "Origin" in error.headers["Vary"]


def test_answers_are_not_to_be_stored(client: FlaskClient, engine: Engine) -> None:
    """Answers hold health data: no cache keeps them."""
    assert client.post(HOOK, json=order_sign(gappy(), engine)).headers["Cache-Control"] == "no-store"
