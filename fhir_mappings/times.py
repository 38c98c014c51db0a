"""FHIR dates, as precise as they are written: a year, a month, a day, an instant in its own offset."""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

_SHAPE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2})(T.+)?)?)?")


@dataclass(frozen=True, slots=True)
class When:
    """A FHIR date, dateTime or instant.

    `first`, `last`  the days it may be, equal from day precision on; `instant` the moment where a clock time is
    given (without an offset it is taken as UTC); `text` as it was written. The day is that of its own offset.
    """

    first: date
    last: date
    instant: datetime | None
    text: str

    @property
    def is_partial(self) -> bool:
        """Return whether the day itself is unknown."""
        return self.first != self.last

    @property
    def order(self) -> datetime:
        """Return a moment to sort by: the instant, else the start of the first day."""
        return self.instant or datetime(self.first.year, self.first.month, self.first.day, tzinfo=UTC)

    def surely_by(self, day: date) -> bool:
        """Return whether it lies on or before the day, whatever the missing parts are."""
        return self.last <= day

    def possibly_by(self, day: date) -> bool:
        """Return whether it may lie on or before the day."""
        return self.first <= day


def when(value: object) -> When | None:
    """Return a FHIR date of any precision, None for anything else."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    match = _SHAPE.fullmatch(text)
    if match is None:
        return None
    year, month, day, time = match.groups()
    try:
        if time:
            return _instant(text)
        if day:
            one = date(int(year), int(month), int(day))
            return When(one, one, None, text)
        if month:
            last = calendar.monthrange(int(year), int(month))[1]
            return When(date(int(year), int(month), 1), date(int(year), int(month), last), None, text)
        return When(date(int(year), 1, 1), date(int(year), 12, 31), None, text)
    except ValueError:
        return None


def _instant(text: str) -> When:
    moment = datetime.fromisoformat(text)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return When(moment.date(), moment.date(), aware, text)


@dataclass(frozen=True, slots=True)
class Span:
    """A FHIR Period, or a single date as both ends; None is an end that was not written."""

    start: When | None
    end: When | None

    @property
    def is_empty(self) -> bool:
        """Return whether neither end is known."""
        return self.start is None and self.end is None


def span(value: object) -> Span:
    """Return a FHIR Period; empty for anything else."""
    if not isinstance(value, Mapping):
        return Span(None, None)
    return Span(when(value.get("start")), when(value.get("end")))


def choice_span(resource: Mapping[str, Any], stem: str) -> Span:
    """Return `<stem>DateTime`, `<stem>Instant`, `<stem>Date` or `<stem>Period` of a resource as a span."""
    for suffix in ("DateTime", "Instant", "Date"):
        moment = when(resource.get(stem + suffix))
        if moment:
            return Span(moment, moment)
    return span(resource.get(stem + "Period"))
