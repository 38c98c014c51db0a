"""Calendar months and weeks, at their edges."""

from __future__ import annotations

from datetime import date

import pytest

from policies.dates import add_months, days_inclusive, whole_months, years_on


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 1, 31), 6, date(2026, 7, 31)),
        (date(2025, 8, 31), 6, date(2026, 2, 28)),
        (date(2023, 8, 31), 6, date(2024, 2, 29)),
        (date(2026, 3, 15), -3, date(2025, 12, 15)),
    ],
)
def test_add_months(day: date, months: int, expected: date) -> None:
    """The same day of the month, or the month's last."""
    assert add_months(day, months) == expected


@pytest.mark.parametrize(
    ("first", "last", "months"),
    [
        (date(2026, 1, 31), date(2026, 7, 30), 6),
        (date(2026, 1, 31), date(2026, 7, 29), 5),
        (date(2025, 8, 31), date(2026, 2, 27), 6),
        (date(2026, 1, 1), date(2026, 1, 31), 1),
        (date(2026, 1, 1), date(2025, 1, 1), 0),
    ],
)
def test_whole_months_count_both_end_days(first: date, last: date, months: int) -> None:
    """A duration is reached when the last day plus one reaches the start plus the duration."""
    assert whole_months(first, last) == months


def test_six_weeks_are_42_days() -> None:
    """Both end days count."""
    assert days_inclusive(date(2026, 1, 1), date(2026, 2, 11)) == 42


def test_years_turn_on_the_birthday() -> None:
    """The day before the birthday is still the old age; a leap-day birthday turns on 1 March."""
    assert [years_on(date(2008, 6, 1), date(2026, 5, 31)), years_on(date(2008, 6, 1), date(2026, 6, 1))] == [17, 18]
    assert years_on(date(2008, 2, 29), date(2026, 2, 28)) == 17
