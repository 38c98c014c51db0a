"""Severity before the reference day: which scores count, which is the latest, what else is possible."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from fhir_mappings.inquiry import LookBack
from fhir_mappings.scores import FACTS
from policies.values import Fact, Flag, Measure
from tests.builder import Builder, concept
from tests.mapping_tools import fact, inquiry

ORDINAL = "http://hl7.org/fhir/StructureDefinition/ordinalValue"


def severity(chart: Builder, **options: Any) -> Fact:
    """Return pain-severity, in phase trial unless said."""
    return fact(FACTS["pain-severity"], chart, **{"phase": "trial", **options})


def tone(chart: Builder, name: str = "modified-ashworth", **options: Any) -> Fact:
    """Return a fact about tone or spasms, in phase trial unless said."""
    return fact(FACTS[name], chart, **{"phase": "trial", **options})


def measure(certain: float, possible: float | None = None) -> Measure:
    """Return a measure."""
    return Measure(Fraction(str(certain)), Fraction(str(certain if possible is None else possible)))


def trial(chart: Builder, days_ago: int = 30) -> None:
    """Add a catheter trial of morphine at 8 o'clock."""
    chart.procedure(
        "cpt", "62326", start=chart.moment(days_ago, 8), end=chart.moment(days_ago - 2, 8),
        reasonCode=[concept("icd-10-cm", "G89.4")], usedCode=[concept("hcpcs", "J2274")],
    )  # fmt: skip


def grade(
    chart: Builder, value: str | int | float, muscle: str = "", scale: str = "modified-ashworth", **members: Any
) -> dict[str, Any]:
    """Add an Ashworth grade: a coded one for a text, else a number."""
    shape = (
        {"valueCodeableConcept": concept("ashworth-grade", value)}
        if isinstance(value, str)
        else {"valueQuantity": {"value": value}}
    )
    site = {"bodySite": {"text": muscle}} if muscle else {}
    return chart.observation("finding", scale, **shape, **site, **members)


class TestPain:
    """Which pain scores count."""

    @pytest.mark.parametrize(
        ("system", "code", "members"),
        [
            ("loinc", "72514-3", {"valueInteger": 7}),
            ("loinc", "72514-3", {"valueQuantity": {"value": 7, "unit": "{score}"}}),
            ("loinc", "72514-3", {"valueQuantity": {"value": 7.0}}),
            ("loinc", "75893-8", {"valueInteger": 7}),
            ("loinc", "38208-5", {"valueQuantity": {"value": 7, "unit": "/10"}}),
            ("snomed", "225908003", {"valueInteger": 7}),
            ("snomed", "405161002", {"valueInteger": 7}),
            (
                "loinc",
                "72514-3",
                {
                    "valueCodeableConcept": {
                        "coding": [{"code": "x", "extension": [{"url": ORDINAL, "valueDecimal": 7}]}]
                    }
                },
            ),
        ],
    )
    def test_counts(self, system: str, code: str, members: dict[str, Any]) -> None:
        """A 0-10 number counts as integer, quantity or coded answer with an ordinal."""
        chart = Builder()
        chart.observation(system, code, **members)

        found = severity(chart)
        assert found.value == measure(7)
        assert found.doubt == ""

    @pytest.mark.parametrize(
        ("system", "code", "members"),
        [
            ("loinc", "75261-8", {"valueInteger": 4}),
            ("loinc", "57696-7", {"valueInteger": 8}),
            ("loinc", "38208-5", {"valueCodeableConcept": {"text": "severe"}}),
            ("loinc", "38208-5", {"valueQuantity": {"value": 8, "unit": "%"}}),
            ("loinc", "38214-3", {"valueQuantity": {"value": 8, "unit": "mm"}}),
            ("loinc", "38214-3", {"valueInteger": 8}),
            ("loinc", "72514-3", {"valueString": "8/10"}),
            ("loinc", "72514-3", {"valueString": "1e999999999"}),
            ("loinc", "72514-3", {"valueInteger": 8, "status": "preliminary"}),
            ("loinc", "72514-3", {"valueInteger": 8, "status": "entered-in-error"}),
            ("loinc", "72514-3", {"valueInteger": 8, "status": "cancelled"}),
            ("loinc", "72514-3", {"dataAbsentReason": {"text": "refused"}}),
            ("http://example.org/other", "72514-3", {"valueInteger": 8}),
        ],
    )
    def test_does_not_count(self, system: str, code: str, members: dict[str, Any]) -> None:
        """Word scales, faces, millimetres, scales that are not said and unfinished readings are no score."""
        chart = Builder()
        chart.observation(system, code, **members)

        assert severity(chart).value is None

    @pytest.mark.parametrize("status", ["final", "amended", "corrected"])
    def test_finished_readings(self, status: str) -> None:
        """Final, amended and corrected readings count."""
        chart = Builder()
        chart.nrs(6, status=status)

        assert severity(chart).value == measure(6)

    @pytest.mark.parametrize(
        ("score", "counts"), [(0, True), (10, True), (10.1, False), (11, False), (-1, False), (10**400, False)]
    )
    def test_range(self, score: float, counts: bool) -> None:
        """A number outside 0-10 is ignored, and a warning names resource and field."""
        chart = Builder()
        chart.observation("loinc", "72514-3", valueQuantity={"value": score})
        asked = inquiry(chart, phase="trial")

        assert (FACTS["pain-severity"](asked).value is not None) is counts
        FACTS["pain-severity"](asked)
        warned = [one for one in asked.chart.warnings if "Observation/r1 (Observation.value[x])" in one]
        assert len(warned) == (0 if counts else 1)

    def test_faces_are_shown(self) -> None:
        """A faces scale is named where there is no score."""
        chart = Builder()
        chart.observation("loinc", "38221-8", valueInteger=8)

        found = severity(chart)
        assert found.note == "Wong-Baker faces on 2026-05-22 is no 0-10 score."
        assert [item.reference for item in found.evidence] == ["Observation/r1"]

    @pytest.mark.parametrize(
        "members",
        [
            {"valueQuantity": {"value": 8, "unit": "cm"}},
            {"valueInteger": 8, "referenceRange": [{"low": {"value": 0}, "high": {"value": 10}}]},
        ],
    )
    def test_visual_analogue_score(self, members: dict[str, Any]) -> None:
        """A visual analogue score counts where unit or range makes it 0-10, with a doubt."""
        chart = Builder()
        chart.observation("loinc", "38214-3", **members)

        found = severity(chart)
        assert found.value == measure(8)
        assert found.doubt == "It is a visual analogue score, not a numeric rating."

    def test_visual_analogue_score_beside_a_rating(self) -> None:
        """Beside a numeric rating a later visual analogue score widens the bounds, without a doubt."""
        chart = Builder()
        chart.nrs(8, days_ago=20)
        chart.observation("loinc", "38214-3", days_ago=10, valueQuantity={"value": 7, "unit": "cm"})

        found = severity(chart)
        assert (found.value, found.doubt) == (measure(7, 8), "")

    def test_form_answer(self) -> None:
        """A form's answer counts from the day it was given."""
        chart = Builder()
        chart.form({"fact:pain-severity": 7}, days_ago=20)

        found = severity(chart)
        assert found.value == measure(7)
        assert found.note == "Latest NRS 7 on 2026-05-12."

    def test_somebody_elses(self) -> None:
        """Another patient's score is not used."""
        chart = Builder()
        chart.nrs(8)["subject"] = {"reference": "Patient/p2"}

        assert severity(chart).value is None


class TestLookBack:
    """Which readings are recent enough, and which is the latest."""

    @pytest.mark.parametrize(("days_ago", "counts"), [(89, True), (90, True), (91, False), (0, True), (-1, False)])
    def test_ninety_days(self, days_ago: int, counts: bool) -> None:
        """A score of the 90th day before counts, an older one or a later one than the evidence date does not."""
        chart = Builder()
        chart.nrs(8, days_ago=days_ago)

        assert (severity(chart).value is not None) is counts

    def test_old_score_is_shown(self) -> None:
        """Too old a score is named."""
        chart = Builder()
        chart.nrs(8, days_ago=91)

        found = severity(chart)
        assert found.note == "Latest NRS 8 on 2026-03-02 is older than 90 days."
        assert [item.summary for item in found.evidence] == ["NRS 8"]

    def test_setting(self) -> None:
        """A site may look back further."""
        chart = Builder()
        chart.nrs(8, days_ago=120)

        assert severity(chart, look_back=LookBack(scores=120)).value == measure(8)

    def test_latest_is_lower(self) -> None:
        """Where the latest is lower, a higher one of the look-back remains possible."""
        chart = Builder()
        chart.nrs(8, days_ago=60)
        chart.nrs(5, days_ago=5)
        chart.nrs(10, days_ago=100)

        found = severity(chart)
        assert found.value == measure(5, 8)
        assert found.note == "Latest NRS 5 on 2026-05-27; highest in 90 days 8."
        assert [item.summary for item in found.evidence] == ["NRS 5", "NRS 8"]

    def test_latest_is_higher(self) -> None:
        """Where the latest is the highest, it alone is certain and possible."""
        chart = Builder()
        chart.nrs(5, days_ago=60)
        chart.nrs(8, days_ago=5)

        assert severity(chart).value == measure(8)

    def test_same_instant(self) -> None:
        """Of two readings at one instant the lower is certain, the higher possible."""
        chart = Builder()
        chart.nrs(8, days_ago=5)
        chart.nrs(6, days_ago=5)

        assert severity(chart).value == measure(6, 8)

    def test_same_instant_in_other_offsets(self) -> None:
        """Instants are compared, not their texts."""
        chart = Builder()
        chart.nrs(8, at="2026-05-20T12:00:00+02:00")
        chart.nrs(3, at="2026-05-20T05:30:00-05:00")

        assert severity(chart).value == measure(3, 8)

    def test_same_day_without_time(self) -> None:
        """Readings of one day whose order is unknown take the worst case."""
        chart = Builder()
        chart.nrs(8, at="2026-05-20")
        chart.nrs(4, at="2026-05-20")

        assert severity(chart).value == measure(4, 8)

    def test_month_only(self) -> None:
        """A score dated to a month that ends after the evidence date is a doubt alone, and a bound beside others."""
        chart = Builder()
        chart.nrs(8, at="2026-06")

        assert severity(chart).doubt == "The date of the score (2026-06) is not exact."
        chart.nrs(5, days_ago=5)
        assert (severity(chart).value, severity(chart).doubt) == (measure(5, 8), "")

    def test_undated(self) -> None:
        """A score without a date does not count."""
        chart = Builder()
        del chart.nrs(8)["effectiveDateTime"]

        assert severity(chart).value is None

    def test_unread(self) -> None:
        """Silence about records that could not be read says so."""
        assert severity(Builder(), unread=frozenset({"Observation"})).unread == ("Observation",)
        assert severity(Builder(), phase="permanent", unread=frozenset({"Procedure"})).unread == ("Procedure",)
        assert severity(Builder(), unread=frozenset({"Procedure"})).unread == ()


class TestReferenceDay:
    """In phase permanent the trial that counts is the reference."""

    def test_low_score_after_a_good_trial(self) -> None:
        """A low score after the trial's start does not count, one before it does."""
        chart = Builder()
        trial(chart)
        chart.nrs(8, days_ago=31)
        chart.nrs(2, days_ago=29)

        assert severity(chart, phase="permanent").value == measure(8)
        assert severity(chart, phase="trial").value == measure(2, 8)
        assert severity(chart, phase="permanent").note == "Latest NRS 8 on 2026-05-01 before the trial of 2026-05-02."

    @pytest.mark.parametrize(("hour", "counts"), [(7.99, True), (8, False), (8.01, False)])
    def test_strictly_before(self, hour: float, counts: bool) -> None:
        """Only a score strictly before the start of the trial counts."""
        chart = Builder()
        trial(chart)
        chart.nrs(8, at=chart.moment(30, hour))

        found = severity(chart, phase="permanent")
        assert (found.value is not None) is counts
        assert counts or found.note == "No score before the trial of 2026-05-02; later ones do not count here."

    @pytest.mark.parametrize(("days", "counts"), [(90, True), (91, False)])
    def test_look_back_from_the_trial(self, days: int, counts: bool) -> None:
        """The look-back counts from the trial's day."""
        chart = Builder()
        trial(chart)
        chart.nrs(8, days_ago=30 + days)

        assert (severity(chart, phase="permanent").value is not None) is counts

    def test_same_day_without_time(self) -> None:
        """A score of the trial's day without a clock time is a doubt alone, and a bound beside others."""
        chart = Builder()
        trial(chart)
        chart.nrs(7, at=chart.day(30))

        found = severity(chart, phase="permanent")
        assert found.value == measure(7)
        assert found.doubt == "The score of 2026-05-02 has no clock time: it may follow the trial's start."
        chart.nrs(8, days_ago=32)
        assert severity(chart, phase="permanent").value == measure(7, 8)
        assert severity(chart, phase="permanent").doubt == ""

    def test_no_trial(self) -> None:
        """Without a trial the evidence date is the reference."""
        chart = Builder()
        chart.nrs(8, days_ago=1)

        assert severity(chart, phase="permanent").value == measure(8)

    @pytest.mark.parametrize("phase", ["trial", "replacement", "revision"])
    def test_other_phases(self, phase: str) -> None:
        """In other phases the evidence date is the reference."""
        chart = Builder()
        trial(chart)
        chart.nrs(8, days_ago=1)

        assert severity(chart, phase=phase).value == measure(8)


class TestTone:
    """Ashworth, Modified Ashworth and spasms."""

    def test_mean_and_highest_muscle(self) -> None:
        """The Modified Ashworth is certain by the mean of a session and possible by its highest muscle; 1+ is 1.5."""
        chart = Builder()
        grade(chart, "1+", "left elbow flexors")
        grade(chart, "3", "left knee flexors")

        found = tone(chart)
        assert found.value == measure(2.25, 3)
        assert found.note == "Latest mean Modified Ashworth 2.25 (2 muscles) on 2026-05-22; highest muscle 3."

    def test_plain_ashworth_is_the_mean(self) -> None:
        """The plain Ashworth is the mean alone."""
        chart = Builder()
        grade(chart, "2", "left elbow", "ashworth")
        grade(chart, "4", "left knee", "ashworth")
        grade(chart, "4", "left knee")

        assert tone(chart, "ashworth-mean").value == measure(3)

    @pytest.mark.parametrize(("value", "expected"), [("1+", 1.5), ("0", 0), ("4", 4), (2, 2), (3.2, 3.2)])
    def test_grades(self, value: str | float, expected: float) -> None:
        """Grades are coded or numbers; a mean bears no muscle."""
        chart = Builder()
        grade(chart, value)

        assert tone(chart).value == measure(expected)

    def test_standard_code(self) -> None:
        """The SNOMED CT code of the scale is read too."""
        chart = Builder()
        chart.observation("snomed", "765771006", valueInteger=3)

        assert tone(chart).value == measure(3)

    @pytest.mark.parametrize(
        ("value", "scale", "words"),
        [
            (5, "modified-ashworth", "Ashworth grade 5 lies outside 0-4"),
            (-1, "ashworth", "Ashworth grade -1 lies outside 0-4"),
            ("1+", "ashworth", "grade 1+ belongs to the Modified Ashworth Scale"),
            ("9", "ashworth", "the Ashworth grade could not be read"),
        ],
    )
    def test_ignored_and_reported(self, value: str | float, scale: str, words: str) -> None:
        """Grades outside the scale are ignored and reported."""
        chart = Builder()
        grade(chart, value, scale=scale)
        asked = inquiry(chart, phase="trial")

        name = "ashworth-mean" if scale == "ashworth" else scale
        assert FACTS[name](asked).value is None
        assert [one for one in asked.chart.warnings if words in one and "Observation/r1" in one]

    @pytest.mark.parametrize(("minutes", "expected"), [(60, 2.5), (61, 3)])
    def test_session(self, minutes: int, expected: float) -> None:
        """Muscles graded within an hour are one session; a later one is the latest session by itself."""
        chart = Builder()
        grade(chart, "2", "left elbow", at=chart.moment(10, 9))
        grade(chart, "3", "left knee", at=chart.moment(10, 9 + minutes / 60))

        found = tone(chart).value
        assert isinstance(found, Measure)
        assert found.certain == Fraction(str(expected))

    def test_muscle_graded_again(self) -> None:
        """A muscle graded again begins a new session."""
        chart = Builder()
        grade(chart, "4", "left elbow", at=chart.moment(10, 9))
        grade(chart, "2", "left elbow", at=chart.moment(10, 9.5))

        assert tone(chart).value == measure(2, 4)

    def test_coded_muscles(self) -> None:
        """Muscles named by code alone are told apart."""
        chart = Builder()
        for code in ("x1", "x2"):
            grade(chart, "3")["bodySite"] = {"coding": [{"system": "http://snomed.info/sct", "code": code}]}
        grade(chart, "0")

        assert tone(chart).value == measure(3)

    def test_earlier_session_is_possible(self) -> None:
        """A higher session of the look-back remains possible."""
        chart = Builder()
        grade(chart, 3.5, scale="ashworth", days_ago=40)
        grade(chart, 2, scale="ashworth", days_ago=5)

        assert tone(chart, "ashworth-mean").value == measure(2, 3.5)

    def test_session_before_the_trial(self) -> None:
        """In phase permanent only sessions before the trial count, muscle by muscle."""
        chart = Builder()
        trial(chart)
        grade(chart, "3", "left elbow", at=chart.moment(30, 7.9))
        grade(chart, "1", "left knee", at=chart.moment(30, 8.1))

        assert tone(chart, phase="permanent").value == measure(3)


class TestSpasms:
    """Penn spasm frequency, and what is none."""

    @pytest.mark.parametrize("score", [0, 4])
    def test_counts(self, score: int) -> None:
        """0 and 4 are on the scale."""
        chart = Builder()
        chart.observation("finding", "penn-spasm-frequency", valueInteger=score)

        assert tone(chart, "spasm-frequency").value == measure(score)

    @pytest.mark.parametrize("score", [5, 8, -1, 2.5])
    def test_outside(self, score: float) -> None:
        """A value above 4 belongs to another scale: ignored and reported."""
        chart = Builder()
        chart.observation("finding", "penn-spasm-frequency", valueQuantity={"value": score})
        asked = inquiry(chart, phase="trial")

        assert FACTS["spasm-frequency"](asked).value is None
        assert [one for one in asked.chart.warnings if "Penn spasm frequency" in one and "not used" in one]

    def test_bare_label(self) -> None:
        """An uncoded PSFS is never taken for spasms, and is reported once."""
        chart = Builder()
        chart.add("Observation", status="final", code={"text": "PSFS"}, effectiveDateTime=chart.day(5), valueInteger=3)
        asked = inquiry(chart, phase="trial")

        assert [FACTS["spasm-frequency"](asked).value for _ in range(2)] == [None, None]
        assert len([one for one in asked.chart.warnings if "a bare PSFS may mean" in one]) == 1

    def test_function_scale(self) -> None:
        """The Patient-Specific Functional Scale is no spasm score and is not reported."""
        chart = Builder()
        chart.observation("finding", "patient-specific-functional-scale", valueQuantity={"value": 3})
        asked = inquiry(chart, phase="trial")

        assert FACTS["spasm-frequency"](asked).value is None
        assert asked.chart.warnings == []

    def test_form_answer(self) -> None:
        """A form states it under the fact's name."""
        chart = Builder()
        chart.form({"fact:spasm-frequency": 3})

        assert tone(chart, "spasm-frequency").value == measure(3)


class TestFunction:
    """Scores of disability on record."""

    @pytest.mark.parametrize(
        ("system", "code", "counts"),
        [
            ("finding", "oswestry-disability-index", True),
            ("loinc", "77565-0", True),
            ("loinc", "91146-1", True),
            ("loinc", "71961-7", True),
            ("loinc", "89243-0", False),
            ("loinc", "89247-1", False),
            ("finding", "functional-independence-measure", False),
        ],
    )
    def test_measures(self, system: str, code: str, counts: bool) -> None:
        """Disability and interference by pain count, a performance status does not."""
        chart = Builder()
        chart.observation(system, code, valueQuantity={"value": 4})

        assert (tone(chart, "function-measure-on-record").value is not None) is counts

    def test_form_answer(self) -> None:
        """A disability index answered in a form counts."""
        chart = Builder()
        chart.form({"fact:oswestry-disability-index": 40})

        found = tone(chart, "function-measure-on-record")
        assert isinstance(found.value, Flag)
        assert found.note == "Oswestry disability index 40 on 2026-05-12."

    def test_later_than_the_evidence_date(self) -> None:
        """A later score does not count."""
        chart = Builder()
        chart.observation("loinc", "77565-0", days_ago=-1, valueInteger=4)

        assert tone(chart, "function-measure-on-record").value is None


GARBAGE = [None, 7, "x", [], {}, [[]], [7], {"coding": 7}, {"coding": [7]}, {"value": "x"}, True, {"start": 7}, 1e400]


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize(
    "member",
    [
        "status", "code", "effectiveDateTime", "effectivePeriod", "valueInteger", "valueQuantity",
        "valueCodeableConcept", "bodySite", "referenceRange", "component", "performer", "valueRange",
    ],
)  # fmt: skip
def test_malformed(member: str, garbage: object) -> None:
    """A malformed member of an observation never raises."""
    for system, code in (("loinc", "72514-3"), ("finding", "modified-ashworth"), ("finding", "penn-spasm-frequency")):
        chart = Builder()
        chart.observation(system, code)[member] = garbage
        asked = inquiry(chart)

        assert all(isinstance(extractor(asked), Fact) for extractor in FACTS.values())
