"""Patients whose coverage is the story."""

from __future__ import annotations

from datetime import date

from sandbox.patients.builder import Chart
from sandbox.patients.common import (
    catheter_trial,
    medicare_pain_evidence,
    mental_health_attestation,
    pain_history,
    pain_programme,
)


def unknown_payer(today: date) -> Chart:
    """A payer of whom no policy is carried."""
    chart = Chart("other-payer-unknown", today, age=48)
    chart.covered_by("other")
    chart.problem("postlaminectomy-syndrome", 800)
    pain_programme(chart)
    pain_history(chart, until=11)
    return chart


def two_coverages(today: date) -> Chart:
    """Cigna first and Medicare second: one is satisfied, the other lacks a statement."""
    chart = Chart("two-coverages", today, age=68, gender="male")
    chart.covered_by("cigna", order=1)
    chart.covered_by("medicare", order=2)
    problem = chart.problem("postlaminectomy-syndrome", 1100)
    pain_programme(chart)
    medicare_pain_evidence(chart)
    chart.says(45, further_treatment_indicated=False, opioid_reduction_agreed=True)
    mental_health_attestation(chart, 45)
    pain_history(chart)
    catheter_trial(chart, problem)
    chart.says(19, trial_tolerated=True, trial_function_improved=True)
    return chart


CHARTS = {
    "other-payer-unknown": unknown_payer,
    "two-coverages": two_coverages,
}
