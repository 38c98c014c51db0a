"""Severity before the reference day: pain, muscle tone, spasms; and whether a score of disability is on record.

In phase `permanent` the reference is the start of the trial that counts, so that a low score after a good trial does
not undo the trial's own criterion; else it is the evidence date.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from fractions import Fraction

from fhir_mappings.inquiry import Extractor, Inquiry, record_flag, silent
from fhir_mappings.readings import Reading
from fhir_mappings.resources import concept_text, reference_of
from fhir_mappings.series import (
    ASHWORTH,
    MODIFIED_ASHWORTH,
    SCALE_NAMES,
    VAS,
    Graded,
    Score,
    at_one_instant,
    counting,
    day_text,
    latest,
    pain_scores,
    plain,
    sessions,
    spasm_scores,
    tone_grades,
)
from fhir_mappings.times import When
from fhir_mappings.trial import warn
from fhir_mappings.windows import Place
from policies.values import Evidence, Fact, Measure

OBSERVED = ("Observation", "QuestionnaireResponse")
SHOWN = 6
_DISABILITY = "lower"
"""Measures of function where lower is better tell how far function is limited."""


def pain_severity(inquiry: Inquiry) -> Fact:
    """Return the pain score before the reference day: certain the latest, possible the highest of the look-back.

    A visual analogue score alone is a doubt; beside a numeric rating it only widens what is possible.
    """
    recent = at_one_instant(pain_scores(inquiry, _is_recent(inquiry)))
    fact = _measured(inquiry, recent, recent)
    if fact.value is None:
        scores = at_one_instant(pain_scores(inquiry))
        fact = _measured(inquiry, scores, scores)
    return _with_faces(inquiry, fact) if fact.value is None and not fact.note else fact


def ashworth_mean(inquiry: Inquiry) -> Fact:
    """Return the mean of the latest plain Ashworth session before the reference day."""
    return _tone(inquiry, ASHWORTH)


def modified_ashworth(inquiry: Inquiry) -> Fact:
    """Return the latest Modified Ashworth session: certain is its mean, possible the highest muscle."""
    return _tone(inquiry, MODIFIED_ASHWORTH)


def spasm_frequency(inquiry: Inquiry) -> Fact:
    """Return the Penn spasm frequency before the reference day. A bare "PSFS" is another scale as often: reported."""
    _report_bare_labels(inquiry)
    scores = at_one_instant(spasm_scores(inquiry))
    return _measured(inquiry, scores, scores)


def function_measure_on_record(inquiry: Inquiry) -> Fact:
    """Return whether a score of disability or of interference by pain is on record."""
    found = [
        (reading, when)
        for reading, when in counting(inquiry, function_readings(inquiry))
        if reading.is_number and _shows_disability(reading)
    ]
    if not found:
        return silent(inquiry, *OBSERVED)
    found.sort(key=lambda pair: pair[1].order, reverse=True)
    evidence = tuple(reading.evidence(function_words(reading)) for reading, _ in found[:SHOWN])
    reading, when = found[0]
    return record_flag(True, evidence, note=f"{function_words(reading)} on {day_text(when)}.")


def function_readings(inquiry: Inquiry) -> list[Reading]:
    """Return the readings of every measure of function, those answered in a form included."""
    chart = inquiry.chart
    local = [finding.code for finding in chart.sets.findings() if finding.direction]
    return chart.readings("function-measure", *local)


def function_words(reading: Reading) -> str:
    """Return a measure of function with its value, such as "Brief Pain Inventory interference 7"."""
    hit = reading.hits.get("function-measure") or next(iter(reading.hits.values()))
    value = reading.value
    return f"{hit.entry.label} {plain(value)}" if isinstance(value, Fraction) else hit.entry.label


def _shows_disability(reading: Reading) -> bool:
    hit = reading.hits.get("function-measure") or next(iter(reading.hits.values()))
    return hit.attributes.get("direction") == _DISABILITY and "performance" not in reading.hits


# The measure --------------------------------------------------------------------------------------------------


def reference_day(inquiry: Inquiry) -> date:
    """Return the day from which the look-back counts."""
    trial = inquiry.trials.day if inquiry.phase == "permanent" else None
    return trial or inquiry.evidence_date


def _earliest(inquiry: Inquiry) -> date:
    return date.fromordinal(max(reference_day(inquiry).toordinal() - inquiry.look_back.scores, 1))


def before_reference(inquiry: Inquiry, moment: When) -> bool | None:
    """Return whether a moment lies before the reference; None where a missing part of its date decides.

    A moment that is the very start of the trial is not before it.
    """
    if inquiry.phase == "permanent" and inquiry.trials.latest:
        dose = inquiry.trials.latest[0]
        place = dose.window.place(moment)
        if place is Place.AT_START and moment.instant is not None and dose.timed:
            return False
        return None if place is Place.AT_START else place is Place.BEFORE
    return True if moment.surely_by(inquiry.evidence_date) else None


def _is_recent(inquiry: Inquiry) -> Callable[[When], bool]:
    earliest = _earliest(inquiry)
    return lambda moment: moment.last >= earliest


def _tone(inquiry: Inquiry, scale: str) -> Fact:
    fact = _graded(inquiry, tone_grades(inquiry, scale, wanted=_is_recent(inquiry)))
    return fact if fact.value is not None else _graded(inquiry, tone_grades(inquiry, scale))


def _graded(inquiry: Inquiry, grades: Sequence[Graded]) -> Fact:
    before: list[Score] = []
    for wanted in (True, None):
        before += sessions([grade for grade in grades if before_reference(inquiry, grade.when) is wanted])
    return _measured(inquiry, before, grades)


def _measured(inquiry: Inquiry, scores: Sequence[Score], on_record: Sequence[Score | Graded]) -> Fact:
    """Return the latest score before the reference as certain and the highest of the look-back as possible."""
    unread = inquiry.unread(*OBSERVED, *(("Procedure",) if inquiry.phase == "permanent" else ()))
    earliest = _earliest(inquiry)
    placed = [(score, before_reference(inquiry, score.when)) for score in scores]
    sure = [score for score, before in placed if before and score.when.first >= earliest]
    unsure = [
        score
        for score, before in placed
        if before is not False and score.when.last >= earliest and not any(score is one for one in sure)
    ]
    if not sure and not unsure:
        old = [score for score, before in placed if before]
        return Fact(None, _evidence(old[-1:]), _note_of_none(inquiry, old, on_record), unread=unread)
    last = _last(sure) or _last(unsure)
    certain = min(score.low for score in (*last, *unsure))
    top = max((*sure, *unsure), key=_highest)
    shown = [*last, *unsure, *([top] if _highest(top) > certain else [])]
    measure = Measure(certain, max(certain, _highest(top)))
    return Fact(measure, _evidence(shown), _note(inquiry, last, top), _doubt(inquiry, sure, last), unread=unread)


def _last(scores: Sequence[Score]) -> list[Score]:
    """Return the scores that may be the last; where they are visual analogue scores, the last rating in numbers too."""
    last = latest(scores)
    if all(score.scale == VAS for score in last):
        last += latest([score for score in scores if score.scale != VAS])
    return last


def _highest(score: Score) -> Fraction:
    return max(score.high, score.peak) if score.scale == MODIFIED_ASHWORTH else score.high


def _evidence(scores: Sequence[Score]) -> tuple[Evidence, ...]:
    found = dict.fromkeys(item for score in scores for item in score.evidence())
    return tuple(found)[:SHOWN]


def _note(inquiry: Inquiry, last: Sequence[Score], top: Score) -> str:
    one = min(last, key=lambda score: score.low)
    trial = inquiry.trials.day if inquiry.phase == "permanent" else None
    before = f" before the trial of {trial.isoformat()}" if trial else ""
    words = [f"Latest {_said(one)} on {day_text(one.when)}{before}"]
    words += [f"{_said(other)} on {day_text(other.when)}" for other in last if other is not one]
    if one.low < one.high:
        words.append(f"another reading of that time {plain(one.high)}")
    if one.scale == MODIFIED_ASHWORTH and one.peak > one.high:
        words.append(f"highest muscle {plain(one.peak)}")
    if not any(top is score for score in last) and _highest(top) > max(_highest(score) for score in last):
        words.append(f"highest in {inquiry.look_back.scores} days {plain(_highest(top))}")
    return f"{'; '.join(words)}."


def _said(score: Score) -> str:
    count = f" ({len(score.grades)} muscles)" if len(score.grades) > 1 else ""
    return f"{SCALE_NAMES[score.scale]} {plain(score.low)}{count}"


def _doubt(inquiry: Inquiry, sure: Sequence[Score], last: Sequence[Score]) -> str:
    if not sure:
        written = last[0].when.text
        if inquiry.phase == "permanent" and inquiry.trials.latest:
            return f"The score of {written} has no clock time: it may follow the trial's start."
        return f"The date of the score ({written}) is not exact."
    if all(score.scale == VAS for score in last):
        return "It is a visual analogue score, not a numeric rating."
    return ""


def _note_of_none(inquiry: Inquiry, old: Sequence[Score], on_record: Sequence[Score | Graded]) -> str:
    days = inquiry.look_back.scores
    trial = inquiry.trials.day if inquiry.phase == "permanent" else None
    if old:
        before = f" before the trial of {trial.isoformat()}" if trial else ""
        return f"Latest {_said(old[-1])} on {day_text(old[-1].when)} is older than {days} days{before}."
    if on_record and trial:
        return f"No score before the trial of {trial.isoformat()}; later ones do not count here."
    return ""


# Beside the scores --------------------------------------------------------------------------------------------


def _with_faces(inquiry: Inquiry, fact: Fact) -> Fact:
    faces = list(counting(inquiry, inquiry.chart.readings("pain-faces")))
    if not faces:
        return fact
    reading, when = faces[-1]
    label = reading.hits["pain-faces"].entry.label
    note = f"{label} on {day_text(when)} is no 0-10 score."
    return Fact(None, (reading.evidence(label),), note, unread=fact.unread)


def _report_bare_labels(inquiry: Inquiry) -> None:
    """Warn of observations labelled PSFS and nothing else: Penn spasms or the Patient-Specific Functional Scale."""
    for resource in inquiry.chart.of_type("Observation"):
        code = resource.get("code")
        if concept_text(code).upper() == "PSFS" and not inquiry.sets.all_hits(code):
            name = reference_of(resource)
            warn(inquiry.chart, f"{name} (Observation.code): a bare PSFS may mean spasms or function: not used.")


FACTS: dict[str, Extractor] = {
    "pain-severity": pain_severity,
    "ashworth-mean": ashworth_mean,
    "modified-ashworth": modified_ashworth,
    "spasm-frequency": spasm_frequency,
    "function-measure-on-record": function_measure_on_record,
}
