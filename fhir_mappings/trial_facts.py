"""What the trial that counts brought: pain, tone, spasms and function before it and in its window, and side effects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from fractions import Fraction

from fhir_mappings.inquiry import Extractor, Inquiry, record_flag, silent
from fhir_mappings.readings import Reading
from fhir_mappings.resources import Resource, reference_of
from fhir_mappings.series import (
    ASHWORTH,
    MODIFIED_ASHWORTH,
    NRS,
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
from fhir_mappings.times import When, choice_span, when
from fhir_mappings.trial import CATHETER, METHOD_WORDS, SINGLE, TrialDose, drug_labels
from fhir_mappings.windows import Place
from policies.values import Choice, Evidence, Fact, Flag, Response, Statement, Trial, Trials

Reduction = Callable[[Score, Score], tuple[Fraction, Fraction, str] | None]
"""(baseline, response) -> the reduction's bounds and why they are not sure; None where there is none."""

TRIAL_RECORDS = ("Procedure", "Observation", "QuestionnaireResponse")
BACLOFEN = frozenset({"baclofen"})
HUNDRED = Fraction(100)
SHOWN = 6


def trial_method(inquiry: Inquiry) -> Fact:
    """Return how the trial that counts was given; a catheter among its doses decides."""
    doses = inquiry.trials.latest
    if not doses:
        return _no_trial(inquiry)
    method = CATHETER if any(dose.method == CATHETER for dose in doses) else SINGLE
    evidence = tuple(dose.evidence for dose in doses)
    note = f"Trial on {doses[-1].day.isoformat()}, {METHOD_WORDS[method]}."
    return Fact(Choice(method), evidence, note, _doubt(doses))


def trial_baclofen_bolus(inquiry: Inquiry) -> Fact:
    """Return whether the trial was a single intrathecal dose of baclofen alone."""
    doses = inquiry.trials.latest
    if not doses or (not inquiry.trials.drugs and all(dose.method == SINGLE for dose in doses)):
        return _no_trial(inquiry)
    bolus = all(dose.method == SINGLE and dose.drugs == BACLOFEN for dose in doses)
    drugs = " and ".join(drug_labels(inquiry.chart, inquiry.trials.drugs)) or "drug not known"
    note = f"Trial on {doses[-1].day.isoformat()}, {METHOD_WORDS[doses[-1].method]}, {drugs}."
    doubt = next((dose.drug_doubt for dose in doses if dose.drug_doubt), "")
    return record_flag(bolus, tuple(dose.evidence for dose in doses), note=note, doubt=doubt)


def _no_trial(inquiry: Inquiry) -> Fact:
    unsigned = inquiry.trials.unsigned
    note = "A spinal injection is on record without a sign that it was an intrathecal trial." if unsigned else ""
    return silent(inquiry, *TRIAL_RECORDS, note=note, evidence=unsigned)


def _doubt(doses: Sequence[TrialDose]) -> str:
    return next((dose.doubt for dose in doses if dose.doubt), "")


# Pain ---------------------------------------------------------------------------------------------------------


def trial_pain_relief(inquiry: Inquiry) -> Fact:
    """Return the pain reduction in the trial that counts, response by response, in percent."""
    scores = [score for score in at_one_instant(pain_scores(inquiry)) if score.scale == NRS and score.at_once]
    figures = list(counting(inquiry, inquiry.chart.readings("percent-pain-relief")))
    return _trials(inquiry, scores, _percent, "%", figures)


def _percent(baseline: Score, response: Score) -> tuple[Fraction, Fraction, str] | None:
    if baseline.low == 0:
        return None
    low = (baseline.low - response.high) / baseline.low * HUNDRED
    high = (baseline.high - response.low) / baseline.high * HUNDRED
    return low, high, ""


# Tone and spasms ----------------------------------------------------------------------------------------------


def trial_tone_reduction(inquiry: Inquiry) -> Fact:
    """Return the Ashworth or Modified Ashworth points lost in the trial, session by session."""
    scores = at_one_instant(sessions(tone_grades(inquiry, ASHWORTH, MODIFIED_ASHWORTH)))
    return _trials(inquiry, scores, _tone, "points")


def _tone(baseline: Score, response: Score) -> tuple[Fraction, Fraction, str] | None:
    if baseline.scale != response.scale:
        return baseline.low - response.high, baseline.high - response.low, "The scale differs from the one before."
    if set(baseline.grades) != set(response.grades):
        return baseline.low - response.high, baseline.high - response.low, "The muscles differ from those before."
    pairs = [(baseline.grades[muscle], response.grades[muscle]) for muscle in baseline.grades]
    low = mean([before.low - after.high for before, after in pairs])
    high = mean(
        [max(before.generous_before - after.generous_after, before.high - after.low) for before, after in pairs]
    )
    return low, max(low, high), ""


def trial_spasm_reduction(inquiry: Inquiry) -> Fact:
    """Return the Penn spasm frequency points lost in the trial, score by score."""
    return _trials(inquiry, at_one_instant(spasm_scores(inquiry)), _points, "points")


def _points(baseline: Score, response: Score) -> tuple[Fraction, Fraction, str] | None:
    return baseline.low - response.high, baseline.high - response.low, ""


def trial_tone_or_spasm_improved(inquiry: Inquiry) -> Fact:
    """Return whether tone or spasm scores are lower in the trial than before."""
    facts = [trial_tone_reduction(inquiry), trial_spasm_reduction(inquiry)]
    known = [fact for fact in facts if isinstance(fact.value, Trials)]
    if not known:
        return silent(inquiry, *TRIAL_RECORDS)
    doses = [dose for fact in known if isinstance(fact.value, Trials) for dose in fact.value.latest]
    better = any(response.low > 0 for dose in doses for response in dose.responses)
    evidence = tuple(item for fact in known for item in fact.evidence)
    return record_flag(better, evidence, note=" ".join(fact.note for fact in known))


# Pairs --------------------------------------------------------------------------------------------------------


def _trials(
    inquiry: Inquiry,
    scores: Sequence[Score],
    reduction: Reduction,
    unit: str,
    figures: Sequence[tuple[Reading, When]] = (),
) -> Fact:
    history = inquiry.trials
    if not history.latest:
        return _no_trial(inquiry)
    read = [_read(inquiry, dose, scores, reduction, unit, figures) for dose in history.latest]
    evidence = tuple(item for one in read for item in one.evidence)
    note = " ".join(one.note for one in read)
    if not any(one.trial.responses for one in read):
        return silent(inquiry, *TRIAL_RECORDS, note=note, evidence=evidence)
    earlier = tuple(
        tuple(_read(inquiry, dose, scores, reduction, unit, figures).trial for dose in group)
        for group in history.earlier
    )
    return Fact(Trials(tuple(one.trial for one in read), earlier), evidence, note)


class _Read:
    """One dose with its pairs, the evidence for them and a note that gives the numbers."""

    def __init__(self, trial: Trial, evidence: tuple[Evidence, ...], note: str) -> None:
        self.trial, self.evidence, self.note = trial, evidence, note


def _read(
    inquiry: Inquiry,
    dose: TrialDose,
    scores: Sequence[Score],
    reduction: Reduction,
    unit: str,
    figures: Sequence[tuple[Reading, When]],
) -> _Read:
    baseline = _baseline(inquiry, dose, scores)
    responses, evidence, words = [], [dose.evidence], []
    if baseline is not None:
        evidence += list(baseline.evidence())
    for score in scores:
        response = _response(dose, baseline, score, reduction)
        if response is not None and baseline is not None:
            responses.append(response)
            evidence += list(score.evidence())
            words.append(_pair_words(baseline, score, response, unit))
    for reading, moment in figures:
        stated = _stated(dose, reading, moment)
        if stated is not None:
            responses.append(stated)
            evidence.append(reading.evidence(f"stated relief {plain(stated.low)} %"))
            words.append(f"{plain(stated.low)} % stated")
    drugs = ", ".join((METHOD_WORDS[dose.method], *drug_labels(inquiry.chart, dose.drugs)))
    note = f"Trial on {dose.day.isoformat()} ({drugs}): {_said(inquiry, baseline, words)}."
    return _Read(Trial(dose.day, tuple(responses), dose.doubt), tuple(dict.fromkeys(evidence)), note)


def _said(inquiry: Inquiry, baseline: Score | None, words: Sequence[str]) -> str:
    shown = "; ".join(words[:SHOWN]) + (f"; and {len(words) - SHOWN} more" if len(words) > SHOWN else "")
    if baseline is None:
        missing = f"no score in the {inquiry.look_back.baseline} days before it"
        return f"{shown}; {missing}" if words else missing
    if not words:
        return f"score before it {plain(baseline.low)}, none in its window that can be compared"
    return shown


def _pair_words(baseline: Score, score: Score, response: Response, unit: str) -> str:
    size = f"{float(response.low):.1f} %" if unit == "%" else f"{plain(response.low)} points less"
    if response.high > response.low:
        size += f" (up to {plain(response.high)})"
    at = f" at {score.when.instant:%H:%M}" if score.when.instant else f" on {day_text(score.when)}"
    return f"{plain(baseline.low)} → {plain(score.low)}{at} is {size}"


def _baseline(inquiry: Inquiry, dose: TrialDose, scores: Sequence[Score]) -> Score | None:
    """Return the last score surely before the start and no more than so many days old; a range where two tie."""
    oldest = timedelta(days=inquiry.look_back.baseline)
    before = [
        score for score in scores if dose.window.place(score.when) is Place.BEFORE and _age(score.when, dose) <= oldest
    ]
    last = latest(before)
    if not last:
        return None
    one = last[-1]
    if len(last) == 1:
        return one
    low, high = min(score.low for score in last), max(score.high for score in last)
    return Score(one.when, low, high, one.scale, tuple(r for score in last for r in score.readings), one.grades)


def _age(moment: When, dose: TrialDose) -> timedelta:
    if moment.instant is not None and dose.timed:
        return dose.start - moment.instant
    return dose.day - moment.first


def _response(dose: TrialDose, baseline: Score | None, score: Score, reduction: Reduction) -> Response | None:
    place = dose.window.place(score.when)
    if baseline is None or place in (Place.BEFORE, Place.AFTER):
        return None
    size = reduction(baseline, score)
    if size is None:
        return None
    low, high, doubt = size
    if place is Place.AT_START:
        doubt = f"The score of {day_text(score.when)} cannot be ordered to the trial's start."
    elif place is Place.AT_END:
        doubt = f"The score of {day_text(score.when)} may lie after the trial's end."
    timed = score.when.instant is not None and dose.timed
    hours = Fraction(round((score.when.order - dose.start) / timedelta(seconds=1)), 3600) if timed else None
    return Response(low, high, hours, doubt=doubt)


def _stated(dose: TrialDose, reading: Reading, moment: When) -> Response | None:
    low = reading.value if isinstance(reading.value, Fraction) else reading.low
    high = reading.value if isinstance(reading.value, Fraction) else reading.high
    place = dose.window.place(moment)
    if isinstance(low, bool) or (low is None and high is None) or place in (Place.BEFORE, Place.AFTER):
        return None
    bounds = (low if low is not None else Fraction(0), high if high is not None else HUNDRED)
    if not all(0 <= bound <= HUNDRED for bound in bounds):
        return None
    doubt = "The figure's date may lie outside the trial." if place is Place.AT_END else ""
    return Response(bounds[0], bounds[1], stated=True, doubt=doubt)


# Function and side effects ------------------------------------------------------------------------------------


def trial_function_scores(inquiry: Inquiry) -> Fact:
    """Return whether a measure of function after the trial's start is better than before, in its own direction."""
    doses = inquiry.trials.latest
    if not doses:
        return _no_trial(inquiry)
    by_measure: dict[str, list[tuple[Reading, When]]] = {}
    for reading, moment in counting(inquiry, inquiry.chart.readings("function-measure")):
        if reading.is_number:
            by_measure.setdefault(reading.hits["function-measure"].entry.code, []).append((reading, moment))
    statements = [one for pairs in by_measure.values() for one in [_function_pair(inquiry, doses[0], pairs)] if one]
    if not statements:
        return silent(inquiry, *TRIAL_RECORDS)
    evidence = tuple(item for one in statements for item in one.evidence)
    words = "; ".join(item.summary for item in evidence)
    return Fact(Flag(tuple(statements)), evidence, f"Function: {words}.")


def _function_pair(inquiry: Inquiry, dose: TrialDose, readings: Sequence[tuple[Reading, When]]) -> Statement | None:
    oldest = timedelta(days=inquiry.look_back.baseline)
    before = [
        one for one, moment in readings if dose.window.place(moment) is Place.BEFORE and _age(moment, dose) <= oldest
    ]
    within = [
        (one, dose.window.place(moment))
        for one, moment in readings
        if dose.window.place(moment) not in (Place.BEFORE, Place.AFTER)
    ]
    if not before or not within:
        return None
    first, (last, place) = before[-1], within[-1]
    hit = last.hits["function-measure"]
    gained = Fraction(last.value or 0) - Fraction(first.value or 0)
    better = gained > 0 if hit.attributes.get("direction") == "higher" else gained < 0
    doubt = "" if place is Place.WITHIN else "The score's time to the trial is not sure."
    label = hit.entry.label
    evidence = tuple(one.evidence(f"{label} {plain(Fraction(one.value or 0))}") for one in (first, last))
    return Statement(better, last.when.first if last.when else None, evidence=evidence, doubt=doubt)


def trial_side_effect_on_record(inquiry: Inquiry) -> Fact:
    """Return whether an adverse event, or a new reaction to the trial's drug, stands in the trial's window."""
    doses = inquiry.trials.latest
    if not doses:
        return _no_trial(inquiry)
    found = [Evidence(reference_of(one), moment.text, what) for one, moment, what in _reactions(inquiry, doses)]
    if not found:
        return silent(inquiry, "AdverseEvent", "AllergyIntolerance")
    return record_flag(True, tuple(found), note=f"Side effect on record in the trial: {found[0].reference}.")


def _reactions(inquiry: Inquiry, doses: Sequence[TrialDose]) -> list[tuple[Resource, When, str]]:
    found = []
    for event in inquiry.chart.of_type("AdverseEvent"):
        moment = when(event.get("date")) or when(event.get("detected"))
        if event.get("actuality") == "actual" and moment is not None and _inside(moment, doses):
            found.append((event, moment, "adverse event"))
    for allergy in inquiry.chart.of_type("AllergyIntolerance"):
        moment = choice_span(allergy, "onset").start or when(allergy.get("recordedDate"))
        drugs = inquiry.sets.drugs.identify(allergy.get("code"))
        if moment is not None and drugs & inquiry.trials.drugs and _inside(moment, doses):
            found.append((allergy, moment, "reaction to the trial's drug"))
    return found


def _inside(moment: When, doses: Sequence[TrialDose]) -> bool:
    return any(dose.window.place(moment) not in (Place.BEFORE, Place.AFTER) for dose in doses)


FACTS: dict[str, Extractor] = {
    "trial-method": trial_method,
    "trial-pain-relief": trial_pain_relief,
    "trial-tone-reduction": trial_tone_reduction,
    "trial-spasm-reduction": trial_spasm_reduction,
    "trial-baclofen-bolus": trial_baclofen_bolus,
    "trial-function-scores": trial_function_scores,
    "trial-side-effect-on-record": trial_side_effect_on_record,
    "trial-tone-or-spasm-improved": trial_tone_or_spasm_improved,
}
