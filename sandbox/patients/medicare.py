"""Patients of Original Medicare."""

from __future__ import annotations

from datetime import date

from sandbox.patients.builder import Chart
from sandbox.patients.common import catheter_trial, medicare_pain_evidence, pain_history


def permanent_complete(today: date) -> Chart:
    """A pump for chronic pain with everything that the national determination asks."""
    chart = Chart("medicare-permanent-complete", today, age=73)
    chart.covered_by("medicare")
    problem = chart.problem("postlaminectomy-syndrome", 1600)
    medicare_pain_evidence(chart)
    pain_history(chart)
    catheter_trial(chart, problem, drug="hydromorphone")
    chart.says(19, trial_tolerated=True, trial_function_improved=True, trial_patient_acceptance=True)
    return chart


def other_drug(today: date) -> Chart:
    """Ziconotide in the pump: the opioid criteria do not fit, and the others need a person's judgement."""
    chart = Chart("medicare-ziconotide", today, age=70, gender="male")
    chart.covered_by("medicare")
    chart.problem("postherpetic-neuralgia", 1500)
    medicare_pain_evidence(chart)
    chart.says(15, drug_necessary=True, pump_necessary=True, pump_label_covers_use=True)
    pain_history(chart, until=12)
    return chart


def dystonia(today: date) -> Chart:
    """Dystonia, of which the national determination does not say whether it is spasticity."""
    chart = Chart("medicare-dystonia", today, age=66)
    chart.covered_by("medicare")
    chart.problem("torsion-dystonia", 9000)
    chart.no_known_allergy()
    chart.takes("oral-baclofen", began=240, ended=100, stopped="ineffective")
    chart.says(20, spasticity_chronic_intractable=True)
    chart.spasms(20, {10: 2})
    return chart


CHARTS = {
    "medicare-permanent-complete": permanent_complete,
    "medicare-ziconotide": other_drug,
    "medicare-dystonia": dystonia,
}
