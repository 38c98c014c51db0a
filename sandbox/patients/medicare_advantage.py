"""Patients of a Medicare Advantage plan whose reviews Cohere Health does."""

from __future__ import annotations

from datetime import date

from sandbox.patients.builder import Chart
from sandbox.patients.common import catheter_trial, failed_oral_morphine, medicare_pain_evidence, pain_history


def cancer_trial_complete(today: date) -> Chart:
    """A trial for cancer pain that satisfies the plan's policy and the national one."""
    chart = Chart("cohere-cancer-complete", today, age=71)
    chart.covered_by("cohere")
    chart.problem("cancer-pain", 150)
    chart.problem("breast-cancer", 800)
    chart.problem("bone-metastases", 160)
    chart.no_known_allergy()
    failed_oral_morphine(chart, began=140, ended=20)
    chart.says(12, pain_intractable_severe=True, exaggerated_reaction_addressed=True)
    chart.measure("life-expectancy-months", 12, 8, "mo")
    pain_history(chart, score=8, until=8)
    chart.document("oncology-consult", 12, "Oncology consult")
    return chart


def pain_permanent_gaps(today: date) -> Chart:
    """A pump for chronic pain: a good trial, but conservative care only as a bare statement."""
    chart = Chart("cohere-pain-gaps", today, age=74, gender="male")
    chart.covered_by("cohere")
    problem = chart.problem("postlaminectomy-syndrome", 1200)
    chart.no_known_allergy()
    failed_oral_morphine(chart)
    chart.outcome("conservative-therapy", "ineffective", began=280, ended=60)
    chart.says(60, pain_intractable_severe=True)
    chart.says(20, life_expectancy_at_least_3_months=True)
    pain_history(chart)
    catheter_trial(chart, problem, during=4)
    chart.says(19, trial_function_improved=True)
    return chart


def infection(today: date) -> Chart:
    """A trial for chronic pain while an infection is active."""
    chart = Chart("cohere-active-infection", today, age=69)
    chart.covered_by("cohere")
    chart.problem("postlaminectomy-syndrome", 1000)
    chart.problem("urinary-tract-infection", 4)
    medicare_pain_evidence(chart)
    chart.takes("gabapentin", began=300, ended=70, stopped="ineffective")
    chart.visits(began=280, ended=90, every=14)
    chart.outcome("physical-therapy", "ineffective", began=280, ended=90)
    pain_history(chart, until=10)
    return chart


def spasticity_without_trial(today: date) -> Chart:
    """A pump for spasticity: the plan asks no trial response, the national determination does."""
    chart = Chart("cohere-spasticity-response", today, age=67, gender="male")
    chart.covered_by("cohere")
    chart.problem("spastic-hemiplegia", 1100)
    chart.no_known_allergy()
    chart.takes("tizanidine", began=220, ended=120, stopped="ineffective")
    chart.says(30, spasticity_chronic_intractable=True, spasticity_painful=True)
    chart.tone(30, 10, {"Right elbow flexors": "3", "Right knee flexors": "3"})
    chart.spasms(30, {10: 3})
    return chart


CHARTS = {
    "cohere-cancer-complete": cancer_trial_complete,
    "cohere-pain-gaps": pain_permanent_gaps,
    "cohere-active-infection": infection,
    "cohere-spasticity-response": spasticity_without_trial,
}
