"""Severity before the reference day: pain, muscle tone, spasms, and what is on record about function.

Reference day: in phase trial the evidence date, in phase permanent the start of the trial that counts, so that a low
score after a good trial does not undo the trial's own criterion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from fhir_mappings.inquiry import Extractor, Inquiry, record_flag, silent
from fhir_mappings.series import (
    ASHWORTH,
    MODIFIED_ASHWORTH,
    SCALE_NAMES,
    VAS,
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
from fhir_mappings.windows import Place
from policies.values import Fact, Measure

OBSERVED = ("Observation", "QuestionnaireResponse")
DISABILITY = "lower"
"""Measures of function where lower is better tell how far function is limited."""


@dataclass(frozen=True, slots=True)
class _LookedBack:
    """The scores that may count, why they are not sure, and the latest one that is too old."""

    scores: tuple[Score, ...]
    doubt: str
    too_old: Score | None


def pain_severity(inquiry: Inquiry) -> Fact:
    """Return the pain score before the reference day: certain the latest, possible the highest of the look-back."""
    scores = at_one_instant(pain_scores(inquiry))
    numeric = _looked_back(inquiry, [score for score in scores if score.scale != VAS])
    if numeric.scores:
        return _measured(numeric, "")
    analogue = _looked_back(inquiry, [score for score in scores if score.scale == VAS])
    if analogue.scores:
        return _measured(analogue, "The score is a visual analogue score, not a numeric rating.")
    return _nothing(inquiry, numeric if numeric.too_old else analogue)


def spasm_frequency(inquiry: Inquiry) -> Fact:
    """Return the Penn spasm frequency before the reference day."""
    found = _looked_back(inquiry, at_one_instant(spasm_scores(inquiry)))
    return _measured(found, "") if found.scores else _nothing(inquiry, found)


def ashworth_mean(inquiry: Inquiry) -> Fact:
    """Return the mean plain Ashworth score of the latest session before the reference day."""
    found = _looked_back(inquiry, at_one_instant(sessions(tone_grades(inquiry, ASHWORTH))))
    return _measured(found, "") if found.scores else _nothing(inquiry, found)


def modified_ashworth(inquiry: Inquiry) -> Fact:
    """Return the Modified Ashworth of the latest session: certain the mean, possible the highest muscle."""
    found = _looked_back(inquiry, at_one_instant(sessions(tone_grades(inquiry, MODIFIED_ASHWORTH))))
    return _measured(found, "", by_peak=True) if found.scores else _nothing(inquiry, found)


def function_measure_on_record(inquiry: Inquiry) -> Fact:
    """Return whether a disability or pain interference score is on record."""
    readings = [
        reading
        for reading, _ in counting(inquiry, inquiry.chart.readings("function-measure"))
        if reading.is_number and reading.hits["function-measure"].attributes.get("direction") == DISABILITY
    ]
    if not readings:
        return silent(inquiry, *OBSERVED)
    last = readings[-1]
    label = last.hits["function-measure"].entry.label
    summary = f"{label} {plain(last.value)}"  # type: ignore[arg-type]
    evidence = (last.evidence(summary),)
    return record_flag(True, evidence, note=f"{summary} on {evidence[0].date[:10]}.")


# Look-back ----------------------------------------------------------------------------------------------------


def _looked_back(inquiry: Inquiry, scores: Sequence[Score]) -> _LookedBack:
    doses = inquiry.trials.latest if inquiry.phase == "permanent" else ()
    reference = doses[0].day if doses else inquiry.evidence_date
    oldest = reference - timedelta(days=inquiry.look_back.scores)
    counted, doubts, too_old = [], [], None
    for score in scores:
        place = doses[0].window.place(score.when) if doses else Place.BEFORE
        if place is Place.AT_START and score.when.instant is None:
            doubts.append(f"The score of {day_text(score.when)} bears no clock time: it may follow the trial's start.")
        elif place is not Place.BEFORE:
            continue
        if score.when.last < oldest:
            too_old = score
            continue
        if score.when.first < oldest:
            doubts.append(f"The date {score.when.text} may lie outside {inquiry.look_back.scores} days.")
        if not doses and not score.when.surely_by(reference):
            doubts.append(f"The date {score.when.text} may lie after the evidence date.")
        counted.append(score)
    return _LookedBack(tuple(counted), " ".join(dict.fromkeys(doubts)), too_old)


def _measured(found: _LookedBack, doubt: str, *, by_peak: bool = False) -> Fact:
    last = latest(found.scores)
    certain = min(score.low for score in last)
    highest = max(found.scores, key=lambda score: score.peak if by_peak else score.high)
    top = highest.peak if by_peak else highest.high
    measure = Measure(certain, max(certain, top))
    shown = last[-1]
    note = f"Latest {SCALE_NAMES[shown.scale]} {_range(last)} on {day_text(shown.when)}"
    if by_peak and shown.peak > shown.low:
        note += f", highest muscle {plain(shown.peak)}"
    evidence = [item for score in last for item in score.evidence()]
    if highest not in last and top > certain:
        note += f"; highest in the look-back {plain(top)} on {day_text(highest.when)}"
        evidence += highest.evidence()
    doubts = " ".join(text for text in (doubt, found.doubt) if text)
    return Fact(measure, tuple(dict.fromkeys(evidence)), f"{note}.", doubts)


def _range(scores: Sequence[Score]) -> str:
    low, high = min(score.low for score in scores), max(score.high for score in scores)
    return plain(low) if low == high else f"{plain(low)} to {plain(high)}"


def _nothing(inquiry: Inquiry, found: _LookedBack) -> Fact:
    if found.too_old is None:
        return silent(inquiry, *OBSERVED)
    old = found.too_old
    days = inquiry.look_back.scores
    note = f"Latest {SCALE_NAMES[old.scale]} {plain(old.low)} on {day_text(old.when)} is older than {days} days."
    return silent(inquiry, *OBSERVED, note=note, evidence=tuple(old.evidence()))


FACTS: dict[str, Extractor] = {
    "pain-severity": pain_severity,
    "spasm-frequency": spasm_frequency,
    "ashworth-mean": ashworth_mean,
    "modified-ashworth": modified_ashworth,
    "function-measure-on-record": function_measure_on_record,
}
