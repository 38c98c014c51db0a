"""The running application, with a day that tests control."""

from __future__ import annotations

from datetime import date

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.config import Config
from service.engine import Engine

TODAY = date(2026, 6, 1)
FHIR = "https://ehr.example.org/fhir"


@pytest.fixture(scope="session")
def engine() -> Engine:
    """Return the engine of the defaults, with one allowed FHIR server."""
    members = {"client_auth": {"mode": "off"}, "fhir": {"allowed_servers": [FHIR], "time_budget_s": 2}}
    return Engine.build(Config.model_validate(members))


@pytest.fixture
def client(engine: Engine) -> FlaskClient:
    """Return a client of the application on TODAY."""
    return create_app(engine.config, engine, lambda: TODAY).test_client()
