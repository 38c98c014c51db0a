"""Patients of Molina."""

from __future__ import annotations

from datetime import date

from sandbox.patients.builder import Chart
from sandbox.patients.common import failed_oral_morphine, pain_history


def trial_complete(today: date) -> Chart:
    """Everything that a trial for chronic pain needs, in a chart too long for one page of search results."""
    chart = Chart("molina-trial-complete", today, age=50)
    chart.covered_by("molina")
    _pain_evidence(chart)
    _scheduled_analgesic(chart)
    for days_ago in range(160, 9, -1):
        chart.pain(days_ago, {9: 7 + days_ago % 2})
    return chart


def score_of_six(today: date) -> Chart:
    """A pain score of exactly six, where more than six is asked."""
    chart = Chart("molina-score-six", today, age=43, gender="male")
    chart.covered_by("molina")
    _pain_evidence(chart)
    _scheduled_analgesic(chart)
    pain_history(chart, score=6, until=10)
    return chart


def as_needed_only(today: date) -> Chart:
    """Analgesics taken only as needed, where a fixed schedule is asked."""
    chart = Chart("molina-prn-only", today, age=56)
    chart.covered_by("molina")
    _pain_evidence(chart)
    chart.takes("oxycodone", began=280, ended=70, stopped="ineffective", times_a_day=4, as_needed=True)
    chart.takes("ibuprofen", began=280, ended=70, stopped="ineffective", as_needed=True)
    pain_history(chart, until=10)
    return chart


def cancer_gaps(today: date) -> Chart:
    """A trial for cancer pain without a word on the thecal sac or on contraindications."""
    chart = Chart("molina-cancer-gaps", today, age=62, gender="male")
    chart.covered_by("molina")
    chart.problem("cancer-pain", 130)
    chart.problem("prostate-cancer", 600)
    failed_oral_morphine(chart, began=120, ended=20)
    chart.says(10, pain_affects_daily_function=True, body_size_adequate=True, active_infection=False)
    chart.measure("life-expectancy-months", 10, 9, "mo")
    pain_history(chart, score=8, until=7)
    return chart


def spasticity(today: date) -> Chart:
    """A baclofen trial, which the policy hands to criteria that are not public."""
    chart = Chart("molina-spasticity-external", today, age=24)
    chart.covered_by("molina")
    chart.problem("spastic-diplegia", 5000)
    chart.takes("oral-baclofen", began=200, ended=90, stopped="ineffective")
    chart.tone(15, 10, {"Right hip adductors": "3", "Left hip adductors": "4"})
    chart.spasms(15, {10: 4})
    return chart


def removal(today: date) -> Chart:
    """A pump to be taken out, of which nothing is to be said."""
    chart = Chart("molina-removal", today, age=67, gender="male")
    chart.covered_by("molina")
    chart.problem("postlaminectomy-syndrome", 3000)
    pump = chart.implanted_pump(2000)
    chart.pump_finding("pump-functional", True, pump, 12, "Patient wishes to have the pump removed.")
    return chart


CHARTS = {
    "molina-trial-complete": trial_complete,
    "molina-score-six": score_of_six,
    "molina-prn-only": as_needed_only,
    "molina-cancer-gaps": cancer_gaps,
    "molina-spasticity-external": spasticity,
    "molina-removal": removal,
}


def _pain_evidence(chart: Chart) -> None:
    chart.problem("postlaminectomy-syndrome", 1000)
    chart.surgery(1400)
    chart.outcome("cause-directed-treatment", "ineffective", began=1400, ended=1000)
    chart.visits(began=290, ended=90, every=14)
    chart.outcome("conservative-therapy", "ineffective", began=290, ended=60)
    chart.psychological_evaluation(35)
    chart.document("psychology-consult", 35, "Psychology consult")
    chart.says(35, by="psychologist", psych_acute_instability=False, psych_candidate_favourable=True)
    chart.says(
        20,
        pain_affects_daily_function=True,
        medication_adherent=True,
        body_size_adequate=True,
        active_infection=False,
        intrathecal_contraindication=False,
    )


def _scheduled_analgesic(chart: Chart) -> None:
    drug = chart.takes("oral-morphine", began=280, ended=70, stopped="ineffective", times_a_day=2)
    chart.outcome("scheduled-analgesics", "ineffective", began=280, ended=70, of=drug)
