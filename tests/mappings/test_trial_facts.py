"""What a trial brought: responses against the score before it, with every clock time and every doubt."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from fhir_mappings.scores import FACTS as SCORES
from fhir_mappings.trial_facts import FACTS
from policies.conditions import Held, Reached, Reading, Threshold, Verdict, see
from policies.values import Choice, Fact, Flag, Response, Trials
from tests.builder import Builder, concept
from tests.mapping_tools import fact, inquiry

CHRONIC_PAIN = concept("icd-10-cm", "G89.4")
MORPHINE = concept("hcpcs", "J2274")
HYDROMORPHONE = concept("hcpcs", "J1171")
BACLOFEN_TRIAL = concept("hcpcs", "J0476")
MORE_THAN_HALF, HALF = Threshold("gt", Fraction(50)), Threshold("gte", Fraction(50))
TWO_POINTS = Threshold("gte", Fraction(2))
DAY = 30
"""The trial of these charts starts so many days before today, on 2026-05-02 at 8 o'clock."""


def catheter(chart: Builder, days_ago: int = DAY, *, drug: dict[str, Any] = MORPHINE, hour: float = 8) -> None:
    """Add a catheter trial of two days."""
    chart.procedure(
        "cpt", "62326", start=chart.moment(days_ago, hour), end=chart.moment(days_ago - 2, 8),
        reasonCode=[CHRONIC_PAIN], usedCode=[drug],
    )  # fmt: skip


def injection(chart: Builder, days_ago: int = DAY, *, at: str | None = None) -> None:
    """Add a single injection of baclofen at 8 o'clock."""
    chart.procedure("cpt", "62322", start=at or chart.moment(days_ago, 8), usedCode=[BACLOFEN_TRIAL])


def pain(chart: Builder, *scores: tuple[float, float]) -> None:
    """Add pain scores: hours after midnight of the trial's day (negative: before it) and the score."""
    for hour, score in scores:
        chart.nrs(score, at=chart.moment(DAY, hour))


def spasms(chart: Builder, *scores: tuple[float, int]) -> None:
    """Add Penn scores in the same way."""
    for hour, score in scores:
        chart.observation("finding", "penn-spasm-frequency", at=chart.moment(DAY, hour), valueInteger=score)


def grade(
    chart: Builder, hour: float, value: str, muscle: str = "left elbow", scale: str = "modified-ashworth"
) -> None:
    """Add a coded Ashworth grade of one muscle in the same way."""
    chart.observation(
        "finding", scale, at=chart.moment(DAY, hour), valueCodeableConcept=concept("ashworth-grade", value),
        bodySite={"text": muscle},
    )  # fmt: skip


def relief(chart: Builder, **options: Any) -> Fact:
    """Return trial-pain-relief."""
    return fact(FACTS["trial-pain-relief"], chart, **options)


def got(found: Fact) -> list[tuple[Response, ...]]:
    """Return the responses of every dose of the trial that counts."""
    assert isinstance(found.value, Trials), found.note
    return [dose.responses for dose in found.value.latest]


def percents(found: Fact) -> list[Fraction]:
    """Return the reductions of the only dose, each known exactly."""
    (responses,) = got(found)
    assert all(one.low == one.high for one in responses)
    return [one.low for one in responses]


def verdict(found: Fact, condition: Reached | Held, name: str = "trial-pain-relief") -> Verdict:
    """Return what a policy's condition finds in the fact."""
    chart = Builder()
    return see(condition, Reading({name: found}, chart.today)).verdict


def reached(found: Fact, threshold: Threshold, *, missed: bool = False) -> Verdict:
    """Return whether a size was reached, or missed."""
    return verdict(found, Reached("trial-pain-relief", threshold, missed))


def held(found: Fact, threshold: Threshold, hours: int, gap: int, *, missed: bool = False) -> Verdict:
    """Return whether a response held."""
    return verdict(found, Held("trial-pain-relief", threshold, Fraction(hours), Fraction(gap), missed))


class TestPain:
    """Pain reduction."""

    def test_exact_percentages(self) -> None:
        """Reductions are exact fractions, with the hours since the start; the note gives the numbers."""
        chart = Builder()
        catheter(chart)
        pain(chart, (-1, 8), (10, 4), (12.5, 3))

        found = relief(chart)
        assert got(found) == [
            (
                Response(Fraction(50), Fraction(50), Fraction(2)),
                Response(Fraction(125, 2), Fraction(125, 2), Fraction(9, 2)),
            )
        ]
        assert found.note == (
            "Trial on 2026-05-02 (catheter, morphine): 8 → 4 is 50.0 % (10:00); 8 → 3 is 62.5 % (12:30); "
            "50 % or more at the best run 2 h 30 min; no score after 12:30."
        )
        assert [item.summary for item in found.evidence] == ["trial, catheter, morphine", "NRS 8", "NRS 4", "NRS 3"]

    def test_equal_responses_in_a_row_share_a_line(self) -> None:
        """Three equal scores are told once, with their times."""
        chart = Builder()
        catheter(chart)
        pain(chart, (7, 8), (10, 4), (11, 4), (12, 3))
        assert "8 → 4 is 50.0 % (10:00, 11:00); 8 → 3 is 62.5 % (12:00)" in relief(chart).note

    def test_half_is_not_more_than_half(self) -> None:
        """From 8 to 4 is enough for at least half, not for more than half."""
        chart = Builder()
        catheter(chart)
        pain(chart, (7, 8), (10, 4))

        found = relief(chart)
        assert reached(found, HALF) is Verdict.YES
        assert reached(found, MORE_THAN_HALF) is Verdict.NO
        assert reached(found, MORE_THAN_HALF, missed=True) is Verdict.YES

    @pytest.mark.parametrize(("days", "counts"), [(7, True), (8, False)])
    def test_age_of_the_baseline(self, days: int, counts: bool) -> None:
        """The score before is no more than seven days old."""
        chart = Builder()
        catheter(chart)
        pain(chart, (9 - 24 * days, 8), (10, 2))

        found = relief(chart)
        assert (found.value is not None) is counts
        assert counts or "NRS 2 on 2026-05-02 10:00 has no score before it to compare with" in found.note

    def test_last_score_before(self) -> None:
        """The last score before the start is the baseline, however high an earlier one."""
        chart = Builder()
        catheter(chart)
        pain(chart, (-10, 10), (7, 4), (10, 2))

        assert percents(relief(chart)) == [50]

    def test_zero_before(self) -> None:
        """A score of 0 before gives no percentage, and the note says so."""
        chart = Builder()
        catheter(chart)
        pain(chart, (7, 0), (10, 2))

        found = relief(chart)
        assert found.value is None
        assert "a score of 0 before it gives no percentage for NRS 2" in found.note

    def test_no_baseline(self) -> None:
        """Scores without one before the trial are refused with the reason."""
        chart = Builder()
        catheter(chart)
        pain(chart, (10, 2))

        assert relief(chart).value is None

    def test_worse(self) -> None:
        """A worse score is a negative reduction."""
        chart = Builder()
        catheter(chart)
        pain(chart, (7, 4), (10, 5))

        assert percents(relief(chart)) == [-25]

    @pytest.mark.parametrize(("hour", "counts"), [(56, True), (56.01, False)])
    def test_end_of_the_window(self, hour: float, counts: bool) -> None:
        """A score at the end of the catheter's time counts, one after it does not."""
        chart = Builder()
        catheter(chart)
        pain(chart, (7, 8), (hour, 2))

        assert (relief(chart).value is not None) is counts

    def test_other_offset(self) -> None:
        """Instants are compared across offsets."""
        chart = Builder()
        catheter(chart)
        chart.nrs(8, at="2026-05-02T13:30:00+02:00")
        chart.nrs(4, at="2026-05-02T17:00:00+02:00")

        assert got(relief(chart)) == [(Response(Fraction(50), Fraction(50), Fraction(2)),)]

    def test_one_instant(self) -> None:
        """Two readings of one instant on different sides of a threshold need review."""
        chart = Builder()
        catheter(chart)
        pain(chart, (7, 8), (10, 4), (10, 6))

        found = relief(chart)
        assert got(found) == [(Response(Fraction(25), Fraction(50), Fraction(2)),)]
        assert reached(found, HALF) is Verdict.CLASH
        assert reached(found, Threshold("gte", Fraction(20))) is Verdict.YES

    def test_two_baselines_of_one_instant(self) -> None:
        """Two readings of one instant before leave the reduction open between them."""
        chart = Builder()
        catheter(chart)
        pain(chart, (7, 8), (7, 5), (10, 4))

        assert got(relief(chart)) == [(Response(Fraction(20), Fraction(50), Fraction(2)),)]

    def test_past_week_is_no_response(self) -> None:
        """A score of the past week is no response, and as the only baseline a doubt."""
        chart = Builder()
        catheter(chart)
        chart.observation("loinc", "75893-8", at=chart.moment(DAY, 7), valueInteger=8)
        chart.observation("loinc", "75893-8", at=chart.moment(DAY, 12), valueInteger=1)
        pain(chart, (10, 4))

        ((response,),) = got(relief(chart))
        assert response.doubt == "The score before is of the past week."

    def test_word_scale(self) -> None:
        """Word and face scales make no pair."""
        chart = Builder()
        catheter(chart)
        for hour, value in ((7, 5), (10, 1)):
            chart.observation("loinc", "75261-8", at=chart.moment(DAY, hour), valueInteger=value)
            chart.observation("loinc", "57696-7", at=chart.moment(DAY, hour), valueInteger=value * 2)

        assert relief(chart).value is None

    def test_another_scale(self) -> None:
        """A numeric rating before and a visual analogue score after are a doubt; one scale on both sides is none."""
        chart = Builder()
        catheter(chart)
        pain(chart, (7, 8))
        chart.observation("loinc", "38214-3", at=chart.moment(DAY, 10), valueQuantity={"value": 2, "unit": "cm"})

        assert got(relief(chart))[0][0].doubt == "Another scale was used before than after."
        chart.observation("loinc", "38214-3", at=chart.moment(DAY, 6), valueQuantity={"value": 8, "unit": "cm"})
        assert got(relief(chart))[0][0] == Response(Fraction(75), Fraction(75), Fraction(2))

    def test_after_the_evidence_date(self) -> None:
        """A response after the evidence date does not count."""
        chart = Builder()
        catheter(chart, 0)
        chart.nrs(8, at=chart.moment(1))
        chart.nrs(2, at=chart.moment(-1, 7))

        assert relief(chart).value is None

    def test_many_responses(self) -> None:
        """The note shows six responses and counts the rest."""
        chart = Builder()
        catheter(chart)
        pain(chart, (7, 8), *((9 + hour, 3) for hour in range(8)))

        found = relief(chart)
        assert len(got(found)[0]) == 8
        assert "(09:00, 10:00, 11:00, 12:00, 13:00, 14:00); 2 more responses" in found.note

    def test_no_trial(self) -> None:
        """Without a trial nothing is said; an injection without a sign is named."""
        chart = Builder()
        assert relief(chart) == Fact()
        chart.procedure("cpt", "62323", start=chart.moment(DAY, 8), usedCode=[concept("hcpcs", "J3301")])

        assert relief(chart).note == "The spinal injection of 2026-05-02 bears no sign of an intrathecal trial."

    def test_unread(self) -> None:
        """Silence that may come from unread records says so."""
        found = relief(Builder(), unread=frozenset({"Procedure", "Observation"}))

        assert found.unread == ("Procedure", "Observation")


class TestHold:
    """What the clock times let a policy say of eight hours."""

    @pytest.mark.parametrize(
        ("hours", "verdict", "missed"),
        [
            ((9, 13, 17), Verdict.YES, Verdict.NO),
            ((9, 13, 16.98), Verdict.NO, Verdict.NO),
            ((9, 13.01, 17.01), Verdict.CLASH, Verdict.NO),
            ((9, 12, 15), Verdict.NO, Verdict.NO),
        ],
    )
    def test_eight_hours(self, hours: tuple[float, ...], verdict: Verdict, missed: Verdict) -> None:
        """Exactly eight hours are enough, a minute less is not documented, a gap above four hours needs review."""
        chart = Builder()
        catheter(chart)
        pain(chart, (7, 8), *((hour, 2) for hour in hours))

        found = relief(chart)
        assert held(found, MORE_THAN_HALF, 8, 4) is verdict
        assert held(found, MORE_THAN_HALF, 8, 4, missed=True) is missed

    def test_cut_short(self) -> None:
        """A run cut short by a worse score contradicts."""
        chart = Builder()
        catheter(chart)
        pain(chart, (7, 8), (9, 2), (12, 2), (14, 7))

        assert held(relief(chart), MORE_THAN_HALF, 8, 4, missed=True) is Verdict.YES

    def test_dates_without_a_clock_time(self) -> None:
        """Scores without a clock time prove size, not hold."""
        chart = Builder()
        catheter(chart)
        pain(chart, (7, 8))
        chart.nrs(2, at=chart.day(DAY - 1))
        found = relief(chart)

        assert got(found) == [(Response(Fraction(75), Fraction(75), None),)]
        assert reached(found, MORE_THAN_HALF) is Verdict.YES
        assert held(found, MORE_THAN_HALF, 8, 4) is Verdict.NO

    def test_figure_proves_no_hold(self) -> None:
        """A stated percentage proves size, not hold."""
        chart = Builder()
        catheter(chart)
        chart.observation("finding", "percent-pain-relief", days_ago=DAY - 1, valueQuantity={"value": 70, "unit": "%"})

        found = relief(chart)
        assert reached(found, MORE_THAN_HALF) is Verdict.YES
        assert held(found, MORE_THAN_HALF, 8, 4) is Verdict.NO

    def test_trial_without_a_clock_time(self) -> None:
        """Where the trial bears no clock time, scores of the next day still tell how far they lie apart."""
        chart = Builder()
        chart.procedure(
            "cpt", "62326", start=chart.day(DAY), end=chart.day(DAY - 2), reasonCode=[CHRONIC_PAIN], usedCode=[MORPHINE]
        )
        pain(chart, (-2, 8), (30, 2), (34, 2), (38, 2))

        assert held(relief(chart), MORE_THAN_HALF, 8, 4) is Verdict.YES


class TestFirstDay:
    """Readings that cannot be ordered to the start."""

    def test_score_without_a_clock_time(self) -> None:
        """A score of the first day without a clock time is a doubtful response and may be the baseline of others."""
        chart = Builder()
        catheter(chart)
        pain(chart, (-2, 8), (10, 4), (12, 4))
        chart.nrs(5, at=chart.day(DAY))

        (responses,) = got(relief(chart))
        assert [bool(one.doubt) for one in responses] == [True, False, False]
        assert [(one.low, one.high) for one in responses[1:]] == [(Fraction(20), Fraction(50))] * 2

    def test_only_score_of_the_first_day(self) -> None:
        """A score of the first day without a clock time as the only baseline makes every response doubtful."""
        chart = Builder()
        catheter(chart)
        chart.nrs(8, at=chart.day(DAY))
        pain(chart, (10, 2), (12, 2))

        found = relief(chart)
        assert all(one.doubt for one in got(found)[0])
        assert reached(found, HALF) is Verdict.CLASH

    def test_score_at_the_start(self) -> None:
        """A score at the very start of the trial is no sure response and no sure baseline."""
        chart = Builder()
        catheter(chart)
        pain(chart, (7, 8), (8, 8), (10, 2), (12, 2))

        found = relief(chart)
        assert [bool(one.doubt) for one in got(found)[0]] == [True, False, False]
        assert reached(found, HALF) is Verdict.YES

    def test_trial_without_a_clock_time(self) -> None:
        """Where the trial bears no clock time, every score of its day is doubtful."""
        chart = Builder()
        injection(chart, at=chart.day(DAY))
        pain(chart, (-2, 8), (10, 2))

        assert got(relief(chart))[0][0].doubt == "The score of 2026-05-02 10:00 may precede the trial's start."

    def test_last_day_without_a_clock_time(self) -> None:
        """A score of the last day without a clock time may lie beyond the end."""
        chart = Builder()
        catheter(chart)
        pain(chart, (7, 8))
        chart.nrs(2, at=chart.day(DAY - 2))

        assert got(relief(chart))[0][0].doubt == "The score of 2026-05-04 may lie beyond the trial's end."


class TestFigures:
    """Stated percentages of relief."""

    @staticmethod
    def state(chart: Builder, days_ago: float = DAY - 1, **value: Any) -> dict[str, Any]:
        """Add a percentage."""
        return chart.observation("finding", "percent-pain-relief", at=chart.moment(int(days_ago), 9), **value)

    @pytest.mark.parametrize(
        ("value", "bounds"),
        [
            ({"valueQuantity": {"value": 60, "unit": "%"}}, (60, 60)),
            ({"valueQuantity": {"value": 0, "code": "%"}}, (0, 0)),
            ({"valueQuantity": {"value": 100}}, (100, 100)),
            ({"valueInteger": 55}, (55, 55)),
            ({"valueRange": {"low": {"value": 40, "unit": "%"}, "high": {"value": 60, "unit": "%"}}}, (40, 60)),
            ({"valueQuantity": {"value": 50, "unit": "%", "comparator": ">"}}, (50, 100)),
            ({"valueQuantity": {"value": 50, "unit": "%", "comparator": "<"}}, (0, 50)),
        ],
    )
    def test_shapes(self, value: dict[str, Any], bounds: tuple[int, int]) -> None:
        """A percentage is a number or a range and counts as a stated response."""
        chart = Builder()
        catheter(chart)
        self.state(chart, **value)

        ((response,),) = got(relief(chart))
        assert (response.low, response.high, response.stated) == (*map(Fraction, bounds), True)

    @pytest.mark.parametrize(
        "value",
        [
            {"valueQuantity": {"value": 101, "unit": "%"}},
            {"valueQuantity": {"value": -5, "unit": "%"}},
            {"valueQuantity": {"value": 5, "unit": "mm"}},
            {"valueBoolean": True},
        ],
    )
    def test_ignored_and_reported(self, value: dict[str, Any]) -> None:
        """What is no percentage from 0 to 100 is ignored and reported."""
        chart = Builder()
        catheter(chart)
        bad = self.state(chart, **value)
        asked = inquiry(chart)

        assert FACTS["trial-pain-relief"](asked).value is None
        assert [one for one in asked.chart.warnings if f"Observation/{bad['id']} (value[x])" in one]

    @pytest.mark.parametrize(("days_ago", "counts"), [(DAY + 1, False), (DAY, True), (DAY - 1, True), (DAY - 3, False)])
    def test_in_the_window(self, days_ago: int, counts: bool) -> None:
        """Only a figure of the trial's window counts; a later one is told."""
        chart = Builder()
        catheter(chart)
        self.state(chart, days_ago, valueInteger=60)

        found = relief(chart)
        assert (found.value is not None) is counts
        assert ("60 % stated on 2026-05-05 lies after its window" in found.note) is (days_ago == DAY - 3)

    def test_first_day_without_a_clock_time(self) -> None:
        """A figure of the trial's first day belongs to the trial."""
        chart = Builder()
        catheter(chart)
        chart.observation("finding", "percent-pain-relief", at=chart.day(DAY), valueInteger=60)

        assert got(relief(chart))[0][0].doubt == ""

    def test_against_the_scores(self) -> None:
        """A figure and scores that disagree about the threshold need review."""
        chart = Builder()
        catheter(chart)
        pain(chart, (7, 8), (10, 6))
        self.state(chart, valueInteger=70)

        found = relief(chart)
        assert reached(found, HALF) is Verdict.CLASH
        assert reached(found, HALF, missed=True) is Verdict.NO

    def test_stated_half(self) -> None:
        """A stated 50 % needs review where more than half is asked."""
        chart = Builder()
        catheter(chart)
        self.state(chart, valueInteger=50)

        assert reached(relief(chart), MORE_THAN_HALF) is Verdict.CLASH
        assert reached(relief(chart), HALF) is Verdict.YES


class TestSeveralTrials:
    """Titration and earlier trials."""

    def test_best_dose_counts(self) -> None:
        """Of titrated doses the best counts."""
        chart = Builder()
        injection(chart, DAY)
        injection(chart, DAY - 3)
        spasms(chart, (7, 4), (10, 3), (12, 3), (79, 4), (82, 1), (84, 1))

        found = fact(FACTS["trial-spasm-reduction"], chart)
        assert [[one.low for one in dose] for dose in got(found)] == [[1, 1], [3, 3]]
        assert reached(found, TWO_POINTS) is Verdict.YES

    def test_earlier_opposite(self) -> None:
        """An earlier trial with the opposite result makes the later one need review."""
        chart = Builder()
        catheter(chart, DAY + 5, drug=HYDROMORPHONE)
        chart.nrs(8, at=chart.moment(DAY + 5, 7))
        chart.nrs(8, at=chart.moment(DAY + 5, 12))
        catheter(chart)
        pain(chart, (7, 8), (10, 2))

        found = relief(chart)
        assert isinstance(found.value, Trials)
        assert [one.low for group in found.value.earlier for dose in group for one in dose.responses] == [0]
        assert reached(found, HALF) is Verdict.CLASH

    def test_latest_missed(self) -> None:
        """A later trial that misses contradicts, whatever the earlier one showed."""
        chart = Builder()
        catheter(chart, DAY + 5, drug=HYDROMORPHONE)
        chart.nrs(8, at=chart.moment(DAY + 5, 7))
        chart.nrs(2, at=chart.moment(DAY + 5, 12))
        catheter(chart)
        pain(chart, (7, 8), (10, 7))

        assert reached(relief(chart), HALF, missed=True) is Verdict.YES


class TestTone:
    """Ashworth points lost."""

    @staticmethod
    def reduction(chart: Builder) -> Fact:
        """Return trial-tone-reduction."""
        return fact(FACTS["trial-tone-reduction"], chart)

    @pytest.mark.parametrize(
        ("before", "after", "low", "high", "verdict"),
        [
            ("4", "2", 2, 2, Verdict.YES),
            ("3", "1", 2, 2, Verdict.YES),
            ("3", "1+", 1.5, 2, Verdict.CLASH),
            ("1+", "0", 1.5, 2, Verdict.CLASH),
            ("2", "1", 1, 1, Verdict.NO),
            ("4", "1+", 2.5, 3, Verdict.YES),
            ("1+", "1", 0.5, 1, Verdict.NO),
            ("2", "2", 0, 0, Verdict.NO),
            ("2", "3", -1, -1, Verdict.NO),
        ],
    )
    def test_points(self, before: str, after: str, low: float, high: float, verdict: Verdict) -> None:
        """1+ counts 1.5; a difference that needs it as a full step to reach two points needs review."""
        chart = Builder()
        injection(chart)
        grade(chart, 7, before)
        grade(chart, 10, after)

        found = self.reduction(chart)
        ((response,),) = got(found)
        assert (response.low, response.high) == (Fraction(str(low)), Fraction(str(high)))
        assert reached(found, TWO_POINTS) is verdict

    def test_mean_of_muscles(self) -> None:
        """Several muscles of one session are their mean."""
        chart = Builder()
        injection(chart)
        for muscle, before, after in (("left elbow", "4", "1"), ("left knee", "3", "2")):
            grade(chart, 7, before, muscle)
            grade(chart, 10, after, muscle)

        ((response,),) = got(self.reduction(chart))
        assert response == Response(Fraction(2), Fraction(2), Fraction(2))

    def test_other_muscles(self) -> None:
        """Other muscles after than before need review."""
        chart = Builder()
        injection(chart)
        grade(chart, 7, "4", "left elbow")
        grade(chart, 7, "4", "left knee")
        grade(chart, 10, "1", "left elbow")
        grade(chart, 12, "1", "right knee")

        first, second = got(self.reduction(chart))[0]
        assert first.doubt == "Not the same muscles were graded before and after."
        assert second.doubt == "Other muscles were graded before than after."

    def test_other_scale(self) -> None:
        """Another scale after than before needs review."""
        chart = Builder()
        injection(chart)
        grade(chart, 7, "4", scale="ashworth")
        grade(chart, 10, "1")

        ((response,),) = got(self.reduction(chart))
        assert response.doubt == "Another scale was used before than after."

    def test_each_scale_by_itself(self) -> None:
        """Where both scales were used, either of them may show the response."""
        chart = Builder()
        injection(chart)
        for hour, plain, modified in ((7, "3", "4"), (9, "2", "1"), (11, "2", "1"), (13, "2", "1")):
            grade(chart, hour, plain, scale="ashworth")
            grade(chart, hour, modified)

        found = self.reduction(chart)
        assert [[one.low for one in dose] for dose in got(found)] == [[1, 1, 1], [3, 3, 3]]
        assert held(found, TWO_POINTS, 4, 2) is Verdict.YES

    @pytest.mark.parametrize(
        ("hours", "expected"),
        [((9, 11, 13), Verdict.YES), ((9, 11, 12.98), Verdict.NO), ((9, 11.01, 13.01), Verdict.CLASH)],
    )
    def test_four_hours(self, hours: tuple[float, ...], expected: Verdict) -> None:
        """Four hours with no gap above two are held."""
        chart = Builder()
        injection(chart)
        grade(chart, 7, "4")
        for hour in hours:
            grade(chart, hour, "1")

        assert held(self.reduction(chart), TWO_POINTS, 4, 2) is expected

    def test_session_across_the_start(self) -> None:
        """A muscle graded just before the start is no part of the session just after it."""
        chart = Builder()
        injection(chart)
        grade(chart, 7.9, "4", "left elbow")
        grade(chart, 8.2, "1", "left knee")

        ((response,),) = got(self.reduction(chart))
        assert response.doubt == "Other muscles were graded before than after."

    def test_stated_mean(self) -> None:
        """Means without a muscle make a pair."""
        chart = Builder()
        injection(chart)
        for hour, value in ((7, 3.5), (10, 1.4)):
            chart.observation("finding", "ashworth", at=chart.moment(DAY, hour), valueQuantity={"value": value})

        assert [one.low for one in got(self.reduction(chart))[0]] == [Fraction(21, 10)]

    def test_old_baseline(self) -> None:
        """A session more than seven days before the start is no baseline."""
        chart = Builder()
        injection(chart)
        grade(chart, 9 - 24 * 8, "4")
        grade(chart, 10, "1")

        assert self.reduction(chart).value is None


class TestToneOrSpasm:
    """Any improvement of tone or spasms."""

    @staticmethod
    def improved(chart: Builder) -> Fact:
        """Return trial-tone-or-spasm-improved."""
        return fact(FACTS["trial-tone-or-spasm-improved"], chart)

    @pytest.mark.parametrize(("before", "after", "value"), [(3, 2, True), (3, 3, False), (2, 3, False)])
    def test_spasms(self, before: int, after: int, value: bool) -> None:
        """One point less is an improvement, none is not."""
        chart = Builder()
        injection(chart)
        spasms(chart, (7, before), (10, after))

        found = self.improved(chart)
        assert isinstance(found.value, Flag)
        assert [(one.value, one.doubt) for one in found.value.statements] == [(value, "")]

    def test_tone(self) -> None:
        """Lower tone is an improvement though spasms stay."""
        chart = Builder()
        injection(chart)
        spasms(chart, (7, 3), (10, 3))
        grade(chart, 7, "3")
        grade(chart, 10, "1+")

        found = self.improved(chart)
        assert isinstance(found.value, Flag)
        assert found.value.statements[0].value is True

    def test_no_pair(self) -> None:
        """Without a pair the chart is silent."""
        chart = Builder()
        injection(chart)
        spasms(chart, (10, 1))

        assert self.improved(chart).value is None

    def test_earlier_opposite(self) -> None:
        """An earlier trial without improvement is a conflict."""
        chart = Builder()
        injection(chart, DAY + 20)
        spasms(chart, (7 - 480, 3), (10 - 480, 3))
        injection(chart)
        spasms(chart, (7, 3), (10, 1))

        assert "An earlier trial had the opposite result." in self.improved(chart).conflict


class TestMethod:
    """How the trial was given."""

    def test_catheter(self) -> None:
        """A catheter infusion."""
        chart = Builder()
        catheter(chart)

        found = fact(FACTS["trial-method"], chart)
        assert found.value == Choice("catheter")
        assert found.note == "Trial on 2026-05-02 (catheter, morphine)."

    def test_single_injection(self) -> None:
        """A single injection."""
        chart = Builder()
        injection(chart)

        assert fact(FACTS["trial-method"], chart).value == Choice("single-injection")

    def test_latest_counts(self) -> None:
        """The latest trial counts, though an earlier one used a catheter."""
        chart = Builder()
        catheter(chart, 90)
        injection(chart)

        assert fact(FACTS["trial-method"], chart).value == Choice("single-injection")

    def test_unread_administrations(self) -> None:
        """An injection without a sign may owe it to administrations that were not read."""
        chart = Builder()
        chart.procedure("cpt", "62322", start=chart.moment(DAY, 8), reasonCode=[CHRONIC_PAIN])

        found = fact(FACTS["trial-method"], chart, unread=frozenset({"MedicationAdministration"}))
        assert (found.value, found.unread) == (None, ("MedicationAdministration",))


class TestBaclofenBolus:
    """A single intrathecal dose of baclofen."""

    @staticmethod
    def bolus(chart: Builder, **options: Any) -> bool | None:
        """Return the flag, None where the chart is silent."""
        found = fact(FACTS["trial-baclofen-bolus"], chart, **options)
        return found.value.statements[0].value if isinstance(found.value, Flag) else None

    def test_bolus(self) -> None:
        """A single injection of baclofen is one."""
        chart = Builder()
        injection(chart)

        assert self.bolus(chart) is True

    def test_infusion(self) -> None:
        """An infusion is none, whatever was given."""
        chart = Builder()
        catheter(chart, drug=BACLOFEN_TRIAL)

        assert self.bolus(chart) is False

    def test_other_drug(self) -> None:
        """Another drug, or a mixture with it, is none."""
        chart = Builder()
        chart.procedure("cpt", "62322", start=chart.moment(DAY, 8), usedCode=[BACLOFEN_TRIAL, MORPHINE])

        assert self.bolus(chart) is False

    def test_unknown_drug(self) -> None:
        """An injection of an unknown drug says nothing."""
        chart = Builder()
        chart.procedure("cpt", "62322", start=chart.moment(DAY, 8), reasonCode=[{"text": "intrathecal trial"}])

        assert self.bolus(chart) is None
        assert self.bolus(Builder()) is None


class TestFunction:
    """Function before and in the trial."""

    @staticmethod
    def better(chart: Builder) -> Fact:
        """Return trial-function-scores."""
        return fact(FACTS["trial-function-scores"], chart)

    @staticmethod
    def score(chart: Builder, system: str, code: str, *scores: tuple[float, float]) -> None:
        """Add scores: hours after midnight of the trial's day and the value."""
        for hour, value in scores:
            chart.observation(system, code, at=chart.moment(DAY, hour), valueQuantity={"value": value})

    @pytest.mark.parametrize(
        ("system", "code", "before", "after", "value"),
        [
            ("loinc", "77565-0", 7, 4, True),
            ("loinc", "77565-0", 7, 7, False),
            ("loinc", "77565-0", 4, 7, False),
            ("finding", "oswestry-disability-index", 60, 40, True),
            ("finding", "patient-specific-functional-scale", 3, 5, True),
            ("finding", "functional-independence-measure", 90, 80, False),
            ("loinc", "71959-1", 30, 40, True),
        ],
    )
    def test_direction(self, system: str, code: str, before: float, after: float, value: bool) -> None:
        """Each measure has its own direction; equal is not better."""
        chart = Builder()
        catheter(chart)
        self.score(chart, system, code, (-3, before), (30, after))

        found = self.better(chart)
        assert isinstance(found.value, Flag)
        assert [(one.value, one.doubt) for one in found.value.statements] == [(value, "")]

    def test_pairs_of_one_measure(self) -> None:
        """Different measures make no pair."""
        chart = Builder()
        catheter(chart)
        self.score(chart, "loinc", "77565-0", (-3, 7))
        self.score(chart, "loinc", "91146-1", (30, 1))

        assert self.better(chart).value is None

    @pytest.mark.parametrize(
        ("before", "after"), [(7 - 24 * 8, 30), (-3, 60), (-3, -2)], ids=["old", "after the trial", "both before"]
    )
    def test_times(self, before: float, after: float) -> None:
        """The pair is a score of the seven days before and one of the window."""
        chart = Builder()
        catheter(chart)
        self.score(chart, "loinc", "77565-0", (before, 7), (after, 2))

        assert self.better(chart).value is None

    def test_both_sides(self) -> None:
        """Scores on both sides of the one before are a doubt."""
        chart = Builder()
        catheter(chart)
        self.score(chart, "loinc", "77565-0", (-3, 7), (20, 5), (30, 8))

        found = self.better(chart)
        assert isinstance(found.value, Flag)
        assert found.value.statements[0].doubt == "Function scores in the trial lie on both sides of the one before."

    def test_outside_the_range(self) -> None:
        """A score outside its range is ignored and reported."""
        chart = Builder()
        catheter(chart)
        self.score(chart, "finding", "oswestry-disability-index", (-3, 160), (30, 20))
        asked = inquiry(chart)

        assert FACTS["trial-function-scores"](asked).value is None
        assert [one for one in asked.chart.warnings if "Oswestry disability index 160 lies outside its range" in one]

    def test_earlier_opposite(self) -> None:
        """An earlier trial without better function is a conflict."""
        chart = Builder()
        catheter(chart, DAY + 20)
        self.score(chart, "loinc", "77565-0", (-3 - 480, 7), (30 - 480, 7))
        catheter(chart)
        self.score(chart, "loinc", "77565-0", (-3, 7), (30, 3))

        assert "An earlier trial had the opposite result." in self.better(chart).conflict


class TestSideEffect:
    """Adverse events and new reactions in the window."""

    @staticmethod
    def found(chart: Builder) -> list[str]:
        """Return the references of what was found."""
        side_effect = fact(FACTS["trial-side-effect-on-record"], chart)
        return [item.reference for item in side_effect.evidence] if side_effect.value else []

    @pytest.mark.parametrize(
        ("members", "counts"),
        [
            ({"actuality": "actual"}, True),
            ({"actuality": "potential"}, False),
        ],
    )
    def test_adverse_event(self, members: dict[str, Any], counts: bool) -> None:
        """An actual adverse event of the window counts, a potential one does not."""
        chart = Builder()
        catheter(chart)
        chart.add("AdverseEvent", date=chart.moment(DAY - 1), **members)

        assert bool(self.found(chart)) is counts

    @pytest.mark.parametrize(("hour", "counts"), [(7.9, False), (8.1, True), (56, True), (56.1, False)])
    def test_window(self, hour: float, counts: bool) -> None:
        """Only the trial's window counts."""
        chart = Builder()
        catheter(chart)
        chart.add("AdverseEvent", actuality="actual", date=chart.moment(DAY, hour))

        assert bool(self.found(chart)) is counts

    @pytest.mark.parametrize(
        ("rxnorm", "members", "counts"),
        [
            ("7052", {"recordedDate": DAY - 1}, True),
            ("7052", {"onsetDateTime": DAY - 1}, True),
            ("7052", {"onsetDateTime": 400, "recordedDate": DAY - 1}, False),
            ("7052", {"recordedDate": DAY + 3}, False),
            ("3423", {"recordedDate": DAY - 1}, False),
        ],
    )
    def test_new_intolerance(self, rxnorm: str, members: dict[str, int], counts: bool) -> None:
        """A new intolerance to the trial's drug counts; an old one or one to another drug does not."""
        chart = Builder()
        catheter(chart)
        dated = {name: chart.moment(days) for name, days in members.items()}
        chart.add("AllergyIntolerance", code=concept("rxnorm", rxnorm), type="intolerance", **dated)

        assert bool(self.found(chart)) is counts

    def test_refuted(self) -> None:
        """A refuted reaction does not count."""
        chart = Builder()
        catheter(chart)
        chart.add(
            "AllergyIntolerance", code=concept("rxnorm", "7052"), recordedDate=chart.moment(DAY - 1),
            verificationStatus=concept("http://example.org/v", "refuted"),
        )  # fmt: skip

        assert self.found(chart) == []

    def test_unread(self) -> None:
        """An unread allergy list is told; unread adverse events, which few EHRs serve, are not."""
        chart = Builder()
        catheter(chart)

        assert fact(FACTS["trial-side-effect-on-record"], chart, unread=frozenset({"AdverseEvent"})).unread == ()

        found = fact(FACTS["trial-side-effect-on-record"], chart, unread=frozenset({"AllergyIntolerance"}))
        assert found.unread == ("AllergyIntolerance",)


GARBAGE = [None, 7, "x", [], {}, [[]], [7], {"coding": 7}, {"value": "x"}, True, {"start": 7}, 10**400, -1]


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize(
    ("kind", "member"),
    [
        ("AdverseEvent", "date"), ("AdverseEvent", "actuality"), ("AllergyIntolerance", "code"),
        ("AllergyIntolerance", "reaction"), ("AllergyIntolerance", "recordedDate"),
        ("AllergyIntolerance", "verificationStatus"), ("Observation", "valueQuantity"),
        ("Observation", "valueInteger"), ("Observation", "effectiveDateTime"), ("Observation", "valueRange"),
    ],
)  # fmt: skip
def test_malformed(kind: str, member: str, garbage: object) -> None:
    """A malformed member of any record never raises."""
    chart = Builder()
    catheter(chart)
    pain(chart, (7, 8), (10, 4))
    chart.add("AdverseEvent", actuality="actual", date=chart.moment(DAY - 1))
    chart.add("AllergyIntolerance", code=concept("rxnorm", "7052"), recordedDate=chart.moment(DAY - 1))
    for code in ("percent-pain-relief", "modified-ashworth", "penn-spasm-frequency", "oswestry-disability-index"):
        for days_ago in (DAY + 1, DAY - 1):
            chart.observation("finding", code, days_ago=days_ago, valueInteger=2)
    for resource in chart.resources:
        if resource["resourceType"] == kind:
            resource[member] = garbage
    asked = inquiry(chart)

    assert all(isinstance(extractor(asked), Fact) for extractor in FACTS.values())


@pytest.mark.parametrize("at", ["0001-01-01", "0001-01-01T00:00:00+14:00", "0001", "9999-12-31T23:59:59-12:00"])
def test_first_and_last_dates(at: str) -> None:
    """The first and the last date there are never raise, on trials or on scores."""
    for own in (at, None):
        chart = Builder()
        start = own or chart.moment(DAY, 8)
        used = [BACLOFEN_TRIAL]
        chart.procedure("cpt", "62322", start=start, usedCode=used)
        chart.procedure("cpt", "62326", start=start, end=at, usedCode=used)
        for code in ("percent-pain-relief", "modified-ashworth", "penn-spasm-frequency", "oswestry-disability-index"):
            chart.observation("finding", code, at=at, valueInteger=2)
        chart.nrs(8, at=at)
        asked = inquiry(chart)

        for extractor in (*FACTS.values(), *SCORES.values()):
            assert isinstance(extractor(asked), Fact)
