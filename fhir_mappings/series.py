"""Scores over time: pain, muscle tone and spasms, each reading checked against its scale."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction

from fhir_mappings.chart import Chart
from fhir_mappings.inquiry import Inquiry
from fhir_mappings.readings import Reading
from fhir_mappings.resources import concept_text, items, mapping, number, text
from fhir_mappings.times import When
from fhir_mappings.trial import warn
from fhir_mappings.windows import bounds, zone_of
from policies.values import ANSWER, Evidence

NRS = "NRS"
VAS = "VAS"
ASHWORTH = "ashworth"
MODIFIED_ASHWORTH = "modified-ashworth"
SPASMS = "penn-spasm-frequency"
SCALE_NAMES = {
    NRS: "NRS",
    VAS: "visual analogue score",
    ASHWORTH: "mean Ashworth",
    MODIFIED_ASHWORTH: "mean Modified Ashworth",
    SPASMS: "Penn spasm frequency",
}
PAIN_SETS = ("pain-nrs", "pain-observable", "pain-nrs-generic", "pain-vas")
TOP_OF_PAIN = Fraction(10)
TOP_OF_TONE = Fraction(4)
TOP_OF_SPASMS = Fraction(4)
SESSION = timedelta(hours=1)
"""Muscles graded within so long of the first are one session."""

_UNWIELDY = Fraction(10**12)
_TEN_UNITS = frozenset({"cm", "{0-10}", "/10", "{score}/10", "0-10", "/{10}"})
_OTHER_UNITS = frozenset({"mm", "%", "/100", "{0-100}"})


@dataclass(frozen=True, slots=True)
class Grade:
    """One muscle's grade in points; `generous_before` and `generous_after` take a 1+ as a full step of the scale."""

    low: Fraction
    high: Fraction
    generous_before: Fraction
    generous_after: Fraction

    def joined(self, other: Grade) -> Grade:
        """Return what two grades of one muscle at one time leave open."""
        return Grade(
            min(self.low, other.low),
            max(self.high, other.high),
            max(self.generous_before, other.generous_before),
            min(self.generous_after, other.generous_after),
        )


@dataclass(frozen=True, slots=True)
class Score:
    """One score, or one session of muscles.

    `low`, `high`  equal unless readings of one instant differ; `peak`  the highest muscle of a session
    `grades`     muscle -> grade; `at_once` is false for a score that looks back over a week
    """

    when: When
    low: Fraction
    high: Fraction
    scale: str
    readings: tuple[Reading, ...]
    grades: dict[str, Grade] = field(default_factory=dict)
    at_once: bool = True

    @property
    def peak(self) -> Fraction:
        """Return the highest muscle of a session, else the score."""
        return max((grade.high for grade in self.grades.values()), default=self.high)

    def evidence(self) -> Iterator[Evidence]:
        """Yield a pointer to each reading with its value."""
        for reading in self.readings:
            yield reading.evidence(f"{SCALE_NAMES[self.scale].removeprefix('mean ')} {_written(reading, self)}")


def _written(reading: Reading, score: Score) -> str:
    if isinstance(reading.value, Fraction):
        return plain(reading.value)
    return concept_text(reading.concept)[:20] or next(
        (text(coding.get("code")) for coding in items(reading.concept.get("coding"))), plain(score.low)
    )


def plain(value: Fraction) -> str:
    """Return a number as people write it, with at most two decimals."""
    return f"{float(max(min(value, _UNWIELDY), -_UNWIELDY)):.2f}".rstrip("0").rstrip(".")


def day_text(moment: When) -> str:
    """Return the day of a moment as it was written."""
    return moment.text[:10]


Wanted = Callable[[When], bool]
"""Whether a date is of interest: long charts are not read whole."""


def counting(
    inquiry: Inquiry, readings: Iterable[Reading], wanted: Wanted | None = None
) -> Iterator[tuple[Reading, When]]:
    """Yield the dated readings up to the evidence date, each once."""
    seen: set[int] = set()
    for reading in readings:
        if reading.when is None or id(reading) in seen or not reading.when.possibly_by(inquiry.evidence_date):
            continue
        if wanted is not None and not wanted(reading.when):
            continue
        seen.add(id(reading))
        yield reading, reading.when


# Pain and spasms ----------------------------------------------------------------------------------------------


def pain_scores(inquiry: Inquiry, wanted: Wanted | None = None) -> list[Score]:
    """Return the 0-10 pain scores, oldest first; what lies outside is a warning. Word and face scales are left out."""
    chart = inquiry.chart
    scores = []
    for reading, when in counting(inquiry, chart.readings(*PAIN_SETS), wanted):
        analogue = "pain-vas" in reading.hits and len(reading.hits.keys() & set(PAIN_SETS)) == 1
        if not _is_of_ten(reading, must_say_so=analogue):
            continue
        value = _number_within(chart, reading, TOP_OF_PAIN, "pain score")
        if value is not None:
            nrs = reading.hits.get("pain-nrs")
            at_once = nrs is None or bool(nrs.attributes.get("trial_response", True))
            scale = VAS if analogue else NRS
            scores.append(Score(when, value, value, scale, (reading,), at_once=at_once))
    return scores


def _is_of_ten(reading: Reading, *, must_say_so: bool) -> bool:
    unit = reading.unit.strip().casefold()
    tops = [number(mapping(one.get("high")).get("value")) for one in items(reading.resource.get("referenceRange"))]
    if unit in _OTHER_UNITS or (unit not in _TEN_UNITS and 100 in tops):
        return False
    return not must_say_so or unit in _TEN_UNITS or TOP_OF_PAIN in tops


def spasm_scores(inquiry: Inquiry, wanted: Wanted | None = None) -> list[Score]:
    """Return the Penn spasm frequency scores (whole numbers 0-4), oldest first."""
    scores = []
    for reading, when in counting(inquiry, inquiry.chart.readings(SPASMS), wanted):
        value = _number_within(inquiry.chart, reading, TOP_OF_SPASMS, "Penn spasm frequency")
        if value is not None and value.denominator == 1:
            scores.append(Score(when, value, value, SPASMS, (reading,)))
        elif value is not None:
            warn(inquiry.chart, f"{_field(reading)}: Penn spasm frequency {plain(value)} is no whole number: not used.")
    return scores


def _number_within(chart: Chart, reading: Reading, top: Fraction, name: str) -> Fraction | None:
    value = reading.value
    if not isinstance(value, Fraction):
        if reading.concept:
            warn(chart, f"{_field(reading)}: the coded {name} has no number: not used.")
        return None
    if 0 <= value <= top:
        return value
    warn(chart, f"{_field(reading)}: {name} {plain(value)} lies outside 0-{plain(top)}: not used.")
    return None


def _field(reading: Reading) -> str:
    member = "answer" if reading.source == ANSWER else "value[x]"
    return (
        f"{reading.reference} ({'QuestionnaireResponse.item' if reading.source == ANSWER else 'Observation'}.{member})"
    )


# Tone ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Graded:
    """One muscle's reading on one of the Ashworth scales."""

    when: When
    reading: Reading
    scale: str
    muscle: str
    grade: Grade


def tone_grades(inquiry: Inquiry, *scales: str, wanted: Wanted | None = None) -> list[Graded]:
    """Return the Ashworth and Modified Ashworth grades, oldest first."""
    found = []
    for scale in scales:
        for reading, when in counting(inquiry, inquiry.chart.readings(scale), wanted):
            grade = _grade(inquiry.chart, reading, scale)
            if grade is not None:
                found.append(Graded(when, reading, scale, _muscle(reading), grade))
    return sorted(found, key=lambda one: one.when.order)


def _grade(chart: Chart, reading: Reading, scale: str) -> Grade | None:
    hit = chart.sets.find(reading.concept, "ashworth-grade")
    points = number(hit.attributes.get("points")) if hit is not None else reading.value
    if hit is not None and hit.attributes.get("modified_only") and scale != MODIFIED_ASHWORTH:
        warn(chart, f"{_field(reading)}: grade {hit.entry.code} belongs to the Modified Ashworth Scale: not used.")
        return None
    if not isinstance(points, Fraction):
        warn(chart, f"{_field(reading)}: the Ashworth grade could not be read: not used.")
        return None
    if not 0 <= points <= TOP_OF_TONE:
        warn(chart, f"{_field(reading)}: Ashworth grade {plain(points)} lies outside 0-4: not used.")
        return None
    if scale == MODIFIED_ASHWORTH and points == Fraction(3, 2) and (hit is not None or reading.body_site):
        return Grade(points, points, Fraction(2), Fraction(1))
    return Grade(points, points, points, points)


def _muscle(reading: Reading) -> str:
    if reading.body_site or reading.source == ANSWER:
        return reading.body_site
    for coding in items(mapping(reading.resource.get("bodySite")).get("coding")):
        if text(coding.get("code")):
            return f"{text(coding.get('system'))}|{text(coding.get('code'))}"
    return ""


def sessions(grades: Sequence[Graded]) -> list[Score]:
    """Return the grades joined to sessions of one scale: muscles graded within an hour, or on one undated day.

    A muscle graded again begins a new session; a grade without a muscle is a mean, used where no muscle is named.
    """
    found: list[list[Graded]] = []
    for scale in (ASHWORTH, MODIFIED_ASHWORTH):
        current: list[Graded] = []
        for one in (grade for grade in grades if grade.scale == scale):
            if not current or not _same_session(current, one):
                current = []
                found.append(current)
            current.append(one)
    return sorted((_session(members) for members in found), key=lambda score: score.when.order)


def _same_session(current: Sequence[Graded], one: Graded) -> bool:
    first, last = current[0].when, [member for member in current if member.muscle == one.muscle]
    if first.instant is None or one.when.instant is None:
        return first.instant is one.when.instant is None and first.text == one.when.text
    repeated = any(member.when.instant != one.when.instant for member in last)
    return not repeated and one.when.instant - first.instant <= SESSION


def _session(members: Sequence[Graded]) -> Score:
    named = [member for member in members if member.muscle] or members
    grades: dict[str, Grade] = {}
    for member in named:
        held = grades.get(member.muscle)
        grades[member.muscle] = held.joined(member.grade) if held else member.grade
    low = mean([grade.low for grade in grades.values()])
    high = mean([grade.high for grade in grades.values()])
    readings = tuple(member.reading for member in named)
    return Score(members[0].when, low, high, members[0].scale, readings, grades)


def mean(values: Sequence[Fraction]) -> Fraction:
    """Return the exact mean of at least one number."""
    return sum(values, Fraction(0)) / len(values)


# Order --------------------------------------------------------------------------------------------------------


def latest(scores: Sequence[Score]) -> list[Score]:
    """Return the scores that may be the last: one, unless instants are equal or clock times missing."""
    if not scores:
        return []
    zone = zone_of(*(score.when for score in scores))
    spans = [(score, *bounds(score.when, zone)) for score in scores]
    begins = max(first for _, first, _ in spans)
    return [score for score, _, last in spans if last >= begins]


def at_one_instant(scores: Iterable[Score]) -> list[Score]:
    """Return the scores with those of one scale and one instant joined to a range, oldest first."""
    joined: dict[tuple[object, ...], Score] = {}
    for index, score in enumerate(scores):
        key = (score.scale, score.when.instant) if score.when.instant is not None else (index,)
        held = joined.get(key)
        joined[key] = score if held is None else _joined(held, score)
    return sorted(joined.values(), key=lambda score: score.when.order)


def _joined(one: Score, other: Score) -> Score:
    readings = (*one.readings, *other.readings)
    low, high = min(one.low, other.low), max(one.high, other.high)
    return Score(one.when, low, high, one.scale, readings, one.grades, one.at_once and other.at_once)
