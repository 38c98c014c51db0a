"""Whole charts under Cohere's Medicare Advantage guideline."""

from __future__ import annotations

from datetime import date

from tests.builder import Builder, concept
from tests.charts.harness import assert_chart, determinations
from tests.charts.history import (
    BACLOFEN,
    GABAPENTIN,
    INEFFECTIVE,
    MORPHINE,
    NOT_TOLERATED,
    OXYCODONE,
    document,
    pain,
    purpose,
    took,
    turned_out,
)

POLICY = "cohere-ma-itp"
TODAY = date(2026, 6, 1)
SAFE = dict.fromkeys(("allergy", "active-infection", "body-size", "other-programmable-device"), "met")
CANCER_TRIAL = {"cancer-pain-present": "met", "life-expectancy": "met", "opioid-failure": "met", **SAFE}
CANCER_PUMP = {**CANCER_TRIAL, "trial-pain-relief": "met", "trial-tolerance": "met"}
PAIN_TRIAL = {"severe-pain": "met", "conservative-therapy": "met", "noninvasive-failure": "met", **SAFE}
PAIN_PUMP = {**PAIN_TRIAL, "trial-pain-reduction": "met", "trial-function": "met", "trial-tolerance": "met"}
SPASTICITY = {
    "painful-spasticity": "met",
    "antispasmodic-failure": "met",
    "antispasmodic-intolerance": "not-documented",
    **SAFE,
}
REPLACEMENT = dict.fromkeys(("not-functional", "recalled", "device-alert"), "not-documented")


def no_known_allergy(chart: Builder) -> None:
    """State that no allergy is known."""
    active = concept("http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "active")
    chart.add("AllergyIntolerance", clinicalStatus=active, code=concept("snomed", "716186003"))


def person(birth: str = "1950-03-01") -> Builder:
    """Return a patient with no known allergy."""
    chart = Builder(TODAY, birth=birth)
    no_known_allergy(chart)
    return chart


def cancer(phase: str = "trial") -> Builder:
    """Return a complete chart of cancer pain: oxycodone failed, half a year to live, a good trial for the pump."""
    chart = person()
    chart.condition("icd-10-cm", "G89.3")
    chart.observation("finding", "life-expectancy-months", days_ago=5, valueQuantity={"value": 8, "code": "mo"})
    took(chart, OXYCODONE, "2026-01-10", "2026-05-01", reason=INEFFECTIVE)
    if phase == "permanent":
        trial(chart)
        chart.finding("trial-tolerated", days_ago=8)
        chart.order("62362", reason=("icd-10-cm", "G89.3"))
    else:
        chart.order("62323", reason=("icd-10-cm", "G89.3"), category=purpose("intrathecal-trial"))
    return chart


def trial(chart: Builder, after: int = 3) -> None:
    """Add a single-injection morphine trial on 20 May with scores of 8 before and `after` in it."""
    chart.procedure(
        "cpt", "62323", start="2026-05-20T08:00:00-05:00", category=purpose("intrathecal-trial")[0],
        usedCode=[concept("hcpcs", "J2274")],
    )  # fmt: skip
    pain(chart, ("2026-05-20T07:30", 8), ("2026-05-20T10:00", after), ("2026-05-20T13:00", after))


def chronic(phase: str = "trial") -> Builder:
    """Return a complete chart of non-malignant pain."""
    chart = person()
    chart.condition("icd-10-cm", "M96.1")
    chart.finding("pain-intractable-severe", days_ago=30)
    took(chart, GABAPENTIN, "2026-01-01", "2026-03-15", reason=INEFFECTIVE)
    took(chart, OXYCODONE, "2026-03-20", "2026-05-01", reason=NOT_TOLERATED)
    if phase == "permanent":
        trial(chart)
        chart.finding("trial-tolerated", days_ago=8)
        chart.finding("trial-function-improved", days_ago=8)
        chart.order("62362", reason=("icd-10-cm", "M96.1"))
    else:
        chart.order("62323", reason=("icd-10-cm", "M96.1"), category=purpose("intrathecal-trial"))
    return chart


def spastic() -> Builder:
    """Return a complete chart of painful spasticity: oral baclofen for six weeks without effect."""
    chart = person()
    chart.condition("icd-10-cm", "G80.1")
    chart.finding("spasticity-chronic-intractable", days_ago=40)
    chart.finding("spasticity-painful", days_ago=40)
    took(chart, BACLOFEN, "2026-03-01", "2026-04-11", reason=INEFFECTIVE)
    chart.order("62323", reason=("icd-10-cm", "G80.1"), orderDetail=[concept("hcpcs", "J0476")])
    return chart


def test_cancer_trial_complete() -> None:
    """Cancer pain, eight months to live, oxycodone without effect, no contraindication: nothing is missing."""
    assert_chart(cancer(), POLICY, "cancer-pain/trial", "complete", CANCER_TRIAL)


def test_cancer_pump_complete() -> None:
    """The pump asks for an adequate and tolerated trial besides."""
    assert_chart(cancer("permanent"), POLICY, "cancer-pain/permanent", "complete", CANCER_PUMP)


def test_relief_below_half_without_a_word_is_for_review() -> None:
    """No figure is named: 8 to 5 is below half, and nobody says whether it was adequate."""
    chart = cancer("permanent")
    for score in chart.resources:
        if score.get("valueInteger") == 3:
            score["valueInteger"] = 5
    expected = {**CANCER_PUMP, "trial-pain-relief": "needs-review"}
    assert_chart(chart, POLICY, "cancer-pain/permanent", "needs-review", expected, gaps=("trial-pain-relief",))


def test_relief_below_half_said_to_be_inadequate() -> None:
    """A clinician who says that the relief was not adequate contradicts the criterion."""
    chart = cancer("permanent")
    for score in chart.resources:
        if score.get("valueInteger") == 3:
            score["valueInteger"] = 5
    chart.finding("trial-relief-adequate", False, days_ago=8)
    expected = {**CANCER_PUMP, "trial-pain-relief": "not-met"}
    assert_chart(chart, POLICY, "cancer-pain/permanent", "not-satisfied", expected, gaps=())


def test_two_months_to_live() -> None:
    """A stated figure below three months contradicts."""
    chart = cancer()
    for one in chart.resources:
        if "valueQuantity" in one:
            one["valueQuantity"]["value"] = 2
    assert_chart(chart, POLICY, "cancer-pain/trial", "not-satisfied", {**CANCER_TRIAL, "life-expectancy": "not-met"})


def test_a_figure_that_has_run_down_is_for_review() -> None:
    """Four months stated 40 days ago no longer reach three months from today."""
    chart = cancer()
    for one in chart.resources:
        if "valueQuantity" in one:
            one["valueQuantity"]["value"] = 4
            one["effectiveDateTime"] = chart.day(40)
    expected = {**CANCER_TRIAL, "life-expectancy": "needs-review"}
    assert_chart(chart, POLICY, "cancer-pain/trial", "needs-review", expected)


def test_an_empty_allergy_list_says_nothing() -> None:
    """Where exclusions are only listed, an empty allergy list is not documented; the other lists may be empty."""
    chart = cancer()
    chart.resources = [one for one in chart.resources if one["resourceType"] != "AllergyIntolerance"]
    expected = {**CANCER_TRIAL, "allergy": "not-documented"}
    assert_chart(chart, POLICY, "cancer-pain/trial", "incomplete", expected, gaps=("allergy",))


def test_an_active_infection_contradicts_and_a_resolved_one_does_not() -> None:
    """A pneumonia on the problem list rules the pump out until it is resolved."""
    chart = cancer()
    infection = chart.condition("icd-10-cm", "J15.9", onsetDateTime=chart.day(5))
    assert_chart(chart, POLICY, "cancer-pain/trial", "not-satisfied", {**CANCER_TRIAL, "active-infection": "not-met"})
    status = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    infection["clinicalStatus"] = concept(status, "resolved")
    infection["abatementDateTime"] = chart.day(1)
    assert_chart(chart, POLICY, "cancer-pain/trial", "complete", CANCER_TRIAL)


def test_an_opioid_by_vein_is_not_one_of_the_three_routes() -> None:
    """Only opioids by mouth, patch or under the skin count."""
    chart = cancer()
    for one in chart.resources:
        if one["resourceType"] == "MedicationRequest":
            one["dosageInstruction"][0]["route"] = concept("snomed", "47625008")
    expected = {**CANCER_TRIAL, "opioid-failure": "not-documented"}
    assert_chart(chart, POLICY, "cancer-pain/trial", "incomplete", expected, gaps=("opioid-failure",))


def test_chronic_pain_trial_and_pump_complete() -> None:
    """Severe pain, gabapentin and oxycodone failed on record, a trial from 8 to 3 that was tolerated."""
    assert_chart(chronic(), POLICY, "nonmalignant-pain/trial", "complete", PAIN_TRIAL)
    assert_chart(chronic("permanent"), POLICY, "nonmalignant-pain/permanent", "complete", PAIN_PUMP)


def test_exactly_half_is_enough_and_less_is_not() -> None:
    """At least 50 %: 8 to 4 is enough, 8 to 5 contradicts."""
    for after, status, answer in ((4, "met", "complete"), (5, "not-met", "not-satisfied")):
        chart = chronic("permanent")
        for score in chart.resources:
            if score.get("valueInteger") == 3:
                score["valueInteger"] = after
        expected = {**PAIN_PUMP, "trial-pain-reduction": status}
        assert_chart(chart, POLICY, "nonmalignant-pain/permanent", answer, expected)


def test_a_bare_statement_of_conservative_care_is_no_record() -> None:
    """The text wants detailed records: a form's yes, or a stated outcome, does not document the measures."""
    chart = chronic()
    chart.resources = [one for one in chart.resources if one["resourceType"] != "MedicationRequest"]
    chart.form({"cohere-ma-itp/nonmalignant-pain/trial/conservative-therapy": True})
    turned_out(chart, "systemic-opioids", "ineffective", "2026-01-01", "2026-05-01")
    expected = {**PAIN_TRIAL, "conservative-therapy": "not-documented"}
    assert_chart(chart, POLICY, "nonmalignant-pain/trial", "incomplete", expected, gaps=("conservative-therapy",))


def test_opioids_alone_are_not_the_conservative_care() -> None:
    """One record must be of something other than a systemic opioid."""
    chart = chronic()
    chart.resources = [one for one in chart.resources if GABAPENTIN not in str(one.get("medicationCodeableConcept"))]
    expected = {**PAIN_TRIAL, "conservative-therapy": "not-documented"}
    assert_chart(chart, POLICY, "nonmalignant-pain/trial", "incomplete", expected)


def test_pain_scores_around_severe() -> None:
    """Without a statement 7 meets, 5 is for review, 3 contradicts; a preliminary or foreign 9 does not count."""
    for score, status, answer in (
        (7, "met", "complete"),
        (5, "needs-review", "needs-review"),
        (3, "not-met", "not-satisfied"),
    ):
        chart = chronic()
        chart.resources = [one for one in chart.resources if "pain-intractable-severe" not in str(one.get("code"))]
        chart.nrs(score, days_ago=4)
        chart.nrs(9, days_ago=2, status="preliminary")
        chart.nrs(9, days_ago=3)["subject"] = {"reference": "Patient/somebody-else"}
        expected = {**PAIN_TRIAL, "severe-pain": status}
        assert_chart(chart, POLICY, "nonmalignant-pain/trial", answer, expected)


def test_another_programmable_device_is_for_review() -> None:
    """A pacemaker is programmable; whether the two interfere is a person's judgement."""
    chart = chronic()
    chart.condition("icd-10-cm", "Z95.0")
    expected = {**PAIN_TRIAL, "other-programmable-device": "needs-review"}
    assert_chart(chart, POLICY, "nonmalignant-pain/trial", "needs-review", expected)


def test_spasticity_complete_in_both_phases() -> None:
    """Six weeks of baclofen to the day without effect; the pump asks for no trial response here."""
    assert_chart(spastic(), POLICY, "spasticity/trial", "complete", SPASTICITY)
    chart = spastic()
    chart.orders.clear()
    chart.order("62362", reason=("icd-10-cm", "G80.1"), orderDetail=[concept("hcpcs", "J0475")])
    assert_chart(chart, POLICY, "spasticity/permanent", "complete", SPASTICITY)


def test_41_days_are_not_six_weeks() -> None:
    """A day short and stopped as ineffective contradicts path one; intolerance is the other way and is open."""
    chart = spastic()
    for one in chart.resources:
        if one["resourceType"] == "MedicationRequest":
            one["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"]["end"] = "2026-04-10"
    expected = {**SPASTICITY, "antispasmodic-failure": "not-met"}
    assert_chart(chart, POLICY, "spasticity/trial", "incomplete", expected, gaps=("antispasmodic-intolerance",))


def test_intolerance_needs_no_six_weeks() -> None:
    """Stopped after three weeks because it was not tolerated: the second way is met."""
    chart = spastic()
    chart.resources = [one for one in chart.resources if one["resourceType"] != "MedicationRequest"]
    took(chart, BACLOFEN, "2026-03-01", "2026-03-21", reason=NOT_TOLERATED)
    expected = {**SPASTICITY, "antispasmodic-failure": "not-documented", "antispasmodic-intolerance": "met"}
    assert_chart(chart, POLICY, "spasticity/trial", "complete", expected)


def test_intractable_without_pain_is_not_documented() -> None:
    """Chronic and intractable, and painful: one alone does not document both."""
    chart = spastic()
    chart.resources = [one for one in chart.resources if "spasticity-painful" not in str(one.get("code"))]
    expected = {**SPASTICITY, "painful-spasticity": "not-documented"}
    assert_chart(chart, POLICY, "spasticity/trial", "incomplete", expected, gaps=("painful-spasticity",))


def test_dystonia_is_another_use() -> None:
    """The guideline does not speak to dystonia without spasticity."""
    chart = person()
    chart.condition("icd-10-cm", "G24.1")
    chart.order("62323", reason=("icd-10-cm", "G24.1"), orderDetail=[concept("hcpcs", "J0476")])
    found = determinations(chart, POLICY)
    assert [(one.indication, one.phase, one.kind.value, one.results) for one in found] == [
        ("other", "trial", "out-of-scope", ())
    ]


def test_age_on_the_policy_date() -> None:
    """18 on the day is an adult, a day younger is outside; without a birth date a complete chart is for review."""
    chart = cancer()
    chart.patient["birthDate"] = "2008-06-01"
    assert_chart(chart, POLICY, "cancer-pain/trial", "complete", CANCER_TRIAL)
    chart.patient["birthDate"] = "2008-06-02"
    assert [one.kind.value for one in determinations(chart, POLICY)] == ["out-of-scope"]
    del chart.patient["birthDate"]
    one = assert_chart(chart, POLICY, "cancer-pain/trial", "needs-review", CANCER_TRIAL)
    assert "age-unknown" in {caution.code for caution in one.cautions}
    chart.patient["birthDate"] = "2008"
    assert_chart(chart, POLICY, "cancer-pain/trial", "needs-review", CANCER_TRIAL)


def replacement() -> Builder:
    """Return a chart with a pump implanted years ago and an order that says replacement."""
    chart = person()
    chart.procedure("cpt", "62362", start=chart.day(2500))
    chart.order("62362", category=purpose("pump-replacement"))
    return chart


def test_replacement_for_a_recall() -> None:
    """A recalled pump meets one of the three grounds."""
    chart = replacement()
    chart.finding("pump-recalled", days_ago=3)
    assert_chart(chart, POLICY, "any/replacement", "complete", {**REPLACEMENT, "recalled": "met"})


def test_replacement_of_a_working_pump() -> None:
    """Newer technology is no reason: a pump documented as working turns every silent ground."""
    chart = replacement()
    chart.finding("pump-functional", days_ago=3)
    assert_chart(chart, POLICY, "any/replacement", "not-satisfied", dict.fromkeys(REPLACEMENT, "not-met"))


def test_replacement_of_a_failed_pump_needs_the_rationale() -> None:
    """The bare statement is for review; with a note on the finding it is documented."""
    chart = replacement()
    finding = chart.finding("pump-functional", False, days_ago=3)
    assert_chart(chart, POLICY, "any/replacement", "needs-review", {**REPLACEMENT, "not-functional": "needs-review"})
    finding["note"] = [{"text": "Interrogation shows a stalled rotor."}]
    assert_chart(chart, POLICY, "any/replacement", "complete", {**REPLACEMENT, "not-functional": "met"})


def test_revision_is_for_review() -> None:
    """The guideline is silent on a revision of the catheter."""
    chart = person()
    chart.procedure("cpt", "62362", start=chart.day(900))
    chart.order("62350")
    found = determinations(chart, POLICY)
    assert [(one.indication, one.phase, one.kind.value, one.results) for one in found] == [
        ("any", "revision", "needs-review", ())
    ]


def test_a_document_is_never_proof() -> None:
    """A consult on file does not document severity."""
    chart = chronic()
    chart.resources = [one for one in chart.resources if "pain-intractable-severe" not in str(one.get("code"))]
    document(chart, "78567-5")
    expected = {**PAIN_TRIAL, "severe-pain": "not-documented"}
    assert_chart(chart, POLICY, "nonmalignant-pain/trial", "incomplete", expected)


def test_an_intolerance_to_the_trial_drug_is_for_review() -> None:
    """An intolerance to morphine is no allergy; a person weighs it, and it is a failure of that opioid."""
    chart = cancer()
    chart.resources = [one for one in chart.resources if one["resourceType"] != "AllergyIntolerance"]
    active = concept("http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "active")
    chart.add("AllergyIntolerance", clinicalStatus=active, type="intolerance", code=concept("rxnorm", MORPHINE))
    chart.orders[0]["orderDetail"] = [concept("hcpcs", "J2274")]
    assert_chart(chart, POLICY, "cancer-pain/trial", "needs-review", {**CANCER_TRIAL, "allergy": "needs-review"})
