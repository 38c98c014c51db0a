"""Patients of UnitedHealthcare."""

from __future__ import annotations

from datetime import date

from sandbox.patients.builder import Chart, Resource
from sandbox.patients.common import catheter_trial, failed_oral_morphine, medicare_pain_evidence, pain_history


def permanent_complete(today: date) -> Chart:
    """A pump for chronic pain after a trial that took away exactly half of it: enough here."""
    chart = Chart("uhc-permanent-complete", today, age=45)
    chart.covered_by("uhc")
    problem = _trial_evidence(chart)
    chart.answers(30, "psychologist", {"uhc-it-infusion/nonmalignant-pain/trial/psych-clearance": True})
    catheter_trial(chart, problem, during=4)
    return chart


def psychological_clearance_to_confirm(today: date) -> Chart:
    """A trial whose psychological clearance says less than the policy asks."""
    chart = Chart("uhc-clearance-to-confirm", today, age=39, gender="male")
    chart.covered_by("uhc")
    _trial_evidence(chart)
    chart.says(30, by="psychologist", mental_health_uncontrolled=False)
    chart.document("psychology-consult", 30, "Psychology consult")
    return chart


def cancer_pain(today: date) -> Chart:
    """A trial for cancer pain, which the policy hands to criteria that are not public."""
    chart = Chart("uhc-cancer-external", today, age=60)
    chart.covered_by("uhc")
    chart.problem("cancer-pain", 100)
    chart.problem("prostate-cancer", 700)
    chart.problem("bone-metastases", 120)
    failed_oral_morphine(chart, began=95, ended=15)
    pain_history(chart, score=8, until=7)
    return chart


def eighteen_years_old(today: date) -> Chart:
    """A trial at exactly eighteen, on which the policy's text and its footnote differ."""
    chart = Chart("uhc-eighteen", today, age=18)
    chart.covered_by("uhc")
    _trial_evidence(chart)
    chart.says(30, by="psychologist", psych_interference=False)
    return chart


def medicare_advantage(today: date) -> Chart:
    """A Medicare Advantage member, whom the national determination alone governs; the order names no drug."""
    chart = Chart("uhc-medicare-advantage", today, age=72, gender="male")
    chart.covered_by("uhc-medicare-advantage")
    chart.problem("postherpetic-neuralgia", 1300)
    medicare_pain_evidence(chart)
    pain_history(chart, until=14)
    return chart


CHARTS = {
    "uhc-permanent-complete": permanent_complete,
    "uhc-clearance-to-confirm": psychological_clearance_to_confirm,
    "uhc-cancer-external": cancer_pain,
    "uhc-eighteen": eighteen_years_old,
    "uhc-medicare-advantage": medicare_advantage,
}


def _trial_evidence(chart: Chart) -> Resource:
    problem = chart.problem("crps-right-leg", 900)
    chart.visits(began=290, ended=80, every=14)
    drug = chart.takes("duloxetine", began=290, ended=60, stopped="not-tolerated", times_a_day=1)
    chart.outcome("conservative-therapy", "not-tolerated", began=290, ended=60, of=drug)
    chart.says(32, further_treatment_indicated=False)
    pain_history(chart)
    return problem
