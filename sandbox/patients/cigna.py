"""Patients of Cigna."""

from __future__ import annotations

from datetime import date

from sandbox.patients.builder import Chart, Resource, readings
from sandbox.patients.common import (
    catheter_trial,
    failed_oral_morphine,
    mental_health_attestation,
    pain_history,
    pain_programme,
)

_LEGS = ("Right hip adductors", "Left hip adductors", "Right knee flexors", "Left knee flexors")


def trial_complete(today: date) -> Chart:
    """Everything that a trial for chronic pain needs."""
    chart = Chart("cigna-trial-complete", today, age=52)
    chart.covered_by("cigna")
    _trial_evidence(chart)
    mental_health_attestation(chart)
    chart.says(28, opioid_reduction_agreed=True)
    pain_history(chart, until=12)
    chart.document("pain-consult", 28, "Pain medicine consult")
    return chart


def trial_gaps(today: date) -> Chart:
    """A trial for chronic pain with two statements still to be made."""
    chart = Chart("cigna-trial-gaps", today, age=47, gender="male")
    chart.covered_by("cigna")
    _trial_evidence(chart)
    chart.problem("depression", 400)
    pain_history(chart, until=9)
    chart.document("pain-consult", 20, "Pain medicine consult")
    return chart


def permanent_complete(today: date) -> Chart:
    """Everything that a pump for chronic pain needs, after a good trial."""
    chart = Chart("cigna-permanent-complete", today, age=58)
    chart.covered_by("cigna")
    _permanent_evidence(chart)
    return chart


def half_is_not_enough(today: date) -> Chart:
    """A trial that took away exactly half of the pain, where more than half is asked."""
    chart = Chart("cigna-half-relief", today, age=61, gender="male")
    chart.covered_by("cigna")
    _permanent_evidence(chart, during=4)
    return chart


def relief_faded(today: date) -> Chart:
    """A trial injection whose relief lasted six hours, where eight are asked."""
    chart = Chart("cigna-relief-faded", today, age=44)
    chart.covered_by("cigna")
    problem = _trial_evidence(chart)
    mental_health_attestation(chart)
    chart.says(45, opioid_reduction_agreed=True)
    pain_history(chart)
    chart.pain(20, {7.5: 8})
    chart.trial(20, "morphine", None, problem)
    chart.pain(20, readings((9, 11, 13, 15, 17, 19), (3, 3, 3, 3, 7, 8)))
    chart.says(19, trial_function_improved=True)
    return chart


def spasticity_permanent_complete(today: date) -> Chart:
    """A baclofen pump for spasticity, after a test dose that loosened tone and stopped spasms."""
    chart = Chart("cigna-spasticity-complete", today, age=31)
    chart.covered_by("cigna")
    problem = chart.problem("spastic-diplegia", 4000)
    chart.takes("oral-baclofen", began=200, ended=130, stopped="not-tolerated")
    chart.says(40, spasticity_severe=True)
    chart.tone(60, 10, dict(zip(_LEGS, ("3", "3", "4", "3"), strict=True)))
    chart.spasms(60, {10: 3})
    chart.tone(14, 7.5, dict.fromkeys(_LEGS, "3"))
    chart.spasms(14, {7.5: 3})
    chart.trial(14, "baclofen-trial-dose", None, problem)
    for hour in (10, 12, 14, 16):
        chart.tone(14, hour, dict.fromkeys(_LEGS, "1"))
    chart.spasms(14, readings((10, 12, 14, 16), (1, 1, 0, 1)))
    chart.document("neurology-consult", 40, "Neurology consult")
    return chart


def dystonia_trial_gap(today: date) -> Chart:
    """A trial for dystonia with physical therapy still in its fourth week."""
    chart = Chart("cigna-dystonia-therapy-short", today, age=26, gender="male")
    chart.covered_by("cigna")
    chart.problem("torsion-dystonia", 3000)
    chart.takes("oral-baclofen", began=120, ended=50, stopped="ineffective")
    chart.visits(began=30, ended=2, every=7)
    chart.says(20, spasticity_severe=True)
    chart.tone(20, 10, {"Neck": "2", "Trunk": "2", "Right arm": "1"}, scale="ashworth")
    chart.spasms(20, {10: 1})
    return chart


def cancer_exception(today: date) -> Chart:
    """A pump without a trial: advanced cancer, short survival and a risky procedure, each stated."""
    chart = Chart("cigna-cancer-no-trial", today, age=66)
    chart.covered_by("cigna")
    chart.problem("cancer-pain", 120)
    chart.problem("breast-cancer", 900)
    chart.problem("bone-metastases", 200)
    chart.takes("oral-morphine", began=110, ended=20, stopped="not-tolerated", times_a_day=2)
    chart.says(8, advanced_disease=True, limited_survival=True, high_procedural_risk=True)
    pain_history(chart, score=9, until=6)
    chart.document("oncology-consult", 8, "Oncology consult")
    return chart


def replacement_complete(today: date) -> Chart:
    """A pump in place whose battery is near its end."""
    chart = Chart("cigna-replacement", today, age=63, gender="male")
    chart.covered_by("cigna")
    chart.problem("postlaminectomy-syndrome", 4000)
    pump = chart.implanted_pump(2500)
    chart.pump_finding("pump-battery-end", True, pump, 6, "Elective replacement indicator is on.")
    return chart


def phase_unclear(today: date) -> Chart:
    """A pump in place, and an order for a pump that does not say whether it replaces it."""
    chart = Chart("cigna-new-or-replacement", today, age=57)
    chart.covered_by("cigna")
    chart.problem("postlaminectomy-syndrome", 3500)
    pump = chart.implanted_pump(2300)
    chart.pump_finding("pump-battery-end", True, pump, 10, "Battery near its end.")
    return chart


def indication_unclear(today: date) -> Chart:
    """Chronic pain beside an active cancer, and an order without a reason."""
    chart = Chart("cigna-which-pain", today, age=69, gender="male")
    chart.covered_by("cigna")
    chart.problem("chronic-pain", 500)
    chart.problem("prostate-cancer", 300)
    failed_oral_morphine(chart)
    pain_history(chart, until=15)
    return chart


def epidural_steroid(today: date) -> Chart:
    """An everyday epidural steroid injection, of which nothing is to be said."""
    chart = Chart("cigna-epidural-steroid", today, age=49)
    chart.covered_by("cigna")
    chart.problem("lumbar-radiculopathy", 90)
    chart.takes("ibuprofen", began=80, as_needed=True)
    chart.pain(14, {9: 6})
    return chart


CHARTS = {
    "cigna-trial-complete": trial_complete,
    "cigna-trial-gaps": trial_gaps,
    "cigna-permanent-complete": permanent_complete,
    "cigna-half-relief": half_is_not_enough,
    "cigna-relief-faded": relief_faded,
    "cigna-spasticity-complete": spasticity_permanent_complete,
    "cigna-dystonia-therapy-short": dystonia_trial_gap,
    "cigna-cancer-no-trial": cancer_exception,
    "cigna-replacement": replacement_complete,
    "cigna-new-or-replacement": phase_unclear,
    "cigna-which-pain": indication_unclear,
    "cigna-epidural-steroid": epidural_steroid,
}


def _trial_evidence(chart: Chart) -> Resource:
    problem = chart.problem("postlaminectomy-syndrome", 900)
    chart.surgery(1500)
    pain_programme(chart)
    chart.takes("oxycodone", began=150, times_a_day=4, as_needed=True)
    chart.says(30, further_treatment_indicated=False)
    return problem


def _permanent_evidence(chart: Chart, during: float = 3) -> None:
    problem = _trial_evidence(chart)
    mental_health_attestation(chart, 50)
    chart.says(45, opioid_reduction_agreed=True)
    pain_history(chart)
    catheter_trial(chart, problem, during=during)
    chart.says(19, trial_function_improved=True)
    chart.measure("oswestry-disability-index", 22, 62, "%")
    chart.measure("oswestry-disability-index", 19, 34, "%", hour=12)
