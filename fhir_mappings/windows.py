"""Windows of time, and where a reading lies to one: dates without a clock time may be any moment of their day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import Enum

from fhir_mappings.times import When

_DAY = timedelta(days=1)
_TICK = timedelta(microseconds=1)


class Place(Enum):
    """Where a reading lies to a trial's window."""

    BEFORE = "before"
    AT_START = "at start"
    """It may precede the start or follow it."""
    WITHIN = "within"
    AT_END = "at end"
    """It may lie beyond the end."""
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing that ends a window: `after` so long from a moment; a date alone takes in its day if `inclusive`."""

    moment: When
    after: timedelta = timedelta(0)
    inclusive: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """The time in which scores are responses: from the start to the earliest limit."""

    start: When
    limits: tuple[Limit, ...]

    def place(self, moment: When) -> Place:
        """Return where a moment lies. Dates without a clock time may be any moment of their day."""
        zone = zone_of(self.start, moment)
        first, last = bounds(moment, zone)
        earliest_start, latest_start = bounds(self.start, zone)
        if last < earliest_start:
            return Place.BEFORE
        earliest_end, latest_end = self.end_bounds(zone)
        if first > latest_end:
            return Place.AFTER
        if first <= latest_start:
            return Place.AT_START
        return Place.WITHIN if last <= earliest_end else Place.AT_END

    def end_bounds(self, zone: tzinfo) -> tuple[datetime, datetime]:
        """Return the earliest and the latest moment at which the window may end."""
        ends = [_limit_bounds(limit, zone) for limit in self.limits]
        return min(first for first, _ in ends), min(last for _, last in ends)


def zone_of(*moments: When) -> tzinfo:
    """Return the offset in which dates without a clock time are read: that of the first moment that has one."""
    for moment in moments:
        if moment.instant is not None and moment.instant.tzinfo is not None:
            return moment.instant.tzinfo
    return UTC


def bounds(moment: When, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return the earliest and the latest instant that a date may mean."""
    if moment.instant is not None:
        return moment.instant, moment.instant
    return _midnight(moment.first, zone), _midnight(moment.last, zone) + _DAY - _TICK


def _limit_bounds(limit: Limit, zone: tzinfo) -> tuple[datetime, datetime]:
    first, last = bounds(limit.moment, zone)
    if limit.inclusive and limit.moment.instant is None:
        first = _midnight(limit.moment.first, zone) + _DAY - _TICK
    return first + limit.after, last + limit.after


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(min(max(day, date(2, 1, 1)), date(9998, 1, 1)), time(), zone)
