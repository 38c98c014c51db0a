"""The kinds of value a fact can have. Pure data: what a chart shows, before any policy is asked.

`Flag`     dated yes/no statements, with who made them
`Measure`  a number with what is certain and what is merely possible
`Trials`   responses to intrathecal trials over time
`Course`   how long a therapy lasted and how it went
`Choice`   one of a closed list of words
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

MENTAL_HEALTH = "mental-health-professional"
CLINICIAN = "clinician"
PATIENT = "patient"
AUTHORS = (MENTAL_HEALTH, CLINICIAN, PATIENT)

FINDING = "finding"
ANSWER = "answer"
RECORD = "record"
SOURCES = (FINDING, ANSWER, RECORD)

INEFFECTIVE = "ineffective"
NOT_TOLERATED = "not-tolerated"
CONTRAINDICATED = "contraindicated"
EFFECTIVE = "effective"
OUTCOMES = (INEFFECTIVE, NOT_TOLERATED, CONTRAINDICATED, EFFECTIVE)


@dataclass(frozen=True, slots=True)
class Evidence:
    """A pointer to one resource: `reference` (Type/id), `date` (ISO, as precise as recorded), a short `summary`."""

    reference: str
    date: str = ""
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """One yes/no statement.

    `on`      day it was made (for a partial date the earliest day); None where it bears no date
    `by`      one of AUTHORS; None where the author's role is not stated
    `doubt`   why it can at best be reviewed (a provisional diagnosis, a document nobody read); empty: none
    `source`  `finding` (a coded statement), `answer` (a form) or `record` (coded data, where no author is asked)
    """

    value: bool
    on: date | None = None
    by: str | None = None
    evidence: tuple[Evidence, ...] = ()
    doubt: str = ""
    source: str = RECORD


@dataclass(frozen=True, slots=True)
class Flag:
    """Yes/no statements about one thing, in any order; at least one."""

    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """A number: `certain` is reached without doubt, `possible` (never smaller) only if a reviewer agrees.

    `unfinished` says that the number may still grow by mere record or time (a therapy that goes on), so that a
    value below a threshold contradicts nothing yet.
    """

    certain: Fraction
    possible: Fraction
    unfinished: bool = False

    @classmethod
    def exactly(cls, value: int | float | Fraction, *, unfinished: bool = False) -> Measure:
        """Return a measure without doubt."""
        return cls(Fraction(value), Fraction(value), unfinished)


@dataclass(frozen=True, slots=True)
class Response:
    """One response in a trial: a reduction (percent of pain, points of tone or spasms), larger is better.

    `hours`   hours since the trial's start; None where the record has no clock time
    `low`, `high`   the reduction's bounds; equal unless the scale leaves two readings
    `stated`  a figure somebody wrote down instead of one computed from scores: it proves size, never hold
    `doubt`   why this response can at best be reviewed
    """

    low: Fraction
    high: Fraction
    hours: Fraction | None = None
    stated: bool = False
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """One dose of a trial: its start and its responses in time order."""

    start: date
    responses: tuple[Response, ...]
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Trials:
    """The trial that counts (`latest`: one dose, or several titrated doses of one drug) and the ones before it."""

    latest: tuple[Trial, ...]
    earlier: tuple[tuple[Trial, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Course:
    """How long a therapy lasted and how it went.

    `months`, `weeks`   length of its best run, joined as the six-month and the six-week criteria join; None: unknown
    `outcomes`  keys of OUTCOMES with the doubt about each (empty: none)
    `start`     first day of the run that goes on, where it goes on
    `still`     the severity read on treatment, latest reading of the run
    """

    months: Measure | None = None
    weeks: Measure | None = None
    outcomes: Mapping[str, str] = field(default_factory=dict)
    start: date | None = None
    still: Measure | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One word of the closed list that the fact's vocabulary entry gives."""

    code: str


Value = Flag | Measure | Trials | Course | Choice


@dataclass(frozen=True, slots=True)
class Fact:
    """What the chart shows about one named thing.

    `value`     None: the chart is silent
    `evidence`  the resources it rests on, strongest first
    `note`      one short sentence on what was found, with numbers and dates; also set when the value is None but
                something near was seen ("latest score 8 on 2026-01-03 is older than 90 days")
    `doubt`     why every status it decides is at best needs-review; empty: none
    `conflict`  what contradicts what; no value can be trusted then
    `unread`    the kinds of record that bear on it and could not be read
    """

    value: Value | None = None
    evidence: tuple[Evidence, ...] = ()
    note: str = ""
    doubt: str = ""
    conflict: str = ""
    unread: tuple[str, ...] = ()


SILENT = Fact()
