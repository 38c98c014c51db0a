"""Whole charts under HCSC SUR707.008."""

from __future__ import annotations

from datetime import date

import pytest

from tests.builder import Builder, concept
from tests.charts.harness import assert_chart, determinations
from tests.charts.history import (
    BACLOFEN,
    CYCLOBENZAPRINE,
    INEFFECTIVE,
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
    spasms,
    tone,
    took,
    turned_out,
    without,
)

POLICY = "hcsc-sur707-008"
TODAY = date(2025, 10, 15)
MORPHINE, HYDROMORPHONE = "7052", "3423"
EXCEPTION = ("advanced-disease", "limited-survival", "high-procedural-risk")
PAIN_TRIAL = dict.fromkeys(("severe-pain", "less-invasive-failure", "psych-evaluation", "drug-approval"), "met")
RESPONSE = dict.fromkeys(("trial-same-agent", "trial-pain-reduction", "trial-tolerance", "trial-function"), "met")
PAIN_PUMP = {**PAIN_TRIAL, **RESPONSE}
CANCER_TRIAL = {**PAIN_TRIAL, **dict.fromkeys(EXCEPTION, "not-documented")}
DETERMINATIONS = {
    "met": "complete", "not-met": "not-satisfied", "not-documented": "incomplete", "needs-review": "needs-review",
}  # fmt: skip
SPASTICITY_TRIAL = dict.fromkeys(("severe-spasticity", "oral-baclofen-failure", "drug-approval"), "met")


def chronic(phase: str = "trial", diagnosis: str = "M96.1") -> Builder:
    """Return a complete chart of pain that a psychologist cleared."""
    chart = Builder(TODAY, birth="1965-02-02")
    chart.condition("icd-10-cm", diagnosis)
    chart.finding("pain-intractable-severe", days_ago=30)
    took(chart, OXYCODONE, "2025-01-10", "2025-05-01", reason=INEFFECTIVE)
    chart.finding("mental-health-uncontrolled", False, days_ago=60, by=chart.practitioner(PSYCHOLOGIST))
    if phase == "permanent":
        trial(chart)
        chart.finding("trial-tolerated", days_ago=8)
        chart.finding("trial-function-improved", days_ago=8)
        chart.order("62362", reason=("icd-10-cm", diagnosis))
        pump_drug(chart, MORPHINE)
    else:
        details = [concept("hcpcs", "J2274")]
        trial_of = purpose("intrathecal-trial")
        chart.order("62322", reason=("icd-10-cm", diagnosis), category=trial_of, orderDetail=details)
    return chart


def trial(chart: Builder, after: int = 3, drug: str = "J2274") -> None:
    """Add a trial on 1 October with scores of 8 before and `after` in it."""
    category = purpose("intrathecal-trial")[0]
    used = [concept("hcpcs", drug)]
    chart.procedure("cpt", "62322", start="2025-10-01T08:00:00-05:00", category=category, usedCode=used)
    pain(chart, ("2025-10-01T07:30", 8), ("2025-10-01T10:00", after), ("2025-10-01T13:00", after))


def spastic(phase: str = "trial") -> Builder:
    """Return a chart of severe spasticity after oral baclofen failed."""
    chart = Builder(TODAY, birth="1990-02-02")
    chart.condition("icd-10-cm", "G80.1")
    chart.finding("spasticity-severe", days_ago=40)
    took(chart, BACLOFEN, "2025-08-01", "2025-08-10", reason=NOT_TOLERATED)
    if phase == "permanent":
        chart.procedure("cpt", "62322", start="2025-10-01T08:00:00-05:00", usedCode=[concept("hcpcs", "J0476")])
        chart.finding("trial-tolerated", days_ago=8)
        chart.finding("trial-function-improved", days_ago=8)
        chart.order("62362", reason=("icd-10-cm", "G80.1"), orderDetail=[concept("hcpcs", "J0475")])
    else:
        chart.order("62322", reason=("icd-10-cm", "G80.1"), orderDetail=[concept("hcpcs", "J0476")])
    return chart


def rescore(chart: Builder, before: int, after: int) -> None:
    """Replace scores of one value by another."""
    for one in chart.resources:
        if one.get("valueInteger") == before:
            one["valueInteger"] = after


def test_pain_trial_and_pump_complete() -> None:
    """Severe pain, a failed opioid, a psychologist's clearance, morphine in trial and pump, 8 to 3."""
    assert_chart(chronic(), POLICY, "nonmalignant-pain/trial", "complete", PAIN_TRIAL, cautions=())
    assert_chart(chronic("permanent"), POLICY, "nonmalignant-pain/permanent", "complete", PAIN_PUMP, cautions=())


def test_exactly_half_is_not_more_than_half() -> None:
    """8 to 4 is exactly 50 %: more is asked."""
    chart = chronic("permanent")
    rescore(chart, 3, 4)
    expected = {**PAIN_PUMP, "trial-pain-reduction": "not-met"}
    assert_chart(chart, POLICY, "nonmalignant-pain/permanent", "not-satisfied", expected)


def test_primary_care_does_not_count_and_an_unstated_role_is_for_review() -> None:
    """A mental-health provider is asked: another clinician does not count, an unstated role is reviewed."""
    for title, status, answer in (
        ("Family physician", "not-documented", "incomplete"),
        ("", "needs-review", "needs-review"),
    ):
        chart = without(chronic(), "mental-health-uncontrolled")
        chart.finding("mental-health-uncontrolled", False, days_ago=60, by=chart.practitioner(title=title))
        expected = {**PAIN_TRIAL, "psych-evaluation": status}
        assert_chart(chart, POLICY, "nonmalignant-pain/trial", answer, expected, gaps=("psych-evaluation",))


def test_a_consult_on_file_was_not_read() -> None:
    """A psychology consult of unknown content is for review."""
    chart = without(chronic(), "mental-health-uncontrolled")
    document(chart, "34791-4")
    expected = {**PAIN_TRIAL, "psych-evaluation": "needs-review"}
    assert_chart(chart, POLICY, "nonmalignant-pain/trial", "needs-review", expected)


def test_an_evaluation_older_than_twelve_months_is_for_review() -> None:
    """Twelve months to the day stand, a day more is for review."""
    for days_ago, status in ((365, "met"), (366, "needs-review")):
        chart = without(chronic(), "mental-health-uncontrolled")
        chart.finding("mental-health-uncontrolled", False, days_ago=days_ago, by=chart.practitioner(PSYCHOLOGIST))
        answer = "complete" if status == "met" else "needs-review"
        assert_chart(chart, POLICY, "nonmalignant-pain/trial", answer, {**PAIN_TRIAL, "psych-evaluation": status})


def test_a_drug_that_is_not_approved_for_the_route_is_for_review() -> None:
    """Hydromorphone: the general statement and the clause on compounds conflict."""
    chart = chronic()
    chart.orders[0]["orderDetail"] = [concept("hcpcs", "J1171")]
    expected = {**PAIN_TRIAL, "drug-approval": "needs-review"}
    assert_chart(chart, POLICY, "nonmalignant-pain/trial", "needs-review", expected)


def test_an_unknown_drug_is_not_documented() -> None:
    """Without a drug on the order neither approval nor the same agent can be told."""
    chart = chronic("permanent")
    chart.orders.pop()
    expected = {**PAIN_PUMP, "drug-approval": "not-documented", "trial-same-agent": "not-documented"}
    assert_chart(chart, POLICY, "nonmalignant-pain/permanent", "incomplete", expected)


def test_another_drug_than_in_the_trial_contradicts() -> None:
    """The trial used morphine, the pump is to hold hydromorphone."""
    chart = chronic("permanent")
    chart.orders.pop()
    pump_drug(chart, HYDROMORPHONE)
    expected = {**PAIN_PUMP, "drug-approval": "needs-review", "trial-same-agent": "not-met"}
    assert_chart(chart, POLICY, "nonmalignant-pain/permanent", "not-satisfied", expected)


def test_cancer_trial_without_an_evaluation_takes_the_shorter_way() -> None:
    """One evaluation is shorter than the exception of three."""
    chart = without(chronic(diagnosis="G89.3"), "mental-health-uncontrolled")
    expected = {**CANCER_TRIAL, "psych-evaluation": "not-documented"}
    assert_chart(chart, POLICY, "cancer-pain/trial", "incomplete", expected, gaps=("psych-evaluation",))


def test_the_three_part_exception_needs_no_trial_and_no_evaluation() -> None:
    """Advanced disease, limited survival and high risk, each stated: the pump is complete without a trial."""
    chart = without(chronic("permanent", "G89.3"), "mental-health-uncontrolled")
    for word in ("62322", "72514-3", "trial-"):
        without(chart, word)
    for word in EXCEPTION:
        chart.finding(word, days_ago=5)
    open_ones = dict.fromkeys(RESPONSE, "not-documented")
    expected = {**CANCER_TRIAL, **dict.fromkeys(EXCEPTION, "met"), **open_ones, "psych-evaluation": "not-documented"}
    assert_chart(chart, POLICY, "cancer-pain/permanent", "complete", expected)


def test_spasticity_trial_complete_without_a_minimum_time() -> None:
    """Ten days of oral baclofen that was not tolerated are enough here."""
    assert_chart(spastic(), POLICY, "spasticity/trial", "complete", SPASTICITY_TRIAL)


def test_a_spasticity_pump_without_a_pain_figure() -> None:
    """The text asks a reduction in pain even of spasticity: with nothing recorded it is not documented."""
    expected = {**SPASTICITY_TRIAL, **RESPONSE, "trial-pain-reduction": "not-documented"}
    assert_chart(spastic("permanent"), POLICY, "spasticity/permanent", "incomplete", expected)


def test_replacement_needs_no_review_and_half_a_sign_does() -> None:
    """With both signs no review is needed; with one, both readings stand, capped."""
    chart = Builder(TODAY)
    chart.procedure("cpt", "62362", start=chart.day(2500))
    chart.order("62362", category=purpose("pump-replacement"))
    assert [one.kind.value for one in determinations(chart, POLICY)] == ["no-review-needed"]
    half = chronic("permanent")
    half.procedure("cpt", "62362", start=half.day(2500))
    found = {one.phase: (one.kind.value, one.gaps) for one in determinations(half, POLICY)}
    assert found["replacement"] == ("needs-review", ())


def test_the_period_in_force() -> None:
    """In force from 2025-02-01 to 2025-12-30, both days included."""
    kinds = {}
    for day in ("2025-01-31", "2025-02-01", "2025-12-30", "2025-12-31"):
        chart = chronic()
        chart.orders[0]["authoredOn"] = day
        kinds[day] = [one.kind.value for one in determinations(chart, POLICY)]
    assert kinds["2025-01-31"] == kinds["2025-12-31"] == ["no-policy-in-force"]
    assert kinds["2025-02-01"] == kinds["2025-12-30"] == ["complete"]


# Every leaf but the ones named is met -----------------------------------------------------------------------------


def check_but(chart: Builder, case: str, status: str, *names: str) -> None:
    """Assert that the named leaves have a status, all the others are met, and the determination follows."""
    expected = dict(SPASTICITY_TRIAL if case.startswith("spasticity") else PAIN_TRIAL)
    if case.endswith("permanent"):
        expected |= RESPONSE
    expected |= dict.fromkeys(names, status)
    gaps = names if status in ("not-documented", "needs-review") else ()
    assert_chart(chart, POLICY, case, DETERMINATIONS[status], expected, gaps=gaps)


def psychologist(chart: Builder) -> str:
    """Return the reference of the chart's psychologist."""
    return next(f"Practitioner/{one['id']}" for one in chart.resources if one["resourceType"] == "Practitioner")


def pump_after(*responses: float, day: str = "2025-10-01") -> Builder:
    """Return a chart for a pump after a trial with 8 before and these scores, one every two hours."""
    chart = without(chronic("permanent"), "72514-3")
    chart.observation("loinc", "72514-3", at=local(f"{day}T07:30"), valueQuantity={"value": 8})
    for n, score in enumerate(responses):
        chart.observation("loinc", "72514-3", at=local(f"{day}T{10 + 2 * n}:00"), valueQuantity={"value": score})
    return chart


# Pain: trial ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("score", "status"), [(7, "met"), (6.5, "needs-review"), (3.5, "needs-review"), (3, "not-met")]
)
def test_severity_by_the_score_alone(score: float, status: str) -> None:
    """The text has no figure: 7 and more is severe, 3 and less is not, between them a person decides."""
    chart = without(chronic(), "pain-intractable-severe")
    chart.observation("loinc", "72514-3", days_ago=10, valueQuantity={"value": score})
    check_but(chart, "nonmalignant-pain/trial", status, "severe-pain")


@pytest.mark.parametrize(("days_ago", "status"), [(90, "met"), (91, "not-documented")])
def test_severity_is_a_score_of_the_last_ninety_days(days_ago: int, status: str) -> None:
    """Ninety days count, a day more does not."""
    chart = without(chronic(), "pain-intractable-severe")
    chart.nrs(8, days_ago=days_ago)
    check_but(chart, "nonmalignant-pain/trial", status, "severe-pain")


def test_word_scores_millimeters_and_preliminary_scores_are_no_severity() -> None:
    """A PROMIS word score, 80 mm, a preliminary 9 and one of tomorrow do not count."""
    chart = without(chronic(), "pain-intractable-severe")
    chart.observation("loinc", "75261-8", valueInteger=5)
    chart.observation("loinc", "38214-3", valueQuantity={"value": 80, "unit": "mm", "code": "mm"})
    chart.nrs(9, status="preliminary")
    chart.nrs(9, days_ago=-1)
    check_but(chart, "nonmalignant-pain/trial", "not-documented", "severe-pain")


def test_one_failed_kind_of_treatment_is_enough() -> None:
    """Physical therapy that failed serves as well as a drug; visits without an outcome do not."""
    for stated, status in ((True, "met"), (False, "not-documented")):
        chart = chronic()
        chart.resources = [one for one in chart.resources if one["resourceType"] != "MedicationRequest"]
        attended(chart, "97110", "2025-06-01", "2025-07-01")
        if stated:
            turned_out(chart, "physical-therapy", "ineffective", "2025-06-01", "2025-07-01")
        check_but(chart, "nonmalignant-pain/trial", status, "less-invasive-failure")


def test_an_effective_treatment_contradicts() -> None:
    """Less invasive treatment that is documented as effective did not fail."""
    chart = chronic()
    chart.resources = [one for one in chart.resources if one["resourceType"] != "MedicationRequest"]
    turned_out(chart, "less-invasive-therapy", "effective", "2025-06-01", "2025-09-01")
    check_but(chart, "nonmalignant-pain/trial", "not-met", "less-invasive-failure")


def test_a_psychologist_who_finds_a_problem_contradicts() -> None:
    """An inadequately controlled problem found by the provider asked for is not met."""
    chart = without(chronic(), "mental-health-uncontrolled")
    chart.finding("mental-health-uncontrolled", True, days_ago=60, by=psychologist(chart))
    check_but(chart, "nonmalignant-pain/trial", "not-met", "psych-evaluation")


@pytest.mark.parametrize(
    ("title", "status"),
    [("Psychologist", "needs-review"), ("", "needs-review"), ("Family physician", "not-documented")],
)
def test_an_evaluation_without_a_stated_result(title: str, status: str) -> None:
    """What it found was not read; one by a clinician of another kind does not count."""
    chart = without(chronic(), "mental-health-uncontrolled")
    actor = {"reference": chart.practitioner(title=title)}
    chart.procedure("cpt", "90791", start=chart.day(60), performer=[{"actor": actor}])
    check_but(chart, "nonmalignant-pain/trial", status, "psych-evaluation")


def test_a_later_statement_of_another_clinician_is_for_review() -> None:
    """The psychologist found no problem, the family physician states one later: a person decides."""
    chart = chronic()
    chart.finding("mental-health-uncontrolled", True, days_ago=10, by=chart.practitioner(title="Family physician"))
    check_but(chart, "nonmalignant-pain/trial", "needs-review", "psych-evaluation")


@pytest.mark.parametrize(
    ("link_id", "value", "title", "status"),
    [
        (f"{POLICY}/nonmalignant-pain/trial/psych-evaluation", True, "Psychologist", "met"),
        (f"{POLICY}/nonmalignant-pain/trial/psych-evaluation", False, "Psychologist", "not-met"),
        (f"{POLICY}/nonmalignant-pain/trial/psych-evaluation", True, "Family physician", "not-documented"),
        (f"{POLICY}/nonmalignant-pain/trial/psych-evaluation", True, "", "needs-review"),
        ("fact:mental-health-uncontrolled", False, "Psychologist", "met"),
        ("fact:mental-health-uncontrolled", True, "Psychologist", "not-met"),
        (f"{POLICY}/cancer-pain/trial/psych-evaluation", True, "Psychologist", "not-documented"),
    ],
)
def test_forms_on_the_evaluation(link_id: str, value: bool, title: str, status: str) -> None:
    """A form counts under its criterion's id or the fact, by a mental-health provider only."""
    chart = without(chronic(), "mental-health-uncontrolled")
    chart.form({link_id: value}, author=chart.practitioner(title=title))
    check_but(chart, "nonmalignant-pain/trial", status, "psych-evaluation")


def test_a_mixture_is_as_good_as_its_worst_drug() -> None:
    """Morphine with bupivacaine: the policy's statements on compounds conflict."""
    chart = chronic()
    chart.orders[0]["orderDetail"] = [concept("hcpcs", "J2274"), concept("hcpcs", "J0665")]
    check_but(chart, "nonmalignant-pain/trial", "needs-review", "drug-approval")


def test_a_stated_approval_lifts_no_other_drug() -> None:
    """A form that calls hydromorphone approved leaves it for review."""
    chart = chronic()
    chart.orders[0]["orderDetail"] = [concept("hcpcs", "J1171")]
    chart.form(
        {f"{POLICY}/nonmalignant-pain/trial/drug-approval": True}, author=chart.practitioner(title="Anesthesiologist")
    )
    check_but(chart, "nonmalignant-pain/trial", "needs-review", "drug-approval")


def test_the_code_that_the_list_lacks_is_evaluated() -> None:
    """62326 is missing in the policy's list: evaluated all the same, with a caution."""
    chart = chronic()
    chart.orders[0]["code"] = concept("cpt", "62326")
    assert_chart(chart, POLICY, "nonmalignant-pain/trial", "complete", PAIN_TRIAL, cautions=("code-not-listed",))


# Pain: pump -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("responses", "status"),
    [((3.9,), "met"), ((4,), "not-met"), ((4.5, 5), "not-met"), ((3, 4), "needs-review"), ((3, 3, 6), "met")],
)
def test_more_than_half_by_the_only_or_two_consecutive_scores(responses: tuple[float, ...], status: str) -> None:
    """A hair more than half is enough, exactly half is not; scores on both sides are for review."""
    check_but(pump_after(*responses), "nonmalignant-pain/permanent", status, "trial-pain-reduction")


@pytest.mark.parametrize(("percent", "status"), [(51, "met"), (50, "needs-review"), (40, "not-met")])
def test_a_documented_percentage(percent: int, status: str) -> None:
    """A percentage counts as a response; a documented 50 % may be a rounded one, so a person decides."""
    chart = without(chronic("permanent"), "72514-3")
    quantity = {"value": percent, "unit": "%", "code": "%"}
    chart.observation("finding", "percent-pain-relief", at=local("2025-10-01T12:00"), valueQuantity=quantity)
    check_but(chart, "nonmalignant-pain/permanent", status, "trial-pain-reduction")


def test_a_steroid_injection_after_the_trial_is_none() -> None:
    """An epidural steroid injection without effect does not take the trial's place."""
    chart = chronic("permanent")
    chart.procedure(
        "cpt", "62323", start=local("2025-10-08T08:00"), usedCode=[concept("hcpcs", "J3301")],
        reasonCode=[concept("icd-10-cm", "M54.16")],
    )  # fmt: skip
    pain(chart, ("2025-10-08T07:30", 8), ("2025-10-08T10:00", 8))
    check_but(chart, "nonmalignant-pain/permanent", "met", "trial-pain-reduction")


def test_a_side_effect_during_the_trial_is_for_review() -> None:
    """Whether it was minimal a person decides."""
    chart = chronic("permanent")
    chart.add("AdverseEvent", actuality="actual", event={"text": "Itching"}, date=local("2025-10-01T12:00"))
    check_but(chart, "nonmalignant-pain/permanent", "needs-review", "trial-tolerance")


def test_poor_tolerance_and_worse_function_contradict() -> None:
    """Each statement to the contrary makes the tree false."""
    for leaf, finding in (("trial-tolerance", "trial-tolerated"), ("trial-function", "trial-function-improved")):
        chart = without(chronic("permanent"), finding)
        chart.finding(finding, False, days_ago=8)
        check_but(chart, "nonmalignant-pain/permanent", "not-met", leaf)


def test_a_trial_known_by_its_finding() -> None:
    """A stated trial with its drug and period serves as the procedure does."""
    chart = without(chronic("permanent"), "62322")
    period = {"start": local("2025-10-01T08:00"), "end": local("2025-10-01T20:00")}
    method = concept("trial-method", "single-injection")
    chart.observation("finding", "trial-completed", effectivePeriod=period, valueCodeableConcept=method)
    chart.observation(
        "finding", "trial-drug", at=local("2025-10-01T20:00"), valueCodeableConcept=concept("rxnorm", MORPHINE)
    )
    check_but(chart, "nonmalignant-pain/permanent", "met", "trial-pain-reduction")


def test_trial_and_pump_in_one_signing_are_two() -> None:
    """The pump's determination finds no trial on record: the order of one proves none."""
    chart = chronic()
    chart.order("62362", reason=("icd-10-cm", "M96.1"))
    found = {one.phase: one for one in determinations(chart, POLICY)}
    assert found["trial"].kind.value == "complete"
    assert found["permanent"].kind.value == "incomplete"
    names = ("trial-same-agent", "trial-pain-reduction", "trial-tolerance", "trial-function")
    assert set(f"{POLICY}/nonmalignant-pain/permanent/{name}" for name in names) <= set(found["permanent"].gaps)


# Cancer pain ------------------------------------------------------------------------------------------------------


def test_cancer_pain_complete_by_evaluation_and_trial() -> None:
    """With evaluation and trial on record the exception is not needed."""
    case = "cancer-pain/trial"
    assert_chart(chronic(diagnosis="G89.3"), POLICY, case, "complete", CANCER_TRIAL, gaps=())
    case, expected = "cancer-pain/permanent", {**CANCER_TRIAL, **RESPONSE}
    assert_chart(chronic("permanent", "G89.3"), POLICY, case, "complete", expected, gaps=())


def two_of_three(phase: str) -> Builder:
    """Return cancer pain without an evaluation or trial, with advanced disease and limited survival stated."""
    chart = without(chronic(phase, "G89.3"), "mental-health-uncontrolled")
    for word in ("62322", "72514-3", "trial-"):
        without(chart, word)
    for word in EXCEPTION[:2]:
        chart.finding(word, days_ago=5)
    return chart


def test_the_third_part_is_the_shortest_path_to_the_pump() -> None:
    """One statement saves evaluation and trial: the pump's gap is that one; the trial's path takes the first of two."""
    stated = {**CANCER_TRIAL, "psych-evaluation": "not-documented", **dict.fromkeys(EXCEPTION[:2], "met")}
    pump = {**stated, **dict.fromkeys(RESPONSE, "not-documented")}
    gaps = ("high-procedural-risk",)
    assert_chart(two_of_three("permanent"), POLICY, "cancer-pain/permanent", "incomplete", pump, gaps=gaps)
    gaps = ("psych-evaluation",)
    assert_chart(two_of_three("trial"), POLICY, "cancer-pain/trial", "incomplete", stated, gaps=gaps)


def test_codes_of_metastasis_and_hospice_prove_no_exception() -> None:
    """A metastasis and a terminal illness on the problem list are shown; a clinician's statement is asked."""
    chart = chronic(diagnosis="G89.3")
    chart.condition("icd-10-cm", "C79.51")
    chart.condition("snomed", "300936002")
    assert_chart(chart, POLICY, "cancer-pain/trial", "complete", CANCER_TRIAL)


def test_an_exception_stated_over_a_year_ago_is_for_review() -> None:
    """Twelve months and a day: the third part of the exception is to be confirmed, which is all that is asked."""
    chart = two_of_three("permanent")
    chart.finding("high-procedural-risk", days_ago=366)
    expected = {
        **CANCER_TRIAL, "psych-evaluation": "not-documented", **dict.fromkeys(EXCEPTION[:2], "met"),
        "high-procedural-risk": "needs-review", **dict.fromkeys(RESPONSE, "not-documented"),
    }  # fmt: skip
    gaps = ("high-procedural-risk",)
    assert_chart(chart, POLICY, "cancer-pain/permanent", "needs-review", expected, gaps=gaps)


# Spasticity -------------------------------------------------------------------------------------------------------


def without_drugs(chart: Builder) -> Builder:
    """Remove the patient's oral drugs."""
    chart.resources = [one for one in chart.resources if one["resourceType"] != "MedicationRequest"]
    return chart


def test_another_antispasmodic_or_muscle_relaxant_is_not_baclofen() -> None:
    """The policy names oral baclofen: tizanidine and cyclobenzaprine that failed do not count."""
    chart = without_drugs(spastic())
    for other in ("57258", CYCLOBENZAPRINE):
        took(chart, other, "2025-05-01", "2025-09-01", reason=INEFFECTIVE)
    check_but(chart, "spasticity/trial", "not-documented", "oral-baclofen-failure")


def test_intrathecal_baclofen_is_not_oral_baclofen() -> None:
    """A bolus that did not work says nothing of the tablets."""
    chart = without_drugs(spastic())
    took(chart, BACLOFEN, "2025-08-01", "2025-08-02", reason=INEFFECTIVE)
    chart.resources[-1]["dosageInstruction"][0]["route"] = ROUTE
    check_but(chart, "spasticity/trial", "not-documented", "oral-baclofen-failure")


@pytest.mark.parametrize(("kind", "status"), [("intolerance", "met"), ("allergy", "needs-review")])
def test_baclofen_on_the_allergy_list(kind: str, status: str) -> None:
    """An intolerance is the failure asked for; an allergy is a contraindication, which the text does not name."""
    chart = without_drugs(spastic())
    chart.add(
        "AllergyIntolerance", type=kind, code=concept("rxnorm", BACLOFEN), recordedDate="2025-08-01",
        clinicalStatus=concept("http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "active"),
    )  # fmt: skip
    check_but(chart, "spasticity/trial", status, "oral-baclofen-failure")


def test_baclofen_that_works_contradicts() -> None:
    """Oral baclofen documented as effective did not fail."""
    chart = without_drugs(spastic())
    turned_out(chart, "oral-baclofen", "effective", "2025-06-01", "2025-09-01")
    check_but(chart, "spasticity/trial", "not-met", "oral-baclofen-failure")


def test_severity_and_origin_are_both_asked() -> None:
    """A diagnosis without the word severe is not documented; multiple sclerosis is an origin."""
    unsaid = without(spastic(), "spasticity-severe")
    check_but(unsaid, "spasticity/trial", "not-documented", "severe-spasticity")
    sclerosis = without(spastic(), "G80.1")
    sclerosis.condition("icd-10-cm", "G35")
    sclerosis.orders[0]["reasonCode"] = [concept("icd-10-cm", "G35")]
    check_but(sclerosis, "spasticity/trial", "met", "severe-spasticity")


def test_dystonia_alone_is_for_review() -> None:
    """The text names spasticity only."""
    chart = without(spastic(), "G80.1")
    chart.condition("icd-10-cm", "G24.1")
    chart.orders[0]["reasonCode"] = [concept("icd-10-cm", "G24.1")]
    check_but(chart, "spasticity/trial", "needs-review", "severe-spasticity")


def test_better_tone_or_spasms_without_a_pain_figure_are_for_review() -> None:
    """The text asks a reduction in pain: tone from 3 to 1, or Penn spasms from 3 to 1, leave it to a person."""
    by_tone, by_spasms = spastic("permanent"), spastic("permanent")
    for moment, grade in (("2025-10-01T07:30", "3"), ("2025-10-01T11:00", "1"), ("2025-10-01T13:00", "1")):
        tone(by_tone, moment, left_quadriceps=grade, right_quadriceps=grade)
        spasms(by_spasms, (moment, int(grade)))
    for chart in (by_tone, by_spasms):
        check_but(chart, "spasticity/permanent", "needs-review", "trial-pain-reduction")


def test_the_patient_specific_functional_scale_is_no_spasm_score() -> None:
    """PSFS of function in the trial says nothing of spasms: the reduction stays undocumented."""
    chart = spastic("permanent")
    for moment, score in (("2025-10-01T07:30", 2), ("2025-10-01T11:00", 6)):
        quantity = {"value": score}
        chart.observation("finding", "patient-specific-functional-scale", at=local(moment), valueQuantity=quantity)
    check_but(chart, "spasticity/permanent", "not-documented", "trial-pain-reduction")


def test_a_spasticity_pump_complete_with_pain_scores() -> None:
    """Painful spasticity: 8 before and 3 in the trial is what the text asks."""
    chart = spastic("permanent")
    pain(chart, ("2025-10-01T07:30", 8), ("2025-10-01T10:00", 3), ("2025-10-01T13:00", 3))
    check_but(chart, "spasticity/permanent", "met", "trial-pain-reduction")


# Scope ------------------------------------------------------------------------------------------------------------


def test_revision_needs_no_review() -> None:
    """Catheter work on a pump in place is asked no review."""
    chart = Builder(TODAY)
    chart.procedure("cpt", "62362", start=chart.day(800))
    chart.order("62350")
    assert_chart(chart, POLICY, "any/revision", "no-review-needed", {}, gaps=())


def test_an_insulin_pump_leaves_a_first_implant_a_first_implant() -> None:
    """Only an intrathecal system makes a replacement."""
    chart = chronic("permanent")
    chart.add("Device", status="active", type={"text": "Insulin pump"})
    check_but(chart, "nonmalignant-pain/permanent", "met", "trial-same-agent")


def test_chemotherapy_is_out_of_scope() -> None:
    """Methotrexate into the spinal canal is no drug against pain."""
    chart = chronic()
    chart.orders[0]["orderDetail"] = [concept("hcpcs", "J9260")]
    assert [one.kind.value for one in determinations(chart, POLICY)] == ["out-of-scope"]
