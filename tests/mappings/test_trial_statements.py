"""Statements about a trial belong to the last one that began before them."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_mappings.statements import FACTS
from policies.values import Fact, Flag
from tests.builder import Builder, concept
from tests.mapping_tools import fact

DAY = 30


def trial(chart: Builder, days_ago: int = DAY, drug: str = "J2274") -> None:
    """Add a catheter trial."""
    chart.procedure(
        "cpt", "62326", start=chart.moment(days_ago, 8), end=chart.moment(days_ago - 2, 8),
        reasonCode=[concept("icd-10-cm", "G89.4")], usedCode=[concept("hcpcs", drug)],
    )  # fmt: skip


def stated(chart: Builder, name: str = "trial-relief-adequate", **options: Any) -> list[tuple[bool, str]]:
    """Return value and doubt of every statement that counts."""
    found: Fact = fact(FACTS[name], chart, **options)
    return [(one.value, one.doubt) for one in found.value.statements] if isinstance(found.value, Flag) else []


@pytest.mark.parametrize(("days_ago", "counts"), [(DAY + 1, False), (DAY, True), (5, True), (-1, False)])
def test_belongs_to_the_latest_trial(days_ago: int, counts: bool) -> None:
    """A statement of the trial's day or later counts, one before it is of another trial."""
    chart = Builder()
    trial(chart)
    chart.finding("trial-relief-adequate", days_ago=days_ago)

    assert bool(stated(chart)) is counts


def test_without_a_trial() -> None:
    """A statement counts though the trial itself is not on record."""
    chart = Builder()
    chart.finding("trial-relief-adequate")

    assert stated(chart) == [(True, "")]


def test_month_only() -> None:
    """A statement of the trial's month may follow the trial or not: a doubt."""
    chart = Builder()
    trial(chart)
    chart.finding("trial-relief-adequate", at="2026-05")

    assert stated(chart) == [(True, "Its date may lie before the trial of 2026-05-02.")]


@pytest.mark.parametrize(
    ("name", "doubt"),
    [
        ("trial-relief-adequate", "An earlier trial had the opposite result."),
        ("trial-function-improved", "An earlier trial had the opposite result."),
        ("trial-response-favourable", "An earlier trial had the opposite result."),
        ("trial-other-benefit", "An earlier trial had the opposite result."),
        ("trial-tolerated", ""),
        ("trial-patient-acceptance", ""),
    ],
)
def test_earlier_opposite(name: str, doubt: str) -> None:
    """A good response after an earlier trial without one is a doubt; tolerance is the latest trial's alone."""
    chart = Builder()
    trial(chart, 90)
    chart.finding(name, False, days_ago=85)
    trial(chart)
    chart.finding(name, True, days_ago=25)

    assert stated(chart, name) == [(True, doubt)]


def test_latest_denies() -> None:
    """A denial of the latest trial stands, whatever was said of an earlier one."""
    chart = Builder()
    trial(chart, 90)
    chart.finding("trial-relief-adequate", True, days_ago=85)
    trial(chart)
    chart.finding("trial-relief-adequate", False, days_ago=25)

    assert stated(chart) == [(False, "")]
