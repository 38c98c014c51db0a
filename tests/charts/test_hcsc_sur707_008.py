"""Whole charts under HCSC SUR707.008."""

from __future__ import annotations

from datetime import date

from tests.builder import Builder, concept
from tests.charts.harness import assert_chart, determinations
from tests.charts.history import (
    BACLOFEN,
    INEFFECTIVE,
    NOT_TOLERATED,
    OXYCODONE,
    PSYCHOLOGIST,
    document,
    pain,
    pump_drug,
    purpose,
    took,
)

POLICY = "hcsc-sur707-008"
TODAY = date(2025, 10, 15)
MORPHINE, HYDROMORPHONE = "7052", "3423"
EXCEPTION = ("advanced-disease", "limited-survival", "high-procedural-risk")
PAIN_TRIAL = dict.fromkeys(("severe-pain", "less-invasive-failure", "psych-evaluation", "drug-approval"), "met")
RESPONSE = dict.fromkeys(("trial-same-agent", "trial-pain-reduction", "trial-tolerance", "trial-function"), "met")
PAIN_PUMP = {**PAIN_TRIAL, **RESPONSE}
CANCER_TRIAL = {**PAIN_TRIAL, **dict.fromkeys(EXCEPTION, "not-documented")}
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


def without(chart: Builder, word: str) -> Builder:
    """Remove the resources whose code holds a word."""
    chart.resources = [one for one in chart.resources if word not in str(one.get("code"))]
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
