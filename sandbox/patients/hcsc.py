"""Patients of Blue Cross and Blue Shield of Illinois (HCSC), whose policy was in force for a fixed time."""

from __future__ import annotations

from datetime import date

from sandbox.patients.builder import Chart, Resource
from sandbox.patients.common import catheter_trial, failed_oral_morphine, pain_history

# A day within the policy's own period: charts for orders of that time are built around it.
DAY_IN_FORCE = date(2025, 10, 15)


def ended(today: date) -> Chart:
    """A pump ordered today, after the policy's end."""
    return _permanent_evidence(Chart("hcsc-policy-ended", today, age=55))


def in_force_complete(today: date) -> Chart:
    """The same pump, ordered for a day on which the policy was in force."""
    return _permanent_evidence(Chart("hcsc-in-force-complete", _in_force(today), age=55, gender="male"))


def spasticity_gap(today: date) -> Chart:
    """A trial for spasticity where tizanidine failed, but baclofen by mouth is not on record."""
    chart = Chart("hcsc-oral-baclofen-missing", _in_force(today), age=38)
    chart.covered_by("hcsc")
    chart.problem("spastic-paraplegia", 2500)
    chart.takes("tizanidine", began=190, ended=100, stopped="ineffective")
    chart.says(25, spasticity_severe=True)
    chart.tone(25, 10, {"Right hip adductors": "3", "Left hip adductors": "3"})
    chart.spasms(25, {10: 3})
    return chart


def replacement(today: date) -> Chart:
    """A pump that warns of failure; this policy asks no review of its replacement."""
    chart = Chart("hcsc-replacement", _in_force(today), age=64, gender="male")
    chart.covered_by("hcsc")
    chart.problem("postlaminectomy-syndrome", 3800)
    pump = chart.implanted_pump(2400)
    chart.pump_finding("pump-alert-impending-failure", True, pump, 5, "Critical alarm: motor stall.")
    return chart


CHARTS = {
    "hcsc-policy-ended": ended,
    "hcsc-in-force-complete": in_force_complete,
    "hcsc-oral-baclofen-missing": spasticity_gap,
    "hcsc-replacement": replacement,
}


def _in_force(today: date) -> date:
    return min(today, DAY_IN_FORCE)


def _permanent_evidence(chart: Chart) -> Chart:
    chart.covered_by("hcsc")
    problem: Resource = chart.problem("postlaminectomy-syndrome", 1400)
    failed_oral_morphine(chart)
    chart.outcome("less-invasive-therapy", "ineffective", began=300, ended=60)
    chart.says(50, pain_intractable_severe=True)
    chart.psychological_evaluation(45)
    chart.says(45, by="psychologist", mental_health_uncontrolled=False)
    pain_history(chart)
    catheter_trial(chart, problem)
    chart.says(19, trial_tolerated=True, trial_function_improved=True)
    return chart
