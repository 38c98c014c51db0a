"""The sandbox and the real service, in a real browser: press Sign and read the card."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

ROOT = Path(__file__).resolve().parents[2]
ARTEFACTS = ROOT / "build" / "screenshots"

pytestmark = [pytest.mark.browser, pytest.mark.server]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Run sandbox and service on free ports and yield the page's address."""
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--start-service", "--service-port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+/", line)
            assert found is not None, line
            yield found.group(0)
        finally:
            process.terminate()


@pytest.fixture
def page(context: BrowserContext, address: str) -> Page:
    """Open the sandbox."""
    opened = context.new_page()
    opened.goto(address)
    return opened


def choose(page: Page, patient: str) -> None:
    """Open a patient's chart and wait for its order form."""
    page.locator(f"[data-patient={patient}]").click()
    expect(page.locator("h1")).to_contain_text(re.compile(patient, re.IGNORECASE))
    expect(page.locator("#sign")).to_be_enabled()


def sign(page: Page) -> None:
    """Press Sign and wait for the service's answer to be drawn."""
    page.locator("#sign").click()
    expect(page.locator("#finish")).to_be_visible()


def keep(page: Page, name: str) -> None:
    """Keep a picture of the page as an artefact."""
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)


def test_a_trial_with_two_gaps_names_exactly_these(page: Page) -> None:
    """The physician reads in one line what is missing, and below it what to record and where the policy says so."""
    choose(page, "cigna-trial-gaps")
    sign(page)
    card = page.locator(".card")
    expect(card).to_have_count(1)
    expect(card.locator(".card-indicator")).to_have_text("Warning")
    expect(card.locator("h3")).to_have_text(
        re.compile(r"^Cigna CMM-210, pump trial: 2 of \d+ items not documented: mental health attestation, agreement")
    )
    steps = card.locator("ol > li")
    expect(steps).to_have_count(2)
    expect(steps.first).to_contain_text("Record the attestation")
    expect(steps.first).to_contain_text("Indications, Non-Malignant Pain, Trial, bullet 4")
    expect(card.get_by_text("It is no coverage decision.")).to_be_visible()
    keep(page, "cigna-trial-gaps")


def test_documenting_what_is_missing_silences_the_card(page: Page) -> None:
    """After the two statements are filed the next Sign finds nothing missing."""
    choose(page, "cigna-trial-gaps")
    page.evaluate(
        """async () => {
            const config = await (await fetch("/page-config.json")).json();
            for (const [code, value] of [["mental-health-contributor", false], ["opioid-reduction-agreed", true]]) {
                const answer = await fetch("/fhir/Observation", {
                    method: "POST",
                    headers: {"Content-Type": "application/fhir+json", "Authorization": `Bearer ${config.accessToken}`},
                    body: JSON.stringify({
                        resourceType: "Observation", status: "final",
                        code: {coding: [{system: "https://pumpcheck.example.org/fhir/CodeSystem/finding", code}]},
                        subject: {reference: "Patient/cigna-trial-gaps"},
                        effectiveDateTime: new Date(Date.now() - 864e5).toISOString(), valueBoolean: value,
                    }),
                });
                if (!answer.ok) throw new Error(await answer.text());
            }
        }"""
    )
    sign(page)
    expect(page.locator(".card h3")).to_have_text(re.compile("all \\d+ items documented"))
    expect(page.locator(".card-indicator")).to_have_text("For information")


def test_exactly_half_contradicts_more_than_half(page: Page) -> None:
    """A trial that took away exactly half of the pain is shown with its numbers."""
    choose(page, "cigna-half-relief")
    sign(page)
    card = page.locator(".card")
    expect(card.locator("h3")).to_contain_text("the chart contradicts pain reduced by more than 50 %")
    expect(card).to_contain_text("50.0 %")
    keep(page, "cigna-half-relief")


def test_external_criteria_are_named(page: Page) -> None:
    """Cancer pain at UnitedHealthcare goes by InterQual: the card says so and evaluates nothing."""
    choose(page, "uhc-cancer-external")
    sign(page)
    expect(page.locator(".card h3")).to_contain_text("InterQual")
    expect(page.locator(".card-indicator")).to_have_text("For information")


def test_a_policy_that_ended_is_named(page: Page) -> None:
    """HCSC's policy has ended without a successor: the card says to ask the plan."""
    choose(page, "hcsc-policy-ended")
    sign(page)
    expect(page.locator(".card h3")).to_contain_text("ended")


def test_an_epidural_steroid_injection_stays_silent(page: Page) -> None:
    """The everyday injection gets no card."""
    choose(page, "cigna-epidural-steroid")
    sign(page)
    expect(page.get_by_text("No cards: the service has nothing to say about these orders.")).to_be_visible()
