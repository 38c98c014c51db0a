"""What the trial that counts was, and what it brought: responses, function before it and in it, side effects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from fhir_mappings.code_sets import codings_of
from fhir_mappings.inquiry import Extractor, Inquiry, record_flag, silent
from fhir_mappings.readings import Reading
from fhir_mappings.resources import Resource, items, reference_of, text
from fhir_mappings.scores import function_readings, function_words
from fhir_mappings.series import counting, day_text, plain
from fhir_mappings.times import When, choice_span, when
from fhir_mappings.trial import CATHETER, SINGLE, TrialDose, warn
from fhir_mappings.trial_responses import (
    DRUG_RECORDS,
    RECORDS,
    SHOWN,
    named,
    no_trial,
    trial_pain_relief,
    trial_spasm_reduction,
    trial_tone_reduction,
)
from fhir_mappings.windows import Place
from policies.values import Choice, Evidence, Fact, Flag, Statement, Trial, Trials

BACLOFEN = frozenset({"baclofen"})

_OPPOSITE = "An earlier trial had the opposite result."


# How it was given ---------------------------------------------------------------------------------------------


def trial_method(inquiry: Inquiry) -> Fact:
    """Return how the trial that counts was given; a catheter among its doses decides."""
    doses = inquiry.trials.latest
    if not doses:
        return no_trial(inquiry)
    method = CATHETER if any(dose.method == CATHETER for dose in doses) else SINGLE
    shown = next(dose for dose in reversed(doses) if dose.method == method)
    doubt = "" if any(dose.method == method and not dose.doubt for dose in doses) else shown.doubt
    evidence = tuple(dose.evidence for dose in doses)
    return Fact(Choice(method), evidence, f"{named(inquiry, shown)}.", doubt, unread=inquiry.unread(*RECORDS))


def trial_baclofen_bolus(inquiry: Inquiry) -> Fact:
    """Return whether the trial was a single intrathecal dose of baclofen alone; false: another drug or an infusion."""
    doses = inquiry.trials.latest
    if not doses:
        return no_trial(inquiry)
    evidence = tuple(dose.evidence for dose in doses)
    note = f"{named(inquiry, doses[-1])}."
    doubt = next((dose.drug_doubt for dose in doses if dose.drug_doubt), "")
    if all(dose.method == SINGLE for dose in doses):
        if not inquiry.trials.drugs:
            return silent(inquiry, *DRUG_RECORDS, note=note, evidence=evidence)
        return record_flag(inquiry.trials.drugs == BACLOFEN, evidence, note=note, doubt=doubt)
    mixed = any(dose.method == SINGLE for dose in doses) and inquiry.trials.drugs == BACLOFEN
    return record_flag(
        False, evidence, note=note, doubt="Some doses were injections, others infusions." if mixed else ""
    )


def trial_tone_or_spasm_improved(inquiry: Inquiry) -> Fact:
    """Return whether tone or spasm scores are lower in the trial than before."""
    facts = [trial_tone_reduction(inquiry), trial_spasm_reduction(inquiry)]
    known = [(fact, fact.value) for fact in facts if isinstance(fact.value, Trials)]
    evidence = tuple(dict.fromkeys(item for fact in facts for item in fact.evidence))
    if not known:
        note = " ".join(fact.note for fact in facts if fact.note)
        return silent(inquiry, *RECORDS, note=note, evidence=evidence)
    note = " ".join(fact.note for fact, _ in known)
    better, doubt = _improved(dose for _, trials in known for dose in trials.latest)
    groups = [group for _, trials in known for group in trials.earlier]
    if better and any(_improved(group) == (False, "") for group in groups):
        return Fact(None, evidence, note, conflict=f"{note} {_OPPOSITE}")
    return record_flag(better, evidence, note=note, doubt=doubt)


def _improved(doses: Iterable[Trial]) -> tuple[bool, str]:
    """Return whether any response is an improvement, and the doubt where only unsure ones are."""
    responses = [replace(one, doubt=one.doubt or dose.doubt) for dose in doses for one in dose.responses]
    if any(one.low > 0 and not one.doubt for one in responses):
        return True, ""
    unsure = next((one for one in responses if one.high > 0), None)
    if unsure is None:
        return False, next((one.doubt for one in responses if one.doubt), "")
    return True, unsure.doubt or "Only one way of counting shows an improvement."


# Function -----------------------------------------------------------------------------------------------------


def trial_function_scores(inquiry: Inquiry) -> Fact:
    """Return whether a measure of function is better in the trial than before, in its own direction."""
    if not inquiry.trials.latest:
        return no_trial(inquiry)
    readings = list(_function_scores(inquiry))
    found = [pair for dose in inquiry.trials.latest for pair in _function_pairs(inquiry, dose, readings)]
    if not found:
        return silent(inquiry, *RECORDS, note=_function_note(inquiry, readings))
    evidence = tuple(dict.fromkeys(item for statement, _ in found for item in statement.evidence))
    note = f"{named(inquiry, inquiry.trials.latest[-1])}: {'; '.join(words for _, words in found[:SHOWN])}."
    statements = [statement for statement, _ in found]
    if not any(one.value for one in statements):
        return Fact(Flag(tuple(statements)), evidence, note, unread=inquiry.unread(*RECORDS))
    earlier = [
        statement.value
        for group in inquiry.trials.earlier
        for dose in group
        for statement, _ in _function_pairs(inquiry, dose, readings)
    ]
    if earlier and not any(earlier):
        return Fact(None, evidence, note, conflict=f"{note} {_OPPOSITE}")
    return Fact(Flag(tuple(statements)), evidence, note, unread=inquiry.unread(*RECORDS))


def _function_scores(inquiry: Inquiry) -> Iterator[tuple[Reading, When, str, Fraction]]:
    """Yield the function scores that can be compared: with a direction, so signed that more is better."""
    bounds = {finding.code: finding for finding in inquiry.sets.findings()}
    for reading, moment in counting(inquiry, function_readings(inquiry)):
        hit = reading.hits.get("function-measure") or next(iter(reading.hits.values()))
        direction, value = hit.attributes.get("direction"), reading.value
        if not isinstance(value, Fraction) or direction not in ("higher", "lower"):
            continue
        finding = bounds.get(hit.entry.code)
        low, high = (finding.minimum, finding.maximum) if finding else (None, None)
        if (low is not None and value < low) or (high is not None and value > high):
            warn(
                inquiry.chart,
                f"{reading.reference} (value[x]): {hit.entry.label} {plain(value)} lies outside its range: not used.",
            )
            continue
        yield reading, moment, hit.entry.code, value if direction == "higher" else -value


def _function_pairs(
    inquiry: Inquiry, dose: TrialDose, readings: Sequence[tuple[Reading, When, str, Fraction]]
) -> Iterator[tuple[Statement, str]]:
    """Yield, measure by measure, whether the scores in the window are better than the last one before it."""
    for code in dict.fromkeys(code for _, _, code, _ in readings):
        own = [
            (reading, moment, value, dose.window.place(moment))
            for reading, moment, one, value in readings
            if one == code
        ]
        before = [
            one
            for one in own
            if one[3] is Place.BEFORE and (dose.day - one[1].first).days <= inquiry.look_back.baseline
        ]
        after = [one for one in own if one[3] not in (Place.BEFORE, Place.AFTER)]
        if not before or not after:
            continue
        base = before[-1]
        results = [one[2] > base[2] for one in after]
        sure = all(one[3] is Place.WITHIN for one in after)
        doubt = dose.doubt or ("" if sure else "A score's place in the trial is not sure.")
        twice = any(first and second for first, second in zip(results, results[1:] or results, strict=False))
        if any(results) and not twice:
            doubt = doubt or "Function scores in the trial lie on both sides of the one before."
        last = next((one for one in reversed(after) if one[2] > base[2]), after[-1])
        evidence = tuple(one[0].evidence(function_words(one[0])) for one in (base, last))
        words = f"{function_words(base[0])} before, {plain(abs(last[2]))} on {day_text(last[1])}"
        yield Statement(any(results), last[1].first, evidence=evidence, doubt=doubt), words


def _function_note(inquiry: Inquiry, readings: Sequence[tuple[Reading, When, str, Fraction]]) -> str:
    if not readings:
        return ""
    reading, moment, _, _ = readings[-1]
    return f"{function_words(reading)} on {day_text(moment)} makes no pair with another before or in the trial."


# Side effects -------------------------------------------------------------------------------------------------

_NO_ALLERGY = frozenset({"refuted", "entered-in-error"})


def trial_side_effect_on_record(inquiry: Inquiry) -> Fact:
    """Return whether an adverse event, or a new reaction to the trial's drug, stands in the trial's window."""
    doses = inquiry.trials.latest
    if not doses:
        return no_trial(inquiry)
    found = [
        Evidence(reference_of(resource), moment.text, what)
        for resource, moment, what in _reactions(inquiry)
        if moment.possibly_by(inquiry.evidence_date) and any(_inside(moment, dose) for dose in doses)
    ]
    if not found:
        # Few EHRs serve AdverseEvent: that one could not be read must not ask anew for what is stated.
        return silent(inquiry, "AllergyIntolerance", "Procedure")
    note = f"{found[0].summary.capitalize()} on {found[0].date[:10]}, in the window of the trial."
    return record_flag(True, tuple(found), note=note)


def _inside(moment: When, dose: TrialDose) -> bool:
    return dose.window.place(moment) not in (Place.BEFORE, Place.AFTER)


def _reactions(inquiry: Inquiry) -> Iterator[tuple[Resource, When, str]]:
    for event in inquiry.chart.of_type("AdverseEvent"):
        moment = when(event.get("date")) or when(event.get("detected")) or when(event.get("recordedDate"))
        if text(event.get("actuality")) in ("", "actual") and moment is not None:
            yield event, moment, "adverse event"
    known = inquiry.trials.drugs
    for allergy in inquiry.chart.of_type("AllergyIntolerance"):
        status = {text(coding.get("code")) for coding in codings_of(allergy.get("verificationStatus"))}
        drugs = inquiry.sets.drugs.identify(allergy.get("code"))
        if status & _NO_ALLERGY or not (drugs & known if known else drugs):
            continue
        began = [
            choice_span(allergy, "onset").start,
            *(when(one.get("onset")) for one in items(allergy.get("reaction"))),
        ]
        known_days = [moment for moment in began if moment is not None]
        for moment in known_days or (when(allergy.get("recordedDate")),):
            if moment is not None:
                yield allergy, moment, "reaction to the trial's drug" if known else "reaction to a drug"


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
