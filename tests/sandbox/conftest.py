"""Fixtures: a sandbox in a test client, a sandbox and a stub service on loopback ports, and a browser."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from sandbox.access_tokens import TokenIssuer
from sandbox.app import SandboxSettings, create_app
from sandbox.fhir_server import create_fhir_blueprint
from sandbox.fhir_store import ResourceStore

from .stub_service import StubService, running_stub, serving

TODAY = date(2026, 11, 24)
BASE = "http://localhost/fhir"


@pytest.fixture
def store() -> ResourceStore:
    """Return an empty store."""
    return ResourceStore()


@pytest.fixture
def open_fhir(store: ResourceStore) -> FlaskClient:
    """Return a client of a FHIR server that asks for no token."""
    app = Flask(__name__)
    app.register_blueprint(create_fhir_blueprint(store, TokenIssuer(), lambda: BASE, False), url_prefix="/fhir")
    return app.test_client()


@pytest.fixture
def sandbox() -> FlaskClient:
    """Return a client of a whole sandbox."""
    settings = SandboxSettings(TODAY, "http://localhost", "http://127.0.0.1:8000")
    return create_app(settings).test_client()


@pytest.fixture
def session(sandbox: FlaskClient) -> dict[str, str]:
    """Return the headers with which the sandbox's own page speaks to it."""
    return page_session(sandbox.get("/page-config.json").get_json())


def page_session(config: dict[str, Any]) -> dict[str, str]:
    """Return the headers with which a page that got this configuration speaks to its sandbox."""
    return {"Authorization": f"Bearer {config['accessToken']}"}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Run Debian's Chromium."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def stub_and_url() -> Iterator[tuple[StubService, str]]:
    """Run a stub service and a sandbox that calls it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with running_stub() as stub:
        app = create_app(SandboxSettings(date.today(), f"http://127.0.0.1:{port}", stub.url))
        with serving(app, port) as url:
            yield stub, url


@pytest.fixture
def stub(stub_and_url: tuple[StubService, str]) -> StubService:
    """Return the stub service, with nothing heard and nothing to say, and every chart as it was built."""
    stub, url = stub_and_url
    stub.answer, stub.status = {"cards": []}, 200
    requests.post(f"{url}/reset", json={}, headers=page_session(requests.get(f"{url}/page-config.json").json()))
    stub.requests.clear()
    stub.feedback.clear()
    return stub


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Return a browser context of a desk-sized window."""
    fresh = browser.new_context(viewport={"width": 1440, "height": 900})
    yield fresh
    fresh.close()


@pytest.fixture
def page(context: BrowserContext, stub: StubService, stub_and_url: tuple[StubService, str]) -> Iterator[Page]:
    """Return the sandbox's page, its service found; a script that fails, fails the test."""
    page = context.new_page()
    page.set_default_timeout(10_000)
    failures: list[Any] = []
    page.on("pageerror", lambda error: failures.append(error))
    page.goto(f"{stub_and_url[1]}/")
    page.locator("#service-status[data-state=up]").wait_for()
    yield page
    assert failures == []
