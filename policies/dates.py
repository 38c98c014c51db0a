"""Calendar arithmetic of the policies: months and weeks, not thirtieths of a year."""

from __future__ import annotations

import calendar
from datetime import date, timedelta


def add_months(day: date, months: int) -> date:
    """Return the same day `months` later; where that day does not exist, the month's last day.

    Six months after 31 August are the last day of February.
    """
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    month += 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def whole_months(first: date, last: date) -> int:
    """Return how many calendar months the days `first` to `last`, both included, hold in full."""
    end = last + timedelta(days=1)
    months = (end.year - first.year) * 12 + end.month - first.month
    while months > 0 and add_months(first, months) > end:
        months -= 1
    return max(months, 0)


def days_inclusive(first: date, last: date) -> int:
    """Return how many days `first` to `last` are, both included; 0 where `last` lies before `first`."""
    return max((last - first).days + 1, 0)


def years_on(birth: date, day: date) -> int:
    """Return the age in completed years on `day` of somebody born on `birth`."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))
