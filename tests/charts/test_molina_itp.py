"""Whole charts under Molina's policy on implantable intrathecal pain pumps."""

from __future__ import annotations

from datetime import date

import pytest

from tests.builder import Builder, Json, concept
from tests.charts.harness import assert_chart, determinations
from tests.charts.history import INEFFECTIVE, OXYCODONE, PSYCHOLOGIST, pain, purpose, took, turned_out

POLICY = "molina-itp"
TODAY = date(2026, 6, 1)
CANCER_TRIAL = dict.fromkeys(
    (
        "pain-score", "function-impact", "life-expectancy", "opioid-failure", "body-size", "no-infection",
        "no-thecal-tumor", "no-contraindication",
    ),
    "met",
)  # fmt: skip
PAIN_TRIAL = dict.fromkeys(
    (
        "pain-score", "function-impact", "cause-treatment-failure", "scheduled-analgesic-failure", "adherence",
        "conservative-therapy", "psych-evaluation", "psych-stability", "psych-candidate", "body-size", "no-infection",
        "no-contraindication",
    ),
    "met",
)  # fmt: skip
RESPONSE = {"trial-pain-reduction": "met", "trial-function": "met"}


def common(chart: Builder) -> None:
    """State what both kinds of pain ask."""
    chart.nrs(8, days_ago=20)
    chart.finding("pain-affects-daily-function", days_ago=20)
    chart.finding("body-size-adequate", days_ago=20)
    chart.finding("active-infection", False, days_ago=5)
    chart.finding("intrathecal-contraindication", False, days_ago=20)


def ordered(chart: Builder, phase: str, diagnosis: str) -> None:
    """Add the order, and the trial where it is for the pump."""
    if phase == "permanent":
        chart.procedure(
            "cpt", "62322", start="2026-05-20T08:00:00-05:00", category=purpose("intrathecal-trial")[0],
            usedCode=[concept("hcpcs", "J2274")],
        )  # fmt: skip
        pain(chart, ("2026-05-20T07:30", 8), ("2026-05-20T10:00", 4), ("2026-05-20T13:00", 4))
        chart.finding("trial-function-improved", days_ago=8, by="Patient/p1")
        chart.order("62362", reason=("icd-10-cm", diagnosis))
    else:
        chart.order("62322", reason=("icd-10-cm", diagnosis), category=purpose("intrathecal-trial"))


def cancer(phase: str = "trial") -> Builder:
    """Return a complete chart of cancer pain."""
    chart = Builder(TODAY, birth="1960-02-02")
    chart.condition("icd-10-cm", "G89.3")
    common(chart)
    chart.observation("finding", "life-expectancy-months", days_ago=5, valueQuantity={"value": 9, "code": "mo"})
    took(chart, OXYCODONE, "2026-01-10", "2026-05-01", reason=INEFFECTIVE)
    chart.finding("thecal-sac-tumor", False, days_ago=20)
    ordered(chart, phase, "G89.3")
    return chart


def chronic(phase: str = "trial") -> Builder:
    """Return a complete chart of non-malignant pain."""
    chart = Builder(TODAY, birth="1960-02-02")
    chart.condition("icd-10-cm", "M96.1")
    common(chart)
    turned_out(chart, "cause-directed-treatment", "ineffective", "2024-01-01", "2024-06-01")
    took(chart, OXYCODONE, "2025-10-01", "2026-05-01", reason=INEFFECTIVE)
    turned_out(chart, "conservative-therapy", "ineffective", "2025-10-01", "2026-04-30")
    chart.finding("medication-adherent", days_ago=20)
    psychologist = chart.practitioner(PSYCHOLOGIST)
    chart.procedure("cpt", "90791", start=chart.day(60), performer=[{"actor": {"reference": psychologist}}])
    chart.finding("psych-acute-instability", False, days_ago=60, by=psychologist)
    chart.finding("psych-candidate-favourable", days_ago=60, by=psychologist)
    ordered(chart, phase, "M96.1")
    return chart


def without(chart: Builder, word: str) -> Builder:
    """Remove the resources whose code holds a word."""
    chart.resources = [one for one in chart.resources if word not in str(one.get("code"))]
    return chart


def drug(chart: Builder) -> Json:
    """Return the oxycodone order."""
    return next(one for one in chart.resources if one["resourceType"] == "MedicationRequest")


def test_cancer_trial_and_pump_complete() -> None:
    """Everything the policy asks of cancer pain is on file."""
    assert_chart(cancer(), POLICY, "cancer-pain/trial", "complete", CANCER_TRIAL)
    assert_chart(cancer("permanent"), POLICY, "cancer-pain/permanent", "complete", {**CANCER_TRIAL, **RESPONSE})


def test_chronic_pain_trial_and_pump_complete() -> None:
    """Everything the policy asks of non-malignant pain is on file; exactly half the pain is enough."""
    assert_chart(chronic(), POLICY, "nonmalignant-pain/trial", "complete", PAIN_TRIAL)
    assert_chart(chronic("permanent"), POLICY, "nonmalignant-pain/permanent", "complete", {**PAIN_TRIAL, **RESPONSE})


@pytest.mark.parametrize(
    ("score", "status", "answer"), [(6, "not-met", "not-satisfied"), (6.5, "met", "complete"), (7, "met", "complete")]
)
def test_the_score_must_lie_above_six(score: float, status: str, answer: str) -> None:
    """Six is not above six, six and a half is."""
    chart = without(cancer(), "72514-3")
    chart.observation("loinc", "72514-3", days_ago=20, valueQuantity={"value": score})
    assert_chart(chart, POLICY, "cancer-pain/trial", answer, {**CANCER_TRIAL, "pain-score": status})


@pytest.mark.parametrize(
    ("days_ago", "status", "answer"), [(90, "met", "complete"), (91, "not-documented", "incomplete")]
)
def test_a_score_counts_for_ninety_days(days_ago: int, status: str, answer: str) -> None:
    """Ninety days count, a day more leaves the score undocumented."""
    chart = without(cancer(), "72514-3")
    chart.nrs(8, days_ago=days_ago)
    assert_chart(chart, POLICY, "cancer-pain/trial", answer, {**CANCER_TRIAL, "pain-score": status})


def test_word_scores_and_a_preliminary_score_do_not_count() -> None:
    """A PROMIS answer, a preliminary 9 and a 9 of somebody else are no NRS."""
    chart = without(cancer(), "72514-3")
    chart.observation("loinc", "75262-6", valueInteger=5)
    chart.nrs(9, status="preliminary")
    chart.nrs(9)["subject"] = {"reference": "Patient/somebody-else"}
    expected = {**CANCER_TRIAL, "pain-score": "not-documented"}
    assert_chart(chart, POLICY, "cancer-pain/trial", "incomplete", expected, gaps=("pain-score",))


def test_an_analogue_score_is_for_review() -> None:
    """A 0-10 visual analogue score is not the numeric rating that the policy names."""
    chart = without(cancer(), "72514-3")
    chart.observation("loinc", "38214-3", days_ago=5, valueQuantity={"value": 8, "unit": "cm", "code": "cm"})
    assert_chart(chart, POLICY, "cancer-pain/trial", "needs-review", {**CANCER_TRIAL, "pain-score": "needs-review"})


def test_an_as_needed_opioid_is_no_fixed_schedule() -> None:
    """The policy wants a fixed schedule, not as needed."""
    chart = chronic()
    drug(chart)["dosageInstruction"][0]["asNeededBoolean"] = True
    expected = {**PAIN_TRIAL, "scheduled-analgesic-failure": "not-documented"}
    assert_chart(
        chart, POLICY, "nonmalignant-pain/trial", "incomplete", expected, gaps=("scheduled-analgesic-failure",)
    )


def test_the_four_named_negatives_are_for_review() -> None:
    """A statement that none exists is asked; the four named ones alone leave it to a person."""
    chart = without(cancer(), "intrathecal-contraindication")
    for word in ("coagulopathy", "profound-leukopenia", "pancytopenia", "raised-intracranial-pressure"):
        chart.finding(word, False, days_ago=20)
    expected = {**CANCER_TRIAL, "no-contraindication": "needs-review"}
    assert_chart(chart, POLICY, "cancer-pain/trial", "needs-review", expected)


def test_documented_absence_is_asked_and_silence_is_none() -> None:
    """No word on infection is not documented, however empty the problem list."""
    chart = without(cancer(), "active-infection")
    expected = {**CANCER_TRIAL, "no-infection": "not-documented"}
    assert_chart(chart, POLICY, "cancer-pain/trial", "incomplete", expected, gaps=("no-infection",))


def test_a_suicide_risk_contradicts_whatever_is_said() -> None:
    """An active suicide risk on the problem list outweighs statement and form."""
    chart = chronic()
    chart.condition("icd-10-cm", "R45.851", onsetDateTime=chart.day(3))
    chart.form({f"{POLICY}/nonmalignant-pain/trial/psych-stability": True}, author=chart.practitioner(PSYCHOLOGIST))
    expected = {**PAIN_TRIAL, "psych-stability": "not-met"}
    assert_chart(chart, POLICY, "nonmalignant-pain/trial", "not-satisfied", expected)


def test_conservative_care_contraindicated_falls_away() -> None:
    """Documented as contraindicated after two months, the six months do not apply."""
    chart = without(chronic(), "outcome-conservative-therapy")
    drug(chart)["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"]["start"] = "2026-03-01"
    turned_out(chart, "conservative-therapy", "contraindicated", "2026-04-01", "2026-04-02")
    expected = {**PAIN_TRIAL, "conservative-therapy": "not-applicable"}
    assert_chart(chart, POLICY, "nonmalignant-pain/trial", "complete", expected)


def test_spasticity_goes_by_mcg_and_other_uses_are_outside() -> None:
    """Spasticity and dystonia are handed over at any age."""
    for code in ("G80.1", "G24.1"):
        chart = Builder(TODAY, birth="2015-02-02")
        chart.condition("icd-10-cm", code)
        chart.order("62322", reason=("icd-10-cm", code), orderDetail=[concept("hcpcs", "J0476")])
        assert [(one.kind.value, one.results) for one in determinations(chart, POLICY)] == [("external-criteria", ())]


def test_washington_medicaid_caps() -> None:
    """The state's assessment of 2008 is not carried: a complete chart stays for review."""
    chart = cancer()
    chart.coverage("Molina Healthcare of Washington", plan="Apple Health Medicaid", sopt="211")
    one = assert_chart(chart, POLICY, "cancer-pain/trial", "needs-review", CANCER_TRIAL)
    assert "state-criteria-not-carried" in {caution.code for caution in one.cautions}


def test_in_force_from_2023_08_09() -> None:
    """The day before this version had not begun."""
    kinds = []
    for day in ("2023-08-08", "2023-08-09"):
        chart = cancer()
        chart.orders[0]["authoredOn"] = day
        kinds.append(determinations(chart, POLICY)[0].kind.value)
    assert kinds == ["no-policy-in-force", "complete"]
