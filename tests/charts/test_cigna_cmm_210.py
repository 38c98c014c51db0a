"""Whole charts under Cigna / eviCore CMM-210."""

from __future__ import annotations

from datetime import date

import pytest

from policies.determination import Determination
from tests.builder import Builder, concept
from tests.charts.harness import assert_chart, decision, determinations, statuses
from tests.charts.history import (
    BACLOFEN,
    CYCLOBENZAPRINE,
    GABAPENTIN,
    INEFFECTIVE,
    MORPHINE,
    NOT_TOLERATED,
    OWN_WISH,
    OXYCODONE,
    ROUTE,
    attended,
    document,
    local,
    pain,
    pump_drug,
    purpose,
    spasms,
    tone,
    took,
    turned_out,
)

POLICY = "cigna-cmm-210"
TODAY = date(2026, 6, 1)
OLD_TEXT = ("text-not-confirmed-current",)

PAIN_TRIAL = dict.fromkeys(
    (
        "pathology",
        "noninvasive-6-months",
        "rehabilitative-exercise",
        "scheduled-analgesics",
        "no-further-treatment",
        "mental-health-attestation",
        "opioid-reduction-agreement",
    ),
    "met",
)
PAIN_PUMP = {**PAIN_TRIAL, **dict.fromkeys(("trial-pain-reduction", "trial-pain-hold", "trial-function"), "met")}
SPASTICITY_TRIAL = {
    "oral-agent-failure": "met",
    "severe-spasticity": "met",
    "oral-antispasmodic": "met",
    "physical-therapy": "met",
    "baseline-tone": "not-documented",
    "baseline-spasms": "not-documented",
}
SPASTICITY_PUMP = {
    "oral-agent-failure": "met",
    "severe-spasticity": "met",
    "oral-antispasmodic": "not-documented",
    "physical-therapy": "not-documented",
    "baseline-tone": "met",
    "baseline-spasms": "met",
    "tone-response": "met",
    "spasm-response": "not-documented",
    "other-response": "not-documented",
}
CANCER_PUMP = {
    "noninvasive-failure": "met",
    "trial-pain-reduction": "met",
    "advanced-disease": "not-documented",
    "limited-survival": "not-documented",
    "high-procedural-risk": "not-documented",
}
REPLACEMENT = {"battery-end": "met", "not-functional": "not-documented", "device-alert": "not-documented"}


# Charts ---------------------------------------------------------------------------------------------------------


def pain_history(
    chart: Builder, *, exercise: bool = True, analgesic: bool = True, last: str = "2026-04-02", agreed: bool = True
) -> None:
    """Add a failed back with six months and more of exercise and gabapentin, both in vain, and the statements."""
    chart.condition("icd-10-cm", "M96.1")
    if analgesic:
        took(chart, GABAPENTIN, "2025-10-01", last, reason=INEFFECTIVE)
    if exercise:
        attended(chart, "97110", "2025-10-01", last)
        turned_out(chart, "rehabilitative-exercise", "ineffective", "2025-10-01", last)
    chart.finding("further-treatment-indicated", False)
    chart.finding("mental-health-contributor", False)
    if agreed:
        chart.finding("opioid-reduction-agreed", True)


def trial_order(chart: Builder, drug: str | None = MORPHINE, reason: str = "M96.1") -> None:
    """Add the order of a catheter trial, with its drug."""
    chart.order("62326", reason=("icd-10-cm", reason), category=purpose("intrathecal-trial"))
    if drug:
        pump_drug(chart, drug)


def pain_trial(**history: object) -> Builder:
    """Return a complete chart for a trial of intrathecal morphine."""
    chart = Builder(TODAY)
    pain_history(chart, **history)  # type: ignore[arg-type]
    trial_order(chart)
    return chart


def morphine_trial(chart: Builder, start: str = "2026-05-10T08:00", end: str = "2026-05-12T12:00") -> None:
    """Add a completed catheter trial with morphine."""
    chart.procedure(
        "cpt",
        "62326",
        start=local(start),
        end=local(end),
        reasonCode=[concept("icd-10-cm", "M96.1")],
        usedCode=[concept("hcpcs", "J2274")],
    )


def pain_pump(*scores: tuple[str, int], function: bool = True, drug: str = MORPHINE) -> Builder:
    """Return a chart for a morphine pump after a trial; complete with the default scores (8 before, 3 for 8 hours)."""
    chart = Builder(TODAY)
    pain_history(chart)
    morphine_trial(chart)
    default = (
        ("2026-05-10T07:00", 8),
        ("2026-05-10T12:00", 3),
        ("2026-05-10T16:00", 3),
        ("2026-05-10T20:00", 3),
    )
    pain(chart, *(scores or default))
    if function:
        chart.finding("trial-function-improved", True, at=local("2026-05-12T09:00"))
    chart.order("62362", reason=("icd-10-cm", "M96.1"))
    pump_drug(chart, drug)
    return chart


def spastic(*, baclofen: tuple[str, str] | None = ("2026-01-05", "2026-02-15")) -> Builder:
    """Return a severe spastic diplegia with baclofen by mouth in vain (six weeks to the day, unless said)."""
    chart = Builder(TODAY, birth="1990-02-02")
    chart.condition("icd-10-cm", "G80.1")
    chart.finding("spasticity-severe", True)
    if baclofen:
        took(chart, BACLOFEN, *baclofen, reason=INEFFECTIVE)
    return chart


def bolus_order(chart: Builder) -> Builder:
    """Add the order of a test dose of baclofen and return the chart."""
    chart.order("62322", reason=("icd-10-cm", "G80.1"))
    pump_drug(chart, BACLOFEN)
    return chart


def spasticity_trial(
    *, weeks_of_baclofen: tuple[str, str] = ("2026-01-05", "2026-02-15"), physical: bool = True
) -> Builder:
    """Return a complete chart for a baclofen test dose by path a: six weeks of baclofen and of physical therapy."""
    chart = spastic(baclofen=weeks_of_baclofen)
    if physical:
        attended(chart, "97110", "2026-01-05", "2026-02-15", every=7)
        turned_out(chart, "physical-therapy", "ineffective", "2026-01-05", "2026-02-15")
    return bolus_order(chart)


def baseline(chart: Builder) -> None:
    """Add tone and spasms before the test dose of 10 May: Modified Ashworth 3, Penn 3."""
    tone(chart, "2026-05-10T07:30", left_quadriceps="3", right_quadriceps="3")
    spasms(chart, ("2026-05-10T07:30", 3))


def bolus(chart: Builder, cpt: str = "62322", drug: str = "J0476", end: str | None = None) -> None:
    """Add the test dose of 10 May 8 o'clock."""
    chart.procedure(
        "cpt",
        cpt,
        start=local("2026-05-10T08:00"),
        end=end,
        reasonCode=[concept("icd-10-cm", "G80.1")],
        usedCode=[concept("hcpcs", drug)],
    )


def spasticity_pump(*hours_and_grades: tuple[str, str], given: bool = True) -> Builder:
    """Return a chart for a baclofen pump by path b; complete with the default grades (3 before, 1 over four hours)."""
    chart = spastic(baclofen=("2026-01-05", "2026-02-10"))
    chart.resources = [one for one in chart.resources if one["resourceType"] != "MedicationRequest"]
    chart.outcome("oral-antispasmodic", "ineffective", end_days_ago=60)
    baseline(chart)
    if given:
        bolus(chart)
    grades = hours_and_grades or (("09:00", "1"), ("11:00", "1"), ("13:00", "1"))
    for hour, grade in grades:
        tone(chart, f"2026-05-10T{hour}", left_quadriceps=grade, right_quadriceps=grade)
    chart.order("62362", reason=("icd-10-cm", "G80.1"))
    pump_drug(chart, BACLOFEN)
    return chart


def cancer(*, opioid_failed: bool = True) -> Builder:
    """Return cancer pain with a scheduled oxycodone that did not suffice."""
    chart = Builder(TODAY)
    chart.condition("icd-10-cm", "G89.3")
    chart.condition("icd-10-cm", "C25.9")
    took(chart, OXYCODONE, "2026-04-01", "2026-05-01", reason=INEFFECTIVE if opioid_failed else OWN_WISH)
    return chart


def cancer_pump(*scores: tuple[str, int]) -> Builder:
    """Return a chart for a pump against cancer pain, after a trial where scores are given."""
    chart = cancer()
    if scores:
        morphine_trial(chart)
        pain(chart, *scores)
    chart.order("62362", reason=("icd-10-cm", "G89.3"))
    pump_drug(chart, MORPHINE)
    return chart


def replacement() -> Builder:
    """Return a chart with a pump in place whose battery is at its end, and the order of a new one."""
    chart = Builder(TODAY)
    chart.add("Device", status="active", type={"text": "Intrathecal drug pump, SynchroMed II"})
    chart.order("62362", category=purpose("pump-replacement"))
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


# Non-malignant pain, trial --------------------------------------------------------------------------------------


def test_a_complete_chart_for_a_pain_trial() -> None:
    """Everything the trial asks is on record: nothing is missing, and only the age of the text is said."""
    check(pain_trial(), "nonmalignant-pain/trial", "complete", PAIN_TRIAL, ())


def test_an_empty_chart_for_a_pain_trial() -> None:
    """With a cause only on the order, that is to be confirmed and all else to be documented; the path names all."""
    chart = Builder(TODAY)
    trial_order(chart)
    expected = {**dict.fromkeys(PAIN_TRIAL, "not-documented"), "pathology": "needs-review"}
    check(chart, "nonmalignant-pain/trial", "incomplete", expected, tuple(PAIN_TRIAL))


def test_six_months_to_the_day() -> None:
    """October to the last of March are six months, that day included."""
    check(pain_trial(last="2026-03-31"), "nonmalignant-pain/trial", "complete", PAIN_TRIAL, ())


def test_a_day_less_than_six_months() -> None:
    """A day less, and stopped: the programme and both its parts are contradicted, and nothing is asked for."""
    short = dict.fromkeys(("noninvasive-6-months", "rehabilitative-exercise", "scheduled-analgesics"), "not-met")
    check(pain_trial(last="2026-03-30"), "nonmalignant-pain/trial", "not-satisfied", {**PAIN_TRIAL, **short}, ())


def test_a_part_that_ended_early_in_a_long_programme() -> None:
    """Analgesics of three months within a programme of six are left to a reviewer."""
    chart = pain_trial(analgesic=False)
    took(chart, GABAPENTIN, "2025-10-01", "2025-12-31", reason=INEFFECTIVE)
    expected = {**PAIN_TRIAL, "scheduled-analgesics": "needs-review"}
    check(chart, "nonmalignant-pain/trial", "needs-review", expected, ("scheduled-analgesics",))


@pytest.mark.parametrize(
    ("drug", "members"),
    [
        (OXYCODONE, {"as_needed": True, "reason": INEFFECTIVE}),
        (OXYCODONE, {"reason": None}),
        (OXYCODONE, {"reason": OWN_WISH}),
        (OXYCODONE, {"status": "cancelled", "reason": INEFFECTIVE}),
        (CYCLOBENZAPRINE, {"reason": INEFFECTIVE}),
    ],
    ids=["as needed", "no reason given", "declined by own wish", "never taken", "a muscle relaxant"],
)
def test_drugs_that_are_no_failed_scheduled_analgesic(drug: str, members: dict[str, object]) -> None:
    """Only an analgesic taken on a fixed schedule, with a documented failure, is asked for no more."""
    chart = pain_trial(analgesic=False)
    took(chart, drug, "2025-10-01", "2026-04-02", **members)
    expected = {**PAIN_TRIAL, "scheduled-analgesics": "not-documented"}
    check(chart, "nonmalignant-pain/trial", "incomplete", expected, ("scheduled-analgesics",))


def test_an_intrathecal_drug_is_no_scheduled_analgesic() -> None:
    """Morphine into the spine, however long, is not the systemic analgesic that the policy asks."""
    chart = pain_trial(analgesic=False)
    order = took(chart, MORPHINE, "2025-10-01", "2026-04-02", reason=INEFFECTIVE)
    order["dosageInstruction"][0]["route"] = ROUTE
    expected = {**PAIN_TRIAL, "scheduled-analgesics": "not-documented"}
    check(chart, "nonmalignant-pain/trial", "incomplete", expected, ("scheduled-analgesics",))


def test_analgesics_that_go_on() -> None:
    """A drug begun in January and still taken has not failed; the answer says when it will be long enough."""
    chart = pain_trial(analgesic=False)
    took(chart, GABAPENTIN, "2026-01-15", None, status="active")
    expected = {**PAIN_TRIAL, "scheduled-analgesics": "not-documented"}
    one = check(chart, "nonmalignant-pain/trial", "incomplete", expected, ("scheduled-analgesics",))
    assert "2026-07-14" in one.result(f"{POLICY}/nonmalignant-pain/trial/scheduled-analgesics").why


def test_an_effective_analgesic_contradicts() -> None:
    """A documented effect denies the failure of the part; beside an exercise that failed the programme is disputed."""
    chart = pain_trial(analgesic=False)
    turned_out(chart, "scheduled-analgesics", "effective", "2025-10-01", "2026-04-02")
    expected = {**PAIN_TRIAL, "noninvasive-6-months": "needs-review", "scheduled-analgesics": "not-met"}
    check(chart, "nonmalignant-pain/trial", "not-satisfied", expected, ())


def test_an_intolerance_before_six_months() -> None:
    """The policy ties the failure to six months: an earlier intolerance is left to a reviewer."""
    chart = pain_trial(analgesic=False)
    took(chart, GABAPENTIN, "2025-10-01", "2025-10-20", reason=NOT_TOLERATED)
    expected = {**PAIN_TRIAL, "scheduled-analgesics": "needs-review"}
    check(chart, "nonmalignant-pain/trial", "needs-review", expected, ("scheduled-analgesics",))


@pytest.mark.parametrize("start", ["2025-10", "2025"])
def test_a_partial_start_across_the_six_months(start: str) -> None:
    """Only a month, or a year, of the start is known: at worst the drug was too short, so a reviewer decides."""
    chart = pain_trial(analgesic=False)
    order = took(chart, GABAPENTIN, "2025-10-01", "2026-04-02", reason=INEFFECTIVE)
    order["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"]["start"] = start
    expected = {**PAIN_TRIAL, "scheduled-analgesics": "needs-review"}
    check(chart, "nonmalignant-pain/trial", "needs-review", expected, ("scheduled-analgesics",))


def test_exercise_that_is_contraindicated() -> None:
    """A documented contraindication takes the exercise out of play; the drug alone carries the programme."""
    chart = pain_trial(exercise=False)
    chart.outcome("rehabilitative-exercise", "contraindicated")
    expected = {**PAIN_TRIAL, "rehabilitative-exercise": "not-applicable"}
    check(chart, "nonmalignant-pain/trial", "complete", expected, ())


def test_both_parts_contraindicated() -> None:
    """With both parts waived a reviewer says what remains of the programme, even if its failure is stated."""
    chart = pain_trial(exercise=False, analgesic=False)
    chart.outcome("rehabilitative-exercise", "contraindicated")
    chart.outcome("scheduled-analgesics", "contraindicated")
    turned_out(chart, "noninvasive-pain-control", "ineffective", "2025-10-01", "2026-04-02")
    expected = {**PAIN_TRIAL, "rehabilitative-exercise": "not-applicable", "scheduled-analgesics": "needs-review"}
    check(chart, "nonmalignant-pain/trial", "needs-review", expected, ("scheduled-analgesics",))


def test_a_programme_never_supplies_the_failure_of_its_parts() -> None:
    """A stated failure of the whole programme leaves exercise and analgesics to be documented."""
    chart = pain_trial(exercise=False, analgesic=False)
    turned_out(chart, "noninvasive-pain-control", "ineffective", "2025-10-01", "2026-04-02")
    parts = dict.fromkeys(("rehabilitative-exercise", "scheduled-analgesics"), "not-documented")
    check(chart, "nonmalignant-pain/trial", "incomplete", {**PAIN_TRIAL, **parts}, tuple(parts))


def test_evaluation_and_manual_therapy_are_no_exercise() -> None:
    """An evaluation and hands-on treatment are no active exercise."""
    chart = pain_trial(exercise=False)
    chart.procedure("cpt", "97161", start="2025-10-01")
    attended(chart, "97140", "2025-10-08", "2026-04-02")
    expected = {**PAIN_TRIAL, "rehabilitative-exercise": "not-documented"}
    check(chart, "nonmalignant-pain/trial", "incomplete", expected, ("rehabilitative-exercise",))


@pytest.mark.parametrize(
    ("code", "members", "status"),
    [
        ("M96.1", {"verification": "refuted"}, "not-documented"),
        ("M96.1", {"clinical": "resolved"}, "not-documented"),
        ("M96.1", {"verification": "entered-in-error"}, "not-documented"),
        ("M96.1", {"verification": "provisional"}, "needs-review"),
        ("M54.50", {}, "not-documented"),
        ("M54.16", {}, "met"),
    ],
)
def test_the_cause_of_the_pain(code: str, members: dict[str, str], status: str) -> None:
    """A cause counts only as a confirmed, standing diagnosis; a bare pain code names none."""
    chart = Builder(TODAY)
    pain_history(chart)
    chart.resources = [one for one in chart.resources if one["resourceType"] != "Condition"]
    chart.condition("icd-10-cm", code, **members)
    trial_order(chart, reason="G89.4")
    determination = {"met": "complete", "not-documented": "incomplete"}.get(status, status)
    check(chart, "nonmalignant-pain/trial", determination, {**PAIN_TRIAL, "pathology": status})


def test_a_cause_only_on_the_order() -> None:
    """A cause that stands only as a code on the order is left to a reviewer."""
    chart = pain_trial()
    chart.resources = [one for one in chart.resources if one["resourceType"] != "Condition"]
    expected = {**PAIN_TRIAL, "pathology": "needs-review"}
    check(chart, "nonmalignant-pain/trial", "needs-review", expected, ("pathology",))


def without(chart: Builder, finding: str) -> Builder:
    """Return the chart without the findings of one code."""
    chart.resources = [
        one for one in chart.resources if one.get("code", {}).get("coding", [{}])[0].get("code") != finding
    ]
    return chart


@pytest.mark.parametrize(("day", "status"), [("2025-06-01", "met"), ("2025-05-31", "needs-review")])
def test_a_statement_of_twelve_months(day: str, status: str) -> None:
    """A statement of a present state stands for twelve months; a day more and a reviewer decides."""
    chart = without(pain_trial(), "further-treatment-indicated")
    chart.finding("further-treatment-indicated", False, at=day)
    determination = "complete" if status == "met" else status
    check(chart, "nonmalignant-pain/trial", determination, {**PAIN_TRIAL, "no-further-treatment": status})


def test_further_treatment_indicated() -> None:
    """More treatment indicated contradicts; that the patient refuses it counts for nothing here."""
    chart = without(pain_trial(), "further-treatment-indicated")
    chart.finding("further-treatment-indicated", True)
    chart.finding("further-treatment-refused", True)
    expected = {**PAIN_TRIAL, "no-further-treatment": "not-met"}
    check(chart, "nonmalignant-pain/trial", "not-satisfied", expected, ())


def test_somebody_elses_statement() -> None:
    """A finding about another patient is ignored, and named in the warnings."""
    chart = without(pain_trial(), "further-treatment-indicated")
    stray = chart.finding("further-treatment-indicated", False)
    stray["subject"] = {"reference": "Patient/p2"}
    expected = {**PAIN_TRIAL, "no-further-treatment": "not-documented"}
    check(chart, "nonmalignant-pain/trial", "incomplete", expected, ("no-further-treatment",))
    assert any(f"Observation/{stray['id']}" in warning for warning in decision(chart, POLICY).warnings)


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({"status": "preliminary"}, "not-documented"),
        ({"status": "entered-in-error"}, "not-documented"),
        ({"status": "corrected"}, "met"),
        ({"at": "2026-06-02"}, "not-documented"),
        ({"at": "2026-06-01"}, "met"),
        ({"at": "2026"}, "needs-review"),
    ],
)
def test_which_statements_count(members: dict[str, str], status: str) -> None:
    """Preliminary and erroneous findings and those after today are none; a year alone may lie after today."""
    chart = without(pain_trial(), "further-treatment-indicated")
    chart.finding("further-treatment-indicated", False, **members)
    determination = {"met": "complete", "not-documented": "incomplete"}.get(status, status)
    check(chart, "nonmalignant-pain/trial", determination, {**PAIN_TRIAL, "no-further-treatment": status})


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        ({f"{POLICY}/nonmalignant-pain/trial/no-further-treatment": True}, "met"),
        ({f"{POLICY}/nonmalignant-pain/trial/no-further-treatment": False}, "not-met"),
        ({"fact:further-treatment-indicated": False}, "met"),
        ({"fact:further-treatment-indicated": True}, "not-met"),
        ({"uhc-it-infusion/nonmalignant-pain/trial/no-further-treatment": True}, "not-documented"),
    ],
)
def test_answers_on_a_form(answers: dict[str, bool], status: str) -> None:
    """A yes or no under the criterion's own id, or under the fact, answers it; another policy's answer does not."""
    chart = without(pain_trial(), "further-treatment-indicated")
    chart.form(answers, author=chart.practitioner(title="anaesthesiologist"))
    determination = {"met": "complete", "not-documented": "incomplete", "not-met": "not-satisfied"}[status]
    check(chart, "nonmalignant-pain/trial", determination, {**PAIN_TRIAL, "no-further-treatment": status})


def test_a_form_against_the_chart() -> None:
    """A form's yes against a coded contradiction is left to a reviewer."""
    chart = without(pain_trial(), "further-treatment-indicated")
    chart.finding("further-treatment-indicated", True)
    chart.form({f"{POLICY}/nonmalignant-pain/trial/no-further-treatment": True}, author=chart.practitioner(title="MD"))
    expected = {**PAIN_TRIAL, "no-further-treatment": "needs-review"}
    check(chart, "nonmalignant-pain/trial", "needs-review", expected, ("no-further-treatment",))


def attested(finding: str | None, value: bool = False, by: str = "") -> Builder:
    """Return the complete chart with another attestation on mental health, or none."""
    chart = without(pain_trial(), "mental-health-contributor")
    author = {"patient": "Patient/p1", "": None}.get(by) if by in ("patient", "") else chart.practitioner(title=by)
    if finding:
        chart.finding(finding, value, by=author)
    return chart


@pytest.mark.parametrize(
    ("finding", "value", "by", "status"),
    [
        ("mental-health-contributor", False, "family physician", "met"),
        ("mental-health-contributor", False, "", "met"),
        ("mental-health-contributor", False, "patient", "not-documented"),
        ("mental-health-uncontrolled", False, "psychologist", "met"),
        ("mental-health-contributor", True, "family physician", "not-met"),
        ("mental-health-uncontrolled", True, "psychologist", "needs-review"),
        (None, False, "", "not-documented"),
    ],
)
def test_the_attestation_on_mental_health(finding: str | None, value: bool, by: str, status: str) -> None:
    """Any licensed professional may attest, an unstated role included; the patient may not."""
    determination = {"met": "complete", "not-documented": "incomplete", "not-met": "not-satisfied"}.get(status, status)
    expected = {**PAIN_TRIAL, "mental-health-attestation": status}
    check(attested(finding, value, by), "nonmalignant-pain/trial", determination, expected)


def test_depression_is_shown_and_contradicts_nothing() -> None:
    """A depression on the problem list takes nothing from an attestation, and without one denies nothing."""
    with_it, without_it = pain_trial(), attested(None)
    for chart in (with_it, without_it):
        chart.condition("icd-10-cm", "F33.1")
    check(with_it, "nonmalignant-pain/trial", "complete", PAIN_TRIAL, ())
    expected = {**PAIN_TRIAL, "mental-health-attestation": "not-documented"}
    one = check(without_it, "nonmalignant-pain/trial", "incomplete", expected, ("mental-health-attestation",))
    assert "mental-health-condition-on-record" in [name for name, _ in one.shown]


def test_a_psychological_consult_is_found_not_read() -> None:
    """A consult on file is to be confirmed; a yes under the criterion's id settles it."""
    chart = attested(None)
    document(chart, "34791-4")
    expected = {**PAIN_TRIAL, "mental-health-attestation": "needs-review"}
    check(chart, "nonmalignant-pain/trial", "needs-review", expected, ("mental-health-attestation",))
    leaf = f"{POLICY}/nonmalignant-pain/trial/mental-health-attestation"
    chart.form({leaf: True}, author=chart.practitioner(title="physician"))
    check(chart, "nonmalignant-pain/trial", "complete", PAIN_TRIAL, ())


def test_the_patient_agrees_on_a_form() -> None:
    """The agreement to halve opioids is the patient's own to give."""
    chart = pain_trial(agreed=False)
    chart.form({f"{POLICY}/nonmalignant-pain/trial/opioid-reduction-agreement": True}, author="Patient/p1")
    check(chart, "nonmalignant-pain/trial", "complete", PAIN_TRIAL, ())


@pytest.mark.parametrize(
    ("drug", "status"), [(MORPHINE, "not-documented"), ("1738353", "not-applicable"), (None, "not-documented")]
)
def test_no_agreement_is_asked_for_a_drug_that_is_no_opioid(drug: str | None, status: str) -> None:
    """Ziconotide takes the agreement out of play; an unknown drug does not."""
    chart = Builder(TODAY)
    pain_history(chart, agreed=False)
    trial_order(chart, drug)
    determination = "complete" if status == "not-applicable" else "incomplete"
    check(chart, "nonmalignant-pain/trial", determination, {**PAIN_TRIAL, "opioid-reduction-agreement": status})


@pytest.mark.parametrize(
    ("finding", "value", "status"),
    [
        ("opioid-reduction-agreed", False, "not-met"),
        ("on-systemic-opioids", False, "not-applicable"),
        ("on-systemic-opioids", True, "not-documented"),
    ],
)
def test_what_the_chart_says_of_the_agreement(finding: str, value: bool, status: str) -> None:
    """A refusal contradicts; a medication review without systemic opioids leaves nothing to halve."""
    chart = pain_trial(agreed=False)
    chart.finding(finding, value)
    determination = {"not-met": "not-satisfied", "not-applicable": "complete"}.get(status, "incomplete")
    check(chart, "nonmalignant-pain/trial", determination, {**PAIN_TRIAL, "opioid-reduction-agreement": status})


def test_a_consent_to_the_reduction_is_found_not_read() -> None:
    """A consent that names the reduction is to be confirmed, since its amount is not read."""
    chart = pain_trial(agreed=False)
    category = [concept("finding", "opioid-reduction-agreed")]
    chart.add("Consent", status="active", dateTime=chart.day(20), category=category)
    expected = {**PAIN_TRIAL, "opioid-reduction-agreement": "needs-review"}
    check(chart, "nonmalignant-pain/trial", "needs-review", expected, ("opioid-reduction-agreement",))


# Non-malignant pain, permanent ----------------------------------------------------------------------------------


def test_a_complete_chart_for_a_pain_pump() -> None:
    """A fall from 8 to 3 that held for eight hours, with better function: nothing is missing."""
    check(pain_pump(), "nonmalignant-pain/permanent", "complete", PAIN_PUMP, ())


def test_no_trial_yet() -> None:
    """Without a trial its three results are asked for, and nothing else."""
    chart = Builder(TODAY)
    pain_history(chart)
    chart.order("62362", reason=("icd-10-cm", "M96.1"))
    pump_drug(chart, MORPHINE)
    results = ("trial-pain-reduction", "trial-pain-hold", "trial-function")
    expected = {**PAIN_TRIAL, **dict.fromkeys(results, "not-documented")}
    check(chart, "nonmalignant-pain/permanent", "incomplete", expected, results)


def test_exactly_half_is_not_more_than_half() -> None:
    """8 to 4 is exactly 50 %: the policy asks more, in size and over the hours."""
    chart = pain_pump(
        ("2026-05-10T07:00", 8), ("2026-05-10T12:00", 4), ("2026-05-10T16:00", 4), ("2026-05-10T20:00", 4)
    )
    expected = {**PAIN_PUMP, "trial-pain-reduction": "not-met", "trial-pain-hold": "not-met"}
    check(chart, "nonmalignant-pain/permanent", "not-satisfied", expected, ())


@pytest.mark.parametrize(
    ("moments", "status"),
    [
        (("12:00", "16:00", "20:00"), "met"),
        (("12:00", "16:00", "19:59"), "not-documented"),
        (("12:00", "16:01", "20:01"), "needs-review"),
    ],
    ids=["8 h 00 min", "7 h 59 min", "a gap of 4 h 01 min"],
)
def test_held_for_eight_hours(moments: tuple[str, ...], status: str) -> None:
    """Eight hours from first to last score are enough, a minute less stops early; a gap above four is for review."""
    chart = pain_pump(("2026-05-10T07:00", 8), *((f"2026-05-10T{moment}", 3) for moment in moments))
    determination = {"met": "complete", "not-documented": "incomplete"}.get(status, status)
    check(chart, "nonmalignant-pain/permanent", determination, {**PAIN_PUMP, "trial-pain-hold": status})


def test_eight_hours_in_another_time_zone() -> None:
    """01:00 in UTC is 20:00 at the hospital: moments count, not the digits on the clock."""
    chart = pain_pump(
        ("2026-05-10T07:00", 8),
        ("2026-05-10T17:00:00Z", 3),
        ("2026-05-10T16:00", 3),
        ("2026-05-11T01:00:00Z", 3),
    )
    check(chart, "nonmalignant-pain/permanent", "complete", PAIN_PUMP, ())


def test_relief_that_was_cut_short() -> None:
    """Two low scores show the size; a high one after six hours shows that it did not hold."""
    chart = pain_pump(
        ("2026-05-10T07:00", 8), ("2026-05-10T12:00", 3), ("2026-05-10T16:00", 3), ("2026-05-10T18:00", 7)
    )
    expected = {**PAIN_PUMP, "trial-pain-hold": "not-met"}
    check(chart, "nonmalignant-pain/permanent", "not-satisfied", expected, ())


def test_scores_without_a_clock_time() -> None:
    """Scores that bear only their day, after the first day, show the size and not the hours."""
    chart = pain_pump(("2026-05-09", 8), ("2026-05-11", 3))
    expected = {**PAIN_PUMP, "trial-pain-hold": "not-documented"}
    check(chart, "nonmalignant-pain/permanent", "incomplete", expected, ("trial-pain-hold",))


@pytest.mark.parametrize(("percent", "status"), [(60, "met"), (50, "needs-review"), (40, "not-met")])
def test_a_stated_percentage(percent: int, status: str) -> None:
    """A percentage shows the size, never the hold; a documented 50 % may be rounded."""
    chart = pain_pump(("2026-05-10T07:00", 8))
    value = {"value": percent, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}
    chart.observation("finding", "percent-pain-relief", at=local("2026-05-11T09:00"), valueQuantity=value)
    expected = {**PAIN_PUMP, "trial-pain-reduction": status, "trial-pain-hold": "not-documented"}
    determination = "not-satisfied" if status == "not-met" else "incomplete"
    check(chart, "nonmalignant-pain/permanent", determination, expected)


@pytest.mark.parametrize(
    ("system", "code", "members"),
    [
        ("loinc", "72514-3", {"status": "preliminary", "valueInteger": 3}),
        ("loinc", "72514-3", {"subject": {"reference": "Patient/p2"}, "valueInteger": 3}),
        ("loinc", "38214-3", {"valueQuantity": {"value": 9, "unit": "mm"}}),
        ("loinc", "75261-8", {"valueInteger": 1}),
        ("loinc", "72514-3", {"valueInteger": 30}),
        ("loinc", "72514-3", {"dataAbsentReason": {"text": "unknown"}}),
    ],
    ids=["preliminary", "another patient's", "visual analogue in mm", "PROMIS word score", "beyond 10", "absent"],
)
def test_scores_that_are_no_response(system: str, code: str, members: dict[str, object]) -> None:
    """Look-alikes of a pain score in the trial's window say nothing of its result."""
    chart = pain_pump(("2026-05-10T07:00", 8))
    for moment in ("12:00", "16:00", "20:00"):
        observation = chart.observation(system, code, at=local(f"2026-05-10T{moment}"))
        observation.update(members)
    expected = {**PAIN_PUMP, "trial-pain-reduction": "not-documented", "trial-pain-hold": "not-documented"}
    check(chart, "nonmalignant-pain/permanent", "incomplete", expected, ("trial-pain-reduction", "trial-pain-hold"))


def test_a_steroid_injection_after_the_trial() -> None:
    """An epidural steroid injection is no trial: the scores around it take nothing from the one that counts."""
    chart = pain_pump()
    chart.procedure(
        "cpt",
        "62323",
        start=local("2026-05-25T09:00"),
        reasonCode=[concept("icd-10-cm", "M54.16")],
        usedCode=[concept("hcpcs", "J1010")],
    )
    pain(chart, ("2026-05-25T08:00", 8), ("2026-05-25T12:00", 8))
    check(chart, "nonmalignant-pain/permanent", "complete", PAIN_PUMP, ())


def test_an_earlier_trial_with_the_opposite_result() -> None:
    """A failed trial in March leaves the good one in May to a reviewer: size, hold and function where it had one."""
    chart = pain_pump()
    morphine_trial(chart, "2026-03-10T08:00", "2026-03-12T08:00")
    pain(chart, ("2026-03-10T07:00", 8), ("2026-03-10T12:00", 8), ("2026-03-10T16:00", 7))
    expected = {**PAIN_PUMP, "trial-pain-reduction": "needs-review", "trial-pain-hold": "needs-review"}
    gaps = ("trial-pain-reduction", "trial-pain-hold")
    check(chart, "nonmalignant-pain/permanent", "needs-review", expected, gaps)


def test_a_later_trial_that_failed() -> None:
    """The latest trial counts: its scores contradict, whatever an earlier one brought."""
    chart = pain_pump()
    morphine_trial(chart, "2026-05-28T08:00", "2026-05-29T08:00")
    pain(chart, ("2026-05-28T07:00", 8), ("2026-05-28T12:00", 8), ("2026-05-28T16:00", 7))
    failed = {"trial-pain-reduction": "not-met", "trial-pain-hold": "not-met", "trial-function": "not-documented"}
    check(chart, "nonmalignant-pain/permanent", "not-satisfied", {**PAIN_PUMP, **failed}, ())


def test_titrated_doses_are_one_trial() -> None:
    """A first dose without effect, and a higher one a week later: one trial, and its best dose counts."""
    chart = pain_pump()
    morphine_trial(chart, "2026-05-03T08:00", "2026-05-04T08:00")
    pain(chart, ("2026-05-03T07:00", 8), ("2026-05-03T12:00", 7), ("2026-05-03T16:00", 8))
    check(chart, "nonmalignant-pain/permanent", "complete", PAIN_PUMP, ())


def test_a_statement_about_an_earlier_trial() -> None:
    """A statement of better function in March speaks of the trial of March, not of the one in May."""
    chart = pain_pump(function=False)
    chart.finding("trial-function-improved", True, at="2026-03-12")
    expected = {**PAIN_PUMP, "trial-function": "not-documented"}
    check(chart, "nonmalignant-pain/permanent", "incomplete", expected, ("trial-function",))


@pytest.mark.parametrize(("after", "status"), [(40, "met"), (60, "not-met"), (62, "not-met")])
def test_function_by_scores(after: int, status: str) -> None:
    """A lower Oswestry index in the trial than before is better function; equal or higher is none."""
    chart = pain_pump(function=False)
    for moment, value in (("2026-05-09T09:00", 60), ("2026-05-11T09:00", after)):
        quantity = {"value": value, "unit": "%"}
        chart.observation("finding", "oswestry-disability-index", at=local(moment), valueQuantity=quantity)
    determination = "complete" if status == "met" else "not-satisfied"
    check(chart, "nonmalignant-pain/permanent", determination, {**PAIN_PUMP, "trial-function": status}, ())


def test_a_baclofen_trial_for_a_morphine_pump() -> None:
    """A trial without an opioid does not speak for an opioid pump: at best a reviewer decides."""
    chart = pain_pump()
    trial = next(one for one in chart.resources if one["resourceType"] == "Procedure" and "usedCode" in one)
    trial["usedCode"] = [concept("hcpcs", "J2278")]
    check(chart, "nonmalignant-pain/permanent", "needs-review", PAIN_PUMP, (), (*OLD_TEXT, "trial-drug-differs"))


def test_an_insulin_pump_is_no_pump_in_place() -> None:
    """A worn insulin pump is no sign of a replacement: the order stays the first implant."""
    chart = pain_pump()
    chart.add("Device", status="active", type=concept("snomed", "69805005", "Insulin pump"))
    check(chart, "nonmalignant-pain/permanent", "complete", PAIN_PUMP, ())


# Spasticity, trial ----------------------------------------------------------------------------------------------


def test_a_complete_chart_for_a_test_dose_by_therapies() -> None:
    """Six weeks to the day of baclofen and of physical therapy, both in vain: no scores are asked."""
    check(spasticity_trial(), "spasticity/trial", "complete", SPASTICITY_TRIAL, ())


def test_forty_one_days_of_baclofen() -> None:
    """A day short and stopped closes path a; the shortest path asks for the scores of path b."""
    chart = spasticity_trial(weeks_of_baclofen=("2026-01-05", "2026-02-14"))
    expected = {**SPASTICITY_TRIAL, "oral-antispasmodic": "not-met"}
    check(chart, "spasticity/trial", "incomplete", expected, ("baseline-tone", "baseline-spasms"))


def test_two_weeks_between_visits_join() -> None:
    """Visits 14 days apart are one course; 15 days apart it falls into pieces that are too short."""
    joined, broken = spasticity_trial(physical=False), spasticity_trial(physical=False)
    for chart, every in ((joined, 14), (broken, 16)):
        for visit in range(4):
            chart.procedure("cpt", "97110", start=chart.day(147 - every * visit))
        chart.outcome("physical-therapy", "ineffective", end_days_ago=80)
    check(joined, "spasticity/trial", "complete", SPASTICITY_TRIAL, ())
    expected = {**SPASTICITY_TRIAL, "physical-therapy": "not-met"}
    check(broken, "spasticity/trial", "incomplete", expected, ("baseline-tone", "baseline-spasms"))


def test_an_early_intolerance_needs_no_six_weeks() -> None:
    """Baclofen stopped after a week for side effects is enough for both oral criteria."""
    chart = spasticity_trial(weeks_of_baclofen=("2026-01-05", "2026-01-11"))
    order = next(one for one in chart.resources if one["resourceType"] == "MedicationRequest")
    order["statusReason"] = concept(*NOT_TOLERATED)
    check(chart, "spasticity/trial", "complete", SPASTICITY_TRIAL, ())


def test_only_a_contraindication() -> None:
    """A contraindication serves path a; whom the policy is for speaks of failure and intolerance only."""
    chart = spastic(baclofen=None)
    chart.outcome("oral-antispasmodic", "contraindicated")
    chart.outcome("physical-therapy", "contraindicated")
    bolus_order(chart)
    expected = {**SPASTICITY_TRIAL, "oral-agent-failure": "needs-review"}
    check(chart, "spasticity/trial", "needs-review", expected, ("oral-agent-failure",))


def test_a_muscle_relaxant_is_no_antispasmodic() -> None:
    """Cyclobenzaprine in vain says nothing of an antispasmodic."""
    chart = spastic(baclofen=None)
    took(chart, CYCLOBENZAPRINE, "2026-01-05", "2026-03-05", reason=INEFFECTIVE)
    attended(chart, "97110", "2026-01-05", "2026-02-15", every=7)
    turned_out(chart, "physical-therapy", "ineffective", "2026-01-05", "2026-02-15")
    bolus_order(chart)
    expected = {**SPASTICITY_TRIAL, "oral-agent-failure": "not-documented", "oral-antispasmodic": "not-documented"}
    check(chart, "spasticity/trial", "incomplete", expected, ("oral-agent-failure", "oral-antispasmodic"))


def by_scores(moment: str, scale: str, grades: dict[str, str], penn: int) -> Builder:
    """Return a chart for a test dose by path b, without a statement of severity or physical therapy."""
    chart = spastic(baclofen=None)
    without(chart, "spasticity-severe")
    chart.outcome("oral-antispasmodic", "ineffective", end_days_ago=60)
    tone(chart, moment, scale, **grades)
    spasms(chart, (moment, penn))
    return bolus_order(chart)


BY_SCORES = {
    **SPASTICITY_TRIAL,
    "oral-antispasmodic": "not-documented",
    "physical-therapy": "not-documented",
    "baseline-tone": "met",
    "baseline-spasms": "met",
}


@pytest.mark.parametrize(
    ("scale", "grades", "status"),
    [
        ("ashworth", {"left": "3", "right": "3"}, "met"),
        ("ashworth", {"left": "4", "right": "2"}, "met"),
        ("ashworth", {"left": "3", "right": "3", "arm": "2"}, "not-met"),
        ("modified-ashworth", {"left": "2", "right": "2"}, "met"),
        ("modified-ashworth", {"left": "1+", "right": "1+"}, "not-met"),
        ("modified-ashworth", {"left": "3", "right": "0"}, "needs-review"),
    ],
)
def test_the_tone_at_baseline(scale: str, grades: dict[str, str], status: str) -> None:
    """The mean Ashworth must be 3; Modified Ashworth 2, where 1+ is less and mean and highest muscle must agree."""
    chart = by_scores("2026-05-20T09:00", scale, grades, 2)
    severe = {"met": "met", "not-met": "not-documented"}.get(status, status)
    expected = {**BY_SCORES, "baseline-tone": status, "severe-spasticity": severe}
    determination = {"met": "complete", "not-met": "incomplete"}.get(status, status)
    check(chart, "spasticity/trial", determination, expected)


@pytest.mark.parametrize(("penn", "status"), [(2, "met"), (1, "not-met")])
def test_the_spasms_at_baseline(penn: int, status: str) -> None:
    """A Penn spasm frequency of 2 is enough, 1 is not."""
    chart = by_scores("2026-05-20T09:00", "modified-ashworth", {"left": "3"}, penn)
    severe = "met" if status == "met" else "not-documented"
    expected = {**BY_SCORES, "baseline-spasms": status, "severe-spasticity": severe}
    check(chart, "spasticity/trial", "complete" if status == "met" else "incomplete", expected)


@pytest.mark.parametrize(
    ("day", "status"), [("2026-03-03", "met"), ("2026-03-02", "not-documented")], ids=["90 days", "91 days"]
)
def test_scores_of_ninety_days(day: str, status: str) -> None:
    """Scores no more than 90 days before today count, older ones are asked for anew."""
    chart = by_scores(f"{day}T09:00", "modified-ashworth", {"left": "3"}, 3)
    scores = dict.fromkeys(("severe-spasticity", "baseline-tone", "baseline-spasms"), status)
    check(chart, "spasticity/trial", "complete" if status == "met" else "incomplete", {**BY_SCORES, **scores})


def test_the_patient_specific_functional_scale_is_no_spasm_score() -> None:
    """PSFS the functional scale, and a bare PSFS label, are not the Penn score."""
    chart = by_scores("2026-05-20T09:00", "modified-ashworth", {"left": "3"}, 2)
    without(chart, "penn-spasm-frequency")
    value = {"value": 3}
    chart.observation("finding", "patient-specific-functional-scale", valueQuantity=value)
    bare = chart.observation("finding", "x", valueQuantity=value)
    bare["code"] = {"text": "PSFS"}
    expected = {**BY_SCORES, "baseline-spasms": "not-documented", "severe-spasticity": "not-documented"}
    check(chart, "spasticity/trial", "incomplete", expected, ("severe-spasticity", "baseline-spasms"))


def test_dystonia_counts_as_spasticity() -> None:
    """Chronic intractable dystonia is within the policy."""
    chart = spasticity_trial()
    for one in chart.resources:
        if one["resourceType"] == "Condition":
            one["code"] = concept("icd-10-cm", "G24.1")
    chart.orders[0]["reasonCode"] = [concept("icd-10-cm", "G24.1")]
    check(chart, "spasticity/trial", "complete", SPASTICITY_TRIAL, ())


# Spasticity, permanent ------------------------------------------------------------------------------------------


def test_a_complete_chart_for_a_baclofen_pump() -> None:
    """Tone down by 2 points over exactly four hours; the low grades after the dose do not undo the baseline."""
    check(spasticity_pump(), "spasticity/permanent", "complete", SPASTICITY_PUMP, ())


@pytest.mark.parametrize(
    ("grades", "status"),
    [
        ((("09:00", "1"), ("11:00", "1"), ("12:59", "1")), "not-documented"),
        ((("09:00", "1"), ("11:01", "1"), ("13:00", "1")), "needs-review"),
        ((("09:00", "2"), ("11:00", "2"), ("13:00", "2")), "not-met"),
        ((("09:00", "1+"), ("11:00", "1+"), ("13:00", "1+")), "needs-review"),
        ((("09:00", "1"), ("11:00", "1"), ("12:00", "3")), "not-met"),
    ],
    ids=["a minute short", "a gap above two hours", "one point", "3 to 1+", "cut short"],
)
def test_the_tone_after_the_dose(grades: tuple[tuple[str, str], ...], status: str) -> None:
    """Two points for four hours, with no gap above two; 3 to 1+ reaches two only if 1+ is a full step."""
    expected = {**SPASTICITY_PUMP, "tone-response": status}
    determination = "needs-review" if status == "needs-review" else "incomplete"
    check(spasticity_pump(*grades), "spasticity/permanent", determination, expected)


def test_spasms_after_the_dose() -> None:
    """Penn 3 to 1 over four hours is a response of its own."""
    chart = spasticity_pump(("09:00", "3"), ("11:00", "3"))
    spasms(chart, ("2026-05-10T09:00", 1), ("2026-05-10T11:00", 1), ("2026-05-10T13:00", 1))
    expected = {**SPASTICITY_PUMP, "tone-response": "not-met", "spasm-response": "met"}
    check(chart, "spasticity/permanent", "complete", expected, ())


def test_an_infusion_is_no_bolus() -> None:
    """After a continuous infusion the scores are left to a reviewer."""
    chart = spasticity_pump(given=False)
    bolus(chart, "62326", "J0475", end=local("2026-05-12T08:00"))
    expected = {**SPASTICITY_PUMP, "tone-response": "needs-review"}
    check(chart, "spasticity/permanent", "needs-review", expected, ("tone-response",))


@pytest.mark.parametrize(("benefit", "status"), [(True, "needs-review"), (False, "not-met")])
def test_another_benefit(benefit: bool, status: str) -> None:
    """The list of responses is open: another benefit is for a reviewer, documented absence of any contradicts."""
    chart = spasticity_pump(("09:00", "3"), ("11:00", "3"))
    spasms(chart, ("2026-05-10T09:00", 3), ("2026-05-10T11:00", 3))
    chart.finding("trial-other-benefit", benefit, at=local("2026-05-11T09:00"))
    nothing = {"tone-response": "not-met", "spasm-response": "not-met", "other-response": status}
    determination = "needs-review" if benefit else "not-satisfied"
    check(chart, "spasticity/permanent", determination, {**SPASTICITY_PUMP, **nothing})


# Cancer pain ----------------------------------------------------------------------------------------------------


def test_a_complete_chart_for_a_trial_against_cancer_pain() -> None:
    """The failure of systemic opioids is all that is asked, of whatever length."""
    chart = cancer()
    trial_order(chart, reason="G89.3")
    check(chart, "cancer-pain/trial", "complete", {"noninvasive-failure": "met"}, ())


def test_an_opioid_stopped_by_own_wish_has_not_failed() -> None:
    """A stop by the patient's own wish is no failure."""
    chart = cancer(opioid_failed=False)
    trial_order(chart, reason="G89.3")
    expected = {"noninvasive-failure": "not-documented"}
    check(chart, "cancer-pain/trial", "incomplete", expected, ("noninvasive-failure",))


def test_exactly_half_is_enough_against_cancer_pain() -> None:
    """8 to 4 is at least 50 %; no hours and no function are asked."""
    chart = cancer_pump(("2026-05-10T07:00", 8), ("2026-05-10T12:00", 4))
    check(chart, "cancer-pain/permanent", "complete", CANCER_PUMP, ())


def risks(chart: Builder, *names: str) -> Builder:
    """Add a clinician's statements of the exception."""
    for name in names:
        chart.finding(name, True, by=chart.practitioner(title="oncologist"))
    return chart


def test_the_exception_without_a_trial() -> None:
    """Advanced disease, limited survival and high risk together stand for the trial."""
    names = ("advanced-disease", "limited-survival", "high-procedural-risk")
    expected = {**CANCER_PUMP, **dict.fromkeys(names, "met"), "trial-pain-reduction": "not-documented"}
    check(risks(cancer_pump(), *names), "cancer-pain/permanent", "complete", expected, ())


def test_the_shortest_way_against_cancer_pain() -> None:
    """One statement of three: the trial's result is one thing to document, the two others are two."""
    expected = {**CANCER_PUMP, "advanced-disease": "met", "trial-pain-reduction": "not-documented"}
    chart = risks(cancer_pump(), "advanced-disease")
    chart.condition("icd-10-cm", "C78.7")
    check(chart, "cancer-pain/permanent", "incomplete", expected, ("trial-pain-reduction",))


def test_a_stage_code_and_hospice_prove_no_exception() -> None:
    """Metastases and hospice care on record are shown; the statements are still asked for."""
    chart = risks(cancer_pump(), "high-procedural-risk")
    chart.condition("icd-10-cm", "C79.51")
    chart.procedure("snomed", "385763009", start="2026-05-01")
    expected = {**CANCER_PUMP, "high-procedural-risk": "met", "trial-pain-reduction": "not-documented"}
    one = check(chart, "cancer-pain/permanent", "incomplete", expected, ("trial-pain-reduction",))
    assert "advanced-illness-on-record" in [name for name, _ in one.shown]


def test_the_exception_after_a_trial_that_missed() -> None:
    """After a trial that missed half the three statements are left to a reviewer."""
    names = ("advanced-disease", "limited-survival", "high-procedural-risk")
    chart = risks(cancer_pump(("2026-05-10T07:00", 8), ("2026-05-10T12:00", 5)), *names)
    expected = {**CANCER_PUMP, **dict.fromkeys(names, "needs-review"), "trial-pain-reduction": "not-met"}
    check(chart, "cancer-pain/permanent", "needs-review", expected, names)


# Replacement, revision ------------------------------------------------------------------------------------------


def test_a_battery_at_its_end() -> None:
    """One ground is enough for a replacement, and the indication is not asked."""
    chart = replacement()
    chart.finding("pump-battery-end", True)
    check(chart, "any/replacement", "complete", REPLACEMENT, ())


def test_a_reason_on_the_order_proves_no_ground() -> None:
    """That the order says replacement sets the phase; a ground is still asked for, the first in the policy."""
    expected = {**REPLACEMENT, "battery-end": "not-documented"}
    check(replacement(), "any/replacement", "incomplete", expected, ("battery-end",))


@pytest.mark.parametrize(
    ("repairable", "status", "determination"),
    [(False, "met", "complete"), (True, "not-met", "incomplete"), (None, "not-documented", "incomplete")],
)
def test_a_pump_that_does_not_work(repairable: bool | None, status: str, determination: str) -> None:
    """A pump that fails must also be beyond repair, and both must be documented."""
    chart = replacement()
    chart.finding("pump-functional", False)
    if repairable is not None:
        chart.finding("pump-repairable", repairable)
    expected = {**REPLACEMENT, "battery-end": "not-documented", "not-functional": status}
    check(chart, "any/replacement", determination, expected)


def test_a_complication_code_alone() -> None:
    """A breakdown that is only coded does not say that it cannot be repaired: to be confirmed."""
    chart = replacement()
    chart.condition("icd-10-cm", "T85.615A")
    expected = {**REPLACEMENT, "battery-end": "not-documented", "not-functional": "needs-review"}
    check(chart, "any/replacement", "needs-review", expected, ("not-functional",))


def test_a_pump_that_works() -> None:
    """A pump documented as working contradicts every ground that is not documented."""
    chart = replacement()
    chart.finding("pump-functional", True)
    check(chart, "any/replacement", "not-satisfied", dict.fromkeys(REPLACEMENT, "not-met"), ())


def test_a_pump_in_place_and_an_order_that_does_not_say_replacement() -> None:
    """One sign only: both phases are evaluated, and neither is ever complete."""
    chart = pain_pump()
    chart.add("Device", status="active", type={"text": "SynchroMed II intrathecal pump"})
    chart.finding("pump-battery-end", True)
    found = determinations(chart, POLICY)
    assert [(one.indication, one.phase, one.kind.value) for one in found] == [
        ("nonmalignant-pain", "permanent", "needs-review"),
        ("any", "replacement", "needs-review"),
    ]
    assert all("phase-unclear" in [caution.code for caution in one.cautions] for one in found)


def test_a_catheter_alone_beside_a_pump_in_place() -> None:
    """Catheter work on a pump in place is a revision; the policy is silent on it."""
    chart = Builder(TODAY)
    chart.add("Device", status="active", type={"text": "SynchroMed II intrathecal pump"})
    chart.order("62350")
    check(chart, "any/revision", "needs-review", {}, (), ())


# What the policy leaves out -------------------------------------------------------------------------------------


def test_nusinersen_is_out_of_scope() -> None:
    """The policy leaves out injectates such as nusinersen."""
    chart = pain_trial()
    chart.orders = chart.orders[:1]
    chart.order("J2326", resource_type="MedicationRequest")
    check(chart, "nonmalignant-pain/trial", "out-of-scope", {}, (), ())


def test_an_indication_that_is_not_named() -> None:
    """Another use than pain and spasticity is none of the policy's."""
    chart = Builder(TODAY)
    chart.order("62362", reason=("icd-10-cm", "E11.9"))
    check(chart, "other/permanent", "out-of-scope", {}, (), ())


def test_the_first_day_of_the_policy() -> None:
    """An order of the day before the policy began has no policy in force; on its first day it has."""
    before, first = Builder(date(2024, 7, 31)), Builder(date(2024, 8, 1))
    for chart in (before, first):
        chart.condition("icd-10-cm", "G89.3")
        chart.outcome("systemic-opioids", "ineffective")
        trial_order(chart, reason="G89.3")
    check(before, "cancer-pain/trial", "no-policy-in-force", {}, (), ())
    check(first, "cancer-pain/trial", "complete", {"noninvasive-failure": "met"}, (), ())


def test_a_trial_and_a_pump_signed_together() -> None:
    """A trial on order proves no result: the pump asks for it first."""
    chart = pain_trial()
    chart.order("62362", reason=("icd-10-cm", "M96.1"))
    found = {one.phase: one for one in determinations(chart, POLICY)}
    assert {phase: one.kind.value for phase, one in found.items()} == {"trial": "complete", "permanent": "incomplete"}
    asked = [path.rpartition("/")[2] for path in found["permanent"].gaps]
    assert asked == ["trial-pain-reduction", "trial-pain-hold", "trial-function"]


def test_pain_and_cancer_that_the_chart_does_not_tell_apart() -> None:
    """An active cancer beside a plain chronic pain leaves both open: each is evaluated, neither is complete."""
    chart = Builder(TODAY)
    chart.condition("icd-10-cm", "G89.29")
    chart.condition("icd-10-cm", "C61")
    chart.outcome("systemic-opioids", "ineffective")
    trial_order(chart, reason="G89.29")
    found = {one.indication: one for one in determinations(chart, POLICY)}
    assert set(found) == {"nonmalignant-pain", "cancer-pain"}
    assert found["cancer-pain"].kind.value == "needs-review"
    assert statuses(found["cancer-pain"]) == {"cancer-pain/trial/noninvasive-failure": "met"}
    assert all("indication-unclear" in [caution.code for caution in one.cautions] for one in found.values())
