"""Whole charts under Medicare's national determination 280.14."""

from __future__ import annotations

from datetime import date

from tests.builder import Builder, concept
from tests.charts.harness import assert_chart, determinations
from tests.charts.history import (
    BACLOFEN,
    INEFFECTIVE,
    NOT_TOLERATED,
    OXYCODONE,
    pain,
    pump_drug,
    purpose,
    took,
    turned_out,
    without,
)

POLICY = "ncd-280-14"
TODAY = date(2026, 6, 1)
MORPHINE, ZICONOTIDE = "7052", "1738353"
SAFE = dict.fromkeys(("allergy", "active-infection", "body-size", "other-programmable-device"), "met")
PAIN_TRIAL = {
    **dict.fromkeys(
        (
            "severe-chronic-intractable-pain",
            "opioid-drug",
            "life-expectancy",
            "noninvasive-failure",
            "exaggerating-factors",
        ),
        "met",
    ),
    **SAFE,
}
PAIN_PUMP = {
    **PAIN_TRIAL,
    **dict.fromkeys(
        ("catheter-trial", "trial-pain-relief", "trial-tolerance", "trial-function", "patient-acceptance"), "met"
    ),
}
SPASTICITY_TRIAL = {"chronic-intractable-spasticity": "met", "antispasmodic-failure": "met", **SAFE}
SPASTICITY_PUMP = {**SPASTICITY_TRIAL, "trial-response": "met"}
OTHER_USE = dict.fromkeys(("drug-necessary", "pump-necessary", "pump-label"), "not-documented")


def person() -> Builder:
    """Return a patient with no known allergy."""
    chart = Builder(TODAY, birth="1948-02-02")
    active = concept("http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "active")
    chart.add("AllergyIntolerance", clinicalStatus=active, code=concept("snomed", "716186003"))
    return chart


def chronic(phase: str = "trial", diagnosis: str = "M96.1") -> Builder:
    """Return a complete chart of pain, of malignant origin where the diagnosis says so."""
    chart = person()
    chart.condition("icd-10-cm", diagnosis)
    chart.finding("pain-intractable-severe", days_ago=30)
    chart.finding("life-expectancy-at-least-3-months", days_ago=10)
    chart.finding("exaggerated-reaction-addressed", days_ago=60)
    took(chart, OXYCODONE, "2026-01-10", "2026-05-01", reason=INEFFECTIVE)
    if phase == "permanent":
        catheter_trial(chart)
        for word in ("trial-tolerated", "trial-function-improved", "trial-patient-acceptance", "trial-relief-adequate"):
            chart.finding(word, days_ago=8)
        chart.order("62362", reason=("icd-10-cm", diagnosis))
        pump_drug(chart, MORPHINE)
    else:
        chart.order(
            "62326", reason=("icd-10-cm", diagnosis), category=purpose("intrathecal-trial"),
            orderDetail=[concept("hcpcs", "J2274")],
        )  # fmt: skip
    return chart


def catheter_trial(chart: Builder, code: str = "62326") -> None:
    """Add a morphine trial from 18 to 20 May with scores of 8 before and 4 in it."""
    chart.procedure(
        "cpt", code, start="2026-05-18T08:00:00-05:00", end="2026-05-20T12:00:00-05:00",
        category=purpose("intrathecal-trial")[0], usedCode=[concept("hcpcs", "J2274")],
    )  # fmt: skip
    pain(chart, ("2026-05-18T07:30", 8), ("2026-05-18T12:00", 4), ("2026-05-18T18:00", 4))


def spastic(phase: str = "trial") -> Builder:
    """Return a complete chart of spasticity: six weeks of oral baclofen without effect."""
    chart = person()
    chart.condition("icd-10-cm", "G80.1")
    chart.finding("spasticity-chronic-intractable", days_ago=40)
    took(chart, BACLOFEN, "2026-03-01", "2026-04-11", reason=INEFFECTIVE)
    if phase == "permanent":
        chart.procedure("cpt", "62322", start="2026-05-18T08:00:00-05:00", usedCode=[concept("hcpcs", "J0476")])
        chart.finding("trial-response-favourable", days_ago=8)
        chart.order("62362", reason=("icd-10-cm", "G80.1"), orderDetail=[concept("hcpcs", "J0475")])
    else:
        chart.order("62322", reason=("icd-10-cm", "G80.1"), orderDetail=[concept("hcpcs", "J0476")])
    return chart


def test_pain_trial_complete_and_nothing_said_of_a_code_list() -> None:
    """What the pump will need is all there; the determination lists no codes and local ones may apply."""
    one = assert_chart(chronic(), POLICY, "nonmalignant-pain/trial", "complete", PAIN_TRIAL)
    codes = {caution.code for caution in one.cautions}
    assert "local-determination-may-apply" in codes
    assert "code-not-listed" not in codes


def test_pain_pump_complete_for_both_origins() -> None:
    """Malignant and nonmalignant pain ask the same."""
    assert_chart(chronic("permanent"), POLICY, "nonmalignant-pain/permanent", "complete", PAIN_PUMP)
    assert_chart(chronic("permanent", "G89.3"), POLICY, "cancer-pain/permanent", "complete", PAIN_PUMP)


def test_a_single_injection_is_no_catheter_trial() -> None:
    """The text names a temporary catheter: after a single injection a person decides."""
    chart = chronic("permanent")
    trial = next(one for one in chart.resources if one["resourceType"] == "Procedure")
    trial["code"] = concept("cpt", "62322")
    expected = {**PAIN_PUMP, "catheter-trial": "needs-review"}
    assert_chart(chart, POLICY, "nonmalignant-pain/permanent", "needs-review", expected, gaps=("catheter-trial",))


def test_without_a_trial_every_response_is_open() -> None:
    """No trial on record: the five criteria of the trial are not documented."""
    chart = chronic("permanent")
    for word in ("62326", "trial-", "72514-3"):
        without(chart, word)
    five = ("catheter-trial", "trial-pain-relief", "trial-tolerance", "trial-function", "patient-acceptance")
    expected = {**PAIN_PUMP, **dict.fromkeys(five, "not-documented")}
    assert_chart(chart, POLICY, "nonmalignant-pain/permanent", "incomplete", expected, gaps=five)


def test_word_and_figure_on_relief_must_agree() -> None:
    """Said to be adequate, but 8 to 5 is below half: for review."""
    chart = chronic("permanent")
    for score in chart.resources:
        if score.get("valueInteger") == 4:
            score["valueInteger"] = 5
    expected = {**PAIN_PUMP, "trial-pain-relief": "needs-review"}
    assert_chart(chart, POLICY, "nonmalignant-pain/permanent", "needs-review", expected)


def test_the_patients_own_acceptance_counts_and_a_refusal_contradicts() -> None:
    """Patient acceptance is the patient's to state."""
    chart = without(chronic("permanent"), "trial-patient-acceptance")
    said = chart.finding("trial-patient-acceptance", days_ago=8, by="Patient/p1")
    assert_chart(chart, POLICY, "nonmalignant-pain/permanent", "complete", PAIN_PUMP)
    said["valueBoolean"] = False
    expected = {**PAIN_PUMP, "patient-acceptance": "not-met"}
    assert_chart(chart, POLICY, "nonmalignant-pain/permanent", "not-satisfied", expected)


def test_an_unknown_drug_is_not_documented() -> None:
    """The pump's drug must be a known opioid; unknown is open, and the allergy list still says none known."""
    chart = chronic()
    del chart.orders[0]["orderDetail"]
    expected = {**PAIN_TRIAL, "opioid-drug": "not-documented"}
    assert_chart(chart, POLICY, "nonmalignant-pain/trial", "incomplete", expected, gaps=("opioid-drug",))


def test_ziconotide_goes_by_the_other_uses() -> None:
    """A non-opioid for pain brings the three criteria of other uses, never complete."""
    chart = chronic()
    chart.orders[0]["orderDetail"] = [concept("hcpcs", "J2278")]
    assert_chart(chart, POLICY, "nonmalignant-pain/trial", "incomplete", OTHER_USE)
    for word in ("drug-necessary", "pump-necessary", "pump-label-covers-use"):
        chart.finding(word, days_ago=5)
    expected = dict.fromkeys(OTHER_USE, "needs-review")
    assert_chart(chart, POLICY, "nonmalignant-pain/trial", "needs-review", expected)


def test_the_bare_statement_on_life_holds_for_three_months() -> None:
    """Three months from its date it stands, a day later it is for review."""
    for days_ago, status, answer in ((92, "met", "complete"), (93, "needs-review", "needs-review")):
        chart = without(chronic(), "life-expectancy-at-least-3-months")
        chart.finding("life-expectancy-at-least-3-months", days_ago=days_ago)
        expected = {**PAIN_TRIAL, "life-expectancy": status}
        assert_chart(chart, POLICY, "nonmalignant-pain/trial", answer, expected)


def test_therapy_visits_only_hint_at_the_exaggerating_factors() -> None:
    """Physical therapy and a psychological evaluation are found; a person confirms that they dealt with it."""
    chart = without(chronic(), "exaggerated-reaction-addressed")
    for days_ago in (60, 50, 40):
        chart.procedure("cpt", "97110", start=chart.day(days_ago))
    chart.procedure("cpt", "90791", start=chart.day(30))
    expected = {**PAIN_TRIAL, "exaggerating-factors": "needs-review"}
    assert_chart(chart, POLICY, "nonmalignant-pain/trial", "needs-review", expected)


def test_effective_opioids_contradict_the_failure() -> None:
    """Opioids recorded as effective deny the failure of non-invasive control."""
    chart = chronic()
    chart.resources = [one for one in chart.resources if one["resourceType"] != "MedicationRequest"]
    turned_out(chart, "systemic-opioids", "effective", "2026-01-01", "2026-05-01")
    expected = {**PAIN_TRIAL, "noninvasive-failure": "not-met"}
    assert_chart(chart, POLICY, "nonmalignant-pain/trial", "not-satisfied", expected)


def test_spasticity_trial_and_pump_complete() -> None:
    """Six weeks of oral baclofen to the day; the pump asks for a favourable response besides."""
    assert_chart(spastic(), POLICY, "spasticity/trial", "complete", SPASTICITY_TRIAL)
    assert_chart(spastic("permanent"), POLICY, "spasticity/permanent", "complete", SPASTICITY_PUMP)


def test_intolerance_before_six_weeks_is_for_review() -> None:
    """The text ties both failure and intolerance to the six weeks."""
    chart = spastic()
    chart.resources = [one for one in chart.resources if one["resourceType"] != "MedicationRequest"]
    took(chart, BACLOFEN, "2026-03-01", "2026-03-21", reason=NOT_TOLERATED)
    expected = {**SPASTICITY_TRIAL, "antispasmodic-failure": "needs-review"}
    assert_chart(chart, POLICY, "spasticity/trial", "needs-review", expected)


def test_41_days_stopped_contradict_and_still_running_is_open() -> None:
    """Too short and stopped contradicts; too short and going on is not documented."""
    chart = spastic()
    chart.resources = [one for one in chart.resources if one["resourceType"] != "MedicationRequest"]
    drug = took(chart, BACLOFEN, "2026-03-01", "2026-04-10", reason=INEFFECTIVE)
    expected = {**SPASTICITY_TRIAL, "antispasmodic-failure": "not-met"}
    assert_chart(chart, POLICY, "spasticity/trial", "not-satisfied", expected)
    chart.resources.remove(drug)
    took(chart, BACLOFEN, "2026-05-01", None, status="active")
    expected = {**SPASTICITY_TRIAL, "antispasmodic-failure": "not-documented"}
    one = assert_chart(chart, POLICY, "spasticity/trial", "incomplete", expected)
    assert "2026-06-11" in one.result(f"{POLICY}/spasticity/trial/antispasmodic-failure").why


def test_dystonia_alone_leaves_the_first_leaf_to_review() -> None:
    """Dystonia with no spasticity beside it, whatever is stated."""
    chart = person()
    chart.condition("icd-10-cm", "G24.1")
    chart.finding("spasticity-chronic-intractable", days_ago=40)
    took(chart, BACLOFEN, "2026-03-01", "2026-04-11", reason=INEFFECTIVE)
    chart.order("62322", reason=("icd-10-cm", "G24.1"), orderDetail=[concept("hcpcs", "J0476")])
    expected = {**SPASTICITY_TRIAL, "chronic-intractable-spasticity": "needs-review"}
    assert_chart(chart, POLICY, "spasticity/trial", "needs-review", expected)


def test_an_unfavourable_response_contradicts() -> None:
    """The response to the test dose was documented as not favourable."""
    chart = without(spastic("permanent"), "trial-response-favourable")
    chart.finding("trial-response-favourable", False, days_ago=8)
    expected = {**SPASTICITY_PUMP, "trial-response": "not-met"}
    assert_chart(chart, POLICY, "spasticity/permanent", "not-satisfied", expected)


def test_a_statement_before_the_trial_is_not_about_it() -> None:
    """A favourable response stated before the trial began belongs to no trial on record."""
    chart = without(spastic("permanent"), "trial-response-favourable")
    chart.finding("trial-response-favourable", days_ago=60)
    expected = {**SPASTICITY_PUMP, "trial-response": "not-documented"}
    assert_chart(chart, POLICY, "spasticity/permanent", "incomplete", expected)


def test_an_allergy_to_the_drug_contradicts() -> None:
    """A known allergy to morphine rules a morphine pump out."""
    chart = chronic()
    chart.resources = [one for one in chart.resources if one["resourceType"] != "AllergyIntolerance"]
    active = concept("http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "active")
    chart.add("AllergyIntolerance", clinicalStatus=active, type="allergy", code=concept("rxnorm", MORPHINE))
    expected = {**PAIN_TRIAL, "allergy": "not-met"}
    assert_chart(chart, POLICY, "nonmalignant-pain/trial", "not-satisfied", expected)


def test_in_force_from_its_first_day() -> None:
    """Before 2004-12-17 this version had not begun."""
    chart = chronic()
    chart.orders[0]["authoredOn"] = "2004-12-16"
    assert [one.kind.value for one in determinations(chart, POLICY)] == ["no-policy-in-force"]
    chart.orders[0]["authoredOn"] = "2004-12-17"
    assert [one.kind.value for one in determinations(chart, POLICY)] == ["complete"]


def test_replacement_and_revision_are_for_review() -> None:
    """The determination is silent on both."""
    chart = person()
    chart.procedure("cpt", "62362", start=chart.day(2500))
    chart.order("62362", category=purpose("pump-replacement"))
    assert [(one.indication, one.phase, one.kind.value) for one in determinations(chart, POLICY)] == [
        ("any", "replacement", "needs-review")
    ]


def test_ziconotide_for_the_pump_after_a_morphine_trial() -> None:
    """The pump's drug decides the tree."""
    chart = chronic("permanent")
    chart.orders.pop()
    pump_drug(chart, ZICONOTIDE)
    assert_chart(chart, POLICY, "nonmalignant-pain/permanent", "incomplete", OTHER_USE)
