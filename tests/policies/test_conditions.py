"""The operators at their edges."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest

from policies.conditions import (
    AllOf,
    AnyOf,
    Compares,
    Duration,
    EndedBefore,
    FailedAfter,
    Held,
    Is,
    OutcomeIs,
    Reached,
    Reading,
    Threshold,
    Verdict,
    see,
)
from policies.dates import add_months
from policies.values import (
    ANSWER,
    CLINICIAN,
    FINDING,
    MENTAL_HEALTH,
    PATIENT,
    Course,
    Fact,
    Flag,
    Measure,
    Response,
    Statement,
    Trial,
    Trials,
)

ON = date(2026, 6, 1)
START = date(2026, 5, 3)


def verdict(condition: object, fact: Fact, state: str = "event") -> Verdict:
    """Return what a condition on the fact `x` finds."""
    return see(condition, Reading({"x": fact}, ON, 12, {"x": state})).verdict  # type: ignore[arg-type]


def trial(*responses: tuple[float, float], stated: tuple[float, ...] = (), doubt: str = "") -> Fact:
    """Return a trial of (hours, percent) responses and stated figures."""
    timed = [Response(Fraction(str(size)), Fraction(str(size)), Fraction(str(hours))) for hours, size in responses]
    figures = [Response(Fraction(str(size)), Fraction(str(size)), stated=True) for size in stated]
    return Fact(Trials((Trial(START, (*timed, *figures), doubt),)))


MORE_THAN_HALF = Threshold("gt", Fraction(50))
HALF = Threshold("gte", Fraction(50))
HELD = Held("x", MORE_THAN_HALF, Fraction(8), Fraction(4))
NOT_HELD = Held("x", MORE_THAN_HALF, Fraction(8), Fraction(4), missed=True)


@pytest.mark.parametrize(
    ("measure", "found"),
    [
        (Measure.exactly(7), Verdict.YES),
        (Measure.exactly(Fraction("6.5")), Verdict.YES),
        (Measure.exactly(6), Verdict.NO),
        (Measure(Fraction(5), Fraction(8)), Verdict.MAYBE),
    ],
)
def test_above_six(measure: Measure, found: Verdict) -> None:
    """Six is not above six, six and a half is; a higher reading nearby leaves it to a person."""
    assert verdict(Compares("x", Threshold("gt", Fraction(6))), Fact(measure)) is found


def test_below_asks_that_nothing_more_is_possible() -> None:
    """A value below the threshold contradicts only where it can neither grow nor be read higher."""
    below = Compares("x", Threshold("lt", Fraction(6)))
    assert verdict(below, Fact(Measure.exactly(5))) is Verdict.YES
    assert verdict(below, Fact(Measure(Fraction(5), Fraction(7)))) is Verdict.MAYBE
    assert verdict(below, Fact(Measure.exactly(5, unfinished=True))) is Verdict.NO


@pytest.mark.parametrize(
    ("fact", "threshold", "found"),
    [
        (trial((1, 60)), MORE_THAN_HALF, Verdict.YES),
        (trial((1, 50)), MORE_THAN_HALF, Verdict.NO),
        (trial((1, 50)), HALF, Verdict.YES),
        (trial((1, 60), (2, 60), (3, 20)), MORE_THAN_HALF, Verdict.YES),
        (trial((1, 60), (2, 20), (3, 60)), MORE_THAN_HALF, Verdict.CLASH),
        (trial((1, 20), (2, 30)), MORE_THAN_HALF, Verdict.NO),
        (trial(stated=(50,)), MORE_THAN_HALF, Verdict.CLASH),
        (trial(stated=(50,)), HALF, Verdict.YES),
        (trial(stated=(49,)), HALF, Verdict.NO),
        (trial((1, 60), stated=(40,)), MORE_THAN_HALF, Verdict.CLASH),
        (trial((1, 60), stated=(70,)), MORE_THAN_HALF, Verdict.YES),
        (trial((1, 60), doubt="a doubt"), MORE_THAN_HALF, Verdict.MAYBE),
    ],
)
def test_size_of_a_response(fact: Fact, threshold: Threshold, found: Verdict) -> None:
    """One response, or two in a row, reach the threshold; figures and scores must agree about it."""
    assert verdict(Reached("x", threshold), fact) is found


def test_an_earlier_trial_with_the_opposite_result() -> None:
    """The latest trial counts; a failed one before it leaves the good result to a person, not the other way round."""
    good, bad = trial((1, 60)).value, trial((1, 20)).value
    assert isinstance(good, Trials)
    assert isinstance(bad, Trials)
    now_good, now_bad = Fact(Trials(good.latest, (bad.latest,))), Fact(Trials(bad.latest, (good.latest,)))
    assert verdict(Reached("x", MORE_THAN_HALF), now_good) is Verdict.CLASH
    assert verdict(Reached("x", MORE_THAN_HALF, missed=True), now_bad) is Verdict.YES


def test_titrated_doses_take_the_best() -> None:
    """Doses of one titrated trial: the best one counts."""
    weak, strong = trial((1, 20)).value, trial((1, 60)).value
    assert isinstance(weak, Trials)
    assert isinstance(strong, Trials)
    assert verdict(Reached("x", MORE_THAN_HALF), Fact(Trials((*weak.latest, *strong.latest)))) is Verdict.YES


@pytest.mark.parametrize(
    ("responses", "held", "not_held"),
    [
        ([(1, 60), (5, 60), (9, 60)], Verdict.YES, Verdict.NO),
        ([(1, 60), (5, 60), (8.99, 60)], Verdict.NO, Verdict.NO),
        ([(1, 60), (9.5, 60)], Verdict.CLASH, Verdict.NO),
        ([(1, 60), (5, 60), (8, 20)], Verdict.NO, Verdict.YES),
        ([(1, 20), (5, 30)], Verdict.NO, Verdict.YES),
        ([(1, 60), (4, 20), (6, 60)], Verdict.NO, Verdict.NO),
        ([(1, 20), (2, 60), (6, 60), (10, 60), (12, 20)], Verdict.YES, Verdict.NO),
        ([(1, 60), (5, 60), (9.01, 60)], Verdict.CLASH, Verdict.NO),
    ],
)
def test_hold(responses: list[tuple[float, float]], held: Verdict, not_held: Verdict) -> None:
    """Eight hours from first to last, no gap above four; cut short contradicts, stopping early says nothing yet."""
    fact = trial(*responses)
    assert (verdict(HELD, fact), verdict(NOT_HELD, fact)) == (held, not_held)


def test_a_stated_figure_never_proves_a_hold() -> None:
    """A percentage proves size only."""
    assert (verdict(HELD, trial(stated=(80,))), verdict(NOT_HELD, trial(stated=(80,)))) == (Verdict.NO, Verdict.NO)


def test_scores_without_a_clock_time_leave_the_hold_open() -> None:
    """Dates alone cannot show eight hours."""
    untimed = Fact(
        Trials((Trial(START, (Response(Fraction(60), Fraction(60)), Response(Fraction(60), Fraction(60)))),))
    )
    assert (verdict(HELD, untimed), verdict(NOT_HELD, untimed)) == (Verdict.NO, Verdict.NO)


SIX_WEEKS = Duration(6, "weeks")
FAILED = FailedAfter("x", SIX_WEEKS)


def course(weeks: float | None, outcome: str = "", *, running: bool = False, doubt: str = "") -> Fact:
    """Return a therapy of so many weeks."""
    length = None if weeks is None else Measure.exactly(Fraction(str(weeks)), unfinished=running)
    return Fact(Course(weeks=length, outcomes={outcome: doubt} if outcome else {}))


@pytest.mark.parametrize(
    ("fact", "failed", "ended"),
    [
        (course(6, "ineffective"), Verdict.YES, Verdict.NO),
        (course(6, "not-tolerated"), Verdict.YES, Verdict.NO),
        (course(6), Verdict.NO, Verdict.NO),
        (course(5, "ineffective"), Verdict.NO, Verdict.YES),
        (course(5, "ineffective", running=True), Verdict.NO, Verdict.NO),
        (course(None, "ineffective"), Verdict.NO, Verdict.NO),
        (course(6, "ineffective", doubt="an allergy"), Verdict.MAYBE, Verdict.NO),
        (course(6, "effective"), Verdict.NO, Verdict.NO),
    ],
)
def test_failed_after(fact: Fact, failed: Verdict, ended: Verdict) -> None:
    """Length and outcome are both asked; too short contradicts only once it has ended."""
    assert (verdict(FAILED, fact), verdict(EndedBefore("x", SIX_WEEKS), fact)) == (failed, ended)


def test_effective_and_failed_at_once_is_a_clash() -> None:
    """Two contrary outcomes go to a person."""
    both = Fact(Course(weeks=Measure.exactly(8), outcomes={"ineffective": "", "effective": ""}))
    assert verdict(FAILED, both) is Verdict.CLASH
    assert verdict(OutcomeIs("x", "effective"), both) is Verdict.CLASH


def said(value: bool, by: str | None = CLINICIAN, on: date | None = ON, source: str = FINDING) -> Statement:
    """Return a statement."""
    return Statement(value, on, by, source=source)


MH = Is("x", True, "mental-health-professional")


@pytest.mark.parametrize(
    ("condition", "statement", "found"),
    [
        (Is("x", True), said(True), Verdict.YES),
        (Is("x", True), said(True, None), Verdict.YES),
        (Is("x", True), said(True, PATIENT), Verdict.NO),
        (Is("x", True, "anyone"), said(True, PATIENT), Verdict.YES),
        (MH, said(True, MENTAL_HEALTH), Verdict.YES),
        (MH, said(True, CLINICIAN), Verdict.NO),
        (MH, said(True, None), Verdict.MAYBE),
        (Is("x", False), said(True), Verdict.NO),
    ],
)
def test_whose_word_counts(condition: Is, statement: Statement, found: Verdict) -> None:
    """A role the policy does not accept does not count; an unstated one is reviewed where a specialist is asked."""
    assert verdict(condition, Fact(Flag((statement,)))) is found


def test_a_present_state_ages_after_twelve_months() -> None:
    """Twelve months to the day stand, a day more needs review; an event does not age."""
    old = add_months(ON, -12)
    day_more = date.fromordinal(old.toordinal() - 1)
    assert verdict(Is("x", True), Fact(Flag((said(True, on=old),))), "present") is Verdict.YES
    assert verdict(Is("x", True), Fact(Flag((said(True, on=day_more),))), "present") is Verdict.MAYBE
    assert verdict(Is("x", True), Fact(Flag((said(True, on=day_more),))), "lasting") is Verdict.YES


def test_the_latest_finding_of_a_state_counts_but_forms_must_agree() -> None:
    """A newer finding replaces an older one; two forms that differ go to a person."""
    before = date(2026, 1, 1)
    findings = Fact(Flag((said(True, on=before), said(False))))
    forms = Fact(Flag((said(True, on=before, source=ANSWER), said(False, source=ANSWER))))
    assert verdict(Is("x", False), findings, "present") is Verdict.YES
    assert verdict(Is("x", False), findings, "event") is Verdict.CLASH
    assert verdict(Is("x", False), forms, "present") is Verdict.CLASH


def test_unread_records_never_read_as_silence() -> None:
    """Silence whose source could not be read may hold anything."""
    assert verdict(Is("x", True), Fact(unread=("Condition",))) is Verdict.MAYBE


def test_a_doubtful_fact_is_at_best_reviewed() -> None:
    """A fact's doubt caps what it decides; a conflict leaves it to a person."""
    assert verdict(Compares("x", HALF), Fact(Measure.exactly(60), doubt="a visual analogue score")) is Verdict.MAYBE
    assert verdict(Compares("x", HALF), Fact(conflict="two scores")) is Verdict.CLASH


def test_groups_of_conditions() -> None:
    """ANY takes the best, ALL needs every one; a clash outweighs a maybe."""
    reading = Reading(
        {
            "sure": Fact(Measure.exactly(9)),
            "maybe": Fact(Measure(Fraction(1), Fraction(9))),
            "clash": Fact(conflict="c"),
        },
        ON,
    )
    sure, maybe, clash, no = (Compares(name, Threshold("gt", Fraction(6))) for name in ("sure", "maybe", "clash", "no"))
    assert see(AnyOf((no, maybe, sure)), reading).verdict is Verdict.YES
    assert see(AnyOf((no, maybe, clash)), reading).verdict is Verdict.CLASH
    assert see(AllOf((sure, maybe)), reading).verdict is Verdict.MAYBE
    assert see(AllOf((sure, maybe, clash)), reading).verdict is Verdict.CLASH
    assert see(AllOf((sure, no)), reading).verdict is Verdict.NO
