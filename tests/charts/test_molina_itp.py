"""Whole charts under Molina's policy on implantable intrathecal pain pumps."""

from __future__ import annotations

from datetime import date

import pytest

from tests.builder import Builder, Json, concept
from tests.charts.harness import assert_chart, determinations
from tests.charts.history import (
    INEFFECTIVE,
    NOT_TOLERATED,
    OXYCODONE,
    PSYCHOLOGIST,
    ROUTE,
    document,
    local,
    pain,
    purpose,
    took,
    turned_out,
    without,
)

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
MIND = ("psych-evaluation", "psych-stability", "psych-candidate")
DETERMINATIONS = {
    "met": "complete", "not-met": "not-satisfied", "not-documented": "incomplete", "needs-review": "needs-review",
    "not-applicable": "complete",
}  # fmt: skip


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


# Every leaf but the ones named is met -----------------------------------------------------------------------------


def check_but(chart: Builder, case: str, status: str, *names: str) -> None:
    """Assert that the named leaves have a status, all the others are met, and the determination follows."""
    expected = {**(CANCER_TRIAL if case.startswith("cancer") else PAIN_TRIAL)}
    if case.endswith("permanent"):
        expected |= RESPONSE
    expected |= dict.fromkeys(names, status)
    gaps = names if status in ("not-documented", "needs-review") else ()
    assert_chart(chart, POLICY, case, DETERMINATIONS[status], expected, gaps=gaps)


def injected(chart: Builder, day: str, *responses: int) -> None:
    """Add a single-injection trial of morphine at 8 o'clock with its scores: 8 before, then one every two hours."""
    chart.procedure(
        "cpt", "62322", start=local(f"{day}T08:00"), category=purpose("intrathecal-trial")[0],
        usedCode=[concept("hcpcs", "J2274")],
    )  # fmt: skip
    pain(chart, (f"{day}T07:30", 8), *((f"{day}T{10 + 2 * n}:00", score) for n, score in enumerate(responses)))


def practitioner(chart: Builder) -> Json:
    """Return the author of the psychological findings."""
    return next(one for one in chart.resources if one["resourceType"] == "Practitioner")


# Scores and statements --------------------------------------------------------------------------------------------


def test_scores_on_both_sides_of_six_are_for_review() -> None:
    """Two scores of one instant, or a low latest score after a high one within 90 days, leave it to a person."""
    same, later = without(cancer(), "72514-3"), without(cancer(), "72514-3")
    pain(same, ("2026-05-20T09:00", 6), ("2026-05-20T09:00", 7))
    pain(later, ("2026-05-10T09:00", 8), ("2026-05-20T09:00", 5))
    for chart in (same, later):
        check_but(chart, "cancer-pain/trial", "needs-review", "pain-score")


def test_future_and_millimeter_scores_do_not_count() -> None:
    """A score dated tomorrow and an analogue score of 80 mm are no numeric rating of today."""
    chart = without(cancer(), "72514-3")
    chart.nrs(9, days_ago=-1)
    chart.observation("loinc", "38214-3", days_ago=5, valueQuantity={"value": 80, "unit": "mm", "code": "mm"})
    check_but(chart, "cancer-pain/trial", "not-documented", "pain-score")


@pytest.mark.parametrize(("days_ago", "status"), [(365, "met"), (366, "needs-review")])
def test_a_statement_stands_for_twelve_months(days_ago: int, status: str) -> None:
    """Twelve months to the day stand, a day more is for review."""
    chart = without(cancer(), "pain-affects-daily-function")
    chart.finding("pain-affects-daily-function", days_ago=days_ago)
    check_but(chart, "cancer-pain/trial", status, "function-impact")


@pytest.mark.parametrize(
    ("months", "day", "status"),
    [
        (3, "2026-06-01", "met"),
        (3, "2026-05-31", "needs-review"),
        (12, "2025-09-01", "met"),
        (12, "2025-08-31", "needs-review"),
        (2, "2026-06-01", "not-met"),
    ],
)
def test_life_expectancy_less_the_time_passed(months: int, day: str, status: str) -> None:
    """The estimate must still reach three months from today; below three as stated contradicts."""
    chart = without(cancer(), "life-expectancy")
    quantity = {"value": months, "code": "mo"}
    chart.observation("finding", "life-expectancy-months", at=local(f"{day}T08:00"), valueQuantity=quantity)
    check_but(chart, "cancer-pain/trial", status, "life-expectancy")


@pytest.mark.parametrize(("day", "status"), [("2026-03-01", "met"), ("2026-02-28", "needs-review")])
def test_the_bare_statement_on_life_expectancy_holds_three_months(day: str, status: str) -> None:
    """The words 'at least three months' stand three months from their date."""
    chart = without(cancer(), "life-expectancy")
    chart.finding("life-expectancy-at-least-3-months", at=local(f"{day}T08:00"))
    check_but(chart, "cancer-pain/trial", status, "life-expectancy")


def test_infections_past_present_and_contradicted() -> None:
    """Resolved or refuted is no infection, active is one, and an active one beside a denial is for review."""
    past, refuted, present, both = cancer(), cancer(), without(cancer(), "active-infection"), cancer()
    past.condition("icd-10-cm", "N39.0", clinical="resolved", abatementDateTime="2026-05-01")
    refuted.condition("icd-10-cm", "N39.0", verification="refuted")
    for chart in (present, both):
        chart.condition("icd-10-cm", "N39.0", onsetDateTime="2026-05-28")
    check_but(past, "cancer-pain/trial", "met", "no-infection")
    check_but(refuted, "cancer-pain/trial", "met", "no-infection")
    check_but(present, "cancer-pain/trial", "not-met", "no-infection")
    check_but(both, "cancer-pain/trial", "needs-review", "no-infection")


def test_a_tumor_at_the_thecal_sac() -> None:
    """An intraspinal metastasis contradicts; beside a statement that testing showed none it is for review."""
    alone, both = without(cancer(), "thecal-sac-tumor"), cancer()
    for chart in (alone, both):
        chart.condition("icd-10-cm", "C79.49", onsetDateTime="2026-05-01")
    check_but(alone, "cancer-pain/trial", "not-met", "no-thecal-tumor")
    check_but(both, "cancer-pain/trial", "needs-review", "no-thecal-tumor")


def test_contradicting_statements_on_adherence_and_body_size() -> None:
    """Adherent by one record and not by another, large and small enough at one instant: a person decides."""
    adherence, size = chronic(), without(chronic(), "body-size-adequate")
    adherence.condition("icd-10-cm", "Z91.148", onsetDateTime="2026-04-01")
    for value in (True, False):
        size.finding("body-size-adequate", value, at=local("2026-05-20T09:00"))
    check_but(adherence, "nonmalignant-pain/trial", "needs-review", "adherence")
    check_but(size, "nonmalignant-pain/trial", "needs-review", "body-size")


# Forms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link_id", "value", "status"),
    [
        (f"{POLICY}/cancer-pain/trial/body-size", True, "met"),
        (f"{POLICY}/cancer-pain/trial/body-size", False, "not-met"),
        ("fact:body-size-adequate", True, "met"),
        ("fact:body-size-adequate", False, "not-met"),
        (f"{POLICY}/nonmalignant-pain/trial/body-size", True, "not-documented"),
        ("cohere-ma-itp/cancer-pain/trial/body-size", True, "not-documented"),
    ],
)
def test_a_clinicians_form_answers_its_criterion_or_its_fact(link_id: str, value: bool, status: str) -> None:
    """An answer under the criterion's id serves that criterion alone, one under a fact serves the fact."""
    chart = without(cancer(), "body-size-adequate")
    chart.form({link_id: value}, author=chart.practitioner(title="Anesthesiologist"))
    check_but(chart, "cancer-pain/trial", status, "body-size")


def test_two_different_answers_are_for_review() -> None:
    """Two forms that differ leave the criterion to a person."""
    chart = without(cancer(), "body-size-adequate")
    for value in (True, False):
        chart.form({f"{POLICY}/cancer-pain/trial/body-size": value}, author=chart.practitioner(title="Surgeon"))
    check_but(chart, "cancer-pain/trial", "needs-review", "body-size")


def test_unfinished_foreign_and_future_forms_do_not_count() -> None:
    """A form in progress, somebody else's, and one of tomorrow say nothing."""
    chart = without(cancer(), "body-size-adequate")
    answer, author = {f"{POLICY}/cancer-pain/trial/body-size": True}, chart.practitioner(title="Surgeon")
    chart.form(answer, status="in-progress", author=author)
    chart.form(answer, author=author)["subject"] = {"reference": "Patient/somebody-else"}
    chart.form(answer, days_ago=-1, author=author)
    check_but(chart, "cancer-pain/trial", "not-documented", "body-size")


def test_the_patients_own_form_serves_function_in_the_trial() -> None:
    """The patient's report of better function is what the policy asks for."""
    chart = without(chronic("permanent"), "trial-function-improved")
    chart.form({f"{POLICY}/nonmalignant-pain/permanent/trial-function": True}, days_ago=8, author="Patient/p1")
    check_but(chart, "nonmalignant-pain/permanent", "met", "trial-function")


# Therapies --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last", "reason", "status"),
    [
        ("2025-10-01", "2026-03-31", INEFFECTIVE, "met"),
        ("2025-10-01", "2026-03-30", INEFFECTIVE, "not-met"),
        ("2026-02-01", "2026-03-30", NOT_TOLERATED, "needs-review"),
    ],
)
def test_six_months_of_conservative_care(first: str, last: str, reason: tuple[str, str], status: str) -> None:
    """Six months to the day are enough, a day less is not; an earlier intolerance is for review."""
    chart = without(chronic(), "outcome-conservative-therapy")
    chart.resources.remove(drug(chart))
    took(chart, OXYCODONE, first, last, reason=reason)
    check_but(chart, "nonmalignant-pain/trial", status, "conservative-therapy")


def test_a_start_known_by_its_year_is_for_review() -> None:
    """From some day of 2025 to 1 May 2026 is six months or less: a person decides."""
    chart = without(chronic(), "outcome-conservative-therapy")
    drug(chart)["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"]["start"] = "2025"
    check_but(chart, "nonmalignant-pain/trial", "needs-review", "conservative-therapy")


def test_an_intrathecal_opioid_is_no_systemic_one() -> None:
    """What was given into the spinal canal does not show that systemic analgesics failed."""
    chart = cancer()
    drug(chart)["dosageInstruction"][0]["route"] = ROUTE
    check_but(chart, "cancer-pain/trial", "not-documented", "opioid-failure")


def test_an_opioid_stopped_without_reason_or_of_another_patient_did_not_fail() -> None:
    """Stopping proves nothing, and another patient's failure is none of this one's."""
    unsaid, foreign = cancer(), cancer()
    del drug(unsaid)["statusReason"]
    drug(foreign)["subject"] = {"reference": "Patient/somebody-else"}
    for chart in (unsaid, foreign):
        check_but(chart, "cancer-pain/trial", "not-documented", "opioid-failure")


# Mind -------------------------------------------------------------------------------------------------------------


def test_a_family_physician_is_no_mental_health_professional() -> None:
    """All three findings are asked of a licensed mental-health professional."""
    chart = chronic()
    practitioner(chart)["qualification"] = [{"code": {"text": "Family physician"}}]
    check_but(chart, "nonmalignant-pain/trial", "not-documented", *MIND)


def test_an_unstated_role_is_for_review() -> None:
    """Whether the author is a mental-health professional is not said: a person decides."""
    chart = chronic()
    del practitioner(chart)["qualification"]
    check_but(chart, "nonmalignant-pain/trial", "needs-review", *MIND)


def test_a_psychology_consult_on_file_was_not_read() -> None:
    """A document alone is found, not read, for all three."""
    chart = without(without(chronic(), "90791"), "psych-")
    document(chart, "34791-4")
    check_but(chart, "nonmalignant-pain/trial", "needs-review", *MIND)


def test_a_screening_questionnaire_is_no_evaluation() -> None:
    """A brief screen (96127) by a psychologist is no psychological evaluation."""
    chart = without(chronic(), "90791")
    author = {"reference": f"Practitioner/{practitioner(chart)['id']}"}
    chart.procedure("cpt", "96127", start=chart.day(60), performer=[{"actor": author}])
    check_but(chart, "nonmalignant-pain/trial", "not-documented", "psych-evaluation")


# The trial and the pump -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("responses", "status"), [((4,), "met"), ((5, 5), "not-met"), ((4, 5), "needs-review"), ((4, 4, 5), "met")]
)
def test_half_the_pain_by_the_only_or_two_consecutive_scores(responses: tuple[int, ...], status: str) -> None:
    """The only response or two in a row reach it, all below miss it, mixed ones are for review."""
    chart = without(without(chronic("permanent"), "72514-3"), "62322")
    injected(chart, "2026-05-20", *responses)
    check_but(chart, "nonmalignant-pain/permanent", status, "trial-pain-reduction")


@pytest.mark.parametrize(("day", "status"), [("2026-05-13", "met"), ("2026-05-11", "not-documented")])
def test_the_baseline_is_at_most_seven_days_old(day: str, status: str) -> None:
    """A score of nine days before the trial is no baseline."""
    chart = without(chronic("permanent"), "72514-3")
    pain(chart, (f"{day}T09:00", 8), ("2026-05-20T10:00", 4))
    check_but(chart, "nonmalignant-pain/permanent", status, "trial-pain-reduction")


def test_times_of_another_zone_are_the_same_instants() -> None:
    """12:30 and 15:00 in UTC lie before and after a trial at 8 o'clock at the hospital."""
    chart = without(cancer("permanent"), "72514-3")
    pain(chart, ("2026-05-20T12:30:00Z", 8), ("2026-05-20T15:00:00Z", 4))
    check_but(chart, "cancer-pain/permanent", "met", "trial-pain-reduction")


def test_a_low_score_after_the_trial_does_not_undo_its_criterion() -> None:
    """For the pump the severity is the one at the start of the trial."""
    chart = chronic("permanent")
    chart.nrs(2, days_ago=3)
    check_but(chart, "nonmalignant-pain/permanent", "met", "pain-score")


def test_an_epidural_steroid_injection_is_no_trial() -> None:
    """A later steroid injection without effect does not take the trial's place; alone it is no trial."""
    beside, alone = chronic("permanent"), without(chronic("permanent"), "62322")
    for chart in (beside, alone):
        chart.procedure(
            "cpt", "62323", start="2026-05-27T08:00:00-05:00", usedCode=[concept("hcpcs", "J3301")],
            reasonCode=[concept("icd-10-cm", "M54.16")],
        )  # fmt: skip
        pain(chart, ("2026-05-27T07:30", 8), ("2026-05-27T10:00", 8))
    check_but(beside, "nonmalignant-pain/permanent", "met", "trial-pain-reduction")
    check_but(alone, "nonmalignant-pain/permanent", "not-documented", "trial-pain-reduction")


def test_a_weaker_dose_a_week_before_is_the_same_trial() -> None:
    """Doses titrated within 14 days are one trial, and its best dose counts."""
    chart = chronic("permanent")
    injected(chart, "2026-05-12", 7, 7)
    check_but(chart, "nonmalignant-pain/permanent", "met", "trial-pain-reduction")


def test_an_earlier_trial_with_the_opposite_result_is_for_review() -> None:
    """A trial in March without relief or better function stands against one in May that brought both."""
    chart = chronic("permanent")
    injected(chart, "2026-03-10", 7, 7)
    chart.finding("trial-function-improved", False, at=local("2026-03-12T09:00"), by="Patient/p1")
    check_but(chart, "nonmalignant-pain/permanent", "needs-review", "trial-pain-reduction", "trial-function")


def test_a_statement_before_the_trial_is_none_about_it() -> None:
    """Better function stated five days before the trial is not its result."""
    chart = without(chronic("permanent"), "trial-function-improved")
    chart.finding("trial-function-improved", at=local("2026-05-15T09:00"), by="Patient/p1")
    check_but(chart, "nonmalignant-pain/permanent", "not-documented", "trial-function")


@pytest.mark.parametrize(("after", "status"), [(6, "met"), (2, "not-met")])
def test_the_patient_specific_functional_scale_measures_function(after: int, status: str) -> None:
    """From 3 before to 6 in the trial is better, to 2 is worse."""
    chart = without(chronic("permanent"), "trial-function-improved")
    for moment, score in (("2026-05-20T07:30", 3), ("2026-05-20T12:00", after)):
        quantity = {"value": score}
        chart.observation("finding", "patient-specific-functional-scale", at=local(moment), valueQuantity=quantity)
    check_but(chart, "nonmalignant-pain/permanent", status, "trial-function")


def test_a_trial_that_is_only_booked_or_not_done_proves_nothing() -> None:
    """Without a completed trial scores are no response, and the latest severity of today is taken."""
    for status in ("not-done", "preparation", "in-progress"):
        chart = chronic("permanent")
        next(one for one in chart.resources if "62322" in str(one.get("code")))["status"] = status
        expected = {**PAIN_TRIAL, **RESPONSE, "pain-score": "needs-review", "trial-pain-reduction": "not-documented"}
        gaps = ("pain-score", "trial-pain-reduction")
        assert_chart(chart, POLICY, "nonmalignant-pain/permanent", "incomplete", expected, gaps=gaps)


def test_trial_and_pump_in_one_signing_are_two() -> None:
    """The trial's order never proves a leaf of the trial."""
    chart = chronic()
    chart.order("62362", reason=("icd-10-cm", "M96.1"))
    found = {one.phase: (one.kind.value, one.gaps) for one in determinations(chart, POLICY)}
    prefix = f"{POLICY}/nonmalignant-pain/permanent"
    open_ones = (f"{prefix}/trial-pain-reduction", f"{prefix}/trial-function")
    assert found == {"trial": ("complete", ()), "permanent": ("incomplete", open_ones)}


# Scope ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("birth", "answer", "caution"),
    [
        ("2008-06-01", "complete", False),
        ("2008-06-02", "out-of-scope", False),
        ("2008", "needs-review", True),
        ("", "needs-review", True),
    ],
)
def test_adults_only(birth: str, answer: str, caution: bool) -> None:
    """Eighteen on the day is an adult; a date of birth that does not tell is for review."""
    chart = cancer()
    chart.patient = {key: value for key, value in chart.patient.items() if key != "birthDate"}
    if birth:
        chart.patient["birthDate"] = birth
    found = determinations(chart, POLICY)
    assert [(one.indication, one.phase, one.kind.value) for one in found] == [("cancer-pain", "trial", answer)]
    assert ("age-unknown" in {one.code for one in found[0].cautions}) is caution


def test_replacement_and_revision_are_silent() -> None:
    """The policy says nothing of them: a person decides, and no criterion is asked."""
    for code, category, phase in (("62362", purpose("pump-replacement"), "replacement"), ("62350", None, "revision")):
        chart = Builder(TODAY)
        chart.add("Device", status="active", type={"text": "Intrathecal drug pump, SynchroMed II"})
        chart.order(code, category=category)
        assert_chart(chart, POLICY, f"any/{phase}", "needs-review", {}, gaps=())


def test_an_insulin_pump_is_no_intrathecal_pump() -> None:
    """It makes no replacement of a first pump; an intrathecal pump in place leaves the phase unclear."""
    insulin, spinal = chronic("permanent"), chronic("permanent")
    insulin.add("Device", status="active", type={"text": "Insulin pump"})
    spinal.add("Device", status="active", type={"text": "Intrathecal drug pump, SynchroMed II"})
    check_but(insulin, "nonmalignant-pain/permanent", "met", "pain-score")
    found = determinations(spinal, POLICY)
    assert {(one.phase, one.kind.value) for one in found} == {
        ("permanent", "needs-review"),
        ("replacement", "needs-review"),
    }
    assert all("phase-unclear" in {caution.code for caution in one.cautions} for one in found)


def test_a_refuted_cancer_pain_is_no_indication() -> None:
    """Cancer pain that was ruled out leaves the pain non-malignant."""
    chart = chronic()
    chart.condition("icd-10-cm", "G89.3", verification="refuted")
    del chart.orders[0]["reasonCode"]
    check_but(chart, "nonmalignant-pain/trial", "met", "pain-score")


def test_another_use_is_out_of_scope() -> None:
    """Methotrexate into the spinal canal is no analgesic."""
    chart = cancer()
    chart.orders[0]["orderDetail"] = [concept("hcpcs", "J9260")]
    assert [one.kind.value for one in determinations(chart, POLICY)] == ["out-of-scope"]
