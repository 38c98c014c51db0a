"""FHIR's date, dateTime, instant, Period and Timing as half-open intervals of time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

_DATE = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d{2})(?:-(?P<day>\d{2})"
    r"(?:T(?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?P<fraction>\.\d+)?)?"
    r"(?P<zone>Z|[+-]\d{2}:\d{2})?)?)?)?"
)
_BEGINNING_OF_TIME = datetime.min.replace(tzinfo=UTC)
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class Interval(NamedTuple):
    """From ``start`` (inclusive) to ``end`` (exclusive), both in UTC."""

    start: datetime
    end: datetime


def parse_interval(text: str) -> Interval:
    """Return the time that a FHIR date of any precision spans; without a zone it is read as UTC.

    Raises:
        ValueError: if the text is no FHIR date or names a day or an hour that does not exist.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a FHIR date")
    parts = match.groupdict()
    year, month, day = int(parts["year"]), int(parts["month"] or 1), int(parts["day"] or 1)
    if parts["month"] is None:
        return Interval(datetime(year, 1, 1, tzinfo=UTC), _first_of_year(year + 1))
    if parts["day"] is None:
        end = _first_of_year(year + 1) if month == 12 else datetime(year, month + 1, 1, tzinfo=UTC)
        return Interval(datetime(year, month, 1, tzinfo=UTC), end)
    if parts["hour"] is None:
        start = datetime(year, month, day, tzinfo=UTC)
        return Interval(start, _later(start, timedelta(days=1)))
    fraction = parts["fraction"]
    start = datetime(
        year,
        month,
        day,
        int(parts["hour"]),
        int(parts["minute"]),
        int(parts["second"] or 0),
        int(fraction[1:7].ljust(6, "0")) if fraction else 0,
        tzinfo=UTC,
    )
    start -= _offset(parts["zone"])
    return Interval(start, _later(start, _precision(parts["second"], fraction)))


def intervals(value: Any) -> Iterator[Interval]:
    """Yield every interval that a FHIR date, Period or Timing element holds; unreadable ones are left out."""
    if isinstance(value, str):
        try:
            yield parse_interval(value)
        except ValueError:
            return
    elif isinstance(value, dict):
        if "start" in value or "end" in value:
            yield from _period(value)
        for event in value.get("event", []):
            yield from intervals(event)
        yield from intervals(value.get("repeat", {}).get("boundsPeriod"))


def _period(value: dict[str, Any]) -> Iterator[Interval]:
    try:
        start = parse_interval(value["start"]).start if "start" in value else _BEGINNING_OF_TIME
        end = parse_interval(value["end"]).end if "end" in value else _END_OF_TIME
    except ValueError:
        return
    yield Interval(start, end)


def _first_of_year(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC) if year <= datetime.max.year else _END_OF_TIME


def _offset(zone: str | None) -> timedelta:
    if zone is None or zone == "Z":
        return timedelta()
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    offset = timedelta(hours=hours, minutes=minutes)
    return -offset if zone[0] == "-" else offset


def _precision(second: str | None, fraction: str | None) -> timedelta:
    if second is None:
        return timedelta(minutes=1)
    if fraction is None:
        return timedelta(seconds=1)
    return timedelta(microseconds=10 ** max(0, 6 - len(fraction[1:])))


def _later(moment: datetime, step: timedelta) -> datetime:
    try:
        return moment + step
    except OverflowError:
        return _END_OF_TIME
