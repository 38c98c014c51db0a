"""Pieces of a chart that several patients share."""

from __future__ import annotations

from sandbox.patients.builder import Chart, Resource, readings

TRIAL_HOURS = 30
_IN_TRIAL = range(11, 38, 3)


def pain_programme(chart: Chart) -> None:
    """Add nine months of exercise and a scheduled analgesic that both failed, and how the programme went."""
    exercise = chart.visits(began=290, ended=80, every=14)
    drug = chart.takes("gabapentin", began=290, ended=60, stopped="ineffective")
    chart.outcome("rehabilitative-exercise", "ineffective", began=290, ended=80, of=exercise[-1])
    chart.outcome("scheduled-analgesics", "ineffective", began=290, ended=60, of=drug)
    chart.outcome("noninvasive-pain-control", "ineffective", began=290, ended=60)


def pain_history(chart: Chart, score: float = 8, until: int = 40) -> None:
    """Add a pain score of one height about every three weeks, the last one ``until`` days ago."""
    for days_ago in range(until + 147, until - 1, -21):
        chart.pain(days_ago, {9: score})


def catheter_trial(
    chart: Chart, reason: Resource, days_ago: int = 20, drug: str = "morphine", before: float = 8, during: float = 3
) -> Resource:
    """Add a trial by catheter with a score before it and one every three hours during it."""
    chart.pain(days_ago, {7.5: before})
    trial = chart.trial(days_ago, drug, TRIAL_HOURS, reason)
    chart.pain(days_ago, readings(_IN_TRIAL, during))
    chart.pain(days_ago - 5, {9: before})
    chart.document("procedure-note", days_ago - 1, "Intrathecal trial: procedure note")
    return trial


def failed_oral_morphine(chart: Chart, began: int = 260, ended: int = 50) -> Resource:
    """Add scheduled oral morphine that was stopped as ineffective."""
    return chart.takes("oral-morphine", began=began, ended=ended, stopped="ineffective", times_a_day=2)


def medicare_pain_evidence(chart: Chart) -> None:
    """Add what the national determination asks of every pain patient before the trial."""
    chart.no_known_allergy()
    failed_oral_morphine(chart)
    chart.says(25, pain_intractable_severe=True, exaggerated_reaction_addressed=True)
    chart.measure("life-expectancy-months", 25, 24, "mo")


def mental_health_attestation(chart: Chart, days_ago: int = 30) -> None:
    """Add a primary-care attestation that no mental-health problem drives the pain."""
    chart.says(days_ago, by="primary-care", mental_health_contributor=False)
