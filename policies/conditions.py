"""The closed set of operators that a policy file may use, and what each finds in a fact.

A condition is positive: it holds, may hold, clashes, or does not hold. "Does not hold" covers both silence and
the contrary; which of the two it is, a policy says with a second condition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import IntEnum
from fractions import Fraction
from itertools import pairwise

from policies import values
from policies.dates import add_months
from policies.values import SILENT, Choice, Course, Evidence, Fact, Flag, Measure, Response, Statement, Trial, Trials

WEEK_DAYS = 7


class Verdict(IntEnum):
    """How far a condition holds."""

    NO = 0
    MAYBE = 1
    """Weak evidence for it, or its sources could not be read: a person may confirm it."""
    CLASH = 2
    """Evidence on both sides: a person must weigh it, an answer does not settle it."""
    YES = 3


@dataclass(frozen=True, slots=True)
class Seen:
    """What a condition found: the verdict, why in short sentences, and the evidence for it."""

    verdict: Verdict
    why: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What conditions are tested against.

    `on`  the evidence date; `statement_months`  how long a statement of a present state stands;
    `states`  what kind of state each flag tells (`present`, `lasting` or `event`, see facts.yaml)
    """

    facts: Mapping[str, Fact]
    on: date
    statement_months: int = 12
    states: Mapping[str, str] = field(default_factory=dict)

    def fact(self, name: str) -> Fact:
        """Return the named fact, silent where the chart gave none."""
        return self.facts.get(name, SILENT)


@dataclass(frozen=True, slots=True)
class Threshold:
    """A comparator (`gt`, `gte`, `lt`, `lte`) and its number, exact."""

    comparator: str
    value: Fraction

    def passes(self, number: Fraction) -> bool:
        """Return whether the number satisfies the comparison."""
        return {
            "gt": number > self.value,
            "gte": number >= self.value,
            "lt": number < self.value,
            "lte": number <= self.value,
        }[self.comparator]


@dataclass(frozen=True, slots=True)
class Duration:
    """A calendar length: `unit` is `months` or `weeks`."""

    count: int
    unit: str


@dataclass(frozen=True, slots=True)
class Is:
    """A flag states `value`, said by an author that `by` accepts (see ACCEPTED)."""

    fact: str
    value: bool
    by: str = "clinician"


@dataclass(frozen=True, slots=True)
class Compares:
    """A measure satisfies a threshold."""

    fact: str
    threshold: Threshold


@dataclass(frozen=True, slots=True)
class Reached:
    """The size of a trial's response: by the only response, or by two consecutive ones. `missed` asks the contrary."""

    fact: str
    threshold: Threshold
    missed: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """The response kept the threshold for `hours` without a gap above `max_gap` hours. `missed` asks the contrary."""

    fact: str
    threshold: Threshold
    hours: Fraction
    max_gap: Fraction
    missed: bool = False


@dataclass(frozen=True, slots=True)
class FailedAfter:
    """A therapy lasted and then failed or was not tolerated; `or_still`: the severity read on it counts as failure."""

    fact: str
    duration: Duration
    or_still: Threshold | None = None


@dataclass(frozen=True, slots=True)
class Lasted:
    """A therapy lasted at least so long, whatever came of it."""

    fact: str
    duration: Duration


@dataclass(frozen=True, slots=True)
class EndedBefore:
    """A therapy was ended before it had lasted so long."""

    fact: str
    duration: Duration


@dataclass(frozen=True, slots=True)
class OutcomeIs:
    """A therapy's outcome is the named one, whatever its length."""

    fact: str
    outcome: str


@dataclass(frozen=True, slots=True)
class OneOf:
    """A choice is one of these words."""

    fact: str
    codes: frozenset[str]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one condition holds."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every condition holds."""

    conditions: tuple[Condition, ...]


Condition = Is | Compares | Reached | Held | FailedAfter | Lasted | EndedBefore | OutcomeIs | OneOf | AnyOf | AllOf

ACCEPTED: Mapping[str, frozenset[str | None]] = {
    "anyone": frozenset({values.MENTAL_HEALTH, values.CLINICIAN, values.PATIENT, None}),
    "clinician": frozenset({values.MENTAL_HEALTH, values.CLINICIAN, None}),
    "mental-health-professional": frozenset({values.MENTAL_HEALTH}),
}
"""Whose statement counts, by the word a policy file uses. An unstated role is a doubt where it is not accepted."""


def facts_named(condition: Condition) -> tuple[str, ...]:
    """Return the names of the facts that a condition reads, in order, each once."""
    if isinstance(condition, AnyOf | AllOf):
        return tuple(dict.fromkeys(name for child in condition.conditions for name in facts_named(child)))
    return (condition.fact,)


def see(condition: Condition, reading: Reading) -> Seen:
    """Return what the condition finds in the reading."""
    if isinstance(condition, AnyOf):
        return _see_any([see(child, reading) for child in condition.conditions])
    if isinstance(condition, AllOf):
        return _see_all([see(child, reading) for child in condition.conditions])
    fact = reading.fact(condition.fact)
    if fact.conflict:
        return Seen(Verdict.CLASH, (fact.conflict,), fact.evidence)
    if fact.value is None:
        return _unread(fact)
    seen = _see_value(condition, fact, reading)
    if seen.verdict is Verdict.YES and fact.doubt:
        return Seen(Verdict.MAYBE, (*_notes(seen, fact), fact.doubt), seen.evidence or fact.evidence)
    if seen.verdict is Verdict.NO:
        return Seen(Verdict.MAYBE, *_unread_parts(fact)) if fact.unread else Seen(Verdict.NO)
    return Seen(seen.verdict, _notes(seen, fact), seen.evidence or fact.evidence)


def _notes(seen: Seen, fact: Fact) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in (fact.note, *seen.why) if text))


def _unread(fact: Fact) -> Seen:
    return Seen(Verdict.MAYBE, *_unread_parts(fact)) if fact.unread else Seen(Verdict.NO)


def _unread_parts(fact: Fact) -> tuple[tuple[str, ...], tuple[Evidence, ...], tuple[str, ...]]:
    return (f"Could not be read: {', '.join(fact.unread)}.",), (), fact.unread


def _see_any(seen: list[Seen]) -> Seen:
    best = max(one.verdict for one in seen)
    return _joined(best, [one for one in seen if one.verdict is best and best is not Verdict.NO])


def _see_all(seen: list[Seen]) -> Seen:
    if any(one.verdict is Verdict.NO for one in seen):
        return Seen(Verdict.NO)
    worst = min((one.verdict for one in seen), key=lambda verdict: (verdict is Verdict.YES, verdict is Verdict.MAYBE))
    return _joined(worst, seen)


def _joined(verdict: Verdict, seen: list[Seen]) -> Seen:
    return Seen(
        verdict,
        tuple(dict.fromkeys(text for one in seen for text in one.why)),
        tuple(dict.fromkeys(item for one in seen for item in one.evidence)),
        tuple(dict.fromkeys(kind for one in seen for kind in one.unread)),
    )


def _see_value(condition: Condition, fact: Fact, reading: Reading) -> Seen:
    value = fact.value
    match condition, value:
        case Is(), Flag():
            return see_flag(value, condition.value, condition.by, reading, reading.states.get(condition.fact, "event"))
        case Compares(), Measure():
            return Seen(_compare(value, condition.threshold))
        case Reached(), Trials():
            return Seen(_reached(value, condition))
        case Held(), Trials():
            return Seen(_held(value, condition))
        case FailedAfter(), Course():
            return _failed_after(value, condition)
        case Lasted(), Course():
            return Seen(_lasted(value, condition.duration))
        case EndedBefore(), Course():
            return Seen(_ended_before(value, condition.duration))
        case OutcomeIs(), Course():
            return _outcome(value, (condition.outcome,))
        case OneOf(), Choice():
            return Seen(Verdict.YES if value.code in condition.codes else Verdict.NO)
        case _:
            raise TypeError(f"fact {getattr(condition, 'fact', '?')}: {type(condition).__name__} cannot be asked of it")


# Flags --------------------------------------------------------------------------------------------------------


def see_flag(flag: Flag, wanted: bool, by: str, reading: Reading, state: str) -> Seen:
    """Return how far the flag's statements say `wanted`.

    Of a present or lasting state the latest coded finding counts; of an event, and between forms, any
    disagreement is a clash. Only a statement of a present state ages.
    """
    ages = state == "present"
    counted = [(one, _doubt(one, by, reading, ages)) for one in flag.statements if _counts(one, by)]
    if not counted:
        return Seen(Verdict.NO)
    if state != "event":
        counted = _latest_findings(counted)
    if len({one.value for one, _ in counted}) > 1:
        return Seen(
            Verdict.CLASH,
            (f"Statements disagree ({', '.join(_sides([one for one, _ in counted]))}).",),
            tuple(item for one, _ in counted for item in one.evidence),
        )
    if counted[0][0].value is not wanted:
        return Seen(Verdict.NO)
    sure = [one for one, doubt in counted if not doubt]
    if sure:
        return Seen(Verdict.YES, (), tuple(item for one in sure for item in one.evidence))
    statement, doubt = counted[0]
    return Seen(Verdict.MAYBE, (doubt,), statement.evidence)


def _counts(statement: Statement, by: str) -> bool:
    if statement.source == values.RECORD:
        return True
    return statement.by in ACCEPTED[by] or (statement.by is None and by == values.MENTAL_HEALTH)


def _doubt(statement: Statement, by: str, reading: Reading, ages: bool) -> str:
    if statement.doubt:
        return statement.doubt
    if statement.source != values.RECORD and statement.by not in ACCEPTED[by]:
        return "The author's role is not stated: a mental-health professional is asked for."
    if ages and statement.source != values.RECORD:
        if statement.on is None:
            return "The statement bears no date."
        if add_months(statement.on, reading.statement_months) < reading.on:
            return f"The statement of {statement.on.isoformat()} is older than {reading.statement_months} months."
    return ""


def _latest_findings(counted: list[tuple[Statement, str]]) -> list[tuple[Statement, str]]:
    if any(one.source != values.FINDING or one.on is None for one, _ in counted):
        return counted
    latest = max(one.on for one, _ in counted if one.on)
    return [(one, doubt) for one, doubt in counted if one.on == latest]


def _sides(statements: list[Statement]) -> list[str]:
    return [
        f"{'yes' if one.value else 'no'} {item.reference}".strip()
        for one in statements
        for item in (one.evidence or (Evidence("not dated"),))[:1]
    ]


# Measures -----------------------------------------------------------------------------------------------------


def _compare(measure: Measure, threshold: Threshold) -> Verdict:
    sure, maybe = threshold.passes(measure.certain), threshold.passes(measure.possible)
    if threshold.comparator in ("lt", "lte"):
        if measure.unfinished:
            return Verdict.NO
        sure, maybe = maybe, sure
    if sure:
        return Verdict.YES
    return Verdict.MAYBE if maybe else Verdict.NO


# Trials -------------------------------------------------------------------------------------------------------


def _reached(trials: Trials, asked: Reached) -> Verdict:
    return _over_trials(trials, lambda trial: _size(trial, asked.threshold), asked.missed)


def _held(trials: Trials, asked: Held) -> Verdict:
    return _over_trials(trials, lambda trial: _hold(trial, asked), asked.missed)


class _Result(IntEnum):
    """The result of one dose; a titrated trial takes its best."""

    FAILED = 0
    SILENT = 1
    UNCLEAR = 2
    PASSED = 3


def _over_trials(trials: Trials, judge: Callable[[Trial], _Result], missed: bool) -> Verdict:
    latest = max(judge(dose) for dose in trials.latest)
    earlier = [max(judge(dose) for dose in doses) for doses in trials.earlier]
    if missed:
        return Verdict.YES if latest is _Result.FAILED else Verdict.NO
    if latest is _Result.PASSED:
        if _Result.FAILED in earlier:
            return Verdict.CLASH
        best = [dose for dose in trials.latest if judge(dose) is latest]
        return Verdict.MAYBE if all(dose.doubt for dose in best) else Verdict.YES
    return Verdict.CLASH if latest is _Result.UNCLEAR else Verdict.NO


def _passes(response: Response, threshold: Threshold) -> _Result:
    if response.doubt:
        return _Result.UNCLEAR
    if threshold.passes(response.low):
        return _Result.PASSED
    if threshold.passes(response.high):
        return _Result.UNCLEAR
    rounded = response.stated and response.high == threshold.value
    return _Result.UNCLEAR if rounded else _Result.FAILED


def _size(trial: Trial, threshold: Threshold) -> _Result:
    scores = [_passes(one, threshold) for one in trial.responses if not one.stated]
    figures = [_passes(one, threshold) for one in trial.responses if one.stated]
    results = [*figures, *([_size_of_scores(scores)] if scores else [])]
    if not results:
        return _Result.SILENT
    return results[0] if len(set(results)) == 1 else _Result.UNCLEAR


def _size_of_scores(scores: list[_Result]) -> _Result:
    if all(one is _Result.FAILED for one in scores):
        return _Result.FAILED
    pairs = zip(scores, scores[1:] if len(scores) > 1 else scores, strict=False)
    passed = any(first is second is _Result.PASSED for first, second in pairs)
    return _Result.PASSED if passed else _Result.UNCLEAR


def _hold(trial: Trial, asked: Held) -> _Result:
    scores = [(one, _passes(one, asked.threshold)) for one in trial.responses if not one.stated]
    if not scores:
        return _Result.SILENT
    if all(result is _Result.FAILED for _, result in scores):
        return _Result.FAILED
    timed = [(one.hours, result) for one, result in scores if one.hours is not None]
    if len(timed) < len(scores):
        return _Result.SILENT
    runs = _runs([(hours, result is _Result.PASSED) for hours, result in timed])
    if any(_length(run) >= asked.hours and _widest_gap(run) <= asked.max_gap for run in runs):
        return _Result.PASSED
    generous = _runs([(hours, result is not _Result.FAILED) for hours, result in timed])
    if any(_length(run) >= asked.hours for run in generous):
        return _Result.UNCLEAR
    return _Result.SILENT if timed[-1][1] is not _Result.FAILED else _Result.FAILED


def _runs(scores: list[tuple[Fraction, bool]]) -> list[list[Fraction]]:
    runs: list[list[Fraction]] = []
    open_run = False
    for hours, passed in scores:
        if passed and open_run:
            runs[-1].append(hours)
        elif passed:
            runs.append([hours])
        open_run = passed
    return runs


def _length(run: list[Fraction]) -> Fraction:
    return run[-1] - run[0]


def _widest_gap(run: list[Fraction]) -> Fraction:
    return max((after - before for before, after in pairwise(run)), default=Fraction(0))


# Courses ------------------------------------------------------------------------------------------------------


def end_of(start: date, duration: Duration) -> date:
    """Return the day on which a therapy that began on `start` has lasted so long (that day included)."""
    if duration.unit == "months":
        return add_months(start, duration.count) - timedelta(days=1)
    return start + timedelta(days=WEEK_DAYS * duration.count - 1)


def _length_of(course: Course, duration: Duration) -> Measure | None:
    return course.months if duration.unit == "months" else course.weeks


def _lasted(course: Course, duration: Duration) -> Verdict:
    length = _length_of(course, duration)
    return Verdict.NO if length is None else _compare(length, Threshold("gte", Fraction(duration.count)))


def _ended_before(course: Course, duration: Duration) -> Verdict:
    length = _length_of(course, duration)
    return Verdict.NO if length is None else _compare(length, Threshold("lt", Fraction(duration.count)))


def _outcome(course: Course, wanted: tuple[str, ...]) -> Seen:
    found = [outcome for outcome in wanted if outcome in course.outcomes]
    if not found:
        return Seen(Verdict.NO)
    failures = {values.INEFFECTIVE, values.NOT_TOLERATED}
    both = values.EFFECTIVE in course.outcomes and failures & course.outcomes.keys()
    if both and (values.EFFECTIVE in found or failures & set(found)):
        return Seen(Verdict.CLASH, ("Recorded both as effective and as failed or not tolerated.",))
    doubts = [course.outcomes[outcome] for outcome in found]
    return Seen(Verdict.MAYBE, (doubts[0],)) if all(doubts) else Seen(Verdict.YES)


def _failed_after(course: Course, asked: FailedAfter) -> Seen:
    length = Seen(_lasted(course, asked.duration))
    failed = _outcome(course, (values.INEFFECTIVE, values.NOT_TOLERATED))
    if failed.verdict is Verdict.NO and asked.or_still and course.still and values.EFFECTIVE not in course.outcomes:
        failed = Seen(_compare(course.still, asked.or_still))
    return _see_all([length, failed])
