"""Which completed procedures are intrathecal trials, with what window, drug and titration."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from fhir_mappings.orders import Order, Procedure
from fhir_mappings.times import When, when
from fhir_mappings.trial import TrialHistory, trial_history
from fhir_mappings.windows import Place
from tests.builder import Builder, concept
from tests.mapping_tools import inquiry

CHRONIC_PAIN = concept("icd-10-cm", "G89.4")
BACK_PAIN = concept("icd-10-cm", "M54.50")
MORPHINE = concept("hcpcs", "J2274")
BACLOFEN_TRIAL = concept("hcpcs", "J0476")
STEROID = concept("hcpcs", "J1010")
INTRATHECAL = {"route": concept("snomed", "72607000")}
EPIDURAL = {"route": concept("snomed", "404820008")}


def history(chart: Builder, **options: Any) -> TrialHistory:
    """Return the trials of a chart."""
    return trial_history(inquiry(chart, **options))


def catheter(chart: Builder, days_ago: int = 30, *, days: float = 2, **members: Any) -> dict[str, Any]:
    """Add a catheter trial of morphine that starts at 8 o'clock and lasts so many days."""
    members.setdefault("reasonCode", [CHRONIC_PAIN])
    members.setdefault("usedCode", [MORPHINE])
    end = chart.moment(days_ago, 8 + 24 * days)
    return chart.procedure("cpt", "62326", start=chart.moment(days_ago, 8), end=end, **members)


def injection(chart: Builder, days_ago: int = 30, hour: float = 8, **members: Any) -> dict[str, Any]:
    """Add a single injection of baclofen for a trial."""
    members.setdefault("usedCode", [BACLOFEN_TRIAL])
    return chart.procedure("cpt", "62322", start=chart.moment(days_ago, hour), **members)


def administration(chart: Builder, rxnorm: str, dosage: dict[str, Any] | None, **members: Any) -> dict[str, Any]:
    """Add a completed MedicationAdministration."""
    members.setdefault("status", "completed")
    return chart.add(
        "MedicationAdministration", medicationCodeableConcept=concept("rxnorm", rxnorm), dosage=dosage, **members
    )


def moment(text: str) -> When:
    """Return a FHIR date."""
    found = when(text)
    assert found is not None
    return found


class TestSigns:
    """What makes a spinal injection a trial."""

    @pytest.mark.parametrize(
        "members",
        [
            {"reasonCode": [{"text": "Intrathecal pump trial"}]},
            {"category": {"text": "test dose before intrathecal pump"}},
            {"note": [{"text": "Trial of intrathecal therapy, well tolerated."}]},
            {"category": concept("order-purpose", "intrathecal-trial")},
            {"reasonCode": [concept("order-purpose", "intrathecal-trial")]},
            {"usedCode": [BACLOFEN_TRIAL]},
            {"usedCode": [concept("rxnorm", "1738353")]},
            {"usedCode": [MORPHINE], "reasonCode": [CHRONIC_PAIN]},
            {"usedCode": [concept("hcpcs", "J0735")], "reasonCode": [concept("icd-10-cm", "M96.1")]},
            {"usedCode": [MORPHINE], "reasonCode": [concept("icd-10-cm", "G89.3")]},
            {"usedCode": [concept("hcpcs", "J2275")], "reasonCode": [CHRONIC_PAIN]},
        ],
    )
    def test_sign_on_the_procedure(self, members: dict[str, Any]) -> None:
        """Words, our purpose code, baclofen, ziconotide, or an opioid or clonidine for chronic pain make a trial."""
        chart = Builder()
        chart.procedure("cpt", "62323", start=chart.moment(30, 8), **members)

        assert [dose.method for dose in history(chart).latest] == ["single-injection"]

    @pytest.mark.parametrize(
        "members",
        [
            {},
            {"reasonCode": [CHRONIC_PAIN]},
            {"usedCode": [STEROID], "reasonCode": [CHRONIC_PAIN]},
            {"usedCode": [MORPHINE, STEROID], "reasonCode": [CHRONIC_PAIN]},
            {"usedCode": [MORPHINE], "reasonCode": [BACK_PAIN]},
            {"usedCode": [MORPHINE], "reasonCode": [concept("icd-10-cm", "M54.16")]},
            {"usedCode": [MORPHINE]},
            {"usedCode": [concept("hcpcs", "J0665")], "reasonCode": [CHRONIC_PAIN]},
            {"usedCode": [MORPHINE], "reasonCode": [CHRONIC_PAIN, concept("icd-10-cm", "O80")]},
            {"usedCode": [BACLOFEN_TRIAL], "reasonCode": [concept("icd-10-cm", "G89.18")]},
            {"usedCode": [MORPHINE], "reasonCode": [CHRONIC_PAIN, {"text": "labour"}]},
            {"usedCode": [concept("rxnorm", "1233685")], "reasonCode": [CHRONIC_PAIN]},
            {"usedCode": [concept("rxnorm", "197391")]},
            {"note": [{"text": "No intrathecal trial was done."}]},
            {"reasonCode": [{"text": "trial of epidural steroid injection"}]},
        ],
    )
    def test_ordinary_epidural(self, members: dict[str, Any]) -> None:
        """Without a sign, with a steroid, for an everyday reason or in labour an injection is no trial, and is told."""
        chart = Builder()
        done = chart.procedure("cpt", "62323", start=chart.moment(30, 8), **members)

        found = history(chart)

        assert found.latest == ()
        assert [item.reference for item in found.unsigned] == [f"Procedure/{done['id']}"]

    def test_words_outweigh_steroid_and_labour(self) -> None:
        """Steroid and labour silence the signs of drugs, not the word trial."""
        chart = Builder()
        reasons = [{"text": "intrathecal trial"}, concept("icd-10-cm", "G89.18")]
        injection(chart, usedCode=[MORPHINE, STEROID], reasonCode=reasons)

        assert len(history(chart).latest) == 1

    def test_based_on_a_trial_order(self) -> None:
        """A procedure based on an order that says trial is one, whether the order is in the chart or being signed."""
        order = {"resourceType": "ServiceRequest", "id": "sr9", "reasonCode": [{"text": "intrathecal pump trial"}]}
        chart = Builder()
        chart.procedure("cpt", "62323", start=chart.moment(30), basedOn=[{"reference": "ServiceRequest/sr9"}])
        asked = inquiry(chart)
        signed = Procedure((Order("ServiceRequest/sr9", order, frozenset(), (), frozenset()),), (), date(2026, 6, 1))

        assert asked.trials.latest == ()
        assert len(trial_history(type(asked)(**{**vars_of(asked), "procedure": signed})).latest) == 1

    def test_based_on_an_order_in_the_line_of_a_pump(self) -> None:
        """An order that is itself based on a pump order makes its procedure a trial."""
        chart = Builder()
        pump = chart.add("ServiceRequest", status="active", intent="order", code=concept("cpt", "62362"))
        based = [{"reference": f"ServiceRequest/{pump['id']}"}]
        order = chart.add("ServiceRequest", status="completed", code=concept("cpt", "62323"), basedOn=based)
        own = [{"reference": f"ServiceRequest/{order['id']}"}]
        chart.procedure("cpt", "62323", start=chart.moment(30), basedOn=own)

        assert len(history(chart).latest) == 1

    @pytest.mark.parametrize(
        ("code", "dosage", "is_trial"),
        [
            ("62322", INTRATHECAL, True),
            ("62322", EPIDURAL, False),
            ("62326", EPIDURAL, True),
            ("62326", {"route": concept("snomed", "26643006")}, False),
            ("62322", None, False),
        ],
    )
    def test_administration_gives_the_sign(self, code: str, dosage: dict[str, Any] | None, is_trial: bool) -> None:
        """An intrathecal opioid given with the procedure is the sign; epidural suffices for a catheter only."""
        chart = Builder()
        done = chart.procedure("cpt", code, start=chart.moment(30, 8), reasonCode=[CHRONIC_PAIN])
        administration(
            chart, "7052", dosage, partOf=[{"reference": f"Procedure/{done['id']}"}],
            effectiveDateTime=chart.moment(30, 8),
        )  # fmt: skip

        assert bool(history(chart).latest) is is_trial

    @pytest.mark.parametrize(("days_ago", "is_trial"), [(30, True), (29, False)])
    def test_administration_of_the_same_day(self, days_ago: int, is_trial: bool) -> None:
        """An intrathecal administration that names no procedure belongs to the procedure of its day."""
        chart = Builder()
        chart.procedure("cpt", "62322", start=chart.moment(30, 8), reasonCode=[CHRONIC_PAIN])
        administration(chart, "7052", INTRATHECAL, effectiveDateTime=chart.moment(days_ago, 9))

        assert bool(history(chart).latest) is is_trial

    def test_administration_alone(self) -> None:
        """An administration without a procedure is no trial."""
        chart = Builder()
        administration(chart, "7052", INTRATHECAL, effectiveDateTime=chart.moment(30))

        assert history(chart).latest == ()

    def test_administration_not_done(self) -> None:
        """A drug that was not given is no sign."""
        chart = Builder()
        chart.procedure("cpt", "62322", start=chart.moment(30, 8), reasonCode=[CHRONIC_PAIN])
        administration(chart, "7052", INTRATHECAL, effectiveDateTime=chart.moment(30, 9), status="not-done")

        assert history(chart).latest == ()

    @pytest.mark.parametrize(
        "status", ["preparation", "in-progress", "not-done", "stopped", "on-hold", "entered-in-error", "unknown"]
    )
    def test_only_completed(self, status: str) -> None:
        """Booked, running, stopped and mistaken procedures are no trial."""
        chart = Builder()
        injection(chart, status=status)

        assert history(chart).latest == ()

    @pytest.mark.parametrize(("days_ago", "counts"), [(0, True), (-1, False)])
    def test_after_the_evidence_date(self, days_ago: int, counts: bool) -> None:
        """A trial on the evidence date counts, one dated after it does not."""
        chart = Builder()
        injection(chart, days_ago)

        assert bool(history(chart).latest) is counts

    def test_somebody_elses(self) -> None:
        """Another patient's trial is not used, and the chart says so."""
        chart = Builder()
        injection(chart)["subject"] = {"reference": "Patient/other"}
        asked = inquiry(chart)

        assert asked.trials.latest == ()
        assert any("somebody else" in warning for warning in asked.chart.warnings)


def vars_of(asked: Any) -> dict[str, Any]:
    """Return the fields of an inquiry."""
    return {name: getattr(asked, name) for name in type(asked).__dataclass_fields__}


class TestStatedTrial:
    """The finding that a trial took place."""

    @staticmethod
    def completed(chart: Builder, method: str = "catheter", **members: Any) -> dict[str, Any]:
        """Add the finding with a period of two days."""
        period = {"start": chart.moment(30, 8), "end": chart.moment(28, 12)}
        if "effectiveDateTime" not in members:
            members.setdefault("effectivePeriod", period)
        return chart.add(
            "Observation", status="final", code=concept("finding", "trial-completed"),
            valueCodeableConcept=concept("trial-method", method), **members,
        )  # fmt: skip

    def test_alone(self) -> None:
        """The finding alone is a trial, with its own period as window."""
        chart = Builder()
        self.completed(chart)

        (dose,) = history(chart).latest
        assert (dose.method, dose.start.isoformat()) == ("catheter", "2026-05-02T08:00:00-05:00")
        assert dose.end.isoformat() == "2026-05-04T12:00:00-05:00"

    def test_with_its_procedure(self) -> None:
        """A finding that names its procedure is the same trial, even where the procedure bears no sign itself."""
        chart = Builder()
        done = chart.procedure("cpt", "62326", start=chart.moment(30, 8))
        self.completed(chart, focus=[{"reference": f"Procedure/{done['id']}"}])

        (dose,) = history(chart).latest
        assert dose.reference == f"Procedure/{done['id']}"
        assert dose.end.isoformat() == "2026-05-04T12:00:00-05:00"

    def test_same_day_and_method(self) -> None:
        """A finding of the same day and method is the same trial, though it names no procedure."""
        chart = Builder()
        catheter(chart)
        self.completed(chart)

        found = history(chart)
        assert len(found.latest) == 1
        assert found.earlier == ()

    def test_shortens_a_single_injection(self) -> None:
        """The finding's own period may shorten the 24 hours of a single injection."""
        chart = Builder()
        done = injection(chart)
        period = {"start": chart.moment(30, 8), "end": chart.moment(30, 16)}
        focus = [{"reference": f"Procedure/{done['id']}"}]
        self.completed(chart, "single-injection", effectivePeriod=period, focus=focus)

        (dose,) = history(chart).latest
        assert dose.end.isoformat() == "2026-05-02T16:00:00-05:00"

    def test_procedure_not_done(self) -> None:
        """A finding whose procedure did not take place leaves a doubt."""
        chart = Builder()
        done = chart.procedure("cpt", "62326", status="not-done", start=chart.moment(30, 8))
        self.completed(chart, focus=[{"reference": f"Procedure/{done['id']}"}])

        (dose,) = history(chart).latest
        assert dose.doubt == "The trial's procedure is not recorded as completed."

    def test_unknown_method(self) -> None:
        """A finding whose method cannot be read is a warning and no trial."""
        chart = Builder()
        bad = self.completed(chart, "something")
        asked = inquiry(chart)

        assert asked.trials.latest == ()
        assert [one for one in asked.chart.warnings if bad["id"] in one and "trial-completed" in one]

    def test_preliminary(self) -> None:
        """A preliminary finding is no trial."""
        chart = Builder()
        self.completed(chart)["status"] = "preliminary"

        assert history(chart).latest == ()


class TestWindow:
    """In which time scores are responses."""

    def test_single_injection_lasts_a_day(self) -> None:
        """The window of a single injection is 24 hours from its start; the end of the injecting shortens nothing."""
        chart = Builder()
        chart.procedure("cpt", "62322", start=chart.moment(30, 8), end=chart.moment(30, 8.5), usedCode=[BACLOFEN_TRIAL])

        (dose,) = history(chart).latest
        assert dose.end - dose.start == timedelta(hours=24)

    @pytest.mark.parametrize(
        ("hours", "window"), [(8, timedelta(hours=8)), (7.99, timedelta(days=14)), (0.5, timedelta(days=14))]
    )
    def test_catheter_period(self, hours: float, window: timedelta) -> None:
        """A period of 8 hours is the infusion; a shorter one is the placing, and the window is 14 days."""
        chart = Builder()
        catheter(chart, days=hours / 24)

        (dose,) = history(chart).latest
        assert dose.end - dose.start == window

    def test_catheter_without_end_stops_at_the_pump(self) -> None:
        """An open window ends where the pump is implanted."""
        chart = Builder()
        chart.procedure("cpt", "62326", start=chart.moment(30, 8), usedCode=[MORPHINE], reasonCode=[CHRONIC_PAIN])
        chart.procedure("cpt", "62362", start=chart.moment(25, 7))

        (dose,) = history(chart).latest
        assert dose.end.isoformat() == "2026-05-07T07:00:00-05:00"

    @pytest.mark.parametrize(
        ("at", "place"),
        [
            ("2026-05-02T07:59:59-05:00", Place.BEFORE),
            ("2026-05-02T08:59:59-04:00", Place.BEFORE),
            ("2026-05-02T08:00:00-05:00", Place.AT_START),
            ("2026-05-02T13:00:00Z", Place.AT_START),
            ("2026-05-02T08:00:01-05:00", Place.WITHIN),
            ("2026-05-02", Place.AT_START),
            ("2026-05-01", Place.BEFORE),
            ("2026-05-03", Place.WITHIN),
            ("2026-05-04", Place.AT_END),
            ("2026-05-04T08:00:00-05:00", Place.WITHIN),
            ("2026-05-04T08:00:01-05:00", Place.AFTER),
            ("2026-05-05", Place.AFTER),
            ("2026-05", Place.AT_START),
            ("2026-04", Place.BEFORE),
        ],
    )
    def test_places(self, at: str, place: Place) -> None:
        """Every moment has its place; a date without a clock time may be any moment of its day."""
        chart = Builder()
        catheter(chart)

        assert history(chart).latest[0].window.place(moment(at)) is place

    @pytest.mark.parametrize(
        ("at", "place"),
        [
            ("2026-05-01T23:59:00-05:00", Place.BEFORE),
            ("2026-05-02T12:00:00-05:00", Place.AT_START),
            ("2026-05-03T00:00:00-05:00", Place.WITHIN),
            ("2026-05-03T00:00:01-05:00", Place.AT_END),
            ("2026-05-03", Place.AT_END),
            ("2026-05-04", Place.AFTER),
        ],
    )
    def test_places_without_a_clock_time(self, at: str, place: Place) -> None:
        """Without a clock time its first day cannot be ordered, and its 24 hours end some time on the next."""
        chart = Builder()
        chart.procedure("cpt", "62322", start=chart.day(30), usedCode=[BACLOFEN_TRIAL])

        (dose,) = history(chart).latest
        assert not dose.timed
        assert dose.window.place(moment(at)) is place

    def test_end_day_is_included(self) -> None:
        """An end without a clock time takes in its day."""
        chart = Builder()
        chart.procedure(
            "cpt", "62326", start=chart.day(30), end=chart.day(28), usedCode=[MORPHINE], reasonCode=[CHRONIC_PAIN]
        )

        (dose,) = history(chart).latest
        assert dose.window.place(moment("2026-05-04T23:00:00-05:00")) is Place.WITHIN
        assert dose.window.place(moment("2026-05-05T00:00:00-05:00")) is Place.AFTER

    @pytest.mark.parametrize("end", ["9999-12-31", "9999-12-31T23:59:59Z", "2026-06-02"])
    def test_end_to_come(self, end: str) -> None:
        """An end after the evidence date is none: the window is 14 days."""
        chart = Builder()
        chart.procedure(
            "cpt", "62326", start=chart.moment(30, 8), end=end, usedCode=[MORPHINE], reasonCode=[CHRONIC_PAIN]
        )

        (dose,) = history(chart).latest
        assert dose.end - dose.start == timedelta(days=14)

    def test_next_trial_ends_a_window(self) -> None:
        """Scores after the start of the next trial are not the one before's."""
        chart = Builder()
        chart.procedure("cpt", "62326", start=chart.moment(30, 8), usedCode=[MORPHINE], reasonCode=[CHRONIC_PAIN])
        injection(chart, 25)

        found = history(chart)
        assert found.earlier[0][0].end == found.latest[0].start

    @pytest.mark.parametrize("start", ["2026-05", "2026"])
    def test_partial_date(self, start: str) -> None:
        """A trial of unknown day is a doubt."""
        chart = Builder()
        chart.procedure("cpt", "62322", start=start, usedCode=[BACLOFEN_TRIAL])

        assert history(chart).latest[0].doubt == "The day of the trial is not recorded."


class TestDrug:
    """What was given."""

    def test_sources(self) -> None:
        """Used codes and spinal administrations add up; a local anaesthetic beside an opioid makes a mixture."""
        chart = Builder()
        done = catheter(chart)
        chart.add(
            "MedicationAdministration", status="completed", medicationCodeableConcept={"text": "bupivacaine 0.1 %"},
            dosage=EPIDURAL, partOf=[{"reference": f"Procedure/{done['id']}"}],
        )  # fmt: skip

        assert history(chart).drugs == {"morphine", "bupivacaine"}

    def test_referenced_medication(self) -> None:
        """A medication behind a reference is read."""
        chart = Builder()
        chart.resources.append({"resourceType": "Medication", "id": "m1", "code": concept("rxnorm", "7052")})
        done = catheter(chart, usedCode=[], reasonCode=[{"text": "intrathecal trial"}])
        chart.add(
            "MedicationAdministration", status="completed", medicationReference={"reference": "Medication/m1"},
            dosage=INTRATHECAL, partOf=[{"reference": f"Procedure/{done['id']}"}],
        )  # fmt: skip

        assert history(chart).drugs == {"morphine"}

    @pytest.mark.parametrize(("days_ago", "drugs"), [(29, {"hydromorphone"}), (31, set())])
    def test_stated_drug(self, days_ago: int, drugs: set[str]) -> None:
        """A statement names the drug of the last trial that began before it."""
        chart = Builder()
        catheter(chart, usedCode=[], reasonCode=[{"text": "intrathecal trial"}])
        chart.observation("finding", "trial-drug", days_ago=days_ago, valueCodeableConcept=concept("rxnorm", "3423"))

        assert history(chart).drugs == drugs

    def test_several_statements_are_a_mixture(self) -> None:
        """Each statement names one part of a mixture."""
        chart = Builder()
        catheter(chart, usedCode=[], reasonCode=[{"text": "intrathecal trial"}])
        for words in ("morphine", "clonidine"):
            chart.observation("finding", "trial-drug", days_ago=29, valueCodeableConcept={"text": words})

        assert history(chart).drugs == {"morphine", "clonidine"}

    def test_statement_against_the_record(self) -> None:
        """A statement that differs from the recorded drug is a doubt."""
        chart = Builder()
        catheter(chart)
        chart.observation("finding", "trial-drug", days_ago=29, valueCodeableConcept={"text": "hydromorphone"})

        (dose,) = history(chart).latest
        assert dose.drug_doubt == "The record of the trial names morphine, a statement hydromorphone."

    def test_compounded(self) -> None:
        """A compounded drug leaves the mixture unknown."""
        chart = Builder()
        catheter(chart, usedCode=[MORPHINE, concept("hcpcs", "J7999")])

        assert history(chart).latest[0].drug_doubt == "A compounded drug was given: its parts are not all named."


class TestTitration:
    """Which doses are one trial."""

    @pytest.mark.parametrize(("gap", "doses"), [(14, 2), (15, 1)])
    def test_fourteen_days(self, gap: int, doses: int) -> None:
        """Doses of one drug that start within 14 days of each other are one titrated trial."""
        chart = Builder()
        injection(chart, 20 + gap)
        injection(chart, 20)

        found = history(chart)
        assert len(found.latest) == doses
        assert sum(len(group) for group in found.earlier) == 2 - doses

    def test_within_days_of_each_other(self) -> None:
        """Three doses ten days apart are not all within 14 days of each other."""
        chart = Builder()
        for days_ago in (40, 30, 20):
            injection(chart, days_ago)

        found = history(chart)
        assert ([dose.day.day for dose in found.latest], len(found.earlier)) == ([2, 12], 1)

    def test_other_drug(self) -> None:
        """Doses of different drugs are trials of their own; the latest counts."""
        chart = Builder()
        catheter(chart, 30)
        catheter(chart, 25, usedCode=[concept("hcpcs", "J1171")])

        found = history(chart)
        assert [dose.drugs for dose in found.latest] == [{"hydromorphone"}]
        assert [[dose.drugs for dose in group] for group in found.earlier] == [[{"morphine"}]]

    def test_unknown_drugs(self) -> None:
        """Doses of unknown drug are not known to be one drug, unless a statement names it."""
        chart = Builder()
        for days_ago in (30, 25):
            catheter(chart, days_ago, usedCode=[], reasonCode=[{"text": "intrathecal trial"}])

        assert len(history(chart).latest) == 1
        chart.observation("finding", "trial-drug", days_ago=20, valueCodeableConcept={"text": "morphine"})
        assert len(history(chart).latest) == 2

    def test_reference_instant(self) -> None:
        """The trial that counts begins with its first dose."""
        chart = Builder()
        injection(chart, 30)
        injection(chart, 25)

        found = history(chart)
        assert found.reference_instant() == datetime.fromisoformat("2026-05-02T08:00:00-05:00")
        assert found.day == date(2026, 5, 2)

    def test_empty_chart(self) -> None:
        """Without a trial there is no reference."""
        found = history(Builder())

        assert (found.reference_instant(), found.day, found.drugs) == (None, None, frozenset())


class TestMalformed:
    """What has the wrong type reads as absent."""

    @pytest.mark.parametrize("garbage", [None, 7, "x", [], {}, [[]], [7], {"coding": 7}, [{"coding": [7]}], True])
    @pytest.mark.parametrize(
        "member",
        [
            "status", "performedDateTime", "performedPeriod", "reasonCode", "reasonReference", "category", "note",
            "usedCode", "usedReference", "basedOn", "partOf",
        ],
    )  # fmt: skip
    def test_procedure(self, member: str, garbage: object) -> None:
        """A malformed member of a procedure never raises."""
        chart = Builder()
        injection(chart)[member] = garbage

        history(chart)

    @pytest.mark.parametrize("garbage", [None, 7, "x", [], {}, [[]], [7], {"route": 7}, {"coding": 7}, True])
    @pytest.mark.parametrize(
        "member",
        ["status", "effectiveDateTime", "dosage", "medicationCodeableConcept", "medicationReference", "partOf"],
    )
    def test_administration(self, member: str, garbage: object) -> None:
        """A malformed member of an administration never raises."""
        chart = Builder()
        injection(chart)
        administration(chart, "7052", INTRATHECAL, effectiveDateTime=chart.moment(30, 9))[member] = garbage

        assert len(history(chart).latest) == 1

    @pytest.mark.parametrize("garbage", [None, 7, "x", [], {}, [7], {"coding": 7}, {"start": 7}, True])
    @pytest.mark.parametrize("member", ["focus", "effectivePeriod", "valueCodeableConcept", "status", "code"])
    def test_finding(self, member: str, garbage: object) -> None:
        """A malformed member of the finding never raises."""
        chart = Builder()
        TestStatedTrial.completed(chart)[member] = garbage

        history(chart)
