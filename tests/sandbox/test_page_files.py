"""The page as files: all there, nothing from elsewhere, vendored libraries unchanged."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

import sandbox as sandbox_package

STATIC = Path(sandbox_package.__file__).parent / "static"
OURS = sorted([*STATIC.glob("*.html"), *STATIC.glob("css/*.css"), *STATIC.glob("js/*.js")])


@pytest.mark.parametrize("folder", [STATIC / "vendor", Path(__file__).parent / "vendor"], ids=["page", "tests"])
def test_vendored_libraries_are_those_of_the_list(folder: Path) -> None:
    """Each vendored script has the checksum that the README gives, and its licence beside it."""
    rows = re.findall(
        r"^\| `([\w.]+)` .*\(`([\w.-]+)`\).*`([0-9a-f]{64})` \|$", (folder / "README.md").read_text(), re.M
    )
    listed = {name: digest for name, _, digest in rows}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*js")}

    assert listed == found
    assert all((folder / licence).is_file() for _, licence, _ in rows)


def test_the_page_and_all_that_it_asks_for_is_served(sandbox: FlaskClient) -> None:
    """Page, styles, scripts and every script that a script imports are there, each under its media type."""
    with sandbox.get("/") as answer:
        html = answer.get_data(as_text=True)
    waiting = [f"/{address}" for address in re.findall(r'(?:href|src)="(static/[^"]+)"', html)]
    seen: dict[str, str] = {}
    while waiting:
        address = waiting.pop()
        with sandbox.get(address) as answer:
            assert answer.status_code == 200, address
            seen[address] = answer.mimetype
            text = answer.get_data(as_text=True)
        for name in re.findall(r'^import .*?from "([^"]+)";$', text, re.M):
            target = str(Path(address).parent.joinpath(name).resolve())
            if target not in seen:
                waiting.append(target)

    scripts = {address for address in seen if address.endswith("js")}
    assert {f"/static/js/{path.name}" for path in STATIC.glob("js/*.js")} < scripts
    assert {seen[address] for address in scripts} <= {"text/javascript", "application/javascript"}


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_nothing_comes_from_elsewhere_and_nothing_is_inline(path: Path) -> None:
    """The page works offline and under a strict policy: it loads no foreign address and holds no inline code."""
    text = path.read_text(encoding="utf-8")

    addresses = set(re.findall(r"https?://[^\s\"'`)$]+", text)) - {"http://www.w3.org/2000/svg"}
    assert addresses == set()
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style| on\w+=\"| style=\"|innerHTML|\beval\(|new Function", text) == []


def test_the_policy_lets_the_page_reach_the_service_alone(sandbox: FlaskClient) -> None:
    """The browser is told: scripts and styles from here, connections to here and to the service, nothing else."""
    with sandbox.get("/") as answer:
        header = answer.headers["Content-Security-Policy"]
    policy = dict(part.split(" ", 1) for part in header.split("; "))

    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["connect-src"] == "'self' http://127.0.0.1:8000"


def test_the_page_is_told_what_it_needs(sandbox: FlaskClient) -> None:
    """Patients with story and filled-in suggestions, payers, orders with their codes, and where everything is."""
    config = sandbox.get("/page-config.json").get_json()
    chosen = {patient["id"]: patient for patient in config["patients"]}

    assert (config["today"], config["fhirServer"]) == ("2026-11-24", "http://localhost/fhir")
    assert (config["serviceUrl"], config["user"]["reference"]) == (
        "http://127.0.0.1:8000",
        "Practitioner/pain-physician",
    )
    assert chosen["cigna-replacement"]["orders"][0] == {
        "title": "Pump replacement",
        "items": ["pump", "replacement-pump-item"],
        "purpose": "pump-replacement",
        "drug": None,
        "reason": "Observation/cigna-replacement-observation-1",
        "on": "2026-12-04",
    }
    assert chosen["hcsc-in-force-complete"]["orders"][0]["on"] == "2025-10-15"
    assert {order["code"].split()[0] for order in config["orders"]} == {"CPT", "HCPCS", "RxNorm"}
    assert len(config["payers"]) == 8


@pytest.mark.parametrize("path", ["/token", "/drafts", "/reset"])
def test_only_the_page_may_ask_its_ehr(sandbox: FlaskClient, path: str) -> None:
    """Tokens, drafts and the reset are for the page that this sandbox served."""
    assert sandbox.post(path, json={"patient": "two-coverages"}).status_code == 401


def test_reset_brings_every_chart_back(sandbox: FlaskClient, session: dict[str, str]) -> None:
    """After a reset, what was changed, deleted or added is as it was."""
    address = "/fhir/Condition/two-coverages-problem-1"
    before = sandbox.get(address, headers=session).get_json()
    sandbox.delete(address, headers=session)
    order = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "for": {"reference": "Patient/two-coverages"},
    }
    sandbox.post("/fhir/Task", json=order, headers=session)

    assert sandbox.post("/reset", json={}, headers=session).status_code == 200

    after = sandbox.get(address, headers=session).get_json()
    assert {**after, "meta": None} == {**before, "meta": None}
    assert sandbox.get("/fhir/Task", headers=session).get_json()["total"] == 0
