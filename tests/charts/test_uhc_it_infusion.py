"""Whole charts under UnitedHealthcare's policy on epidural and intrathecal infusion."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from policies.determination import Determination
from tests.builder import Builder, concept
from tests.charts.harness import assert_chart, determinations
from tests.charts.history import (
    BACLOFEN,
    GABAPENTIN,
    INEFFECTIVE,
    MORPHINE,
    NOT_TOLERATED,
    OXYCODONE,
    PSYCHOLOGIST,
    ROUTE,
    attended,
    document,
    local,
    pain,
    pump_drug,
    purpose,
    took,
    turned_out,
)

POLICY = "uhc-it-infusion"
TODAY = date(2026, 6, 1)
OLD_TEXT = ("text-not-confirmed-current",)

TRIAL = dict.fromkeys(
    ("age", "etiology", "no-further-treatment", "conservative-therapy", "psych-clearance"),
    "met",
)
PUMP = {**TRIAL, "trial-completed": "met", "trial-pain-reduction": "met"}
DETERMINATIONS = {"met": "complete", "not-met": "not-satisfied", "not-documented": "incomplete"}


# Charts ---------------------------------------------------------------------------------------------------------


def history(*, birth: str = "1970-05-05", care: bool = True, treatment: bool = True, mind: bool = True) -> Builder:
    """Return a failed back with six months and more of gabapentin in vain, and the statements that are asked."""
    chart = Builder(TODAY, birth=birth)
    chart.condition("icd-10-cm", "M96.1")
    if care:
        took(chart, GABAPENTIN, "2025-10-01", "2026-04-02", reason=INEFFECTIVE)
    if treatment:
        chart.finding("further-treatment-indicated", False)
    if mind:
        chart.finding("psych-interference", False)
    return chart


def for_trial(chart: Builder, reason: str = "M96.1", drug: str = MORPHINE, **members: Any) -> Builder:
    """Add the order of a catheter trial with its drug and return the chart."""
    chart.order("62326", reason=("icd-10-cm", reason), category=purpose("intrathecal-trial"), **members)
    pump_drug(chart, drug)
    return chart


def for_pump(chart: Builder, reason: str = "M96.1") -> Builder:
    """Add the order of a pump with its drug and return the chart."""
    chart.order("62362", reason=("icd-10-cm", reason))
    pump_drug(chart, MORPHINE)
    return chart


def infused(
    chart: Builder,
    start: str = "2026-05-10T08:00",
    end: str | None = "2026-05-12T12:00",
    *,
    cpt: str = "62326",
    status: str = "completed",
) -> None:
    """Add a spinal infusion or injection of morphine against the pain of a failed back."""
    chart.procedure(
        "cpt",
        cpt,
        status=status,
        start=local(start),
        end=local(end) if end else None,
        reasonCode=[concept("icd-10-cm", "M96.1")],
        usedCode=[concept("hcpcs", "J2274")],
    )


def after_trial(*scores: tuple[str, int], **trial: Any) -> Builder:
    """Return a chart for a pump after a catheter trial; the default scores halve the pain exactly (8 to 4)."""
    chart = history()
    infused(chart, **trial)
    pain(chart, *(scores or (("2026-05-10T07:00", 8), ("2026-05-10T16:00", 4))))
    return for_pump(chart)


def stated_relief(chart: Builder, percent: int) -> Builder:
    """Add a documented percentage of relief during the trial and return the chart."""
    quantity = {"value": percent, "unit": "%"}
    chart.observation("finding", "percent-pain-relief", at=local("2026-05-11T09:00"), valueQuantity=quantity)
    return chart


def check(
    chart: Builder,
    case: str,
    determination: str,
    expected: dict[str, str],
    gaps: tuple[str, ...] | None = None,
    cautions: tuple[str, ...] | None = OLD_TEXT,
) -> Determination:
    """Assert the one determination of a chart under this policy."""
    return assert_chart(chart, POLICY, case, determination, expected, gaps=gaps, cautions=cautions)


def check_leaf(chart: Builder, leaf: str, status: str, *, phase: str = "trial") -> Determination:
    """Assert a chart in which one criterion bears the status and every other is met."""
    expected = {**(TRIAL if phase == "trial" else PUMP), leaf: status}
    gaps = () if status in ("met", "not-met") else (leaf,)
    return check(chart, f"nonmalignant-pain/{phase}", DETERMINATIONS.get(status, status), expected, gaps)


# Trial ----------------------------------------------------------------------------------------------------------


def test_a_complete_chart_for_a_trial() -> None:
    """All five are on record: nothing is missing, and the missing date of the text is said."""
    check(for_trial(history()), "nonmalignant-pain/trial", "complete", TRIAL, ())


def test_an_empty_chart_for_a_trial() -> None:
    """The cause on the order is to be confirmed, the age is known, the rest is to be documented."""
    expected = {**dict.fromkeys(TRIAL, "not-documented"), "age": "met", "etiology": "needs-review"}
    gaps = ("etiology", "no-further-treatment", "conservative-therapy", "psych-clearance")
    check(for_trial(Builder(TODAY)), "nonmalignant-pain/trial", "incomplete", expected, gaps)


@pytest.mark.parametrize(
    ("birth", "status"),
    [
        ("2007-06-01", "met"),
        ("2007-06-02", "needs-review"),
        ("2008-06-01", "needs-review"),
        ("2007", "needs-review"),
        ("2006", "met"),
        ("2008", "needs-review"),
        ("", "not-documented"),
    ],
    ids=["19 today", "19 tomorrow", "18 today", "18 or 19", "19 or 20", "17 or 18", "not recorded"],
)
def test_the_age(birth: str, status: str) -> None:
    """19 and over is above 18; at exactly 18, and across a partial date, a reviewer decides."""
    check_leaf(for_trial(history(birth=birth)), "age", status)


@pytest.mark.parametrize("reason", ["M96.1", "G89.3", "G80.1"])
def test_below_eighteen(reason: str) -> None:
    """A patient of 17 is out of scope for every indication, those that go by InterQual included."""
    chart = for_trial(history(birth="2008-06-02"), reason, drug=BACLOFEN if reason == "G80.1" else MORPHINE)
    chart.resources = [one for one in chart.resources if one["resourceType"] != "Condition"]
    indication = {"M96.1": "nonmalignant-pain", "G89.3": "cancer-pain", "G80.1": "spasticity"}[reason]
    check(chart, f"{indication}/trial", "out-of-scope", {}, (), ())


def test_the_age_on_the_day_of_the_service() -> None:
    """The planned day counts for the age: 19 then, though 18 today."""
    chart = for_trial(history(birth="2007-06-15"), occurrenceDateTime="2026-07-01")
    check_leaf(chart, "age", "met")


@pytest.mark.parametrize(
    ("code", "members", "status"),
    [
        ("G90.521", {}, "met"),
        ("M96.1", {"verification": "refuted"}, "not-documented"),
        ("M96.1", {"abatementDateTime": "2026-01-10"}, "not-documented"),
        ("M96.1", {"clinical": None}, "needs-review"),
        ("M96.1", {"verification": "differential"}, "needs-review"),
        ("G89.29", {}, "not-documented"),
    ],
)
def test_the_cause_of_the_pain(code: str, members: dict[str, Any], status: str) -> None:
    """A confirmed standing diagnosis names the cause; refuted, over and bare pain codes do not."""
    chart = history()
    chart.resources = [one for one in chart.resources if one["resourceType"] != "Condition"]
    chart.condition("icd-10-cm", code, **members)
    check_leaf(for_trial(chart, "G89.4"), "etiology", status)


def test_pain_called_psychological_beside_its_cause() -> None:
    """A diagnosis of exclusively psychological pain beside a cause is left to a reviewer."""
    chart = history()
    chart.condition("icd-10-cm", "F45.41")
    check_leaf(for_trial(chart), "etiology", "needs-review")


# Further treatment ----------------------------------------------------------------------------------------------


def test_refused_outweighs_indicated() -> None:
    """Treatment that is indicated and that the patient refuses satisfies the clause."""
    chart = history(treatment=False)
    chart.finding("further-treatment-indicated", True)
    chart.form({"fact:further-treatment-refused": True}, author="Patient/p1")
    check_leaf(for_trial(chart), "no-further-treatment", "met")


def test_further_treatment_indicated() -> None:
    """Treatment that is indicated, and not refused, contradicts."""
    chart = history(treatment=False)
    chart.finding("further-treatment-indicated", True)
    check_leaf(for_trial(chart), "no-further-treatment", "not-met")


@pytest.mark.parametrize(("reason", "status"), [("M96.1", "met"), ("I25.10", "not-documented")])
def test_a_declined_operation(reason: str, status: str) -> None:
    """A declined procedure counts only if its reason is the cause of the pain."""
    chart = history(treatment=False)
    chart.procedure(
        "cpt",
        "22558",
        status="not-done",
        start="2026-02-01",
        statusReason=concept("snomed", "105480006"),
        reasonCode=[concept("icd-10-cm", reason)],
    )
    check_leaf(for_trial(chart), "no-further-treatment", status)


def test_two_statements_of_one_day_that_contradict() -> None:
    """A yes and a no of the same day cannot be weighed: a reviewer decides."""
    chart = history(treatment=False)
    chart.finding("further-treatment-indicated", True, at="2026-05-01")
    chart.finding("further-treatment-indicated", False, at="2026-05-01")
    check_leaf(for_trial(chart), "no-further-treatment", "needs-review")


def test_a_later_statement_replaces_an_earlier_one() -> None:
    """Of a present state the latest statement counts: what was indicated last year is not now."""
    chart = history()
    chart.finding("further-treatment-indicated", True, at="2025-07-01")
    check_leaf(for_trial(chart), "no-further-treatment", "met")


# Conservative care ----------------------------------------------------------------------------------------------


def cared_for(drug: str, first: str, last: str | None, **members: Any) -> Builder:
    """Return the chart with another drug as its conservative care."""
    chart = history(care=False)
    took(chart, drug, first, last, **members)
    return for_trial(chart)


@pytest.mark.parametrize(
    ("last", "status"), [("2026-03-31", "met"), ("2026-03-30", "not-met")], ids=["six months", "a day less"]
)
def test_six_months_to_the_day(last: str, status: str) -> None:
    """October to the last of March are six months; a day less, and stopped, contradicts."""
    chart = cared_for(GABAPENTIN, "2025-10-01", last, reason=INEFFECTIVE)
    check_leaf(chart, "conservative-therapy", status)


def test_six_months_from_the_end_of_august() -> None:
    """Six months from 31 August end with February."""
    reached = cared_for(GABAPENTIN, "2025-08-31", "2026-02-27", reason=INEFFECTIVE)
    check_leaf(reached, "conservative-therapy", "met")
    short = cared_for(GABAPENTIN, "2025-08-31", "2026-02-26", reason=INEFFECTIVE)
    check_leaf(short, "conservative-therapy", "not-met")


def test_an_opioid_as_needed_is_conservative_care() -> None:
    """No fixed schedule is asked here: an as-needed opioid of six months that failed is enough."""
    chart = cared_for(OXYCODONE, "2025-10-01", "2026-04-02", as_needed=True, reason=INEFFECTIVE)
    check_leaf(chart, "conservative-therapy", "met")


@pytest.mark.parametrize(
    ("last", "status"), [("2026-04-02", "met"), ("2025-12-01", "needs-review")], ids=["six months", "two months"]
)
def test_side_effects_are_tied_to_the_six_months(last: str, status: str) -> None:
    """Intolerable side effects after six months are a failure, earlier ones are left to a reviewer."""
    chart = cared_for(GABAPENTIN, "2025-10-01", last, reason=NOT_TOLERATED)
    check_leaf(chart, "conservative-therapy", status)


def test_care_that_goes_on() -> None:
    """A drug of four months that is still taken contradicts nothing; the answer says when it will be long enough."""
    chart = cared_for(GABAPENTIN, "2026-02-01", None, status="active")
    one = check_leaf(chart, "conservative-therapy", "not-documented")
    assert "2026-07-31" in one.result(f"{POLICY}/nonmalignant-pain/trial/conservative-therapy").why


def test_a_planned_day_lengthens_no_therapy() -> None:
    """A trial planned for August does not make a therapy of four months one of six, even with a failure on record."""
    chart = history(care=False)
    took(chart, GABAPENTIN, "2026-02-01", None, status="active")
    chart.outcome("conservative-therapy", "ineffective", end_days_ago=3)
    for_trial(chart, occurrenceDateTime="2026-08-15")
    check_leaf(chart, "conservative-therapy", "not-documented")


def test_long_care_without_an_outcome() -> None:
    """Eight months without a word of how it went are not a failure."""
    chart = cared_for(GABAPENTIN, "2025-10-01", None, status="active")
    check_leaf(chart, "conservative-therapy", "not-documented")


def test_drugs_and_physical_therapy_join() -> None:
    """Three months of gabapentin and then three of physical therapy are six months of conservative care."""
    chart = history(care=False)
    took(chart, GABAPENTIN, "2025-10-01", "2025-12-31", reason=INEFFECTIVE)
    attended(chart, "97140", "2026-01-05", "2026-04-06")
    chart.outcome("physical-therapy", "ineffective", end_days_ago=50)
    check_leaf(for_trial(chart), "conservative-therapy", "met")


@pytest.mark.parametrize(
    ("again", "status"), [("2025-12-01", "met"), ("2025-12-02", "not-met")], ids=["30 days", "31 days"]
)
def test_a_gap_between_two_prescriptions(again: str, status: str) -> None:
    """Prescriptions join over a gap of 30 days; after 31 each stands for itself, and both are too short."""
    chart = history(care=False)
    took(chart, GABAPENTIN, "2025-07-15", "2025-10-31", reason=INEFFECTIVE)
    took(chart, GABAPENTIN, again, "2026-03-31", reason=INEFFECTIVE)
    check_leaf(for_trial(chart), "conservative-therapy", status)


def test_six_months_with_too_many_gaps() -> None:
    """Six months of days of which fewer than 80 % are covered from first to last are left to a reviewer."""
    chart = history(care=False)
    for first, last in (
        ("2025-07-01", "2025-08-15"),
        ("2025-09-15", "2025-10-30"),
        ("2025-11-30", "2026-01-14"),
        ("2026-02-14", "2026-04-02"),
    ):
        took(chart, GABAPENTIN, first, last, reason=INEFFECTIVE)
    check_leaf(for_trial(chart), "conservative-therapy", "needs-review")


def test_an_intrathecal_drug_lengthens_no_conservative_care() -> None:
    """Morphine into the spine after three months of gabapentin does not make six months of conservative care."""
    chart = history(care=False)
    took(chart, GABAPENTIN, "2025-10-01", "2025-12-31", reason=INEFFECTIVE)
    for month in ("01", "02", "03", "04"):
        chart.add(
            "MedicationAdministration",
            status="completed",
            medicationCodeableConcept=concept("rxnorm", MORPHINE),
            dosage={"route": ROUTE},
            effectivePeriod={"start": f"2026-{month}-01", "end": f"2026-{month}-28"},
        )
    check_leaf(for_trial(chart), "conservative-therapy", "not-met")


def test_a_stated_outcome_with_its_time() -> None:
    """A stated failure bears its own time: six months of it are enough, without a time it says only that it failed."""
    timed, untimed = history(care=False), history(care=False)
    turned_out(timed, "conservative-therapy", "ineffective", "2025-10-01", "2026-04-02")
    untimed.outcome("conservative-therapy", "ineffective")
    check_leaf(for_trial(timed), "conservative-therapy", "met")
    check_leaf(for_trial(untimed), "conservative-therapy", "not-documented")


def test_care_that_helped() -> None:
    """Conservative care documented as effective contradicts."""
    chart = history(care=False)
    turned_out(chart, "conservative-therapy", "effective", "2025-10-01", "2026-04-02")
    check_leaf(for_trial(chart), "conservative-therapy", "not-met")


@pytest.mark.parametrize("reason", [INEFFECTIVE, NOT_TOLERATED])
def test_care_that_helped_and_failed(reason: tuple[str, str]) -> None:
    """A drug that failed or was not tolerated beside care stated to be effective is left to a reviewer."""
    chart = history(care=False)
    took(chart, GABAPENTIN, "2025-10-01", "2026-04-02", reason=reason)
    turned_out(chart, "conservative-therapy", "effective", "2025-10-01", "2026-04-02")
    check_leaf(for_trial(chart), "conservative-therapy", "needs-review")


# The mind -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("finding", "value", "at", "status"),
    [
        ("psych-interference", False, "2025-06-01", "met"),
        ("psych-interference", False, "2025-05-31", "needs-review"),
        ("psych-interference", True, "2026-05-01", "not-met"),
        ("mental-health-uncontrolled", True, "2026-05-01", "not-met"),
        ("mental-health-uncontrolled", False, "2026-05-01", "needs-review"),
        ("psych-interference", False, "2026-06-02", "not-documented"),
    ],
)
def test_the_statement_on_the_mind(finding: str, value: bool, at: str, status: str) -> None:
    """A clinician's statement of the last twelve months is asked; one on mental health alone leaves social issues."""
    chart = history(mind=False)
    chart.finding(finding, value, at=at)
    check_leaf(for_trial(chart), "psych-clearance", status)


def test_who_may_clear_the_mind() -> None:
    """No author is named: any clinician serves, the patient does not."""
    for author, status in (("clinician", "met"), ("patient", "not-documented")):
        chart = history(mind=False)
        by = "Patient/p1" if author == "patient" else chart.practitioner(title="nurse practitioner")
        chart.finding("psych-interference", False, by=by)
        check_leaf(for_trial(chart), "psych-clearance", status)


def test_an_evaluation_is_found_not_read() -> None:
    """An evaluation, or a consult on file, is to be confirmed; a brief screen is neither."""
    evaluated, consulted, screened = (history(mind=False) for _ in range(3))
    performer = [{"actor": {"reference": evaluated.practitioner(PSYCHOLOGIST)}}]
    evaluated.procedure("cpt", "90791", start="2026-04-20", performer=performer)
    document(consulted, "34791-4")
    screened.procedure("cpt", "96127", start="2026-04-20")
    check_leaf(for_trial(evaluated), "psych-clearance", "needs-review")
    check_leaf(for_trial(consulted), "psych-clearance", "needs-review")
    check_leaf(for_trial(screened), "psych-clearance", "not-documented")


def test_a_form_confirms_what_was_found() -> None:
    """A yes under the criterion's own id settles the consult that nobody read; a yes of last year does not."""
    for days_ago, status in ((10, "met"), (400, "needs-review")):
        chart = history(mind=False)
        document(chart, "34791-4")
        author = chart.practitioner(title="physician")
        chart.form({f"{POLICY}/nonmalignant-pain/trial/psych-clearance": True}, days_ago=days_ago, author=author)
        check_leaf(for_trial(chart), "psych-clearance", status)


# Pump -----------------------------------------------------------------------------------------------------------


def test_a_complete_chart_for_a_pump() -> None:
    """A catheter trial that halved the pain exactly: at least 50 % is all that is asked, for no number of hours."""
    check(after_trial(), "nonmalignant-pain/permanent", "complete", PUMP, ())


def test_a_pump_without_a_trial() -> None:
    """Both results of a trial are asked for, and nothing else."""
    expected = {**PUMP, "trial-completed": "not-documented", "trial-pain-reduction": "not-documented"}
    gaps = ("trial-completed", "trial-pain-reduction")
    check(for_pump(history()), "nonmalignant-pain/permanent", "incomplete", expected, gaps)


@pytest.mark.parametrize(
    ("scores", "status"),
    [
        ((("12:00", 4), ("16:00", 4), ("20:00", 6)), "met"),
        ((("12:00", 4), ("16:00", 6)), "needs-review"),
        ((("12:00", 5), ("16:00", 6)), "not-met"),
        ((("12:00", 3), ("12:00", 7)), "needs-review"),
        ((), "not-documented"),
    ],
    ids=["two in a row", "both sides", "below", "one instant, two sides", "none"],
)
def test_the_responses(scores: tuple[tuple[str, int], ...], status: str) -> None:
    """Two consecutive responses at half are enough, all below contradict, else a reviewer decides."""
    chart = after_trial(("2026-05-10T07:00", 8), *((f"2026-05-10T{clock}", score) for clock, score in scores))
    check_leaf(chart, "trial-pain-reduction", status, phase="permanent")


@pytest.mark.parametrize(
    ("day", "baseline", "status"),
    [
        ("2026-05-03T09:00", 8, "met"),
        ("2026-05-02T07:00", 8, "not-documented"),
        ("2026-05-10T07:00", 0, "not-documented"),
    ],
    ids=["seven days old", "eight days old", "no pain"],
)
def test_the_score_before_the_trial(day: str, baseline: int, status: str) -> None:
    """The score before must be no more than seven days old, and of a pain of 0 there is no half."""
    chart = after_trial((day, baseline), ("2026-05-10T16:00", 4))
    check_leaf(chart, "trial-pain-reduction", status, phase="permanent")


@pytest.mark.parametrize(("percent", "status"), [(50, "met"), (49, "not-met")])
def test_a_stated_percentage(percent: int, status: str) -> None:
    """A documented relief of 50 % is at least 50 %."""
    chart = stated_relief(after_trial(("2026-05-10T07:00", 8)), percent)
    check_leaf(chart, "trial-pain-reduction", status, phase="permanent")


def test_a_percentage_against_the_scores() -> None:
    """A stated 60 % beside scores that fell by less is left to a reviewer."""
    chart = stated_relief(after_trial(("2026-05-10T07:00", 8), ("2026-05-10T16:00", 6)), 60)
    check_leaf(chart, "trial-pain-reduction", "needs-review", phase="permanent")


def test_a_single_injection_is_no_infusion() -> None:
    """After a single injection a reviewer says whether it serves for the trial; its result counts for 24 hours."""
    within = after_trial(("2026-05-10T07:00", 8), ("2026-05-11T07:00", 4), cpt="62322", end=None)
    check_leaf(within, "trial-completed", "needs-review", phase="permanent")
    beyond = after_trial(("2026-05-10T07:00", 8), ("2026-05-11T09:00", 4), cpt="62322", end=None)
    expected = {**PUMP, "trial-completed": "needs-review", "trial-pain-reduction": "not-documented"}
    gaps = ("trial-completed", "trial-pain-reduction")
    check(beyond, "nonmalignant-pain/permanent", "incomplete", expected, gaps)


@pytest.mark.parametrize(("moment", "status"), [("2026-05-23T09:00", "met"), ("2026-05-25T09:00", "not-documented")])
def test_a_catheter_whose_placing_alone_is_dated(moment: str, status: str) -> None:
    """A period of two hours is the placing of the catheter: its trial is taken to last 14 days."""
    chart = after_trial(("2026-05-10T07:00", 8), (moment, 4), end="2026-05-10T10:00")
    check_leaf(chart, "trial-pain-reduction", status, phase="permanent")


@pytest.mark.parametrize("status", ["not-done", "preparation", "in-progress", "entered-in-error"])
def test_a_trial_that_was_not_completed(status: str) -> None:
    """Only a completed trial is one."""
    expected = {**PUMP, "trial-completed": "not-documented", "trial-pain-reduction": "not-documented"}
    check(after_trial(status=status), "nonmalignant-pain/permanent", "incomplete", expected)


def test_a_trial_known_from_a_finding() -> None:
    """A coded finding that a catheter trial took place, with its time, stands for the Procedure."""
    chart = history()
    chart.observation(
        "finding",
        "trial-completed",
        effectivePeriod={"start": local("2026-05-10T08:00"), "end": local("2026-05-12T12:00")},
        valueCodeableConcept=concept("trial-method", "catheter"),
    )
    pain(chart, ("2026-05-10T07:00", 8), ("2026-05-10T16:00", 4))
    check(for_pump(chart), "nonmalignant-pain/permanent", "complete", PUMP, ())


def test_an_epidural_steroid_injection_is_no_trial() -> None:
    """A steroid into the epidural space is no trial, however well it worked."""
    chart = history()
    chart.procedure(
        "cpt",
        "62323",
        start=local("2026-05-10T08:00"),
        reasonCode=[concept("icd-10-cm", "M54.16")],
        usedCode=[concept("hcpcs", "J1010")],
    )
    pain(chart, ("2026-05-10T07:00", 8), ("2026-05-10T12:00", 2))
    expected = {**PUMP, "trial-completed": "not-documented", "trial-pain-reduction": "not-documented"}
    check(for_pump(chart), "nonmalignant-pain/permanent", "incomplete", expected)


def test_a_trial_repeated_with_the_opposite_result() -> None:
    """After a failed trial in March the good one of May leaves the relief to a reviewer."""
    chart = after_trial()
    infused(chart, "2026-03-10T08:00", "2026-03-12T08:00")
    pain(chart, ("2026-03-10T07:00", 8), ("2026-03-10T12:00", 8))
    check_leaf(chart, "trial-pain-reduction", "needs-review", phase="permanent")


def test_nothing_after_the_service_day_counts() -> None:
    """For a service that lies in the past, a statement made after it comes too late."""
    chart = history(mind=False)
    chart.finding("psych-interference", False, at="2026-05-25")
    for_trial(chart, occurrenceDateTime="2026-05-20")
    expected = {**TRIAL, "psych-clearance": "not-documented"}
    cautions = (*OLD_TEXT, "order-date-past")
    check(chart, "nonmalignant-pain/trial", "incomplete", expected, ("psych-clearance",), cautions)


def test_the_pump_as_an_item() -> None:
    """A pump ordered by its item code is evaluated; the policy's own list does not name the code, which is said."""
    chart = after_trial()
    chart.orders = []
    chart.order("E0783", resource_type="DeviceRequest", reason=("icd-10-cm", "M96.1"))
    check(chart, "nonmalignant-pain/permanent", "complete", PUMP, (), (*OLD_TEXT, "code-not-listed"))


def test_a_worn_insulin_pump() -> None:
    """An insulin pump, and its breakdown, are no implanted pump to replace."""
    chart = after_trial()
    chart.add("Device", status="active", type=concept("snomed", "69805005", "Insulin pump"))
    chart.condition("icd-10-cm", "T85.614A")
    check(chart, "nonmalignant-pain/permanent", "complete", PUMP, ())


# Handed over, silent, none of ours ------------------------------------------------------------------------------


@pytest.mark.parametrize(("reason", "indication"), [("G89.3", "cancer-pain"), ("G80.1", "spasticity")])
def test_cancer_pain_and_spasticity_go_by_interqual(reason: str, indication: str) -> None:
    """Their criteria are not public: nothing is evaluated, in either phase."""
    for phase in ("trial", "permanent"):
        chart = Builder(TODAY)
        chart.condition("icd-10-cm", reason)
        chart.order(
            "62326" if phase == "trial" else "62362",
            reason=("icd-10-cm", reason),
            category=(purpose("intrathecal-trial") if phase == "trial" else None),
        )
        check(chart, f"{indication}/{phase}", "external-criteria", {}, (), ())


def test_evidence_for_the_submission_is_shown() -> None:
    """Where InterQual decides, the evidence found is listed for the submission."""
    chart = Builder(TODAY)
    chart.condition("icd-10-cm", "G89.3")
    chart.nrs(8, days_ago=5)
    took(chart, OXYCODONE, "2026-04-01", "2026-05-01", reason=INEFFECTIVE)
    chart.order("62362", reason=("icd-10-cm", "G89.3"))
    one = check(chart, "cancer-pain/permanent", "external-criteria", {}, (), ())
    assert {"pain-severity", "systemic-opioids", "cancer-pain-diagnosis"} <= {name for name, _ in one.shown}


def test_dystonia_without_spasticity() -> None:
    """The policy names spasticity only: dystonia alone is left to a reviewer, without criteria."""
    chart = Builder(TODAY)
    chart.condition("icd-10-cm", "G24.1")
    chart.order("62362", reason=("icd-10-cm", "G24.1"))
    check(chart, "spasticity/permanent", "needs-review", {}, (), ())


@pytest.mark.parametrize(
    ("code", "members", "phase"),
    [("62362", {"category": purpose("pump-replacement")}, "replacement"), ("62350", {}, "revision")],
)
def test_the_policy_is_silent_on_a_pump_in_place(code: str, members: dict[str, Any], phase: str) -> None:
    """Replacement and revision are not spoken of: a reviewer decides, without criteria."""
    chart = Builder(TODAY)
    chart.add("Device", status="active", type={"text": "SynchroMed II intrathecal pump"})
    chart.order(code, **members)
    check(chart, f"any/{phase}", "needs-review", {}, (), ())


def test_pain_and_cancer_that_the_chart_does_not_tell_apart() -> None:
    """An active cancer beside a plain chronic pain: both are answered, and the pain is never complete."""
    chart = history()
    chart.condition("icd-10-cm", "C61")
    for_trial(chart, "G89.29")
    found = {one.indication: one for one in determinations(chart, POLICY)}
    assert {name: one.kind.value for name, one in found.items()} == {
        "nonmalignant-pain": "needs-review",
        "cancer-pain": "external-criteria",
    }
    assert all("indication-unclear" in [caution.code for caution in one.cautions] for one in found.values())


@pytest.mark.parametrize(
    ("cpt", "reason", "beside"),
    [("62323", "M54.16", "J1010"), ("62323", "M54.16", "J2274"), ("62326", "O80", "J3010"), ("62323", "M96.1", None)],
    ids=["steroid", "opioid for radiculopathy", "labour", "no sign at all"],
)
def test_ordinary_epidurals_are_left_alone(cpt: str, reason: str, beside: str | None) -> None:
    """A spinal injection without a sign of an intrathecal trial gets no answer."""
    chart = history()
    chart.order(cpt, reason=("icd-10-cm", reason))
    if beside:
        chart.order(beside, resource_type="MedicationRequest")
    assert determinations(chart, POLICY) == ()


def test_a_trial_and_a_pump_signed_together() -> None:
    """They are two answers; the trial on order proves no result for the pump."""
    chart = for_trial(history())
    chart.order("62362", reason=("icd-10-cm", "M96.1"))
    found = {one.phase: one for one in determinations(chart, POLICY)}
    assert {phase: one.kind.value for phase, one in found.items()} == {"trial": "complete", "permanent": "incomplete"}
    asked = [path.rpartition("/")[2] for path in found["permanent"].gaps]
    assert asked == ["trial-completed", "trial-pain-reduction"]
