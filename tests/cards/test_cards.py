"""Cards as a clinician and a client's developer meet them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cds_cards.markdown import cut, escaped, plain
from service.app import card_list
from service.check import check
from service.config import Config
from service.engine import Engine
from service.fhir_json import dump
from service.hook_requests import HookRequest
from tests.builder import Builder, concept

TODAY = date(2026, 6, 1)
FORBIDDEN = ("approved", "covered", "denied")


@pytest.fixture(scope="module")
def engine() -> Engine:
    """Return an engine that shows complete charts too."""
    return Engine.build(Config.model_validate({"cards": {"when_complete": "info", "when_unknown_payer": "info"}}))


def made(builder: Builder, engine: Engine, server: str = "https://ehr.example.org/fhir") -> list[Any]:
    """Return the cards of the builder's chart."""
    decision = check(engine, dump(builder.bundle()), builder.today)
    return card_list(engine, HookRequest("order-sign", "i", "p1", (), {}, server), decision)


def chart(payor: str = "Cigna") -> Builder:
    """Return a chart with a pump order."""
    builder = Builder(TODAY)
    builder.coverage(payor)
    builder.condition("icd-10-cm", "M96.1")
    builder.order("62362", reason=("icd-10-cm", "M96.1"))
    return builder


@pytest.mark.parametrize(
    "payor",
    ["Cigna", "UHC", "Molina", "Medicare", "Blue Cross Blue Shield of Illinois", "Cohere Medicare Advantage", "Aetna"],
)  # fmt: skip
def test_every_card_keeps_the_specs_form(engine: Engine, payor: str) -> None:
    """Summary below 140 characters on one line, indicator, source, detail; no empty member; no word of a decision."""
    found = made(chart(payor), engine)
    assert found
    for card in found:
        assert 0 < len(card["summary"]) < 140
        assert "\n" not in card["summary"]
        assert card["indicator"] in ("info", "warning")
        assert card["source"]["label"]
        assert card["uuid"]
        assert _has_no_empty_member(card)
        words = (card["summary"] + card["detail"]).lower()
        assert [word for word in FORBIDDEN if word in words] == []


def _has_no_empty_member(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_has_no_empty_member(member) for member in value.values()) and value != {}
    if isinstance(value, list):
        return all(_has_no_empty_member(member) for member in value) and value != []
    return value not in (None, "")


def test_what_is_missing_comes_first_with_clause_and_what_to_do(engine: Engine) -> None:
    """Detail begins with the open items: label, what to record, where the policy says so."""
    card = made(chart(), engine)[0]
    lines = card["detail"].splitlines()
    assert lines[0] == "**To document**"
    assert lines[2].startswith("1. **Six months of non-invasive care, failed**: Record ")
    assert "_Indications, Non-Malignant Pain, Trial, bullet 2_" in lines[4]
    assert card["detail"].rstrip("_").endswith("It is no coverage decision.")


def test_evidence_is_linked_where_the_server_is_known(engine: Engine) -> None:
    """A link to the resource in the EHR; without a base URL there is no link."""
    builder = chart()
    linked, plain_card = made(builder, engine)[0], made(builder, engine, server="")[0]
    assert f"](https://ehr.example.org/fhir/Condition/{builder.resources[1]['id']})" in linked["detail"]
    assert "](" not in plain_card["detail"]


def test_text_of_the_chart_cannot_become_markup(engine: Engine) -> None:
    """Names from the chart show as written: no HTML, no link, no table, no hidden direction."""
    evil = (
        "<script>alert(1)</script> [x](javascript:alert(1)) | a | **b** \u202eEVIL\u0000 https://evil.example "
        + "x" * 10_000
    )
    builder = chart(evil)
    builder.observation("loinc", "72514-3", valueQuantity={"value": 99, "unit": evil})
    builder.medication("7052", start_days_ago=300, end_days_ago=20, text=evil, reason=("snomed", "182841002"))
    builder.condition("icd-10-cm", "M54.16")["code"]["text"] = evil
    for card in made(builder, engine):
        text = card["summary"] + card["detail"]
        assert "<script>" not in text
        assert "](javascript:" not in text
        assert "https://evil" not in card["detail"]
        assert "\u202e" not in text
        assert "\u0000" not in text
        assert len(card["summary"]) < 140


def test_an_unclear_order_is_one_card_that_asks(engine: Engine) -> None:
    """A pump order over a pump in place without a word of replacement: one card asks which."""
    builder = chart()
    builder.procedure("cpt", "62362", start=builder.day(900))
    found = made(builder, engine)
    assert len(found) == 1
    assert "pump implant or pump replacement" in found[0]["summary"]
    assert "Read as pump replacement" in found[0]["detail"]


def test_an_unknown_payer_gets_an_info_card_where_the_site_wants_it(engine: Engine) -> None:
    """The card names the payer and the payers that are known."""
    card = made(chart("Aetna"), engine)[0]
    assert card["indicator"] == "info"
    assert "Aetna" in card["summary"]
    assert "Molina Healthcare" in card["detail"]


def test_a_complete_chart_is_silent_unless_the_text_is_unconfirmed() -> None:
    """Silence needs a policy text that somebody confirmed within a year; else an info card says so."""
    builder = Builder(TODAY)
    builder.coverage("Cigna")
    builder.condition("snomed", "735935009")
    builder.outcome("systemic-opioids", "ineffective", start_days_ago=200, end_days_ago=20)
    builder.order("62326", reason=("icd-10-cm", "G89.3"), orderDetail=[concept("hcpcs", "J2274")])
    unconfirmed = Engine.build(Config())
    confirmed = Engine.build(Config.model_validate({"policies": {"confirmed": {"cigna-cmm-210": "2026-05-01"}}}))
    assert made(builder, confirmed) == []
    card = made(builder, unconfirmed)[0]
    assert card["indicator"] == "info"
    assert "not confirmed as current" in card["detail"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\n b\t c", "a b c"),
        ("a\u200bb\u202ec", "a b c"),
        ("\u2066x\u2069", "x"),
        ("", ""),
    ],
)
def test_plain_text_has_nothing_hidden(text: str, shown: str) -> None:
    """Control, zero-width and direction characters become spaces."""
    assert plain(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<b>&", "&lt;b&gt;&amp;"),
        ("[a](b)", "\\[a\\](b)"),
        ("`*_|~#", "\\`\\*\\_\\|\\~\\#"),
        ("see https://x.y and www.z", "see https&#58;//x.y and www&#46;z"),
        ("a@b.c", "a&#64;b.c"),
    ],
)
def test_escaped_text_shows_as_written(text: str, shown: str) -> None:
    """Nothing in a text is markup."""
    assert escaped(text) == shown


@pytest.mark.parametrize(
    ("text", "length", "shown"),
    [
        ("short", 10, "short"),
        ("exactly ten", 11, "exactly ten"),
        ("one two three four", 12, "one two…"),
        ("x" * 50, 10, "x" * 9 + "…"),
    ],
)
def test_long_text_is_cut_at_a_words_end(text: str, length: int, shown: str) -> None:
    """The cut falls between words where it can, and the result is never longer than asked."""
    assert cut(text, length) == shown
    assert len(cut(text, length)) <= length
