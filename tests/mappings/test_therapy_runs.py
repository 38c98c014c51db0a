"""Stretches of therapy joined into runs: gaps, visits, coverage, calendar lengths."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import pytest

from fhir_mappings.therapy_runs import DRUG, PHYSICAL, Days, Joining, Run, Stretch, best_covered, join

MONTHS = Joining(gap=30, visit_step=30, covered_percent=80)
WEEKS = Joining(gap=7, visit_step=14, covered_percent=80)
DAY = date(2026, 1, 1)


def stretch(first: int, last: int, kind: str = DRUG) -> Stretch:
    """Return a stretch from one day to another, counted from 2026-01-01."""
    days = Days(DAY + timedelta(days=first), DAY + timedelta(days=last))
    return Stretch(kind, kind, days, days)


def visits(*days: int) -> list[Stretch]:
    """Return visits on days counted from 2026-01-01."""
    return [stretch(day, day, PHYSICAL) for day in days]


def runs(stretches: list[Stretch], joining: Joining = MONTHS, *, possible: bool = False) -> list[Run]:
    """Return the joined runs."""
    return join(stretches, joining, possible=possible)


class TestGaps:
    """Which stretches join."""

    @pytest.mark.parametrize(("empty_days", "expected"), [(0, 1), (30, 1), (31, 2)])
    def test_thirty_empty_days_join(self, empty_days: int, expected: int) -> None:
        """Two supplies join over 30 empty days, not over 31."""
        assert len(runs([stretch(0, 9), stretch(10 + empty_days, 60)])) == expected

    @pytest.mark.parametrize(("empty_days", "expected"), [(7, 1), (8, 2)])
    def test_seven_empty_days_join_for_the_six_week_criteria(self, empty_days: int, expected: int) -> None:
        """For the six-week criteria 7 empty days join, 8 do not."""
        assert len(runs([stretch(0, 9), stretch(10 + empty_days, 60)], WEEKS)) == expected

    def test_gap_days_do_not_add(self) -> None:
        """A run of 10 and 10 days around a gap of 5 is 20 days long."""
        (run,) = runs([stretch(0, 9), stretch(15, 24)])

        assert (run.days, run.gap_days, run.weeks) == (20, 5, Fraction(20, 7))

    def test_overlapping_supplies_count_once(self) -> None:
        """Two drugs taken at the same time last no longer than the longer of them."""
        (run,) = runs([stretch(0, 40), stretch(10, 20)])

        assert run.days == 41

    def test_touching_supplies_leave_no_gap(self) -> None:
        """A supply that begins the day after another continues it."""
        (run,) = runs([stretch(0, 9), stretch(10, 19)])

        assert (run.gap_days, run.days) == (0, 20)


class TestVisits:
    """How visits join."""

    @pytest.mark.parametrize(("apart", "expected"), [(14, 1), (15, 2)])
    def test_two_weeks_from_visit_to_visit(self, apart: int, expected: int) -> None:
        """For the six-week criteria visits join when they are 14 days apart, not 15."""
        assert len(runs(visits(0, apart), WEEKS)) == expected

    def test_time_between_visits_counts(self) -> None:
        """Visits every other week from the first to the last of six weeks are 43 days without a gap."""
        (run,) = runs(visits(0, 14, 28, 42), WEEKS)

        assert (run.days, run.gap_days) == (43, 0)

    def test_monthly_visits_may_join(self) -> None:
        """Whether visits a month of 31 days apart join is left open: possible, not certain."""
        monthly = visits(0, 31, 62)
        (possible,) = runs(monthly, possible=True)

        assert possible.days == 63
        assert max(run.days for run in runs(monthly)) < possible.days


class TestLength:
    """Whole calendar months, and weeks."""

    @pytest.mark.parametrize(("last", "months"), [(date(2026, 6, 29), 5), (date(2026, 6, 30), 6)])
    def test_six_calendar_months(self, last: date, months: int) -> None:
        """From 1 January six months are full on 30 June, both days included."""
        days = Days(DAY, last)
        (run,) = runs([Stretch(DRUG, "", days, days)])

        assert run.months == months

    @pytest.mark.parametrize(("gap", "months"), [(10, 5), (9, 6)])
    def test_gap_moves_the_end_earlier(self, gap: int, months: int) -> None:
        """A run of six months and nine days is six months long with nine days of gap, less with ten."""
        end = (date(2026, 7, 9) - DAY).days
        (run,) = runs([stretch(0, 49), stretch(50 + gap, end)])

        assert run.months == months

    def test_too_thinly_covered(self) -> None:
        """Of a run that is covered for less than four fifths only a part that is dense enough counts."""
        (run,) = runs([stretch(0, 59), stretch(90, 90), stretch(121, 121)])
        best = best_covered(run, 80)

        assert not run.is_covered(80)
        assert best is not None
        assert best.days == 60

    @pytest.mark.parametrize(("second_end", "is_covered"), [(39, True), (38, False)])
    def test_four_fifths_are_enough(self, second_end: int, is_covered: bool) -> None:
        """32 of 40 days are 80 % and enough, 31 of 39 are not."""
        (run,) = runs([stretch(0, 19), stretch(28, second_end)])

        assert run.is_covered(80) is is_covered

    def test_cut_short(self) -> None:
        """A run can be looked at up to a day; before its first day nothing is left."""
        (run,) = runs([stretch(5, 20)])
        part = run.until(DAY + timedelta(days=9))

        assert part is not None
        assert part.days == 5
        assert run.until(DAY) is None
