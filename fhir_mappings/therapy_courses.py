"""One therapy as a policy asks for it: which records belong to it, how long it lasted, how it went.

A failure reaches only as far as it was recorded: a drug that was stopped says nothing of what was taken after it. So
where a failure is on record, the certain length ends with it, and what follows is merely possible.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from fhir_mappings.inquiry import Inquiry
from fhir_mappings.medications import (
    FIXED,
    SCHEDULE_WORDS,
    SPINAL,
    SYSTEMIC,
    UNDETERMINED,
    UNSTATED,
    DrugRecord,
)
from fhir_mappings.therapy_records import (
    FAILURES,
    NOT_ANTISPASTIC,
    OPIOID,
    OUTCOME_WORDS,
    Allergy,
    StatedOutcome,
    TherapyRecords,
    Visit,
)
from fhir_mappings.therapy_runs import (
    BEHAVIOURAL,
    DRUG,
    PHYSICAL,
    STATED,
    VISITS,
    Joining,
    Run,
    Stretch,
    best_covered,
    join,
    measured,
    visit_is_recent,
)
from policies.values import CONTRAINDICATED, EFFECTIVE, Course, Evidence, Fact, Measure

SHOWN = 3
EVIDENCE_SHOWN = 12
SHORTEST_IN_MONTHS = 2
FORM = "QuestionnaireResponse"
SPINAL_WORDS = "intrathecal or epidural"
UNDETERMINED_WORDS = "route not recorded or not known"
ONLY_INJECTED_SPINALLY = "it-opioid"

BACLOFEN = frozenset({"baclofen"})
PART_KINDS = {
    "outcome-scheduled-analgesics": DRUG,
    "outcome-rehabilitative-exercise": PHYSICAL,
    "outcome-physical-therapy": PHYSICAL,
    "outcome-behavioural-therapy": BEHAVIOURAL,
}
"""Which records an outcome of a part speaks of; the drugs of two more parts are told by their ingredients."""


@dataclass(frozen=True, slots=True)
class Therapy:
    """What belongs to one therapy.

    `groups`, `ingredients`  its drugs, by group of the drug table or by name; `routes` the routes that count
    `fixed`        only drugs on a fixed schedule count, and a contraindication to one drug is none to all
    `exercise`, `physical`, `behavioural`  whether these visits count; `operations` whether operations do
    `own`, `parts` the findings that state its outcome, and those that state the outcome of one part
    `is_union`     it is made of different therapies: a part's contraindication is none of the whole
    `one_is_enough` one part that failed is a failure whatever the others did
    `of_pain`      pain scores read on it are its severity
    `reads`        the record types that bear on it
    """

    reads: tuple[str, ...]
    own: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    ingredients: frozenset[str] = frozenset()
    routes: frozenset[str] = SYSTEMIC
    route_must_be_known: bool = False
    fixed: bool = False
    exercise: bool = False
    physical: bool = False
    behavioural: bool = False
    operations: bool = False
    allergies: bool = False
    is_union: bool = False
    one_is_enough: bool = False
    of_pain: bool = False
    shows_relaxants: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """How a therapy, or a part of it, went.

    `stretches`  what it speaks of; `whole` it speaks of the therapy as such; `on` the day it was stated
    `of_part`    it speaks of one part of a union
    """

    outcome: str
    doubt: str
    evidence: Evidence
    stretches: tuple[Stretch, ...] = ()
    whole: bool = False
    on: date | None = None
    of_part: bool = False

    def reaches(self, run: Run) -> date | None:
        """Return the last day of a run of which this outcome speaks, None where it does not speak of the run."""
        held = [one for one in self.stretches if any(one is other for other in run.stretches)]
        if self.whole and (held or (not self.stretches and (self.on is None or self.on >= run.first))):
            return run.last
        ends = [one.certain.last for one in held if one.certain is not None]
        if held and self.on is not None and self.on >= run.first:
            ends.append(min(self.on, run.last))
        return max(ends, default=None)


@dataclass(slots=True)
class Gathered:
    """The records of one therapy. `passed_over`: what was seen and does not count, in short words."""

    stretches: list[Stretch] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    drugs: list[DrugRecord] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    undated_visits: int = 0
    passed_over: list[str] = field(default_factory=list)
    passed_over_evidence: list[Evidence] = field(default_factory=list)

    def pass_over(self, words: str, evidence: Evidence) -> None:
        """Note something that was seen and does not count."""
        if words not in self.passed_over:
            self.passed_over.append(words)
        self.passed_over_evidence.append(evidence)

    @property
    def is_empty(self) -> bool:
        """Return whether nothing counts."""
        return not (self.stretches or self.outcomes)


def course(therapy: Therapy, inquiry: Inquiry) -> Fact:
    """Return how long a therapy lasted and how it went."""
    found = gather(therapy, inquiry)
    types = tuple(dict.fromkeys((*therapy.reads, FORM)))
    unread = inquiry.unread(*types)
    if found.is_empty:
        return Fact(None, tuple(found.passed_over_evidence[:EVIDENCE_SHOWN]), _passed_over(found), unread=unread)
    lengths = _Lengths(found, inquiry, is_unread=bool(unread))
    value = Course(
        lengths.months,
        lengths.weeks,
        _outcomes(therapy, found.outcomes),
        lengths.start,
        _still(inquiry, lengths.longest) if therapy.of_pain else None,
    )
    return Fact(value, _evidence(found), _note(found, lengths, inquiry, therapy), unread=unread)


# What belongs to it -------------------------------------------------------------------------------------------


def gather(therapy: Therapy, inquiry: Inquiry) -> Gathered:
    """Return the records that belong to a therapy."""
    records, found = inquiry.therapies, Gathered()
    wanted = therapy.ingredients or (inquiry.sets.drugs.ingredients(*therapy.groups) if therapy.groups else frozenset())
    if wanted:
        for record in records.drugs:
            _take_drug(therapy, inquiry, record, wanted, found)
    for visit in _visits(therapy, records):
        _take_visit(therapy, visit, found)
    for near in _near_visits(therapy, records):
        found.pass_over(f"{near.what}, {near.evidence.date[:10]}", near.evidence)
    if therapy.allergies:
        for allergy in records.allergies:
            _take_allergy(therapy, allergy, wanted, found)
    if therapy.operations:
        for operation in records.operations:
            on = operation.on.last if operation.on else None
            found.outcomes.append(
                Outcome(operation.outcome, operation.doubt, operation.evidence, on=on, of_part=therapy.is_union)
            )
    for name in therapy.own:
        for stated in records.stated(name):
            _take_stated(stated, records, found)
    for name in therapy.parts:
        for stated in records.stated(name):
            _take_part(stated, therapy, records, found)
    return found


def _take_drug(therapy: Therapy, inquiry: Inquiry, record: DrugRecord, wanted: frozenset[str], found: Gathered) -> None:
    if not record.ingredients & wanted:
        group = inquiry.sets.drugs.group
        if therapy.shows_relaxants and any(NOT_ANTISPASTIC in group(name) for name in record.ingredients):
            found.pass_over(f"{record.what} (muscle relaxant, not for spasticity)", record.evidence)
        return
    why = _why_passed_over(therapy, record)
    if why:
        found.pass_over(f"{record.what} ({why})", record.evidence)
        return
    stretches = record.scheduled if therapy.fixed else record.stretches
    found.drugs.append(record)
    found.stretches += stretches
    if record.outcome:
        words = f"{record.what}, stopped: {OUTCOME_WORDS[record.outcome]}"
        found.outcomes.append(
            Outcome(
                record.outcome,
                record.outcome_doubt or _drug_doubt(therapy, inquiry, record),
                replace(record.evidence, summary=words),
                stretches,
                of_part=therapy.is_union,
            )
        )


def _why_passed_over(therapy: Therapy, record: DrugRecord) -> str:
    if record.route == SPINAL:
        return SPINAL_WORDS
    if record.route == UNDETERMINED:
        return UNDETERMINED_WORDS
    if record.route not in therapy.routes:
        return record.route
    if therapy.fixed and record.schedule != FIXED:
        return SCHEDULE_WORDS[record.schedule]
    return ""


def _drug_doubt(therapy: Therapy, inquiry: Inquiry, record: DrugRecord) -> str:
    if therapy.fixed and record.outcome == CONTRAINDICATED:
        return f"Only {record.what} is recorded as contraindicated."
    if therapy.route_must_be_known and record.route == UNSTATED:
        injected = any(ONLY_INJECTED_SPINALLY in inquiry.sets.drugs.group(name) for name in record.ingredients)
        return f"The route of {record.what} is not recorded." if injected else ""
    return ""


def _visits(therapy: Therapy, records: TherapyRecords) -> Iterator[Visit]:
    if therapy.physical:
        yield from records.physical
    elif therapy.exercise:
        yield from records.exercise
    if therapy.behavioural:
        yield from records.behavioural


def _near_visits(therapy: Therapy, records: TherapyRecords) -> list[Visit]:
    """Return the last evaluation for physical therapy and, where exercise is asked, the last manual therapy."""
    if not (therapy.exercise or therapy.physical):
        return []
    near = [records.evaluations]
    if therapy.exercise and not therapy.physical:
        exercise = {visit.reference for visit in records.exercise}
        near.append([visit for visit in records.physical if visit.attended and visit.reference not in exercise])
    return [max(visits, key=lambda visit: visit.evidence.date) for visits in near if visits]


def _take_visit(therapy: Therapy, visit: Visit, found: Gathered) -> None:
    if visit.stretch is not None:
        found.visits.append(visit)
        found.stretches.append(visit.stretch)
    elif visit.attended:
        found.undated_visits += 1
    if visit.outcome:
        words = f"{visit.what}: {OUTCOME_WORDS[visit.outcome]}"
        stretches = (visit.stretch,) if visit.stretch else ()
        on = visit.on.last if visit.on else None
        evidence = replace(visit.evidence, summary=words)
        outcome = Outcome(visit.outcome, visit.doubt, evidence, stretches, False, on, therapy.is_union)
        # A session that was broken off has no time of its own: it speaks of the sessions up to its day.
        found.outcomes.append(replace(outcome, whole=not therapy.is_union) if not stretches else outcome)


def _take_allergy(therapy: Therapy, allergy: Allergy, wanted: frozenset[str], found: Gathered) -> None:
    if not (allergy.ingredients & wanted or (allergy.of_class and OPIOID in therapy.groups)):
        return
    taken = tuple(one for one in found.stretches if one.kind == DRUG and one.keys & allergy.ingredients)
    if therapy.fixed and not taken:
        found.pass_over(f"{allergy.what} (not taken on a fixed schedule)", allergy.evidence)
        return
    found.outcomes.append(Outcome(allergy.outcome, allergy.doubt, allergy.evidence, taken, of_part=therapy.is_union))


def _take_stated(stated: StatedOutcome, records: TherapyRecords, found: Gathered) -> None:
    about = _about(stated, found)
    whole = stated.stretch is not None or not about
    if stated.stretch is not None:
        found.stretches.append(stated.stretch)
        about = (*about, stated.stretch)
    doubt = stated.doubt or _focus_doubt(stated, records, found)
    on = stated.on.last if stated.on else None
    found.outcomes.append(Outcome(stated.outcome, doubt, stated.evidence, about, whole, on))


def _take_part(stated: StatedOutcome, therapy: Therapy, records: TherapyRecords, found: Gathered) -> None:
    on = stated.on.last if stated.on else None
    about = _about(stated, found)
    if stated.stretch is not None:
        found.stretches.append(stated.stretch)
        about = (*about, stated.stretch)
    elif not about:
        about = tuple(
            one
            for one in found.stretches
            if _is_part(one, stated.name, records)
            and (on is None or (one.possible is not None and one.possible.first <= on))
        )
    doubt = stated.doubt or _focus_doubt(stated, records, found)
    found.outcomes.append(Outcome(stated.outcome, doubt, stated.evidence, about, False, on, of_part=therapy.is_union))


def _is_part(stretch: Stretch, name: str, records: TherapyRecords) -> bool:
    by_ingredient = {"outcome-oral-baclofen": BACLOFEN, "outcome-systemic-opioids": records.opioids}
    if name in by_ingredient:
        return bool(stretch.keys & by_ingredient[name])
    return stretch.kind == PART_KINDS.get(name)


def _about(stated: StatedOutcome, found: Gathered) -> tuple[Stretch, ...]:
    return tuple(one for one in found.stretches if one.reference in stated.focus) if stated.focus else ()


def _focus_doubt(stated: StatedOutcome, records: TherapyRecords, found: Gathered) -> str:
    """Return a doubt where the outcome names only drugs that do not count for this therapy."""
    named = [record for record in records.drugs if record.reference in stated.focus]
    if not named or any(record in found.drugs for record in named):
        return ""
    return f"The outcome is about {named[0].what} ({_plain_reason(named[0])}), which does not count here."


def _plain_reason(record: DrugRecord) -> str:
    if record.route in (SPINAL, UNDETERMINED):
        return SPINAL_WORDS if record.route == SPINAL else UNDETERMINED_WORDS
    return SCHEDULE_WORDS[record.schedule]


# How it went --------------------------------------------------------------------------------------------------


def _outcomes(therapy: Therapy, found: Iterable[Outcome]) -> Mapping[str, str]:
    """Return the outcomes with the doubt about each, empty where one record of it leaves none."""
    counted = [one for one in found if not (one.of_part and one.outcome == CONTRAINDICATED)]
    if therapy.one_is_enough and any(one.outcome in FAILURES for one in counted):
        counted = [one for one in counted if not (one.of_part and one.outcome == EFFECTIVE)]
    doubts: dict[str, str] = {}
    for one in counted:
        doubts[one.outcome] = one.doubt if doubts.get(one.outcome, one.doubt) else ""
    return doubts


# How long it lasted -------------------------------------------------------------------------------------------


class _Lengths:
    """The best run of a therapy as the six-month and the six-week criteria join it."""

    def __init__(self, found: Gathered, inquiry: Inquiry, *, is_unread: bool) -> None:
        look_back = inquiry.look_back
        self._stretches = [one for one in found.stretches if one.length_known]
        self.failures = [one for one in found.outcomes if one.outcome in FAILURES]
        self._on = inquiry.evidence_date
        self._percent = look_back.covered_percent
        self._open = is_unread or any(one.goes_on or not one.length_known for one in found.stretches)
        by_month = Joining(look_back.month_gap, look_back.month_gap, look_back.covered_percent)
        by_week = Joining(look_back.week_gap, look_back.visit_gap, look_back.covered_percent)
        self.months, self.longest, self.failed = self._measure(by_month, "months")
        self.weeks, self.longest_by_week, self.failed_by_week = self._measure(by_week, "weeks")
        self._step = by_month.visit_step
        self.start = self._start()

    def _measure(self, joining: Joining, unit: str) -> tuple[Measure | None, Run | None, Run | None]:
        """Return the length, the longest run, and the longest part of a run of which a failure speaks."""
        certain = join(self._stretches, joining, possible=False)
        possible = _longest(join(self._stretches, joining, possible=True))
        failed = self._failed(certain) if self.failures else certain
        sure = _longest(part for run in failed if (part := self._covered(run)) is not None)
        recent = any(visit_is_recent(one, self._on, joining.visit_step) for one in self._stretches)
        length = measured(sure, possible, unit, unfinished=self._open or recent)
        return length, _longest(certain) or possible, sure

    def _covered(self, run: Run) -> Run | None:
        visits_only = all(one.kind in VISITS for one in run.stretches)
        return run if visits_only else best_covered(run, self._percent)

    def _failed(self, runs: Iterable[Run]) -> Iterator[Run]:
        for run in runs:
            days = [day for one in self.failures if (day := one.reaches(run)) is not None]
            part = run.until(max(days)) if days else None
            if part is not None:
                yield part

    def _start(self) -> date | None:
        """Return the first day of the best run where it goes on, moved later by the days of its gaps."""
        run = self.longest
        if run is None or not (run.goes_on or any(visit_is_recent(one, self._on, self._step) for one in run.stretches)):
            return None
        return run.first + timedelta(days=run.gap_days)


def _longest(runs: Iterable[Run]) -> Run | None:
    return max(runs, key=lambda run: run.days, default=None)


def _still(inquiry: Inquiry, run: Run | None) -> Measure | None:
    """Return the latest 0-10 pain score read during the run and before any trial of the pump."""
    if run is None:
        return None
    scores = [
        (when.order, value)
        for when, value in inquiry.therapies.pain_scores
        if run.first <= when.first and when.last <= run.last
    ]
    if not scores:
        return None
    latest = max(order for order, _ in scores)
    values = [value for order, value in scores if order == latest]
    return Measure(min(values), max(values))


# What is shown ------------------------------------------------------------------------------------------------


def _evidence(found: Gathered) -> tuple[Evidence, ...]:
    """Return the outcomes, the drugs, the first and the last visit; each resource once."""
    visits = sorted(found.visits, key=lambda one: one.evidence.date)
    ends = [*visits[:1], *visits[-1:]] if visits else []
    pointers = [one.evidence for one in found.outcomes]
    pointers += [one.evidence for one in found.drugs] + [one.evidence for one in ends]
    by_reference: dict[tuple[str, str], Evidence] = {}
    for pointer in pointers:
        key = (pointer.reference, "" if "/" in pointer.reference else pointer.summary)
        by_reference.setdefault(key, pointer)
    return tuple(by_reference.values())[:EVIDENCE_SHOWN]


def _note(found: Gathered, lengths: _Lengths, inquiry: Inquiry, therapy: Therapy) -> str:
    lines = [*_drug_lines(found, inquiry), *_visit_lines(found, inquiry, therapy), *_outcome_lines(found)]
    shown = lines[:SHOWN]
    if len(lines) > SHOWN:
        shown.append(f"{len(lines) - SHOWN} more")
    parts = [_sentence("; ".join(shown))] if shown else []
    run, failed = lengths.longest, lengths.failed
    if run is not None and len({(one.kind, one.what) for one in run.stretches if one.kind != STATED}) > 1:
        parts.append(f"Together {_span(run)}.")
    if run is not None and lengths.months is not None and lengths.months.certain < lengths.months.possible:
        parts.append(_why_uncertain(run, failed, lengths))
    if found.undated_visits:
        parts.append(f"Visits without a date: {found.undated_visits}.")
    if found.passed_over:
        parts.append(_passed_over(found))
    return " ".join(part for part in parts if part)


def _why_uncertain(run: Run, failed: Run | None, lengths: _Lengths) -> str:
    if not lengths.failures:
        return ""
    if failed is None:
        return "The failure on record is of another therapy or time."
    return f"The failure on record is of {_span(failed)}." if failed.days < run.days else ""


def _passed_over(found: Gathered) -> str:
    shown = found.passed_over[:SHOWN]
    rest = len(found.passed_over) - SHOWN
    words = ", ".join([*shown, *([f"{rest} more"] if rest > 0 else [])])
    return f"Not counted: {words}." if words else ""


def _drug_lines(found: Gathered, inquiry: Inquiry) -> Iterator[str]:
    groups: dict[tuple[str, str], list[DrugRecord]] = {}
    for record in found.drugs:
        groups.setdefault((record.what, record.schedule), []).append(record)
    lines = []
    for (what, schedule), records in groups.items():
        stretches = [one for record in records for one in record.stretches]
        outcomes = [OUTCOME_WORDS[record.outcome] for record in records if record.outcome]
        told = [what, SCHEDULE_WORDS[schedule], _time(stretches, records, inquiry)]
        told += [f"stopped: {' and '.join(dict.fromkeys(outcomes))}"] if outcomes else _ended(records)
        lines.append((not outcomes, -max((one.possible.count for one in stretches if one.possible), default=0), told))
    for _, _, told in sorted(lines, key=lambda line: line[:2]):
        yield ", ".join(told)


def _ended(records: Sequence[DrugRecord]) -> list[str]:
    return ["stopped"] if all(one.status == "stopped" for one in records) else []


def _time(stretches: Sequence[Stretch], records: Sequence[DrugRecord], inquiry: Inquiry) -> str:
    gap = inquiry.look_back.month_gap
    joining = Joining(gap, gap, 0)
    run = _longest(join(stretches, joining, possible=False)) or _longest(join(stretches, joining, possible=True))
    if run is not None:
        return _span(run)
    dates = sorted(record.evidence.date for record in records if record.evidence.date)
    return f"from {dates[0][:10]}, length not recorded" if dates else "dates not recorded"


def _visit_lines(found: Gathered, inquiry: Inquiry, therapy: Therapy) -> Iterator[str]:
    look_back = inquiry.look_back
    active = "physical therapy" if therapy.physical else "exercise therapy"
    for kind, name in ((PHYSICAL, active), (BEHAVIOURAL, "behavioural therapy")):
        stretches = [one.stretch for one in found.visits if one.stretch is not None and one.stretch.kind == kind]
        joining = Joining(look_back.month_gap, look_back.month_gap, 0)
        run = _longest(join(stretches, joining, possible=False)) or _longest(join(stretches, joining, possible=True))
        if run is not None:
            count = len(run.stretches)
            yield f"{name}, {count} visit{'s' if count > 1 else ''}, {_span(run)}"


def _outcome_lines(found: Gathered) -> Iterator[str]:
    drugs = {record.reference for record in found.drugs}
    told = [one for one in found.outcomes if one.evidence.reference not in drugs]
    for one in told:
        dated = f" ({one.evidence.date[:10]})" if one.evidence.date else ""
        yield f"{one.evidence.summary}{dated}"


def _span(run: Run) -> str:
    """Return a run in words: `2025-10-01 to 2026-04-02 (6 months)`."""
    going_on = ", going on" if run.goes_on else ""
    return f"{run.first.isoformat()} to {run.last.isoformat()} ({_length(run)}{going_on})"


def _length(run: Run) -> str:
    if run.months >= SHORTEST_IN_MONTHS:
        words = f"{run.months} months"
    else:
        words = f"{run.days} day{'s' if run.days > 1 else ''}"
    return f"{words}, {run.gap_days} days without" if run.gap_days else words


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}." if words else ""
