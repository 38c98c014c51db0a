"""How long a therapy lasted: its stretches joined into runs, in whole calendar months and in weeks.

Two stretches join where no more days lie between them than the look-back allows. The days of a gap do not add: a run
with gaps counts as if it had ended so many days earlier. Two visits within the limit for visits count as covered in
between. Of a run with drugs enough days must be covered, else its length is merely possible.

Everything is reckoned twice: with partial dates at their worst (what is certain) and at their best (what is possible).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction

from policies.dates import days_inclusive, whole_months
from policies.values import Measure

DRUG = "drug"
PHYSICAL = "physical"
BEHAVIOURAL = "behavioural"
STATED = "stated"
"""Kinds of stretches. `STATED`: the time that somebody gave for a therapy together with its outcome."""

VISITS = frozenset({PHYSICAL, BEHAVIOURAL})
WEEK_DAYS = 7
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Days:
    """The days from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def count(self) -> int:
        """Return how many days they are."""
        return days_inclusive(self.first, self.last)


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """One order, course or visit of a therapy.

    `certain`, `possible`  its days with partial dates at their worst and best; None: no day is known
    `goes_on`              it had not ended on the evidence date
    `what`                 our label; `key` groups the stretches of one thing (an ingredient, a kind of visit)
    """

    kind: str
    what: str
    certain: Days | None
    possible: Days | None
    goes_on: bool = False
    keys: frozenset[str] = frozenset()
    reference: str = ""

    @property
    def length_known(self) -> bool:
        """Return whether the stretch bears dates that give it a length."""
        return self.possible is not None


@dataclass(frozen=True, slots=True)
class Joining:
    """What joins, in days: the widest gap, the widest step from visit to visit, the percentage to be covered."""

    gap: int
    visit_step: int
    covered_percent: int


@dataclass(frozen=True, slots=True)
class Run:
    """Stretches that join: the days they cover, oldest first and never touching, and the stretches themselves."""

    covered: tuple[Days, ...]
    stretches: tuple[Stretch, ...]

    @property
    def first(self) -> date:
        """Return the first day."""
        return self.covered[0].first

    @property
    def last(self) -> date:
        """Return the last day."""
        return self.covered[-1].last

    @property
    def days(self) -> int:
        """Return the days covered; gaps do not add."""
        return sum(one.count for one in self.covered)

    @property
    def gap_days(self) -> int:
        """Return the days between first and last that are not covered."""
        return days_inclusive(self.first, self.last) - self.days

    @property
    def months(self) -> int:
        """Return the whole calendar months: as if the run had ended earlier by the days of its gaps."""
        return whole_months(self.first, self.last - timedelta(days=self.gap_days))

    @property
    def weeks(self) -> Fraction:
        """Return the weeks, in sevenths."""
        return Fraction(self.days, WEEK_DAYS)

    @property
    def goes_on(self) -> bool:
        """Return whether one of its stretches had not ended on the evidence date."""
        return any(one.goes_on for one in self.stretches)

    def until(self, day: date) -> Run | None:
        """Return the part up to a day, None where the run begins later."""
        kept = tuple(Days(one.first, min(one.last, day)) for one in self.covered if one.first <= day)
        return replace(self, covered=kept) if kept else None

    def is_covered(self, percent: int) -> bool:
        """Return whether so many of a hundred days are covered; visits within their limit always are."""
        return 100 * self.days >= percent * days_inclusive(self.first, self.last)


def join(stretches: Iterable[Stretch], joining: Joining, *, possible: bool) -> list[Run]:
    """Return the runs of the stretches, oldest first, from their certain or their possible days."""
    runs: list[tuple[list[Days], list[Stretch]]] = []
    for days, members in _blocks(stretches, joining, possible):
        if runs and (days.first - runs[-1][0][-1].last).days - 1 <= joining.gap:
            covered, held = runs[-1]
            held += members
            if days.first <= covered[-1].last + _DAY:
                covered[-1] = Days(covered[-1].first, max(covered[-1].last, days.last))
            else:
                covered.append(days)
        else:
            runs.append(([days], list(members)))
    return [Run(tuple(covered), tuple(held)) for covered, held in runs]


def _blocks(stretches: Iterable[Stretch], joining: Joining, possible: bool) -> list[tuple[Days, list[Stretch]]]:
    """Return every stretch with its days, the visits of one kind joined; by first day."""
    dated = [(days, one) for one in stretches if (days := one.possible if possible else one.certain) is not None]
    blocks = [(days, [one]) for days, one in dated if one.kind not in VISITS]
    # A date may stand for any hour: whether a month of 31 days lies between two visits is left to a reviewer.
    step = joining.visit_step + 1 if possible else joining.visit_step
    for kind in VISITS:
        blocks += _visits([pair for pair in dated if pair[1].kind == kind], step)
    return sorted(blocks, key=lambda block: (block[0].first, block[0].last))


def _visits(visits: Sequence[tuple[Days, Stretch]], step: int) -> Iterator[tuple[Days, list[Stretch]]]:
    held: list[Stretch] = []
    days: Days | None = None
    for own, visit in sorted(visits, key=lambda pair: (pair[0].first, pair[0].last)):
        if days is not None and (own.first - days.last).days > step:
            yield days, held
            days, held = None, []
        days = own if days is None else Days(days.first, max(days.last, own.last))
        held.append(visit)
    if days is not None:
        yield days, held


def best_covered(run: Run, percent: int) -> Run | None:
    """Return the longest part of a run, from stretch to stretch, that is covered enough; None where none is."""
    if run.is_covered(percent):
        return run
    parts = (
        replace(run, covered=run.covered[start:end])
        for start in range(len(run.covered))
        for end in range(start + 1, len(run.covered) + 1)
    )
    return max((part for part in parts if part.is_covered(percent)), key=lambda part: part.days, default=None)


def visit_is_recent(stretch: Stretch, on: date, step: int) -> bool:
    """Return whether a visit lies so near to the day that the next one would still join."""
    return stretch.kind in VISITS and stretch.possible is not None and (on - stretch.possible.last).days <= step


def measured(certain: Run | None, possible: Run | None, unit: str, *, unfinished: bool) -> Measure | None:
    """Return the length of the best run in `months` or `weeks`, None where no length is known."""
    sure, maybe = (Fraction(getattr(run, unit)) if run is not None else None for run in (certain, possible))
    if sure is None and maybe is None:
        return None
    low = sure if sure is not None else Fraction(0)
    return Measure(low, max(low, maybe if maybe is not None else low), unfinished)
