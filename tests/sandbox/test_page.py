"""The page in a real browser, against a stub service: choosing, signing, cards, suggestions, errors, looks."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from .stub_service import SERVICE_ID, StubService

pytestmark = pytest.mark.browser

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
GAPS = "cigna-trial-gaps"
CARD = {
    "uuid": "11111111-1111-4111-8111-111111111111",
    "summary": "Two things are not documented",
    "indicator": "warning",
    "source": {"label": "Example policy", "url": "https://policy.example/text"},
}
TASK = {
    "resourceType": "Task",
    "status": "requested",
    "intent": "order",
    "description": "Ask for the attestation",
    "for": {"reference": f"Patient/{GAPS}"},
}


def choose(page: Page, patient: str) -> None:
    """Open a patient's chart and wait for its order form."""
    page.locator(f"[data-patient={patient}]").click()
    expect(page.locator("h1")).to_contain_text(re.compile("-".join(patient.split("-")), re.IGNORECASE))
    expect(page.locator("#sign")).to_be_enabled()


def sign(page: Page) -> None:
    """Press Sign and wait for the service's answer to be drawn."""
    page.locator("#sign").click()
    expect(page.locator("#finish")).to_be_visible()


def suggestion(label: str, *actions: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Return a suggestion with a uuid made from its label."""
    described = [{"description": f"{label}, step {number}"} | action for number, action in enumerate(actions, start=1)]
    return {"label": label, "uuid": f"uuid-of-{label}", "actions": described} | members


def issue(diagnostics: str) -> dict[str, Any]:
    """Return an OperationOutcome that says this."""
    said = {"severity": "error", "code": "required", "diagnostics": diagnostics}
    return {"resourceType": "OperationOutcome", "issue": [said]}


def fhir(page: Page, address: str) -> Any:
    """Read from the sandbox's FHIR server as its own page does."""
    script = """async (address) => {
        const { accessToken } = await (await fetch("page-config.json")).json();
        return (await fetch("fhir/" + address, { headers: { Authorization: "Bearer " + accessToken } })).json();
    }"""
    return page.evaluate(script, address)


def shown(page: Page, caption: str) -> list[list[str]]:
    """Return the cells of a chart table, row by row."""
    rows = page.get_by_role("table", name=caption, exact=True).locator("tbody tr")
    return [row.locator("th, td").all_inner_texts() for row in rows.all()]


# Patients and chart


def test_the_list_narrows_as_one_types(page: Page) -> None:
    """Words in any order, from name, payer or story, narrow the list; the count says how far."""
    page.get_by_label("Search").fill("medicare hydromorphone")
    expect(page.locator(".patient")).to_have_count(1)
    expect(page.locator(".patient-name")).to_have_text("Medicare-Permanent-Complete")
    expect(page.get_by_text("1 of 36 patients")).to_be_visible()

    page.get_by_label("Search").fill("")
    page.locator("#patients").get_by_label("Payer").select_option("Molina Healthcare")
    expect(page.locator(".patient")).to_have_count(6)


def test_the_chart_shows_what_is_on_file(page: Page) -> None:
    """Banner, problems, findings, medications, grouped visits and the trial stand in plain tables."""
    choose(page, "cigna-permanent-complete")

    assert shown(page, "Problems")[0][:2] == ["Failed back surgery syndrome", "ICD-10-CM M96.1"]
    assert ["Patient agrees to halve systemic opioids before the trial", "Yes"] in [
        row[:2] for row in shown(page, "Findings")
    ]
    trial, visits, _ = shown(page, "Procedures and visits")
    assert trial[0] == "Spinal infusion by catheter, lumbar trial"
    assert visits[2].startswith("16 visits, ")
    assert ["Gabapentin capsules, by mouth", "3 times a day"] in [row[:2] for row in shown(page, "Medications")]


def test_the_plot_marks_the_trial(page: Page) -> None:
    """Pain scores are drawn around the trial first, and all of them on demand; words say the same."""
    choose(page, "cigna-permanent-complete")
    plot = page.locator(".plot svg")

    expect(plot).to_have_accessible_name(re.compile(r"^10 pain scores .* lowest 3, highest 8\. Trial on "))
    assert plot.locator(".plot-trial rect").count() == 1
    page.get_by_role("button", name="All scores").click()
    expect(plot.locator("circle")).to_have_count(19)


def test_the_plot_shows_a_whole_day_after_an_injection(page: Page) -> None:
    """A relief that fades in the sixth hour is in the picture: all six scores after the one before."""
    choose(page, "cigna-relief-faded")
    expect(page.locator(".plot svg")).to_have_accessible_name(re.compile(r"^7 pain scores .* lowest 3, highest 8\."))


def test_a_long_diary_comes_whole(page: Page) -> None:
    """A chart longer than one page of results is shown to its end."""
    choose(page, "molina-trial-complete")

    expect(page.get_by_text("All 151 scores")).to_be_visible()


def test_ashworth_and_penn_scores_stand_by_session(page: Page) -> None:
    """Each session of tone and spasms is one row, with each muscle's grade."""
    choose(page, "cigna-spasticity-complete")

    rows = shown(page, "Tone and spasms")
    assert len(rows) == 6
    assert rows[0][1:] == [
        "Modified Ashworth",
        "Right hip adductors 1, Left hip adductors 1, Right knee flexors 1, Left knee flexors 1",
        "1",
    ]


def test_the_payer_can_be_switched(page: Page, stub: StubService) -> None:
    """Another payer takes the place of the primary coverage, in the chart and in what the service gets."""
    choose(page, "cigna-half-relief")
    page.get_by_label("Primary payer").select_option("UnitedHealthcare")
    page.get_by_role("button", name="Switch payer").click()
    expect(page.locator("#announcer")).to_have_text("Primary payer: UnitedHealthcare")

    sign(page)

    (coverage,) = stub.requests[0]["prefetch"]["coverage"]["entry"]
    assert shown(page, "Coverage")[0][:2] == ["UnitedHealthcare", "UnitedHealthcare Choice"]
    assert coverage["resource"]["payor"] == [{"reference": "Organization/payer-uhc", "display": "UnitedHealthcare"}]
    page.get_by_role("button", name="Reset data").click()
    expect(page.locator(".banner")).to_contain_text("Cigna Healthcare")


# Orders and the call


def test_suggested_orders_fill_the_form(page: Page) -> None:
    """A patient's first suggestion stands in the form at once, the second at a press."""
    choose(page, "cigna-permanent-complete")
    expect(page.locator("#sign")).to_have_text("Sign 3 orders")
    expect(page.get_by_label("Purpose")).to_have_value("permanent-implant")
    expect(page.get_by_label("Drug")).to_have_value("morphine")

    page.get_by_role("button", name="Pump alone").click()

    expect(page.locator("#sign")).to_have_text("Sign order")


def test_signing_needs_an_order(page: Page) -> None:
    """With nothing ticked there is nothing to press."""
    choose(page, GAPS)
    page.get_by_label("Intrathecal trial injection").uncheck()

    expect(page.locator("#sign")).to_be_disabled()
    expect(page.locator("#sign")).to_have_text("Choose an order to sign")


def test_the_request_is_a_cds_hooks_order_sign(page: Page, stub: StubService, stub_and_url: tuple[Any, str]) -> None:
    """Hook, unguessable instance, context, drafts, token and server go out as CDS Hooks 2.0 asks."""
    choose(page, GAPS)
    page.get_by_label("Note on the order").fill("Test dose")
    sign(page)

    (request,) = stub.requests
    authorization = request["fhirAuthorization"]
    assert (request["hook"], UUID(request["hookInstance"]).version) == ("order-sign", 4)
    assert request["fhirServer"] == f"{stub_and_url[1]}/fhir"
    assert {**authorization, "access_token": ""} == {
        "access_token": "",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/*.read",
        "subject": "pumpcheck",
        "patient": GAPS,
    }
    context = request["context"]
    drafts = context.pop("draftOrders")
    assert context == {
        "userId": "Practitioner/pain-physician",
        "patientId": GAPS,
        "encounterId": f"{GAPS}-encounter-1",
    }
    procedure, drug = (entry["resource"] for entry in drafts["entry"])
    assert drafts["type"] == "collection"
    assert drafts["entry"][0]["fullUrl"] == f"{stub_and_url[1]}/fhir/ServiceRequest/{procedure['id']}"
    assert (procedure["status"], procedure["note"]) == ("draft", [{"text": "Test dose"}])
    assert drug["basedOn"] == [{"reference": f"ServiceRequest/{procedure['id']}"}]


def test_prefetch_keys_that_fail_are_left_out(page: Page, stub: StubService) -> None:
    """Templates are filled and run; a query that the server refuses or that cannot be filled sends no key."""
    choose(page, GAPS)
    sign(page)

    prefetch = stub.requests[0]["prefetch"]
    assert set(prefetch) == {"patient", "coverage", "scores"}
    assert prefetch["patient"]["id"] == GAPS
    assert prefetch["scores"]["type"] == "searchset"


def test_each_call_has_an_instance_and_a_token_of_its_own(page: Page, stub: StubService) -> None:
    """Signing again asks anew: same drafts, new hookInstance, new token."""
    choose(page, GAPS)
    sign(page)
    page.locator("#sign-again").click()
    expect(page.locator("#advice-body .busy")).to_have_count(0)
    expect(page.locator("#finish")).to_be_visible()

    first, second = stub.requests
    assert first["hookInstance"] != second["hookInstance"]
    assert first["fhirAuthorization"]["access_token"] != second["fhirAuthorization"]["access_token"]
    assert first["context"]["draftOrders"] == second["context"]["draftOrders"]


def test_an_edited_order_replaces_its_draft(page: Page, stub: StubService) -> None:
    """After a change in the form, the old drafts are gone from the record and the new ones go out."""
    choose(page, GAPS)
    sign(page)
    page.get_by_label("Drug").select_option("hydromorphone")
    sign(page)
    expect(page.locator(".drafts")).to_contain_text("Hydromorphone")

    _, drug = (entry["resource"] for entry in stub.requests[1]["context"]["draftOrders"]["entry"])
    drafts = fhir(page, f"MedicationRequest?patient={GAPS}&status=draft")
    assert drug["medicationCodeableConcept"]["text"] == "Hydromorphone"
    assert drafts["total"] == 1


def test_no_cards_is_said_in_words(page: Page) -> None:
    """Silence of the service is shown as such, and signing can be finished."""
    choose(page, "cigna-epidural-steroid")
    sign(page)
    expect(page.get_by_text("No cards: the service has nothing to say about these orders.")).to_be_visible()

    page.get_by_role("button", name="Finish signing").click()

    expect(page.get_by_text("Signed: 2 orders.")).to_be_visible()
    assert {row[3] for row in shown(page, "Orders of this visit")} == {"active"}
    assert fhir(page, "ServiceRequest?patient=cigna-epidural-steroid&status=active")["total"] == 1


def test_drafts_that_were_left_behind_are_gone_at_the_next_visit(page: Page) -> None:
    """Who turns to another patient without signing finds no stale drafts on coming back."""
    choose(page, GAPS)
    sign(page)
    assert fhir(page, f"ServiceRequest?patient={GAPS}&status=draft")["total"] == 1

    choose(page, "cigna-trial-complete")
    choose(page, GAPS)

    expect(page.get_by_role("table", name="Orders of this visit")).to_have_count(0)
    assert fhir(page, f"ServiceRequest?patient={GAPS}&status=draft")["total"] == 0


# Cards


def test_a_card_is_drawn_with_its_meaning(page: Page, stub: StubService) -> None:
    """Indicator in word and colour, summary, Markdown detail, source; the most urgent card first."""
    detail = (
        "**Next step**\n\n| Criterion | Chart |\n|---|---|\n| Age | ~~17~~ 45 |\n\nSee [the text](https://a.example/)."
    )
    topic = {"code": "t", "system": "https://t.example", "display": "Trial"}
    stub.answer = {
        "cards": [
            {**CARD, "indicator": "info", "summary": "For your information"},
            {**CARD, "detail": detail, "source": {**CARD["source"], "topic": topic}},
            {**CARD, "indicator": "critical", "summary": "Infection"},
        ]
    }
    choose(page, GAPS)
    sign(page)

    cards = page.locator(".card")
    expect(cards.locator("h3")).to_have_text(["Infection", "Two things are not documented", "For your information"])
    expect(cards.locator(".card-indicator")).to_have_text(["Critical", "Warning", "For information"])
    warning = cards.nth(1)
    expect(warning.locator("strong")).to_have_text("Next step")
    expect(warning.locator(".card-detail td")).to_have_text(["Age", "17 45"])
    expect(warning.locator("del")).to_have_text("17")
    link = warning.get_by_role("link", name="the text")
    expect(link).to_have_attribute("target", "_blank")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(warning.get_by_role("link", name="Example policy")).to_have_attribute("href", "https://policy.example/text")
    expect(warning.locator(".card-source .badge")).to_have_text("Trial")
    colours = {card.evaluate("card => getComputedStyle(card).borderLeftColor") for card in cards.all()}
    assert len(colours) == 3


def test_a_card_cannot_smuggle_anything_active(page: Page, stub: StubService) -> None:
    """Scripts, handlers, pictures, forms, frames and script addresses in a card's text come to nothing."""
    detail = (
        "<script>window.stolen = 1</script><img src=x onerror='window.stolen = 1'><iframe src='/'></iframe>\n\n"
        "<form action='https://evil.example'><input name=a></form><style>body{display:none}</style>\n\n"
        "[press](javascript:window.stolen=1) <a href='https://ok.example' onclick='window.stolen = 1'>fine</a>"
    )
    links = [{"label": "No web address", "type": "absolute", "url": "javascript:window.stolen=1"}]
    stub.answer = {"cards": [{**CARD, "summary": "<b>bold</b>", "detail": detail, "links": links}]}
    choose(page, GAPS)
    sign(page)

    card = page.locator(".card")
    expect(card.locator("h3")).to_have_text("<b>bold</b>")
    assert card.locator(".card-detail :is(script, img, iframe, form, style)").count() == 0
    expect(card.get_by_text("No web address")).to_be_visible()
    assert card.locator("a[href^='javascript']").count() == 0
    assert page.evaluate("() => !!window.stolen") is False


def test_a_suggestion_really_creates(page: Page, stub: StubService) -> None:
    """Accepting a suggestion writes its resource into the record, shows it, and tells the service."""
    create = suggestion("Add a task", {"type": "create", "resource": TASK}, isRecommended=True)
    stub.answer = {"cards": [{**CARD, "selectionBehavior": "any", "suggestions": [create]}]}
    choose(page, GAPS)
    sign(page)
    expect(page.locator(".badge-recommended")).to_be_visible()
    expect(page.locator(".card").get_by_text("Add a task, step 1")).to_be_visible()

    with page.expect_response(f"**/{SERVICE_ID}/feedback"):
        page.get_by_role("button", name="Add a task").click()

    expect(page.get_by_role("button", name="Applied: Add a task")).to_be_disabled()
    assert shown(page, "Tasks")[0][0] == "Ask for the attestation"
    (entry,) = stub.feedback[0]["feedback"]
    timestamp = entry.pop("outcomeTimestamp")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", timestamp)
    assert entry == {
        "card": CARD["uuid"],
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": "uuid-of-Add a task"}],
    }
    page.get_by_role("button", name="Reset data").click()
    expect(page.get_by_role("table", name="Tasks")).to_have_count(0)


def test_a_suggestion_changes_deletes_and_adds_drafts(page: Page, stub: StubService) -> None:
    """One suggestion with three kinds of action: the next signing sends exactly the changed drafts."""
    choose(page, GAPS)
    sign(page)
    procedure, drug = (entry["resource"] for entry in stub.requests[0]["context"]["draftOrders"]["entry"])
    added = {
        "resourceType": "ServiceRequest",
        "id": "planned",
        "status": "draft",
        "intent": "order",
        "code": {"text": "Psychological evaluation"},
        "subject": {"reference": f"Patient/{GAPS}"},
    }
    changed = procedure | {
        "note": [{"text": "Changed by the service"}],
        "basedOn": [{"reference": "ServiceRequest/planned"}],
    }
    actions = [
        {"type": "update", "resource": changed},
        {"type": "create", "resource": added},
        {"type": "delete", "resourceId": f"MedicationRequest/{drug['id']}"},
    ]
    stub.answer = {"cards": [{**CARD, "selectionBehavior": "any", "suggestions": [suggestion("Mend", *actions)]}]}
    page.locator("#sign-again").click()
    page.get_by_role("button", name="Mend").click()
    expect(page.get_by_role("button", name="Applied: Mend")).to_be_visible()
    expect(page.locator(".drafts li")).to_have_count(2)
    page.locator("#sign-again").click()
    expect(page.get_by_role("button", name="Mend", exact=True)).to_be_enabled()

    kept, new = (entry["resource"] for entry in stub.requests[-1]["context"]["draftOrders"]["entry"])
    assert (kept["id"], kept["note"]) == (procedure["id"], [{"text": "Changed by the service"}])
    assert kept["basedOn"] == [{"reference": f"ServiceRequest/{new['id']}"}]
    assert new["code"] == {"text": "Psychological evaluation"}
    assert fhir(page, f"MedicationRequest/{drug['id']}")["issue"][0]["code"] == "deleted"


def test_at_most_one_suggestion_can_be_taken(page: Page, stub: StubService) -> None:
    """With at-most-one, taking one suggestion puts the others out of reach; with any, it does not."""
    first, second = (suggestion(label, {"type": "create", "resource": TASK}) for label in ("First", "Second"))
    one = {**CARD, "selectionBehavior": "at-most-one", "suggestions": [first, second]}
    many = {**CARD, "summary": "Many", "selectionBehavior": "any", "suggestions": [first, second]}
    stub.answer = {"cards": [one, many]}
    choose(page, GAPS)
    sign(page)
    only, several = page.locator(".card").nth(0), page.locator(".card").nth(1)

    only.get_by_role("button", name="First").click()
    several.get_by_role("button", name="First").click()

    expect(only.get_by_role("button", name="Applied: First")).to_be_visible()
    expect(only.get_by_role("button", name="Second")).to_be_disabled()
    expect(several.get_by_role("button", name="Applied: First")).to_be_visible()
    expect(several.get_by_role("button", name="Second")).to_be_enabled()


@pytest.mark.parametrize(("behaviour", "said"), [({"selectionBehavior": "all"}, '"all"'), ({}, "no selectionBehavior")])
def test_suggestions_of_unknown_behaviour_are_not_offered(
    page: Page, stub: StubService, behaviour: dict[str, str], said: str
) -> None:
    """A card whose selectionBehavior is missing or unknown is an error: its text stands, its buttons do not."""
    stub.answer = {"cards": [{**CARD, "suggestions": [suggestion("Press me")], **behaviour}]}
    choose(page, GAPS)
    sign(page)

    expect(page.locator(".card-error")).to_contain_text(said)
    expect(page.get_by_role("button", name="Press me")).to_have_count(0)


def test_a_suggestion_that_the_record_refuses_leaves_everything_as_it_was(page: Page, stub: StubService) -> None:
    """If one action is refused, none happens, the reason is shown, and the suggestion can be taken again."""
    bad = {"type": "create", "resource": {**TASK, "status": "bogus"}}
    both = suggestion("Two steps", {"type": "create", "resource": TASK}, bad)
    stub.answer = {"cards": [{**CARD, "selectionBehavior": "any", "suggestions": [both]}]}
    choose(page, "cigna-which-pain")
    sign(page)
    page.get_by_role("button", name="Two steps").click()

    expect(page.locator(".notice")).to_contain_text("Task.status: 'bogus'")
    expect(page.get_by_role("button", name="Two steps")).to_be_enabled()
    assert fhir(page, "Task?patient=cigna-which-pain")["total"] == 0
    assert stub.feedback == []


def test_links_open_apart_and_smart_apps_are_shown(page: Page, stub: StubService) -> None:
    """An absolute link opens a new tab; a SMART link is named as an app, with its address."""
    links = [
        {"label": "The policy", "type": "absolute", "url": "https://policy.example/text"},
        {"label": "The form", "type": "smart", "url": "https://app.example/launch"},
    ]
    stub.answer = {"cards": [{**CARD, "links": links}]}
    choose(page, GAPS)
    sign(page)

    expect(page.get_by_role("link", name="The policy (opens in a new tab)")).to_have_attribute("target", "_blank")
    smart = page.locator(".card-links li").nth(1)
    expect(smart).to_contain_text("The form")
    expect(smart).to_contain_text("SMART app")
    expect(smart).to_contain_text("https://app.example/launch")


def test_a_card_is_dismissed_with_a_reason(page: Page, stub: StubService) -> None:
    """The service's own reasons stand in a menu; reason and comment go back as feedback, and the card is gone."""
    reasons = [
        {"code": "elsewhere", "system": "https://r.example", "display": "Documented elsewhere"},
        {"code": "no", "system": "https://r.example", "display": "Not relevant"},
    ]
    stub.answer = {"cards": [{**CARD, "overrideReasons": reasons}]}
    choose(page, GAPS)
    sign(page)
    page.locator(".card summary").click()
    page.locator(".card").get_by_label("Reason").select_option("Not relevant")
    page.locator(".card").get_by_label("Comment").fill("See the letter")
    with page.expect_response(f"**/{SERVICE_ID}/feedback"):
        page.get_by_role("button", name="Dismiss this card").click()

    expect(page.locator(".card")).to_have_count(0)
    (entry,) = stub.feedback[0]["feedback"]
    assert {**entry, "outcomeTimestamp": ""} == {
        "card": CARD["uuid"],
        "outcome": "overridden",
        "overrideReason": {"reason": {"code": "no", "system": "https://r.example"}, "userComment": "See the letter"},
        "outcomeTimestamp": "",
    }


def test_no_feedback_about_a_card_without_uuid(page: Page, stub: StubService) -> None:
    """A card that the service cannot recognise again is dismissed in silence."""
    stub.answer = {"cards": [{name: value for name, value in CARD.items() if name != "uuid"}]}
    choose(page, GAPS)
    sign(page)
    page.get_by_role("button", name="Dismiss").click()

    expect(page.locator(".card")).to_have_count(0)
    assert stub.feedback == []


def test_system_actions_are_shown_and_applied(page: Page, stub: StubService) -> None:
    """Top-level system actions are listed with their description and carried out at a press."""
    stub.answer = {"cards": [], "systemActions": [{"type": "create", "description": "Note it", "resource": TASK}]}
    choose(page, "molina-removal")
    sign(page)
    expect(page.locator(".card-system")).to_contain_text("Note it")

    page.get_by_role("button", name="Apply to the drafts").click()

    expect(page.get_by_role("button", name="Applied")).to_be_disabled()


# Errors


@pytest.mark.parametrize(
    ("status", "answer", "title", "said"),
    [
        (412, issue("Coverage could not be read."), "could not read what it needs", "Coverage could not be read."),
        (400, issue("context.patientId is missing."), "could not use the request", "context.patientId is missing."),
        (401, {}, "does not accept this EHR", "client_auth"),
        (404, {}, "not at this address", SERVICE_ID),
        (500, {}, "The service failed", "500"),
        (200, {"no": "cards"}, "not CDS Hooks", "200"),
    ],
)
def test_refusals_are_put_in_plain_words(
    page: Page, stub: StubService, status: int, answer: dict[str, Any], title: str, said: str
) -> None:
    """Each kind of failure says what happened and what to do, and never keeps the orders from being signed."""
    stub.status, stub.answer = status, answer
    choose(page, GAPS)
    sign(page)

    notice = page.get_by_role("alert")
    expect(notice.locator("h3")).to_contain_text(title)
    expect(notice).to_contain_text(said)
    page.get_by_role("button", name="Sign as they are").click()
    expect(page.get_by_text("Signed: 2 orders.")).to_be_visible()


def test_a_service_that_is_down_is_named(page: Page, stub: StubService) -> None:
    """When nothing answers, the page says where it asked and how to start the service."""
    choose(page, GAPS)
    page.route(f"{stub.url}/**", lambda route: route.abort())
    sign(page)

    notice = page.get_by_role("alert")
    expect(notice.locator("h3")).to_have_text("The service cannot be reached")
    expect(notice).to_contain_text(stub.url)
    expect(notice).to_contain_text("cors_origins")


def test_a_service_that_was_down_is_found_again(
    context: BrowserContext, stub: StubService, stub_and_url: tuple[Any, str]
) -> None:
    """A page loaded before its service finds the service when an order is signed."""
    page = context.new_page()
    page.route(f"{stub.url}/**", lambda route: route.abort())
    page.goto(f"{stub_and_url[1]}/#patient={GAPS}")
    expect(page.locator("#service-status")).to_have_text("Service does not answer")
    expect(page.locator("#sign")).to_be_enabled()
    page.unroute(f"{stub.url}/**")

    sign(page)

    expect(page.locator("#service-status")).to_have_text("Service answers")
    expect(page.locator(".nothing-to-say")).to_be_visible()


# Developer pane


def test_the_developer_pane_shows_the_exchange_word_for_word(page: Page, stub: StubService) -> None:
    """Request and answer stand there as JSON with the time taken; the curl command repeats the call exactly."""
    stub.answer = {"cards": [CARD]}
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    choose(page, "cohere-pain-gaps")
    page.get_by_label("Note on the order").fill("It's a test")
    sign(page)
    page.get_by_role("button", name="Developer").click()

    exchange = page.locator(".exchange").first
    expect(exchange.locator("> summary")).to_contain_text(re.compile(r"200 order-sign: POST .* \d+ ms"))
    request, response = (json.loads(text) for text in exchange.locator("pre").all_inner_texts())
    assert request == stub.requests[0]
    assert response == {"cards": [CARD]}
    expect(exchange.get_by_role("row", name="scores")).to_contain_text("entries")
    expect(exchange.get_by_role("row", name="unsupported")).to_contain_text("left out: 400")

    exchange.get_by_role("button", name="Copy as curl").click()
    expect(page.locator("#announcer")).to_have_text("The curl command is on the clipboard.")
    command = page.evaluate("() => navigator.clipboard.readText()")
    subprocess.run(["bash", "-c", command], check=True, capture_output=True)
    assert stub.requests[1] == stub.requests[0]


# How it looks and how it is used


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 760, 1000, 1600])
def test_the_page_is_accessible_and_fits_its_window(
    browser: Browser, stub: StubService, stub_and_url: tuple[Any, str], width: int, scheme: Any
) -> None:
    """With a chart, cards and the developer pane open, axe finds nothing, and nothing runs out of the window."""
    reasons = [{"code": "a", "system": "https://r.example", "display": "Documented elsewhere"}]
    suggestions = [suggestion("Add a task", {"type": "create", "resource": TASK}, isRecommended=True)]
    stub.answer = {
        "cards": [
            {**CARD, "indicator": indicator, "detail": "Some | more\n---|---\na | b\n\n`code` [link](https://a.example)",
             "selectionBehavior": "any", "suggestions": suggestions, "overrideReasons": reasons}
            for indicator in ("info", "warning", "critical")
        ]
    }  # fmt: skip
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{stub_and_url[1]}/#patient=cigna-spasticity-complete")
    expect(page.locator("#service-status[data-state=up]")).to_be_visible()
    sign(page)
    page.get_by_role("button", name="Developer").click()

    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("async () => (await axe.run()).violations")
    widest = page.evaluate("() => document.documentElement.scrollWidth")
    context.close()

    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []
    assert widest == width


def test_everything_can_be_done_with_the_keyboard(page: Page, stub: StubService) -> None:
    """From the skip link to the finished order without a mouse; focus lands on the advice when it comes."""
    stub.answer = {"cards": [CARD]}
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the chart")).to_be_focused()
    page.get_by_label("Search").focus()
    page.keyboard.type("half of the pain; look for the criterion")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.locator("[data-patient=cigna-half-relief]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#chart")).to_be_focused()
    expect(page.locator("#sign")).to_be_enabled()

    page.locator("#sign").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#advice-title")).to_be_focused()
    page.locator("#finish").focus()
    assert page.locator("#finish").evaluate("button => getComputedStyle(button).outlineStyle") == "solid"
    page.keyboard.press("Enter")

    expect(page.get_by_text("Signed: 3 orders.")).to_be_visible()


def test_the_theme_can_be_chosen_and_is_remembered(page: Page) -> None:
    """Dark by choice stays dark after a reload, whatever the system prefers."""
    background = "() => getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_label("Theme").select_option("Dark")
    dark = page.evaluate(background)
    page.reload()
    expect(page.locator(".patient").first).to_be_visible()

    assert dark != light
    assert page.evaluate(background) == dark


def test_on_a_phone_the_list_gives_way_to_the_chart(
    browser: Browser, stub: StubService, stub_and_url: tuple[Any, str]
) -> None:
    """In a narrow window the list stands first, closes when a patient is chosen, and opens again at a press."""
    context = browser.new_context(viewport={"width": 400, "height": 800})
    page = context.new_page()
    page.goto(f"{stub_and_url[1]}/")
    choose(page, GAPS)
    expect(page.locator("#patients")).to_be_hidden()
    page.get_by_role("link", name="Orders").click()
    expect(page.get_by_role("heading", name="Orders", exact=True)).to_be_in_viewport()

    page.get_by_role("button", name="Patients").click()

    expect(page.get_by_label("Search")).to_be_visible()
    context.close()


def test_the_page_asks_nobody_else(context: BrowserContext, stub: StubService, stub_and_url: tuple[Any, str]) -> None:
    """Loading, choosing and signing reach the sandbox and its service, and no other host; no policy is broken."""
    asked: set[str] = set()
    complaints: list[str] = []
    page = context.new_page()
    page.on("request", lambda request: asked.add("/".join(request.url.split("/")[:3])))
    page.on("console", lambda message: complaints.append(message.text) if "Policy" in message.text else None)
    page.goto(f"{stub_and_url[1]}/#patient={GAPS}")
    expect(page.locator("#service-status[data-state=up]")).to_be_visible()
    sign(page)

    assert asked == {stub_and_url[1], stub.url}
    assert complaints == []
