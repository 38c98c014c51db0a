"""Responses in a trial: pain, tone and spasm scores in its window against the last one before it.

Where a clock time is missing, whatever score may have been the last before the start widens the bounds, so that no
order of the day is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from fractions import Fraction
from itertools import groupby

from fhir_mappings.inquiry import Inquiry, silent
from fhir_mappings.readings import Reading
from fhir_mappings.series import (
    ASHWORTH,
    MODIFIED_ASHWORTH,
    SCALE_NAMES,
    Graded,
    Score,
    at_one_instant,
    counting,
    day_text,
    latest,
    mean,
    pain_scores,
    plain,
    sessions,
    spasm_scores,
    tone_grades,
)
from fhir_mappings.times import When
from fhir_mappings.trial import METHOD_WORDS, TrialDose, drug_labels, warn
from fhir_mappings.windows import Place, zone_of
from policies.values import Evidence, Fact, Response, Trial, Trials

RECORDS = ("Procedure", "Observation", "QuestionnaireResponse")
DRUG_RECORDS = (*RECORDS, "MedicationAdministration")
HUNDRED = Fraction(100)
SHOWN = 6
NOTED_LEVEL = {"%": Fraction(50), "points": Fraction(2)}
"""The reduction for which a note tells how long it held; what a policy asks is tested by the policy."""

_TICK = timedelta(microseconds=1)


def named(inquiry: Inquiry, dose: TrialDose) -> str:
    """Return a dose with day, method and drug, as a sentence begins with it."""
    words = ", ".join((METHOD_WORDS[dose.method], *(drug_labels(inquiry.chart, dose.drugs) or ("drug not recorded",))))
    return f"Trial on {day_text(dose.window.start)} ({words})"


def no_trial(inquiry: Inquiry) -> Fact:
    """Return the fact of a chart without a trial; spinal injections without a sign of one are told."""
    unsigned = inquiry.trials.unsigned
    note = ""
    if unsigned:
        note = f"The spinal injection of {unsigned[-1].date[:10]} bears no sign of an intrathecal trial."
    return silent(inquiry, *(DRUG_RECORDS if unsigned else RECORDS), note=note, evidence=unsigned[-SHOWN:])


# Pain, tone, spasms -------------------------------------------------------------------------------------------

Reduction = Callable[[Score, Score], tuple[Fraction, Fraction, str] | None]
"""(baseline, response) -> the reduction's bounds and why they are not sure; None where there is none."""


def trial_pain_relief(inquiry: Inquiry) -> Fact:
    """Return the pain reduction in the trial that counts, response by response, in percent."""
    if not inquiry.trials.latest:
        return no_trial(inquiry)
    scores = at_one_instant(pain_scores(inquiry, _is_near(inquiry)))
    return _trials(inquiry, [_Series(scores, _percent, "%", list(_figures(inquiry)))])


def _is_near(inquiry: Inquiry) -> Callable[[When], bool]:
    """Return whether a date may lie in a window or so many days before one; in ordinals, which never overflow."""
    margin = inquiry.look_back.baseline + 1
    doses = [dose for group in (inquiry.trials.latest, *inquiry.trials.earlier) for dose in group]
    ends = [dose.window.end_bounds(zone_of(dose.window.start))[1].date() for dose in doses]
    spans = [(dose.day.toordinal() - margin, end.toordinal() + 1) for dose, end in zip(doses, ends, strict=True)]
    return lambda moment: any(
        first <= moment.last.toordinal() and moment.first.toordinal() <= last for first, last in spans
    )


def _percent(baseline: Score, response: Score) -> tuple[Fraction, Fraction, str] | None:
    if baseline.high == 0:
        return None
    doubt = "" if baseline.scale == response.scale else "Another scale was used before than after."
    if not baseline.at_once:
        doubt = "The score before is of the past week."
    if baseline.low == 0:
        return -HUNDRED, (baseline.high - response.low) / baseline.high * HUNDRED, "A score before it was 0."
    low = (baseline.low - response.high) / baseline.low * HUNDRED
    return low, (baseline.high - response.low) / baseline.high * HUNDRED, doubt


def trial_tone_reduction(inquiry: Inquiry) -> Fact:
    """Return the Ashworth or Modified Ashworth points lost in the trial, session by session, each scale by itself."""
    if not inquiry.trials.latest:
        return no_trial(inquiry)
    return _trials(inquiry, _tone_series(inquiry))


def _tone_series(inquiry: Inquiry) -> list[_Series]:
    doses = [dose for group in (inquiry.trials.latest, *inquiry.trials.earlier) for dose in group]
    # A session never spans the start of a trial: the muscles graded before it are another one.
    parts: dict[tuple[Place, ...], list[Graded]] = {}
    for grade in tone_grades(inquiry, ASHWORTH, MODIFIED_ASHWORTH, wanted=_is_near(inquiry)):
        parts.setdefault(tuple(dose.window.place(grade.when) for dose in doses), []).append(grade)
    scores = at_one_instant(score for part in parts.values() for score in sessions(part))
    scales = [scale for scale in (ASHWORTH, MODIFIED_ASHWORTH) if any(score.scale == scale for score in scores)]
    return [_Series(scores, _tone, "points", scale=scale) for scale in scales]


def _tone(baseline: Score, response: Score) -> tuple[Fraction, Fraction, str]:
    if baseline.scale != response.scale:
        return baseline.low - response.high, baseline.high - response.low, "Another scale was used before than after."
    muscles = baseline.grades.keys() & response.grades.keys()
    if not muscles:
        return (
            baseline.low - response.high,
            baseline.high - response.low,
            "Other muscles were graded before than after.",
        )
    pairs = [(baseline.grades[muscle], response.grades[muscle]) for muscle in sorted(muscles)]
    low = mean([before.low - after.high for before, after in pairs])
    high = mean(
        [max(before.high, before.generous_before) - min(after.low, after.generous_after) for before, after in pairs]
    )
    same = baseline.grades.keys() == response.grades.keys()
    return low, max(low, high), "" if same else "Not the same muscles were graded before and after."


def trial_spasm_reduction(inquiry: Inquiry) -> Fact:
    """Return the Penn spasm frequency points lost in the trial, score by score."""
    if not inquiry.trials.latest:
        return no_trial(inquiry)
    return _trials(inquiry, [_Series(at_one_instant(spasm_scores(inquiry, _is_near(inquiry))), _points, "points")])


def _points(baseline: Score, response: Score) -> tuple[Fraction, Fraction, str]:
    return baseline.low - response.high, baseline.high - response.low, ""


# Pairs --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Series:
    """Scores to compare; with `scale` only the responses on it. `figures` are percentages that somebody stated."""

    scores: Sequence[Score]
    reduction: Reduction
    unit: str
    figures: Sequence[_Figure] = ()
    scale: str = ""


@dataclass(frozen=True, slots=True)
class _Figure:
    """A stated percentage of relief: one number, or a range."""

    reading: Reading
    when: When
    low: Fraction
    high: Fraction

    @property
    def words(self) -> str:
        """Return the figure as it is written in a sentence."""
        return f"{plain(self.low)} %" if self.low == self.high else f"{plain(self.low)} to {plain(self.high)} %"


@dataclass(frozen=True, slots=True)
class _Pair:
    """A response with the scores it was computed from."""

    response: Response
    baseline: Score
    score: Score


@dataclass(frozen=True, slots=True)
class _Read:
    """One dose as a trial, the evidence for it, and a note that gives the numbers."""

    trial: Trial
    evidence: tuple[Evidence, ...]
    note: str


def _trials(inquiry: Inquiry, series: Sequence[_Series]) -> Fact:
    history = inquiry.trials
    unread = inquiry.unread(*RECORDS)
    read = [one for dose in history.latest for one in _read_all(inquiry, dose, series)]
    told = [one for one in read if one.trial.responses] or read
    evidence = tuple(dict.fromkeys(item for one in told for item in one.evidence))
    note = " ".join(dict.fromkeys(one.note for one in told)) or f"{named(inquiry, history.latest[-1])}: no score."
    if not any(one.trial.responses for one in read):
        return Fact(None, evidence or tuple(dose.evidence for dose in history.latest), note, unread=unread)
    earlier = [
        tuple(one.trial for dose in group for one in _read_all(inquiry, dose, series)) for group in history.earlier
    ]
    responded = tuple(group for group in earlier if any(trial.responses for trial in group))
    return Fact(Trials(tuple(one.trial for one in read), responded), evidence, note, unread=unread)


def _read_all(inquiry: Inquiry, dose: TrialDose, series: Sequence[_Series]) -> list[_Read]:
    """Return one dose read by each series that has responses to it; by the first where none has."""
    read = [_read(inquiry, dose, one) for one in series]
    return [one for one in read if one.trial.responses] or read[:1]


def _read(inquiry: Inquiry, dose: TrialDose, series: _Series) -> _Read:
    placed = [(score, dose.window.place(score.when)) for score in series.scores]
    before = _baselines(inquiry, dose, [score for score, place in placed if place is Place.BEFORE])
    at_start = [score for score, place in placed if place is Place.AT_START]
    pairs: list[_Pair] = []
    refused: list[str] = []
    within = [pair for pair in placed if pair[1] not in (Place.BEFORE, Place.AFTER) and pair[0].at_once]
    for score, place in within:
        if series.scale and score.scale != series.scale:
            continue
        pair = _pair(dose, score, place, before, [one for one in at_start if one is not score], series.reduction)
        if isinstance(pair, str):
            refused.append(pair)
        else:
            pairs.append(pair)
    figures = [(one, _stated(dose, one)) for one in series.figures]
    counted = [(one, response) for one, response in figures if response is not None]
    responses = (*(pair.response for pair in pairs), *(response for _, response in counted))
    trial = Trial(dose.day, responses, dose.doubt)
    scores = [*(pair.baseline for pair in pairs[:1]), *(pair.score for pair in pairs)]
    evidence = [dose.evidence, *(item for score in scores for item in score.evidence())]
    evidence += [one.reading.evidence(f"stated relief {one.words}") for one, _ in counted]
    late = [one for one, response in figures if response is None and dose.window.place(one.when) is Place.AFTER]
    words = _grouped([_words(pair, series.unit, dose.window.start) for pair in pairs[:SHOWN]])
    words += [f"{len(pairs) - SHOWN} more responses"] if len(pairs) > SHOWN else []
    words += [f"{one.words} stated on {day_text(one.when)}" for one, _ in counted[:SHOWN]]
    words += [f"{one.words} stated on {day_text(one.when)} lies after its window" for one in late[-1:]]
    words += list(dict.fromkeys(refused))
    if not pairs and not refused:
        words.append(_nothing_paired(series, before))
    held = _held(pairs, series.unit, dose.window.start)
    return _Read(trial, tuple(dict.fromkeys(evidence)), f"{named(inquiry, dose)}: {'; '.join([*words, *held])}.")


def _nothing_paired(series: _Series, before: Sequence[Score]) -> str:
    if before:
        return f"before it {SCALE_NAMES[before[-1].scale]} {plain(before[-1].low)}, no score in its window"
    return "no score in its window" if series.scores else "no score on record"


def _baselines(inquiry: Inquiry, dose: TrialDose, before: Sequence[Score]) -> list[Score]:
    days = inquiry.look_back.baseline
    return [score for score in before if (dose.day - score.when.first).days <= days]


def _pair(
    dose: TrialDose,
    score: Score,
    place: Place,
    before: Sequence[Score],
    at_start: Sequence[Score],
    reduction: Reduction,
) -> _Pair | str:
    """Return the response with its reduction over every score that may have been the last before the start."""
    last, unsure = _comparable(score, before, at_start)
    candidates = [*last, *unsure]
    said = f"{SCALE_NAMES[score.scale]} {plain(score.low)} on {day_text(score.when)}{_clock(score.when)}"
    if not candidates:
        return f"{said} has no score before it to compare with"
    found = [(one, size) for one in candidates if (size := reduction(one, score)) is not None]
    if not found:
        return f"a score of 0 before it gives no percentage for {said}"
    low, high = min(size[0] for _, size in found), max(size[1] for _, size in found)
    doubt = next((size[2] for _, size in found if size[2]), "")
    if len(found) < len(candidates):
        doubt = doubt or "A score before it was 0."
    if not last:
        doubt = doubt or f"The score before ({day_text(unsure[0].when)}) may not precede the trial's start."
    if place is Place.AT_START:
        doubt = f"The score of {day_text(score.when)}{_clock(score.when)} may precede the trial's start."
    elif place is Place.AT_END:
        doubt = doubt or f"The score of {day_text(score.when)}{_clock(score.when)} may lie beyond the trial's end."
    if dose.doubt:
        doubt = doubt or dose.doubt
    return _Pair(Response(low, high, _hours(dose, score.when), doubt=doubt), found[0][0], score)


def _comparable(score: Score, before: Sequence[Score], at_start: Sequence[Score]) -> tuple[list[Score], list[Score]]:
    """Return the last scores before the start and those that may be: on the response's own scale where there is one."""
    for fits in (
        lambda one: one.scale == score.scale and one.at_once,
        lambda one: one.scale == score.scale,
        lambda one: True,
    ):
        last, unsure = latest([one for one in before if fits(one)]), [one for one in at_start if fits(one)]
        if last or unsure:
            return last, unsure
    return [], []


def _hours(dose: TrialDose, moment: When) -> Fraction | None:
    """Return the hours since the start; from midnight where the start has no clock time: their distances hold."""
    if moment.instant is None:
        return None
    start = dose.window.start.instant or datetime.combine(dose.day, time(), moment.instant.tzinfo or UTC)
    return Fraction((moment.instant - start) // _TICK, timedelta(hours=1) // _TICK)


def _clock(moment: When) -> str:
    return f" {moment.instant:%H:%M}" if moment.instant is not None else ""


def _grouped(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Return the pairs in words, with the times of equal ones in a row behind one result."""
    groups = groupby(pairs, key=lambda pair: pair[0])
    return [f"{result} ({', '.join(at for _, at in members)})" for result, members in groups]


def _words(pair: _Pair, unit: str, start: When) -> tuple[str, str]:
    """Return a pair's result and when it was read."""
    response, score = pair.response, pair.score
    low, high = (f"{float(bound):.1f}" if unit == "%" else plain(bound) for bound in (response.low, response.high))
    size = low if low == high else f"{low} to {high}"
    at = _when_words(score.when, start)
    unsure = ", not sure" if response.doubt else ""
    return f"{plain(pair.baseline.low)} → {plain(score.low)} is {size} {unit}", f"{at}{unsure}"


def _held(pairs: Sequence[_Pair], unit: str, start: When) -> Iterator[str]:
    """Yield how long the responses kept the noted level without a worse one between."""
    level = NOTED_LEVEL[unit]
    timed = [pair for pair in pairs if pair.response.hours is not None]
    if len(pairs) < 2 or len(timed) < len(pairs):
        return
    best = Fraction(0)
    begun: Fraction | None = None
    for pair in timed:
        hours = pair.response.hours or Fraction(0)
        if pair.response.low < level:
            begun = None
            continue
        begun = hours if begun is None else begun
        best = max(best, hours - begun)
    if best:
        minutes = int(best * 60)
        yield f"{plain(level)} {unit} or more at the best run {minutes // 60} h {minutes % 60:02d} min"
        yield f"no score after {_when_words(pairs[-1].score.when, start)}"


def _when_words(moment: When, start: When) -> str:
    """Return the clock time on the trial's first day, else the day with it."""
    clock = _clock(moment).strip()
    return clock if clock and moment.first == start.first else f"{day_text(moment)} {clock}".strip()


def _figures(inquiry: Inquiry) -> Iterator[_Figure]:
    """Yield the stated percentages of relief; what is no percentage from 0 to 100 is a warning."""
    for reading, moment in counting(inquiry, inquiry.chart.readings("percent-pain-relief")):
        one = reading.value if isinstance(reading.value, Fraction) else None
        low = one if one is not None else reading.low
        high = one if one is not None else reading.high
        if (low is None and high is None) or reading.unit.strip().casefold() not in ("", "%", "percent"):
            warn(
                inquiry.chart, f"{reading.reference} (value[x]): the percentage of relief could not be read: not used."
            )
            continue
        low, high = (low if low is not None else Fraction(0)), (high if high is not None else HUNDRED)
        if not 0 <= low <= high <= HUNDRED:
            said = plain(high if high > HUNDRED else low)
            warn(inquiry.chart, f"{reading.reference} (value[x]): relief of {said} % lies outside 0-100: not used.")
            continue
        yield _Figure(reading, moment, low, high)


def _stated(dose: TrialDose, figure: _Figure) -> Response | None:
    """Return a stated percentage as a response; on the first and the last day it belongs to the trial."""
    place = dose.window.place(figure.when)
    if place in (Place.BEFORE, Place.AFTER):
        return None
    doubt = f"The date of the figure ({figure.when.text}) is not exact." if figure.when.is_partial else ""
    hours = _hours(dose, figure.when)
    return Response(figure.low, figure.high, hours, stated=True, doubt=doubt or dose.doubt)
