"""Therapies: drugs by schedule and route, visits, outcomes, refusals, agreements."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest

from fhir_mappings.therapies import FACTS
from policies.conditions import Duration, EndedBefore, FailedAfter, Lasted, OutcomeIs, Reading, Threshold, Verdict, see
from policies.values import Course, Fact, Flag
from tests.builder import SYSTEMS, Builder, Json, concept
from tests.mapping_tools import fact

TODAY = date(2026, 6, 1)
INEFFECTIVE = ("snomed", "182841002")
NOT_TOLERATED = ("snomed", "407563006")
CONTRAINDICATED = ("snomed", "410536001")
DECLINED = ("snomed", "182895007")
GABAPENTIN, OXYCODONE, MORPHINE, IBUPROFEN = "25480", "7804", "7052", "5640"
MORPHINE_INJECTION, MORPHINE_TABLET, GABAPENTIN_CAPSULE = "892473", "891874", "310430"
BACLOFEN, BACLOFEN_TABLET, TIZANIDINE, CYCLOBENZAPRINE = "1292", "197391", "57258", "21949"
STATUS_REASON = "http://terminology.hl7.org/CodeSystem/medicationrequest-status-reason"
ROUTES = "http://terminology.hl7.org/CodeSystem/v3-RouteOfAdministration"
ADHERENCE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-medication-adherence"
SIX_MONTHS, SIX_WEEKS = Duration(6, "months"), Duration(6, "weeks")
BOUNDS = {"start": "2025-10-01", "end": "2026-04-02"}
GARBAGE = [None, 7, "x", [], {}, [None], [[]], {"coding": 5}, [{"coding": [7, None]}], True]
ALLERGY_CLINICAL = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
ALLERGY_VERIFICATION = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"


@pytest.fixture
def chart() -> Builder:
    """Return an empty chart."""
    return Builder(TODAY)


def get(name: str, builder: Builder, **options: Any) -> Fact:
    """Return a fact of the chart."""
    return fact(FACTS[name], builder, **options)


def course(name: str, builder: Builder, **options: Any) -> Course:
    """Return a therapy of the chart that is not silent."""
    value = get(name, builder, **options).value
    assert isinstance(value, Course)
    return value


def said(found: Fact) -> list[tuple[bool, str]]:
    """Return the values and doubts of a flag."""
    assert isinstance(found.value, Flag)
    return [(one.value, one.doubt) for one in found.value.statements]


def failed_after(name: str, builder: Builder, duration: Duration = SIX_MONTHS, **options: Any) -> Verdict:
    """Return whether the therapy failed after so long, as a policy asks it."""
    return see(FailedAfter(name, duration), Reading({name: get(name, builder, **options)}, TODAY)).verdict


def ended_before(name: str, builder: Builder, duration: Duration = SIX_MONTHS, **options: Any) -> Verdict:
    """Return whether the therapy ended too early, as a policy asks it."""
    return see(EndedBefore(name, duration), Reading({name: get(name, builder, **options)}, TODAY)).verdict


def days_before(day: date) -> int:
    """Return how many days before today a day lies."""
    return (TODAY - day).days


def drug(builder: Builder, code: str, first: date, last: date | None, **members: Any) -> Json:
    """Add a MedicationRequest from one day to another."""
    end = None if last is None else days_before(last)
    return builder.medication(code, start_days_ago=days_before(first), end_days_ago=end, **members)


def prescribed(builder: Builder, code: str, dosage: list[Json], **members: Any) -> Json:
    """Add a MedicationRequest written on 1 October 2025 with these dosage instructions."""
    order = builder.medication(code, start_days_ago=days_before(date(2025, 10, 1)), **members)
    order["dosageInstruction"] = dosage
    return order


def timed(**repeat: Any) -> list[Json]:
    """Return a dosage instruction three times a day with these further members of its timing."""
    return [{"timing": {"repeat": {"frequency": 3, "period": 1, "periodUnit": "d", **repeat}}}]


def visits(builder: Builder, code: str, *days_ago: int, **members: Any) -> list[Json]:
    """Add a Procedure by CPT code on each of the days."""
    return [builder.procedure("cpt", code, start=builder.moment(day), **members) for day in days_ago]


def allergy(
    builder: Builder, code: str, kind: str | None, *, clinical: str | None = "active", system: str = "rxnorm",
    verification: str = "confirmed", **members: Any,
) -> Json:  # fmt: skip
    """Add an AllergyIntolerance."""
    return builder.add(
        "AllergyIntolerance",
        code=concept(system, code),
        type=kind,
        clinicalStatus=concept(ALLERGY_CLINICAL, clinical) if clinical else None,
        verificationStatus=concept(ALLERGY_VERIFICATION, verification),
        **members,
    )


class TestDrugLength:
    """How long a drug was taken."""

    def test_six_months_and_failed(self, chart: Builder) -> None:
        """Gabapentin on a fixed schedule from 1 October to 2 April that was stopped as ineffective is six months."""
        drug(chart, GABAPENTIN, date(2025, 10, 1), date(2026, 4, 2), reason=INEFFECTIVE)
        found = get("scheduled-analgesics", chart)

        assert failed_after("scheduled-analgesics", chart) is Verdict.YES
        assert found.note == ("Gabapentin, fixed schedule, 2025-10-01 to 2026-04-02 (6 months), stopped: ineffective.")
        assert found.evidence[0].summary == "gabapentin, stopped: ineffective"
        assert found.evidence[0].reference == "MedicationRequest/r1"

    @pytest.mark.parametrize(
        ("last", "failed", "ended"),
        [
            (date(2026, 3, 30), Verdict.NO, Verdict.YES),
            (date(2026, 3, 31), Verdict.YES, Verdict.NO),
            (date(2026, 4, 1), Verdict.YES, Verdict.NO),
        ],
    )
    def test_end_days_are_inclusive(self, chart: Builder, last: date, failed: Verdict, ended: Verdict) -> None:
        """From 1 October six months are full on 31 March."""
        drug(chart, GABAPENTIN, date(2025, 10, 1), last, reason=INEFFECTIVE)

        assert failed_after("scheduled-analgesics", chart) is failed
        assert ended_before("scheduled-analgesics", chart) is ended

    @pytest.mark.parametrize(("days", "verdict"), [(41, Verdict.NO), (42, Verdict.YES), (43, Verdict.YES)])
    def test_six_weeks_are_42_days(self, chart: Builder, days: int, verdict: Verdict) -> None:
        """An antispasmodic taken for 42 days, both ends included, was taken for six weeks."""
        first = date(2026, 1, 1)
        drug(chart, TIZANIDINE, first, first + timedelta(days=days - 1), reason=INEFFECTIVE)

        assert failed_after("oral-antispasmodics", chart, SIX_WEEKS) is verdict
        assert course("oral-antispasmodics", chart).weeks.certain == Fraction(days, 7)

    def test_running_drug_is_unfinished(self, chart: Builder) -> None:
        """A drug without an end goes on up to the evidence date and contradicts nothing."""
        drug(chart, GABAPENTIN, date(2026, 3, 1), None, status="active")
        found = course("scheduled-analgesics", chart)

        assert (found.months.certain, found.months.unfinished, found.start) == (3, True, date(2026, 3, 1))
        assert ended_before("scheduled-analgesics", chart) is Verdict.NO

    def test_planned_end_never_lengthens(self, chart: Builder) -> None:
        """An active order that is planned to the end of the year counts up to the evidence date only."""
        drug(chart, GABAPENTIN, date(2026, 3, 1), date(2026, 12, 31), status="active")
        found = course("scheduled-analgesics", chart)

        assert (found.months.certain, found.months.possible, found.months.unfinished) == (3, 3, True)

    def test_later_start_does_not_count(self, chart: Builder) -> None:
        """A drug that begins after the evidence date is none."""
        drug(chart, GABAPENTIN, date(2026, 6, 2), None, status="active")

        assert get("scheduled-analgesics", chart).value is None

    def test_nothing_counts_beyond_an_earlier_evidence_date(self, chart: Builder) -> None:
        """Looked at on 1 March the drug had been taken for five months."""
        drug(chart, GABAPENTIN, date(2025, 10, 1), date(2026, 4, 2), status="completed")
        found = course("scheduled-analgesics", chart, on=date(2026, 3, 1))

        assert (found.months.certain, found.months.unfinished) == (5, True)

    def test_authored_on_alone_gives_no_length(self, chart: Builder) -> None:
        """An order with nothing but its day of writing has no known length, and is not "too short" either."""
        prescribed(
            chart,
            GABAPENTIN,
            timed(),
            reason=INEFFECTIVE,
        )
        found = get("scheduled-analgesics", chart)

        assert isinstance(found.value, Course)
        assert (found.value.months, found.value.weeks, found.value.outcomes) == (None, None, {"ineffective": ""})
        assert ended_before("scheduled-analgesics", chart) is Verdict.NO
        assert "length not recorded" in found.note

    def test_unknown_length_beside_a_short_run(self, chart: Builder) -> None:
        """A short stopped drug is no contradiction while the length of another is unknown."""
        drug(chart, GABAPENTIN, date(2026, 1, 1), date(2026, 2, 1))
        prescribed(
            chart,
            IBUPROFEN,
            timed(),
            status="completed",
        )

        assert ended_before("scheduled-analgesics", chart) is Verdict.NO

    @pytest.mark.parametrize(
        ("dispense", "months"),
        [
            ({"validityPeriod": {"start": "2025-10-01", "end": "2026-03-31"}}, 6),
            ({"expectedSupplyDuration": {"value": 30, "unit": "days", "code": "d"}, "numberOfRepeatsAllowed": 5}, 5),
            ({"expectedSupplyDuration": {"value": 31, "code": "d"}, "numberOfRepeatsAllowed": 5}, 6),
            ({"expectedSupplyDuration": {"value": 1, "code": "mo"}, "numberOfRepeatsAllowed": 5}, 6),
            ({"expectedSupplyDuration": {"value": 2, "code": "wk"}}, 0),
        ],
    )
    def test_length_from_the_supply(self, chart: Builder, dispense: Json, months: int) -> None:
        """Without a dosing period the validity counts, else the supply from the day of writing with its repeats."""
        prescribed(chart, GABAPENTIN, timed(), status="completed", dispenseRequest=dispense)

        assert course("scheduled-analgesics", chart).months.certain == months

    def test_dosing_period_outweighs_the_supply(self, chart: Builder) -> None:
        """The dosing period is what counts where both are given."""
        supply = {"expectedSupplyDuration": {"value": 365, "code": "d"}}
        drug(chart, GABAPENTIN, date(2026, 1, 1), date(2026, 2, 28), status="completed", dispenseRequest=supply)

        assert course("scheduled-analgesics", chart).months.certain == 2

    def test_partial_dates_take_the_worst_case(self, chart: Builder) -> None:
        """From October to April without days is surely five months, possibly six."""
        order = drug(chart, GABAPENTIN, date(2025, 10, 1), date(2026, 4, 2), reason=INEFFECTIVE)
        order["dosageInstruction"] = timed(boundsPeriod={"start": "2025-10", "end": "2026-04"})
        found = course("scheduled-analgesics", chart)

        assert (found.months.certain, found.months.possible) == (5, 7)
        assert failed_after("scheduled-analgesics", chart) is Verdict.MAYBE
        assert ended_before("scheduled-analgesics", chart) is Verdict.MAYBE

    def test_dates_are_those_of_their_own_offset(self, chart: Builder) -> None:
        """A late evening far west of Greenwich is still that day."""
        order = drug(chart, GABAPENTIN, date(2025, 10, 1), date(2026, 3, 31), reason=INEFFECTIVE)
        order["dosageInstruction"] = timed(
            boundsPeriod={"start": "2025-10-01T23:30:00-08:00", "end": "2026-03-31T23:30:00-08:00"}
        )

        assert course("scheduled-analgesics", chart).months.certain == 6

    def test_stopped_before_its_planned_end(self, chart: Builder) -> None:
        """Of a stopped order whose end is only planned neither length nor failure is sure."""
        drug(chart, GABAPENTIN, date(2025, 10, 1), date(2026, 12, 31), reason=INEFFECTIVE)
        found = course("scheduled-analgesics", chart)

        assert (found.months.certain, found.months.possible) == (0, 8)
        assert "2026-12-31" in found.outcomes["ineffective"]

    @pytest.mark.parametrize(("status", "counts"), [
        ("active", True), ("completed", True), ("stopped", True), ("on-hold", True),
        ("draft", False), ("cancelled", False), ("entered-in-error", False), ("unknown", False),
    ])  # fmt: skip
    def test_which_orders_are_therapy(self, chart: Builder, status: str, counts: bool) -> None:
        """Orders active, completed, stopped or on hold were taken; drafts, cancelled and wrong ones were not."""
        drug(chart, GABAPENTIN, date(2025, 10, 1), date(2026, 4, 2), status=status)

        assert (get("scheduled-analgesics", chart).value is not None) is counts

    @pytest.mark.parametrize("members", [{"intent": "plan"}, {"intent": "proposal"}, {"doNotPerform": True}])
    def test_plans_and_prohibitions_are_none(self, chart: Builder, members: Json) -> None:
        """A plan, a proposal, or an order not to give a drug is no therapy."""
        drug(chart, GABAPENTIN, date(2025, 10, 1), date(2026, 4, 2)).update(members)

        assert get("scheduled-analgesics", chart).value is None

    def test_statement_of_use(self, chart: Builder) -> None:
        """A MedicationStatement counts with its effective period; its reasons for stopping are a list."""
        chart.add(
            "MedicationStatement",
            status="stopped",
            medicationCodeableConcept=concept("rxnorm", GABAPENTIN),
            effectivePeriod={"start": "2025-10-01", "end": "2026-04-02"},
            statusReason=[concept(*NOT_TOLERATED)],
            dosage=timed(),
        )
        found = course("scheduled-analgesics", chart)

        assert (found.months.certain, found.outcomes) == (6, {"not-tolerated": ""})

    def test_not_taken_is_not_taken(self, chart: Builder) -> None:
        """A statement that a drug is not taken is no therapy."""
        chart.add(
            "MedicationStatement",
            status="not-taken",
            medicationCodeableConcept=concept("rxnorm", GABAPENTIN),
            effectivePeriod={"start": "2025-10-01", "end": "2026-04-02"},
            dosage=timed(),
        )

        assert get("systemic-analgesics", chart).value is None

    def test_administrations_take_the_schedule_of_their_order(self, chart: Builder) -> None:
        """Doses given day by day are on a fixed schedule where their order is."""
        order = drug(chart, GABAPENTIN, date(2026, 1, 1), date(2026, 1, 5), status="completed")
        for day in range(60):
            chart.add(
                "MedicationAdministration",
                status="completed",
                medicationCodeableConcept=concept("rxnorm", GABAPENTIN_CAPSULE),
                effectiveDateTime=chart.moment(150 - day),
                request={"reference": f"MedicationRequest/{order['id']}"},
            )
        found = course("scheduled-analgesics", chart)

        assert found.weeks.certain == Fraction(61, 7)

    def test_administration_not_done_is_none(self, chart: Builder) -> None:
        """A dose that was not given does not count."""
        chart.add(
            "MedicationAdministration",
            status="not-done",
            medicationCodeableConcept=concept("rxnorm", OXYCODONE),
            effectiveDateTime=chart.moment(10),
        )

        assert get("systemic-opioids", chart).value is None

    def test_medication_by_reference(self, chart: Builder) -> None:
        """A drug named by a Medication resource, by its code or its ingredient, is known."""
        chart.resources.append(
            {"resourceType": "Medication", "id": "m1", "ingredient": [
                {"itemCodeableConcept": concept("rxnorm", GABAPENTIN)}]}
        )  # fmt: skip
        order = drug(chart, GABAPENTIN, date(2025, 10, 1), date(2026, 4, 2), status="completed")
        del order["medicationCodeableConcept"]
        order["medicationReference"] = {"reference": "Medication/m1"}

        assert course("scheduled-analgesics", chart).months.certain == 6


class TestSchedule:
    """Fixed schedule, as needed, not recorded."""

    @pytest.mark.parametrize(("dosage", "words"), [
        ({"asNeededBoolean": True, "timing": {"code": {"text": "BID"}}}, "as needed"),
        ({"asNeededCodeableConcept": {"text": "pain"}, "timing": {"repeat": {"frequency": 2}}}, "as needed"),
        ({"text": "1 tablet every 6 h PRN pain", "timing": {"repeat": {"frequency": 4}}}, "as needed"),
        ({"patientInstruction": "take if needed", "timing": {"repeat": {"frequency": 4}}}, "as needed"),
        ({"text": "1 tablet"}, "schedule not recorded"),
        ({"timing": {"repeat": {}}}, "schedule not recorded"),
    ])  # fmt: skip
    def test_no_fixed_schedule(self, chart: Builder, dosage: Json, words: str) -> None:
        """As-needed orders and orders without a schedule are shown and never count as a fixed schedule."""
        bounds = {"start": "2025-10-01", "end": "2026-04-02"}
        dosage.setdefault("timing", {}).setdefault("repeat", {})["boundsPeriod"] = bounds
        prescribed(
            chart,
            GABAPENTIN,
            [dosage],
            reason=INEFFECTIVE,
        )
        found = get("scheduled-analgesics", chart)

        assert found.value is None
        assert found.note == f"Not counted: gabapentin ({words})."
        assert found.evidence[0].reference == "MedicationRequest/r1"

    @pytest.mark.parametrize("timing", [
        {"code": {"coding": [{"code": "Q8H"}]}, "repeat": {"boundsPeriod": BOUNDS}},
        {"repeat": {"timeOfDay": ["08:00:00"], "boundsPeriod": BOUNDS}},
    ])  # fmt: skip
    def test_fixed_schedule(self, chart: Builder, timing: Json) -> None:
        """A timing code or a repeat without "as needed" is a fixed schedule."""
        prescribed(
            chart,
            GABAPENTIN,
            [{"timing": timing}],
        )

        assert course("scheduled-analgesics", chart).months.certain == 6

    def test_fixed_with_extra_doses_is_fixed(self, chart: Builder) -> None:
        """One drug with fixed and as-needed instructions is on a fixed schedule, for the time of the fixed one."""
        bounds = {"boundsPeriod": {"start": "2025-10-01", "end": "2026-04-02"}}
        longer = {"boundsPeriod": {"start": "2025-10-01", "end": "2026-05-30"}}
        extra = {"asNeededBoolean": True, "timing": {"repeat": {"frequency": 1, **longer}}}
        prescribed(
            chart,
            OXYCODONE,
            [*timed(**bounds), extra],
        )

        assert course("scheduled-analgesics", chart).months.certain == 6
        assert course("systemic-opioids", chart).months.certain == 7

    def test_as_needed_counts_where_no_schedule_is_asked(self, chart: Builder) -> None:
        """An as-needed opioid is a systemic opioid and conservative care."""
        drug(chart, OXYCODONE, date(2025, 10, 1), date(2026, 4, 2), as_needed=True, reason=INEFFECTIVE)

        assert course("systemic-opioids", chart).outcomes == {"ineffective": ""}
        assert course("conservative-therapy", chart).months.certain == 6


class TestRoute:
    """Which routes are systemic."""

    @pytest.mark.parametrize("route", [
        concept("snomed", "72607000"),
        concept("snomed", "404820008"),
        concept(ROUTES, "ITINJ"),
        {"text": "Intrathecal"},
    ])  # fmt: skip
    def test_spinal_route_is_not_systemic(self, chart: Builder, route: Json) -> None:
        """An intrathecal or epidural drug is no systemic therapy."""
        bounds = {"boundsPeriod": {"start": "2025-10-01", "end": "2026-04-02"}}
        prescribed(
            chart,
            MORPHINE,
            [{**timed(**bounds)[0], "route": route}],
        )
        found = get("systemic-opioids", chart)

        assert found.value is None
        assert "intrathecal or epidural" in found.note

    def test_injection_without_route_is_undetermined(self, chart: Builder) -> None:
        """An injection without a route is shown, not counted."""
        drug(chart, MORPHINE_INJECTION, date(2025, 10, 1), date(2026, 4, 2), reason=INEFFECTIVE)
        found = get("systemic-opioids", chart)

        assert found.value is None
        assert "route not recorded" in found.note

    def test_tablet_without_route_is_systemic(self, chart: Builder) -> None:
        """A tablet without a route is taken by mouth."""
        drug(chart, MORPHINE_TABLET, date(2025, 10, 1), date(2026, 4, 2), reason=INEFFECTIVE)

        assert course("oral-transdermal-subcutaneous-opioids", chart).outcomes == {"ineffective": ""}

    def test_intravenous_opioid(self, chart: Builder) -> None:
        """An opioid into a vein is systemic, and none by mouth, patch or under the skin."""
        bounds = {"boundsPeriod": {"start": "2026-01-01", "end": "2026-01-05"}}
        dosage = [{**timed(**bounds)[0], "route": concept("snomed", "47625008")}]
        prescribed(
            chart,
            MORPHINE_INJECTION,
            dosage,
            reason=INEFFECTIVE,
        )

        assert course("systemic-opioids", chart).outcomes == {"ineffective": ""}
        assert get("oral-transdermal-subcutaneous-opioids", chart).value is None

    def test_subcutaneous_injection(self, chart: Builder) -> None:
        """An injection under the skin counts for both."""
        dosage = [{**timed()[0], "route": concept("snomed", "34206005")}]
        prescribed(
            chart,
            MORPHINE_INJECTION,
            dosage,
            reason=INEFFECTIVE,
        )

        assert course("oral-transdermal-subcutaneous-opioids", chart).outcomes == {"ineffective": ""}

    def test_ingredient_alone(self, chart: Builder) -> None:
        """Oxycodone by ingredient counts; of morphine, which is injected too, the route has to be looked up."""
        drug(chart, OXYCODONE, date(2025, 10, 1), date(2026, 4, 2), reason=INEFFECTIVE)
        drug(chart, MORPHINE, date(2025, 10, 1), date(2026, 4, 2), reason=NOT_TOLERATED)
        found = course("oral-transdermal-subcutaneous-opioids", chart)

        assert found.outcomes["ineffective"] == ""
        assert found.outcomes["not-tolerated"] == "The route of morphine is not recorded."
        assert course("systemic-opioids", chart).outcomes["not-tolerated"] == ""

    def test_words_of_the_instruction(self, chart: Builder) -> None:
        """An instruction that says intrathecal is believed where no route is coded."""
        order = drug(chart, BACLOFEN, date(2026, 1, 1), date(2026, 4, 1))
        order["dosageInstruction"][0]["text"] = "intrathecal by pump"

        assert get("oral-baclofen", chart).value is None


class TestJoining:
    """Drugs of one therapy join."""

    def test_two_drugs_join(self, chart: Builder) -> None:
        """Three months of one drug and three of the next, both failed, are six months."""
        drug(chart, GABAPENTIN, date(2025, 10, 1), date(2025, 12, 31), reason=INEFFECTIVE)
        drug(chart, IBUPROFEN, date(2026, 1, 1), date(2026, 3, 31), reason=INEFFECTIVE)

        assert failed_after("scheduled-analgesics", chart) is Verdict.YES
        assert "Together 2025-10-01 to 2026-03-31 (6 months)." in get("scheduled-analgesics", chart).note

    def test_gap_days_do_not_add(self, chart: Builder) -> None:
        """Six calendar months with ten days without a drug are not six months."""
        drug(chart, GABAPENTIN, date(2025, 10, 1), date(2025, 12, 31), status="completed")
        drug(chart, GABAPENTIN, date(2026, 1, 11), date(2026, 3, 31), reason=INEFFECTIVE)

        assert course("scheduled-analgesics", chart).months.certain == 5

    @pytest.mark.parametrize(("resumed", "months"), [(date(2026, 1, 31), 7), (date(2026, 2, 1), 4)])
    def test_gap_of_thirty_days(self, chart: Builder, resumed: date, months: int) -> None:
        """A gap of 30 days joins, one of 31 does not."""
        drug(chart, GABAPENTIN, date(2025, 10, 1), date(2025, 12, 31), status="completed")
        drug(chart, GABAPENTIN, resumed, date(2026, 5, 31), status="completed")

        assert course("scheduled-analgesics", chart).months.certain == months

    def test_thin_cover_is_only_possible(self, chart: Builder) -> None:
        """A drug supplied for three weeks of every seven is a six-month therapy only if a reviewer agrees."""
        for index in range(10):
            first = date(2025, 1, 1) + timedelta(days=49 * index)
            drug(chart, GABAPENTIN, first, first + timedelta(days=20), reason=INEFFECTIVE)
        found = course("scheduled-analgesics", chart)

        assert (found.months.certain, found.months.possible) == (0, 6)
        assert failed_after("scheduled-analgesics", chart) is Verdict.MAYBE

    def test_start_allows_for_gaps(self, chart: Builder) -> None:
        """The first day of a run that goes on is moved by its gap days, so that the day it suffices comes out right."""
        drug(chart, GABAPENTIN, date(2026, 1, 1), date(2026, 1, 31), status="completed")
        drug(chart, GABAPENTIN, date(2026, 2, 11), None, status="active")

        assert course("scheduled-analgesics", chart).start == date(2026, 1, 11)

    def test_combination_is_one_drug(self, chart: Builder) -> None:
        """Hydrocodone with acetaminophen is an opioid, and no measure other than an opioid."""
        drug(chart, "857002", date(2025, 10, 1), date(2026, 4, 2), reason=INEFFECTIVE)
        found = get("conservative-measures-failed", chart)

        assert course("systemic-opioids", chart).months.certain == 6
        assert found.value is None
        assert "Only systemic opioids" in found.note

    def test_active_order_between_supplies_goes_on(self, chart: Builder) -> None:
        """An active order whose supply ended last week has not been stopped."""
        drug(chart, GABAPENTIN, date(2026, 4, 1), date(2026, 5, 25), status="active")

        assert ended_before("scheduled-analgesics", chart) is Verdict.NO

    def test_every_run_too_short_and_stopped(self, chart: Builder) -> None:
        """Two short drugs far apart, both stopped, contradict six months; one that goes on does not."""
        drug(chart, GABAPENTIN, date(2025, 1, 1), date(2025, 2, 1), reason=INEFFECTIVE)
        drug(chart, IBUPROFEN, date(2025, 8, 1), date(2025, 9, 1), reason=INEFFECTIVE)
        assert ended_before("scheduled-analgesics", chart) is Verdict.YES

        drug(chart, OXYCODONE, date(2026, 5, 1), None, status="active")
        assert ended_before("scheduled-analgesics", chart) is Verdict.NO


class TestFailureReaches:
    """A failure speaks of what had been taken up to it."""

    def test_short_failure_long_ago(self, chart: Builder) -> None:
        """A week of ibuprofen that failed a year ago does not make eight months of gabapentin a failure."""
        drug(chart, IBUPROFEN, date(2025, 1, 1), date(2025, 1, 7), reason=NOT_TOLERATED)
        drug(chart, GABAPENTIN, date(2025, 10, 1), None, status="active")
        found = get("scheduled-analgesics", chart)

        assert failed_after("scheduled-analgesics", chart) is Verdict.MAYBE
        assert ended_before("scheduled-analgesics", chart) is Verdict.NO
        assert "The failure on record is of 2025-01-01 to 2025-01-07 (7 days)." in found.note

    def test_failure_within_a_run_that_goes_on(self, chart: Builder) -> None:
        """A drug that failed in the second month says nothing of the six months that followed."""
        drug(chart, IBUPROFEN, date(2025, 11, 1), date(2025, 11, 7), reason=INEFFECTIVE)
        drug(chart, GABAPENTIN, date(2025, 10, 1), None, status="active")

        assert failed_after("scheduled-analgesics", chart) is Verdict.MAYBE

    def test_old_intolerance_to_another_drug(self, chart: Builder) -> None:
        """An intolerance to a drug that was not part of the run leaves the run without a failure."""
        allergy(chart, IBUPROFEN, "intolerance")
        drug(chart, GABAPENTIN, date(2025, 10, 1), None, status="active")

        assert failed_after("systemic-analgesics", chart) is Verdict.MAYBE
        assert course("systemic-analgesics", chart).outcomes == {"not-tolerated": ""}

    def test_stated_outcome_speaks_of_the_whole_run(self, chart: Builder) -> None:
        """A finding that scheduled analgesics failed, made while the drug goes on, covers its whole run."""
        drug(chart, GABAPENTIN, date(2025, 11, 28), None, status="active")
        chart.outcome("scheduled-analgesics", "ineffective", end_days_ago=20)

        assert failed_after("scheduled-analgesics", chart) is Verdict.YES

    def test_stated_outcome_before_the_run(self, chart: Builder) -> None:
        """An outcome stated before the therapy began is about an earlier one."""
        chart.outcome("scheduled-analgesics", "ineffective", end_days_ago=400)
        drug(chart, GABAPENTIN, date(2025, 10, 1), None, status="active")

        assert failed_after("scheduled-analgesics", chart) is Verdict.MAYBE

    def test_last_drug_failed(self, chart: Builder) -> None:
        """Where the last of two joined drugs failed, the whole run did."""
        drug(chart, GABAPENTIN, date(2025, 10, 1), date(2025, 12, 31))
        drug(chart, IBUPROFEN, date(2026, 1, 1), date(2026, 3, 31), reason=INEFFECTIVE)

        assert failed_after("scheduled-analgesics", chart) is Verdict.YES


class TestOutcomes:
    """How a therapy went."""

    @pytest.mark.parametrize(("reason", "expected"), [
        (INEFFECTIVE, {"ineffective": ""}),
        (NOT_TOLERATED, {"not-tolerated": ""}),
        ((STATUS_REASON, "sintol"), {"not-tolerated": ""}),
        (CONTRAINDICATED, {"contraindicated": ""}),
        (DECLINED, {}),
        ((STATUS_REASON, "altchoice"), {}),
        (None, {}),
    ])  # fmt: skip
    def test_reasons_for_stopping(self, chart: Builder, reason: tuple[str, str] | None, expected: Json) -> None:
        """Only a reason that is a failure, a side effect or a contraindication is an outcome."""
        drug(chart, OXYCODONE, date(2025, 10, 1), date(2026, 4, 2), reason=reason)

        assert course("systemic-opioids", chart).outcomes == expected

    def test_reason_on_a_drug_that_was_not_stopped(self, chart: Builder) -> None:
        """A reason on an order that was not stopped is no outcome."""
        drug(chart, OXYCODONE, date(2025, 10, 1), None, status="active", reason=INEFFECTIVE)

        assert course("systemic-opioids", chart).outcomes == {}

    def test_contraindication_to_one_scheduled_drug(self, chart: Builder) -> None:
        """That one analgesic is contraindicated does not waive scheduled analgesics without a look."""
        drug(chart, IBUPROFEN, date(2025, 10, 1), date(2025, 10, 5), reason=CONTRAINDICATED)

        assert course("scheduled-analgesics", chart).outcomes == {
            "contraindicated": "Only ibuprofen is recorded as contraindicated."
        }

    @pytest.mark.parametrize("outcome", ["ineffective", "not-tolerated", "contraindicated", "effective"])
    def test_stated_outcomes(self, chart: Builder, outcome: str) -> None:
        """A finding states each of the four outcomes."""
        chart.outcome("oral-baclofen", outcome, end_days_ago=10)

        assert course("oral-baclofen", chart).outcomes == {outcome: ""}
        assert course("oral-antispasmodics", chart).outcomes == {outcome: ""}

    def test_period_of_a_stated_outcome_is_therapy(self, chart: Builder) -> None:
        """The time given with an outcome counts as time of the therapy, except of a contraindication."""
        chart.outcome("noninvasive-pain-control", "ineffective", start_days_ago=243, end_days_ago=60)
        assert failed_after("noninvasive-programme", chart) is Verdict.YES

        other = Builder(TODAY)
        other.outcome("noninvasive-pain-control", "contraindicated", start_days_ago=243, end_days_ago=60)
        assert course("noninvasive-programme", other).months is None

    def test_answer_on_a_form(self, chart: Builder) -> None:
        """A form answers an outcome as a finding states it, from a clinician or nobody named, not from the patient."""
        answer = {"valueCoding": {"system": SYSTEMS["therapy-outcome"], "code": "ineffective"}}
        chart.form({"fact:outcome-systemic-opioids": answer}, author=chart.practitioner("2084P0800X"))
        assert course("systemic-opioids", chart).outcomes == {"ineffective": ""}

        other = Builder(TODAY)
        other.form({"fact:outcome-systemic-opioids": answer}, author="Patient/p1")
        assert get("systemic-opioids", other).value is None

    def test_late_outcome_does_not_count(self, chart: Builder) -> None:
        """An outcome dated after the evidence date does not count, one that may be is a doubt."""
        chart.outcome("systemic-opioids", "ineffective", end_days_ago=-1)
        assert get("systemic-opioids", chart).value is None

        other = Builder(TODAY)
        other.observation(
            "finding",
            "outcome-systemic-opioids",
            at="2026-06",
            valueCodeableConcept=concept("therapy-outcome", "ineffective"),
        )
        assert "2026-06" in course("systemic-opioids", other).outcomes["ineffective"]

    @pytest.mark.parametrize("status", ["preliminary", "entered-in-error", "cancelled", "registered"])
    def test_outcomes_that_are_not_final(self, chart: Builder, status: str) -> None:
        """A finding that is not final does not count."""
        chart.outcome("systemic-opioids", "ineffective")["status"] = status

        assert get("systemic-opioids", chart).value is None

    def test_outcome_about_somebody_else(self, chart: Builder) -> None:
        """A finding about another patient does not count."""
        chart.outcome("systemic-opioids", "ineffective")["subject"] = {"reference": "Patient/other"}

        assert get("systemic-opioids", chart).value is None

    def test_outcome_about_a_drug_that_does_not_count(self, chart: Builder) -> None:
        """An outcome of scheduled analgesics that points to an as-needed order is a doubt."""
        order = drug(chart, OXYCODONE, date(2025, 10, 1), date(2026, 4, 2), as_needed=True)
        finding = chart.outcome("scheduled-analgesics", "ineffective")
        finding["focus"] = [{"reference": f"MedicationRequest/{order['id']}"}]

        assert "as needed" in course("scheduled-analgesics", chart).outcomes["ineffective"]

    def test_both_ways(self, chart: Builder) -> None:
        """Effective and ineffective side by side are kept side by side, for a reviewer."""
        chart.outcome("systemic-opioids", "effective", end_days_ago=200)
        chart.outcome("systemic-opioids", "ineffective", end_days_ago=20)
        found = Reading({"systemic-opioids": get("systemic-opioids", chart)}, TODAY)

        assert see(OutcomeIs("systemic-opioids", "ineffective"), found).verdict is Verdict.CLASH

    @pytest.mark.parametrize(("kind", "expected"), [
        ("intolerance", {"not-tolerated": False}),
        ("allergy", {"contraindicated": True}),
        (None, {"not-tolerated": True}),
    ])  # fmt: skip
    def test_allergy_list(self, chart: Builder, kind: str | None, expected: dict[str, bool]) -> None:
        """An intolerance is a failure; an allergy is a contraindication and a doubt; no type is a doubt."""
        allergy(chart, BACLOFEN, kind)
        found = course("oral-antispasmodics", chart)

        assert {outcome: bool(doubt) for outcome, doubt in found.outcomes.items()} == expected
        assert (found.months, found.weeks) == (None, None)

    @pytest.mark.parametrize("members", [
        {"clinical": "resolved"}, {"clinical": "inactive"}, {"verification": "refuted"},
        {"verification": "entered-in-error"}, {"recordedDate": "2026-06-02"},
    ])  # fmt: skip
    def test_allergies_that_do_not_count(self, chart: Builder, members: Json) -> None:
        """Resolved, refuted, wrong and later entries of the allergy list say nothing."""
        allergy(chart, BACLOFEN, "intolerance", **members)

        assert get("oral-baclofen", chart).value is None

    @pytest.mark.parametrize("members", [{"clinical": None}, {"verification": "unconfirmed"}])
    def test_allergies_in_doubt(self, chart: Builder, members: Json) -> None:
        """An entry without a status, or unconfirmed, is a doubt."""
        allergy(chart, BACLOFEN, "intolerance", **members)

        assert course("oral-baclofen", chart).outcomes["not-tolerated"]

    def test_allergy_by_substance_code(self, chart: Builder) -> None:
        """Morphine as a SNOMED CT substance is known."""
        allergy(chart, "373529000", "intolerance", system="snomed")

        assert course("systemic-opioids", chart).outcomes == {"not-tolerated": ""}

    def test_class_of_opioids(self, chart: Builder) -> None:
        """An intolerance to "opioids" in words is a doubt."""
        chart.add(
            "AllergyIntolerance",
            code={"text": "Opioids"},
            type="intolerance",
            clinicalStatus=concept(ALLERGY_CLINICAL, "active"),
        )

        assert "class" in course("systemic-opioids", chart).outcomes["not-tolerated"]
        assert get("oral-baclofen", chart).value is None

    def test_intolerance_needs_the_schedule_where_it_is_asked(self, chart: Builder) -> None:
        """An intolerance to a drug that was never on a fixed schedule is shown, not counted, for scheduled drugs."""
        allergy(chart, IBUPROFEN, "intolerance")
        found = get("scheduled-analgesics", chart)

        assert found.value is None
        assert "intolerance to ibuprofen" in found.note

        drug(chart, IBUPROFEN, date(2026, 1, 1), date(2026, 2, 1))
        assert course("scheduled-analgesics", chart).outcomes == {"not-tolerated": ""}

    def test_muscle_relaxants_are_shown_only(self, chart: Builder) -> None:
        """Cyclobenzaprine is for strain: named in the note, not counted."""
        drug(chart, CYCLOBENZAPRINE, date(2026, 1, 1), date(2026, 4, 1), reason=INEFFECTIVE)
        found = get("oral-antispasmodics", chart)

        assert found.value is None
        assert found.note == "Not counted: cyclobenzaprine (muscle relaxant, not for spasticity)."

    def test_baclofen_alone_is_baclofen(self, chart: Builder) -> None:
        """Tizanidine is an oral antispasmodic and not baclofen."""
        drug(chart, TIZANIDINE, date(2026, 1, 1), date(2026, 4, 1), reason=INEFFECTIVE)
        assert get("oral-baclofen", chart).value is None

        drug(chart, BACLOFEN_TABLET, date(2026, 1, 1), date(2026, 4, 1), reason=NOT_TOLERATED)
        assert course("oral-baclofen", chart).outcomes == {"not-tolerated": ""}

    def test_failed_baclofen_says_nothing_of_tizanidine(self, chart: Builder) -> None:
        """A stated failure of baclofen does not make eight weeks of tizanidine a failure."""
        drug(chart, TIZANIDINE, date(2026, 3, 1), None, status="active")
        chart.outcome("oral-baclofen", "ineffective", end_days_ago=10)

        assert failed_after("oral-antispasmodics", chart, SIX_WEEKS) is Verdict.MAYBE


class TestVisits:
    """Physical, exercise and behavioural therapy."""

    def test_six_weeks_of_exercise(self, chart: Builder) -> None:
        """Weekly visits over 43 days whose last one says that it did not work are six weeks and a failure."""
        *_, last = visits(chart, "97110", *range(142, 99, -7))
        last["outcome"] = concept(*INEFFECTIVE)
        found = get("physical-therapy", chart)

        assert failed_after("physical-therapy", chart, SIX_WEEKS) is Verdict.YES
        assert found.note.startswith("Physical therapy, 7 visits, 2026-01-10 to 2026-02-21 (43 days)")
        assert course("rehabilitative-exercise", chart).outcomes == {"ineffective": ""}

    def test_duration_alone_is_no_failure(self, chart: Builder) -> None:
        """Visits without an outcome lasted, and did not fail."""
        visits(chart, "97110", *range(142, 99, -7))
        reading = Reading({"physical-therapy": get("physical-therapy", chart)}, TODAY)

        assert see(Lasted("physical-therapy", SIX_WEEKS), reading).verdict is Verdict.YES
        assert failed_after("physical-therapy", chart, SIX_WEEKS) is Verdict.NO

    def test_manual_therapy_is_no_exercise(self, chart: Builder) -> None:
        """Manual therapy is physical therapy; as exercise it is only shown."""
        visits(chart, "97140", *range(142, 99, -7))

        assert course("physical-therapy", chart).weeks.certain == Fraction(43, 7)
        exercise = get("rehabilitative-exercise", chart)
        assert exercise.value is None
        assert "manual therapy" in exercise.note

    def test_evaluation_is_no_therapy(self, chart: Builder) -> None:
        """An evaluation alone, or a referral, is no therapy."""
        visits(chart, "97161", 142)
        chart.add("ServiceRequest", status="active", intent="order", code=concept("snomed", "306170007"))
        found = get("physical-therapy", chart)

        assert found.value is None
        assert "evaluation" in found.note

    @pytest.mark.parametrize(("status", "counts"), [
        ("completed", True), ("in-progress", True), ("not-done", False), ("preparation", False), ("on-hold", False),
        ("entered-in-error", False),
    ])  # fmt: skip
    def test_attended_visits_only(self, chart: Builder, status: str, counts: bool) -> None:
        """Only visits that took place count."""
        visits(chart, "97110", 100, status=status)

        assert (get("physical-therapy", chart).value is not None) is counts

    @pytest.mark.parametrize(("status", "counts"), [("finished", True), ("planned", False), ("cancelled", False)])
    def test_encounters(self, chart: Builder, status: str, counts: bool) -> None:
        """A finished encounter of a type in the value sets is a visit."""
        chart.add(
            "Encounter",
            status=status,
            type=[concept("snomed", "75516001")],
            period={"start": chart.moment(100), "end": chart.moment(100, 10)},
        )

        assert (get("behavioural-therapy", chart).value is not None) is counts

    @pytest.mark.parametrize(("days_ago", "unfinished"), [(14, True), (15, False)])
    def test_recent_visit_goes_on(self, chart: Builder, days_ago: int, unfinished: bool) -> None:
        """A last visit 14 days ago is a therapy that goes on for the six-week criteria, 15 days ago it ended."""
        visits(chart, "97110", days_ago + 7, days_ago)

        assert course("physical-therapy", chart).weeks.unfinished is unfinished
        assert ended_before("physical-therapy", chart, SIX_WEEKS) is (Verdict.NO if unfinished else Verdict.YES)

    def test_visits_after_the_evidence_date(self, chart: Builder) -> None:
        """A visit that lies ahead does not count."""
        visits(chart, "97110", -7)

        assert get("physical-therapy", chart).value is None

    def test_one_course_as_a_period(self, chart: Builder) -> None:
        """A course of physical therapy recorded as one period lasts as long as that."""
        chart.procedure("snomed", "91251008", start="2026-01-01", end="2026-02-11")

        assert course("physical-therapy", chart).weeks.certain == 6

    def test_contraindicated_exercise(self, chart: Builder) -> None:
        """Exercise that was not done because it is contraindicated is a contraindication; a refusal is nothing."""
        visits(chart, "97110", 100, status="not-done", statusReason=concept("snomed", "183932001"))
        assert course("rehabilitative-exercise", chart).outcomes == {"contraindicated": ""}

        other = Builder(TODAY)
        visits(other, "97110", 100, status="not-done", statusReason=concept(*INEFFECTIVE))
        assert get("rehabilitative-exercise", other).value is None

    def test_visit_without_a_date(self, chart: Builder) -> None:
        """Visits without a date are counted in the note, not in the length."""
        visits(chart, "97110", 100)
        chart.add("Procedure", status="completed", code=concept("cpt", "97110"))

        assert "Visits without a date: 1." in get("physical-therapy", chart).note

    def test_partial_date(self, chart: Builder) -> None:
        """Visits known by month only may have lasted; nothing is sure."""
        for month in ("2026-01", "2026-02", "2026-03"):
            chart.procedure("cpt", "97110", start=month)
        found = course("physical-therapy", chart)

        assert found.weeks.certain == 0
        assert found.weeks.possible > 6


class TestUnions:
    """Therapies made of several."""

    def test_programme_is_the_union(self, chart: Builder) -> None:
        """Four months of a drug and three of exercise, one after the other, are a programme of six months."""
        drug(chart, GABAPENTIN, date(2025, 9, 1), date(2025, 12, 31), reason=INEFFECTIVE)
        start = days_before(date(2026, 1, 1))
        *_, last = visits(chart, "97110", *range(start, start - 92, -7))
        last["outcome"] = concept(*INEFFECTIVE)

        assert failed_after("noninvasive-programme", chart) is Verdict.YES
        assert ended_before("scheduled-analgesics", chart) is Verdict.YES
        assert ended_before("rehabilitative-exercise", chart) is Verdict.YES

    def test_contraindicated_part_is_none_of_the_whole(self, chart: Builder) -> None:
        """A contraindication to exercise or to a drug does not make conservative care contraindicated."""
        chart.outcome("physical-therapy", "contraindicated")
        allergy(chart, IBUPROFEN, "allergy")
        drug(chart, GABAPENTIN, date(2026, 1, 1), date(2026, 4, 1))

        assert course("conservative-therapy", chart).outcomes == {}

        chart.outcome("conservative-therapy", "contraindicated")
        assert course("conservative-therapy", chart).outcomes == {"contraindicated": ""}

    def test_outcome_of_a_part_with_its_time(self, chart: Builder) -> None:
        """Physical therapy stated to have failed over six months is conservative care that failed."""
        chart.outcome("physical-therapy", "ineffective", start_days_ago=243, end_days_ago=60)

        assert failed_after("conservative-therapy", chart) is Verdict.YES

    def test_noninvasive_pain_control_is_stated(self, chart: Builder) -> None:
        """Non-invasive pain control is what somebody stated of it, not the drugs themselves."""
        drug(chart, OXYCODONE, date(2025, 10, 1), date(2026, 4, 2), reason=INEFFECTIVE)
        assert get("noninvasive-pain-control", chart).value is None

        chart.outcome("noninvasive-pain-control", "not-tolerated")
        assert course("noninvasive-pain-control", chart).outcomes == {"not-tolerated": ""}

    def test_one_kind_that_failed_is_enough(self, chart: Builder) -> None:
        """For less invasive therapy one failed kind outweighs another that worked."""
        chart.outcome("behavioural-therapy", "effective")
        assert course("less-invasive-therapy", chart).outcomes == {"effective": ""}

        drug(chart, GABAPENTIN, date(2026, 1, 1), date(2026, 2, 1), reason=INEFFECTIVE)
        assert course("less-invasive-therapy", chart).outcomes == {"ineffective": ""}

    def test_programme_with_a_part_that_worked(self, chart: Builder) -> None:
        """In the programme as a whole a part that worked is kept beside one that failed."""
        chart.outcome("behavioural-therapy", "effective")
        drug(chart, GABAPENTIN, date(2026, 1, 1), date(2026, 2, 1), reason=INEFFECTIVE)

        assert course("noninvasive-programme", chart).outcomes == {"effective": "", "ineffective": ""}

    def test_failed_operation(self, chart: Builder) -> None:
        """Surgery for the pain that did not help is a less invasive therapy and a treatment of the cause."""
        reason = [concept("icd-10-cm", "M51.16")]
        chart.procedure("cpt", "22612", start="2025-03-01", outcome=concept(*INEFFECTIVE), reasonCode=reason)

        assert course("cause-directed-treatment", chart).outcomes == {"ineffective": ""}
        assert course("less-invasive-therapy", chart).outcomes == {"ineffective": ""}

    def test_operation_for_something_else(self, chart: Builder) -> None:
        """An operation for another reason is none; without a reason it is a doubt."""
        outcome = concept(*INEFFECTIVE)
        chart.procedure(
            "cpt", "47562", start="2025-03-01", outcome=outcome, reasonCode=[concept("icd-10-cm", "K80.20")]
        )
        assert get("cause-directed-treatment", chart).value is None

        chart.procedure("cpt", "22612", start="2025-03-01", outcome=outcome)
        assert course("cause-directed-treatment", chart).outcomes["ineffective"]

    def test_pain_after_spine_surgery_is_a_hint(self, chart: Builder) -> None:
        """Pain after spine surgery on the problem list suggests a failed operation; a resolved one does not."""
        chart.condition("icd-10-cm", "M96.1")
        found = get("cause-directed-treatment", chart)

        assert isinstance(found.value, Course)
        assert "confirm" in found.value.outcomes["ineffective"]
        assert "M96.1" in found.note

        other = Builder(TODAY)
        other.condition("icd-10-cm", "M96.1", clinical="resolved")
        assert get("cause-directed-treatment", other).value is None


class TestStill:
    """Pain read on treatment."""

    def test_latest_score_of_the_run(self, chart: Builder) -> None:
        """The latest score during the therapy counts, not one after it."""
        drug(chart, GABAPENTIN, date(2025, 10, 1), date(2026, 4, 2))
        chart.nrs(5, days_ago=200)
        chart.nrs(8, days_ago=100)
        chart.nrs(2, days_ago=10)

        assert course("scheduled-analgesics", chart).still.certain == 8
        reading = Reading({"scheduled-analgesics": get("scheduled-analgesics", chart)}, TODAY)
        condition = FailedAfter("scheduled-analgesics", SIX_MONTHS, Threshold("gt", Fraction(6)))
        assert see(condition, reading).verdict is Verdict.YES

    def test_scores_of_the_trial_do_not_count(self, chart: Builder) -> None:
        """A low score in the trial of the pump is no score on conservative treatment."""
        drug(chart, GABAPENTIN, date(2025, 10, 1), None, status="active")
        chart.nrs(8, days_ago=40)
        chart.nrs(2, days_ago=19)
        chart.observation(
            "finding",
            "trial-completed",
            effectivePeriod={"start": chart.moment(20), "end": chart.moment(18)},
            valueCodeableConcept=concept("trial-method", "catheter"),
        )

        assert course("scheduled-analgesics", chart).still.certain == 8

    def test_impossible_scores(self, chart: Builder) -> None:
        """A score of 12 is none."""
        drug(chart, GABAPENTIN, date(2025, 10, 1), date(2026, 4, 2))
        chart.nrs(12, days_ago=100)

        assert course("scheduled-analgesics", chart).still is None


class TestConservativeMeasures:
    """Dated records of measures that failed."""

    def test_failed_drug(self, chart: Builder) -> None:
        """A dated analgesic that failed is a record of a measure that failed."""
        drug(chart, GABAPENTIN, date(2026, 1, 1), date(2026, 2, 1), reason=INEFFECTIVE)

        assert said(get("conservative-measures-failed", chart)) == [(True, "")]

    def test_statement_alone(self, chart: Builder) -> None:
        """A stated failure without records of the measures is silence, with the statement shown."""
        chart.outcome("conservative-therapy", "ineffective")
        found = get("conservative-measures-failed", chart)

        assert found.value is None
        assert "No dated record" in found.note

    def test_statement_beside_visits(self, chart: Builder) -> None:
        """A stated failure of physical therapy beside its visits is enough."""
        visits(chart, "97140", 100, 93)
        chart.outcome("physical-therapy", "ineffective", end_days_ago=80)

        assert said(get("conservative-measures-failed", chart)) == [(True, "")]

    def test_opioids_alone(self, chart: Builder) -> None:
        """Failed opioids alone do not do; beside another measure without an outcome they are a doubt."""
        drug(chart, OXYCODONE, date(2026, 1, 1), date(2026, 2, 1), reason=INEFFECTIVE)
        assert get("conservative-measures-failed", chart).value is None

        visits(chart, "97110", 100)
        ((value, doubt),) = said(get("conservative-measures-failed", chart))
        assert value is True
        assert "opioid" in doubt

    def test_measures_without_outcome(self, chart: Builder) -> None:
        """Measures that nobody says failed are silence."""
        visits(chart, "97110", 100)

        assert get("conservative-measures-failed", chart).value is None


class TestRecords:
    """Refusals, planned surgery, work on an exaggerated reaction."""

    def refuse(self, chart: Builder, reason: str | None, code: str = "22612", **members: Any) -> None:
        """Add a declined procedure."""
        chart.add(
            "Procedure",
            status="not-done",
            code=concept("cpt", code),
            statusReason=concept("snomed", "105480006"),
            reasonCode=[concept("icd-10-cm", reason)] if reason else None,
            **members,
        )

    def test_declined_treatment_of_the_cause(self, chart: Builder) -> None:
        """A declined operation counts where its reason is a cause of the pain."""
        self.refuse(chart, "M96.1", performedDateTime="2026-05-01")
        found = get("treatment-refused-on-record", chart)

        assert said(found) == [(True, "")]
        assert "2026-05-01" in found.note

    @pytest.mark.parametrize("reason", [None, "K80.20", "G89.4"])
    def test_declined_for_another_reason(self, chart: Builder, reason: str | None) -> None:
        """Without a reason, or with one that is no cause of pain, it is shown and does not count."""
        self.refuse(chart, reason)
        found = get("treatment-refused-on-record", chart)

        assert found.value is None
        assert "no cause of pain" in found.note

    def test_declined_pump(self, chart: Builder) -> None:
        """A declined pump is no declined treatment of the cause."""
        self.refuse(chart, "M96.1", code="62362")

        assert get("treatment-refused-on-record", chart).value is None

    def test_declined_later(self, chart: Builder) -> None:
        """What was declined after the evidence date does not count."""
        self.refuse(chart, "M96.1", performedDateTime="2026-06-02")

        assert get("treatment-refused-on-record", chart).value is None

    @pytest.mark.parametrize(("members", "found"), [
        ({}, True), ({"status": "on-hold"}, True), ({"status": "completed"}, False), ({"status": "draft"}, False),
        ({"intent": "plan"}, False), ({"authoredOn": "2026-06-02"}, False), ({"doNotPerform": True}, False),
    ])  # fmt: skip
    def test_surgery_on_order(self, chart: Builder, members: Json, found: bool) -> None:
        """An active order for spine surgery is further treatment; a finished, draft, planned or later one is not."""
        order = {"status": "active", "intent": "order", "authoredOn": "2026-05-01", "code": concept("cpt", "22612")}
        chart.add("ServiceRequest", **{**order, **members})

        assert (get("further-surgery-on-order", chart).value is not None) is found

    def test_surgery_in_words(self, chart: Builder) -> None:
        """An order for a laminectomy in words is a doubt; one for something else is nothing."""
        chart.add("ServiceRequest", status="active", intent="order", code={"text": "Lumbar laminectomy L4/5"})
        ((value, doubt),) = said(get("further-surgery-on-order", chart))

        assert value is True
        assert doubt
        other = Builder(TODAY)
        other.add("ServiceRequest", status="active", intent="order", code={"text": "MRI of the lumbar spine"})
        assert get("further-surgery-on-order", other).value is None

    def test_exaggeration_work(self, chart: Builder) -> None:
        """Physical therapy with a psychological evaluation is work on an exaggerated reaction, one alone is not."""
        visits(chart, "97110", 100)
        found = get("exaggeration-work-on-record", chart)
        assert found.value is None
        assert "no behavioural therapy or evaluation found" in found.note

        visits(chart, "90791", 90)
        assert said(get("exaggeration-work-on-record", chart)) == [(True, "")]


class TestAdherence:
    """Whether the analgesics are taken as directed."""

    def report(self, builder: Builder, drug_code: str, code: str, asserted: str | None) -> Json:
        """Add a prescription with a report of adherence."""
        order = drug(builder, drug_code, date(2026, 1, 1), None, status="active")
        parts: list[Json] = [{"url": "medicationAdherence", "valueCodeableConcept": concept("snomed", code)}]
        if asserted:
            parts.append({"url": "dateAsserted", "valueDateTime": asserted})
        order["extension"] = [{"url": ADHERENCE, "extension": parts}]
        return order

    @pytest.mark.parametrize(("code", "value"), [
        ("1156699004", True), ("702565001", False), ("715036001", False), ("129834002", False), ("275928001", False),
    ])  # fmt: skip
    def test_report_on_the_prescription(self, chart: Builder, code: str, value: bool) -> None:
        """The prescription says whether the drug is taken as directed."""
        self.report(chart, GABAPENTIN, code, "2026-05-01")

        assert said(get("adherence-on-record", chart)) == [(value, "")]

    @pytest.mark.parametrize(("asserted", "is_doubtful"), [
        ("2025-06-01", False), ("2025-05-31", True), (None, True), ("2026-06", True),
    ])  # fmt: skip
    def test_age_of_the_report(self, chart: Builder, asserted: str | None, is_doubtful: bool) -> None:
        """A report of twelve months ago counts; a day older, undated or possibly later it is a doubt."""
        self.report(chart, GABAPENTIN, "1156699004", asserted)

        ((_, doubt),) = said(get("adherence-on-record", chart))
        assert bool(doubt) is is_doubtful

    def test_latest_report_counts(self, chart: Builder) -> None:
        """Of two reports the later one counts."""
        self.report(chart, GABAPENTIN, "702565001", "2026-02-01")
        self.report(chart, OXYCODONE, "1156699004", "2026-05-01")

        assert said(get("adherence-on-record", chart)) == [(True, "")]

    def test_other_drugs(self, chart: Builder) -> None:
        """Adherence to a drug that is no analgesic says nothing."""
        self.report(chart, TIZANIDINE, "1156699004", "2026-05-01")

        assert get("adherence-on-record", chart).value is None

    def test_problem_list(self, chart: Builder) -> None:
        """Non-adherence on the problem list counts against, beside a report that says otherwise."""
        chart.condition("icd-10-cm", "Z91.148")
        assert said(get("adherence-on-record", chart)) == [(False, "")]

        self.report(chart, GABAPENTIN, "1156699004", "2026-05-01")
        assert sorted(value for value, _ in said(get("adherence-on-record", chart))) == [False, True]


class TestOpioids:
    """Consent to their reduction, and their present use."""

    @pytest.mark.parametrize(("status", "expected"), [
        ("active", [(True, "")]), ("rejected", [(False, "")]), ("draft", None), ("inactive", None),
    ])  # fmt: skip
    def test_consent(self, chart: Builder, status: str, expected: list[tuple[bool, str]] | None) -> None:
        """A Consent that names the reduction of opioids is kept, or rejected; a draft says nothing."""
        chart.add(
            "Consent",
            status=status,
            dateTime="2026-05-01",
            category=[{"text": "Opioid reduction agreement before intrathecal trial"}],
        )
        found = get("opioid-agreement-consent", chart)

        assert (None if found.value is None else said(found)) == expected

    def test_other_consents(self, chart: Builder) -> None:
        """A Consent to something else, or to opioid treatment as such, says nothing."""
        chart.add("Consent", status="active", dateTime="2026-05-01", category=[{"text": "Opioid treatment agreement"}])
        chart.add("Consent", status="active", dateTime="2026-05-01", category=[{"text": "Research"}])

        assert get("opioid-agreement-consent", chart).value is None

    def test_old_consent(self, chart: Builder) -> None:
        """A Consent of more than twelve months ago is a doubt."""
        chart.add("Consent", status="active", dateTime="2025-05-31", category=[{"text": "Opioid taper"}])

        ((_, doubt),) = said(get("opioid-agreement-consent", chart))
        assert "older than 12 months" in doubt

    def test_opioid_in_use(self, chart: Builder) -> None:
        """An opioid order that goes on is in use; one that ended, or an intrathecal one, is not."""
        drug(chart, OXYCODONE, date(2026, 1, 1), date(2026, 2, 1), status="active")
        assert get("systemic-opioid-current-on-record", chart).value is None

        drug(chart, MORPHINE_TABLET, date(2026, 1, 1), None, status="active", as_needed=True)
        assert said(get("systemic-opioid-current-on-record", chart)) == [(True, "")]

    def test_opioid_on_hold(self, chart: Builder) -> None:
        """An opioid on hold, or of unknown length, is a doubt."""
        prescribed(
            chart,
            OXYCODONE,
            timed(),
            status="active",
        )

        ((_, doubt),) = said(get("systemic-opioid-current-on-record", chart))
        assert doubt


class TestSilence:
    """What silence means, and what could not be read."""

    @pytest.mark.parametrize("name", sorted(FACTS))
    def test_empty_chart_is_silent(self, chart: Builder, name: str) -> None:
        """An empty chart says nothing of any therapy, and nothing is unread."""
        assert get(name, chart) == Fact()

    @pytest.mark.parametrize(("name", "kind"), [
        ("scheduled-analgesics", "MedicationRequest"), ("scheduled-analgesics", "Observation"),
        ("scheduled-analgesics", "QuestionnaireResponse"), ("physical-therapy", "Procedure"),
        ("physical-therapy", "Encounter"), ("oral-baclofen", "AllergyIntolerance"),
        ("conservative-measures-failed", "Procedure"), ("treatment-refused-on-record", "Procedure"),
        ("adherence-on-record", "Condition"), ("opioid-agreement-consent", "Consent"),
        ("cause-directed-treatment", "Condition"), ("further-surgery-on-order", "ServiceRequest"),
        ("systemic-opioid-current-on-record", "MedicationStatement"), ("exaggeration-work-on-record", "Encounter"),
    ])  # fmt: skip
    def test_unread_records_are_named(self, chart: Builder, name: str, kind: str) -> None:
        """Where a kind of record that bears on the fact could not be read, the fact says so."""
        assert get(name, chart, unread=frozenset({kind})).unread == (kind,)

    def test_unread_records_may_lengthen(self, chart: Builder) -> None:
        """A short stopped drug contradicts nothing while the other drug records are unread."""
        drug(chart, GABAPENTIN, date(2026, 1, 1), date(2026, 2, 1))

        assert ended_before("scheduled-analgesics", chart, unread=frozenset({"MedicationStatement"})) is Verdict.MAYBE

    @pytest.mark.parametrize("name", sorted(FACTS))
    @pytest.mark.parametrize("garbage", GARBAGE)
    def test_malformed_members_never_raise(self, chart: Builder, name: str, garbage: Any) -> None:
        """Members of the wrong type read as absent, whatever they are."""
        whole = {
            "MedicationRequest": drug(chart, GABAPENTIN, date(2025, 10, 1), date(2026, 4, 2), reason=INEFFECTIVE),
            "AllergyIntolerance": allergy(chart, BACLOFEN, "intolerance"),
            "Procedure": visits(chart, "97110", 100)[0],
            "Consent": chart.add("Consent", status="active", category=[{"text": "Opioid taper"}]),
            "Observation": chart.outcome("systemic-opioids", "ineffective", start_days_ago=100),
            "ServiceRequest": chart.add(
                "ServiceRequest", status="active", intent="order", code=concept("cpt", "22612")
            ),
            "Encounter": chart.add(
                "Encounter", status="finished", type=[concept("snomed", "75516001")], period={"start": "2026-05-01"}
            ),
            "MedicationStatement": chart.add(
                "MedicationStatement", status="stopped", medicationCodeableConcept=concept("rxnorm", OXYCODONE),
                effectivePeriod={"start": "2026-01-01"}, statusReason=[concept(*INEFFECTIVE)], dosage=timed(),
            ),
            "MedicationAdministration": chart.add(
                "MedicationAdministration", status="completed", medicationCodeableConcept=concept("rxnorm", OXYCODONE),
                effectiveDateTime="2026-05-01", dosage={"route": concept("snomed", "26643006")},
                request={"reference": "x"},
            ),
        }  # fmt: skip
        extra = ("outcome", "statusReason", "dispenseRequest", "extension", "focus", "reasonCode", "reasonReference",
                 "provision", "medicationReference", "reaction")  # fmt: skip
        for resource in whole.values():
            kept = ("resourceType", "id", "subject", "patient")
            for member in [*(key for key in resource if key not in kept), *extra]:
                broken = {**resource, "id": f"{resource['id']}-{member}", member: garbage}
                chart.resources.append(broken)
        for value in ({"repeat": garbage}, {"code": garbage}, garbage):
            chart.resources.append({**whole["MedicationRequest"], "id": "t", "dosageInstruction": [{"timing": value}]})

        assert isinstance(get(name, chart), Fact)
