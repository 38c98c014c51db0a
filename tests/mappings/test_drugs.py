"""The drug of the trial and the drug of the pump."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from fhir_mappings.drugs import FACTS
from fhir_mappings.inquiry import Inquiry
from fhir_mappings.orders import Order, Procedure
from policies.values import Choice, Fact, Flag
from tests.builder import Builder, concept
from tests.mapping_tools import chart_of, fact

DAY = 30
MORPHINE, HYDROMORPHONE, BACLOFEN, ZICONOTIDE = "morphine", "hydromorphone", "baclofen", "ziconotide"
INTRATHECAL = [{"route": concept("snomed", "72607000")}]


def trial(chart: Builder, *hcpcs: str, days_ago: int = DAY) -> None:
    """Add a catheter trial of these billing codes."""
    chart.procedure(
        "cpt", "62326", start=chart.moment(days_ago, 8), end=chart.moment(days_ago - 2, 8),
        reasonCode=[{"text": "intrathecal trial"}], usedCode=[concept("hcpcs", code) for code in hcpcs],
    )  # fmt: skip


def plan(chart: Builder, *names: str, days_ago: int = 10) -> None:
    """State the drugs planned for the pump, one finding each."""
    for name in names:
        chart.observation("finding", "planned-pump-drug", days_ago=days_ago, valueCodeableConcept={"text": name})


def prescribe(chart: Builder, rxnorm: str, *, days_ago: int = 5, **members: Any) -> None:
    """Add an active prescription by the intrathecal route."""
    own = {"medicationCodeableConcept": concept("rxnorm", rxnorm), "authoredOn": chart.day(days_ago)}
    given = {"status": "active", "intent": "order", "dosageInstruction": INTRATHECAL, **own, **members}
    chart.add("MedicationRequest", **given)


def asked(name: str, chart: Builder, *drugs: str, **options: Any) -> Fact:
    """Return a fact for an order that names these drugs."""
    return fact(FACTS[name], chart, drugs=frozenset(drugs), **options)


def said(found: Fact) -> tuple[bool, str] | None:
    """Return a flag's value and doubt, None where the chart is silent."""
    if not isinstance(found.value, Flag):
        return None
    (statement,) = found.value.statements
    return statement.value, statement.doubt


def ordered(chart: Builder, resource: dict[str, Any], name: str, *drugs: str, **options: Any) -> Fact:
    """Return a fact for one order as it is written."""
    day = date(2026, 6, 1)
    order = Order(f"{resource['resourceType']}/o1", resource, frozenset(), (), frozenset(drugs))
    procedure = Procedure((order,), (("nonmalignant-pain", "permanent"),), day, frozenset(drugs))
    case = (options.get("indication", "nonmalignant-pain"), options.get("phase", "permanent"))
    return FACTS[name](Inquiry(chart_of(chart), procedure, *case, day, day))


class TestPumpDrugIsOpioid:
    """One opioid alone."""

    @pytest.mark.parametrize(
        ("drugs", "value"),
        [
            ((MORPHINE,), True),
            ((HYDROMORPHONE,), True),
            (("sufentanil",), True),
            ((ZICONOTIDE,), False),
            ((BACLOFEN,), False),
            ((MORPHINE, "bupivacaine"), False),
            ((MORPHINE, "fentanyl"), False),
        ],
    )
    def test_ordered(self, drugs: tuple[str, ...], value: bool) -> None:
        """The order's own drug decides; a mixture is no opioid alone."""
        assert said(asked("pump-drug-is-opioid", Builder(), *drugs)) == (value, "")

    def test_unknown(self) -> None:
        """Without a drug the chart is silent."""
        assert asked("pump-drug-is-opioid", Builder()) == Fact()

    def test_stated(self) -> None:
        """A statement names the drug where the order does not."""
        chart = Builder()
        plan(chart, MORPHINE)

        found = asked("pump-drug-is-opioid", chart)
        assert said(found) == (True, "")
        assert found.note == "Planned drug: morphine."

    def test_several_statements_are_a_mixture(self) -> None:
        """Statements of one day are the parts of a mixture."""
        chart = Builder()
        plan(chart, MORPHINE, "bupivacaine")

        assert said(asked("pump-drug-is-opioid", chart)) == (False, "")

    def test_latest_plan(self) -> None:
        """A newer plan replaces an older one; a later one than the evidence date does not count."""
        chart = Builder()
        plan(chart, ZICONOTIDE, days_ago=40)
        plan(chart, MORPHINE, days_ago=10)
        plan(chart, BACLOFEN, days_ago=-1)

        assert said(asked("pump-drug-is-opioid", chart)) == (True, "")

    def test_order_against_statement(self) -> None:
        """The order's drug comes first; a statement of another is a doubt."""
        chart = Builder()
        plan(chart, ZICONOTIDE)

        assert said(asked("pump-drug-is-opioid", chart, MORPHINE)) == (
            True,
            "The order names morphine, a statement ziconotide.",
        )

    def test_prescription(self) -> None:
        """A prescription by the intrathecal route names the drug where nothing else does."""
        chart = Builder()
        prescribe(chart, "7052")

        assert said(asked("pump-drug-is-opioid", chart)) == (True, "")

    @pytest.mark.parametrize(
        "members",
        [
            {"status": "stopped"},
            {"status": "entered-in-error"},
            {"intent": "proposal"},
            {"doNotPerform": True},
            {"dosageInstruction": [{"route": concept("snomed", "26643006")}]},
            {"dosageInstruction": []},
            {"days_ago": -1},
        ],
    )
    def test_other_prescriptions(self, members: dict[str, Any]) -> None:
        """Ended, proposed, oral and later prescriptions name no pump drug."""
        chart = Builder()
        prescribe(chart, "7052", **members)

        assert asked("pump-drug-is-opioid", chart).value is None

    def test_prescription_of_the_trial(self) -> None:
        """A prescription written for the trial is not the pump's."""
        chart = Builder()
        trial(chart, "J2274")
        prescribe(chart, "7052", days_ago=DAY)

        assert asked("pump-drug-is-opioid", chart).value is None

    def test_trial_order(self) -> None:
        """While a trial is ordered, a stated pump drug comes before the trial order's."""
        chart = Builder()
        assert said(asked("pump-drug-is-opioid", chart, MORPHINE, phase="trial")) == (True, "")
        plan(chart, ZICONOTIDE)

        assert said(asked("pump-drug-is-opioid", chart, MORPHINE, phase="trial")) == (False, "")

    def test_drug_not_in_the_table(self) -> None:
        """A drug that is named but not known here is no silence without a word."""
        chart = Builder()
        plan(chart, "dexmedetomidine")

        found = asked("pump-drug-is-opioid", chart)
        assert (found.value, found.note) == (None, "Planned drug: a drug that is not in the drug table.")

    def test_opioid_with_an_unknown_drug(self) -> None:
        """An opioid beside a drug that is not known here is a doubt."""
        chart = Builder()
        plan(chart, MORPHINE, "dexmedetomidine")

        found = said(asked("pump-drug-is-opioid", chart))
        assert found is not None
        assert found[1].startswith("A drug that is named is not in the drug table")

    def test_unread(self) -> None:
        """Silence about unread records says so."""
        found = asked("pump-drug-is-opioid", Builder(), unread=frozenset({"Observation", "MedicationRequest"}))

        assert found.unread == ("MedicationRequest", "Observation")


class TestKnownNonOpioid:
    """No opioid in trial and pump, by positive evidence."""

    @pytest.mark.parametrize(
        ("drugs", "value"),
        [
            ((ZICONOTIDE,), True),
            (("clonidine", "bupivacaine"), True),
            ((MORPHINE,), False),
            ((BACLOFEN, MORPHINE), False),
        ],
    )
    def test_trial_order(self, drugs: tuple[str, ...], value: bool) -> None:
        """In phase trial the trial order's drug decides."""
        found = asked("trial-and-pump-drug-known-non-opioid", Builder(), *drugs, phase="trial")

        assert said(found) == (value, "")

    def test_trial_order_without_a_drug(self) -> None:
        """A trial order without a drug says nothing, whatever is planned for the pump."""
        chart = Builder()
        plan(chart, ZICONOTIDE)

        assert asked("trial-and-pump-drug-known-non-opioid", chart, phase="trial").value is None

    @pytest.mark.parametrize(
        ("trial_code", "pump", "value"),
        [
            ("J2278", ZICONOTIDE, True),
            ("J2278", MORPHINE, False),
            ("J2274", ZICONOTIDE, False),
            ("J2274", "", False),
            ("J2278", "", None),
            ("", ZICONOTIDE, None),
            ("", MORPHINE, False),
        ],
    )
    def test_permanent(self, trial_code: str, pump: str, value: bool | None) -> None:
        """For the implant both drugs must be known; one opioid decides alone."""
        chart = Builder()
        trial(chart, *([trial_code] if trial_code else []))

        found = said(asked("trial-and-pump-drug-known-non-opioid", chart, *([pump] if pump else [])))
        assert (found[0] if found else None) is value

    def test_compounded(self) -> None:
        """A compound whose parts are not named is not known to hold no opioid."""
        resource = {"resourceType": "ServiceRequest", "code": concept("hcpcs", "J7999")}
        found = ordered(Builder(), resource, "trial-and-pump-drug-known-non-opioid", ZICONOTIDE, phase="trial")

        assert found.value is None


class TestTrialDrugUnlikePump:
    """A non-opioid trial for an opioid pump."""

    @pytest.mark.parametrize(
        ("trial_code", "pump", "value"),
        [
            ("J2278", MORPHINE, True),
            ("J0475", HYDROMORPHONE, True),
            ("J2274", MORPHINE, False),
            ("J2274", HYDROMORPHONE, False),
            ("J2278", ZICONOTIDE, False),
            ("", MORPHINE, None),
            ("J2278", "", None),
        ],
    )
    def test_pairs(self, trial_code: str, pump: str, value: bool | None) -> None:
        """Both drugs must be known."""
        chart = Builder()
        trial(chart, *([trial_code] if trial_code else []))

        found = said(asked("trial-drug-unlike-pump", chart, *([pump] if pump else [])))
        assert (found[0] if found else None) is value


class TestSameAgent:
    """The trial's drug is the pump's."""

    @pytest.mark.parametrize(
        ("trial_codes", "pump", "expected"),
        [
            (("J2274",), (MORPHINE,), (True, "")),
            (("J2270",), (MORPHINE,), (True, "")),
            (("J2275",), (MORPHINE,), (True, "")),
            (("J2274", "J0665"), (MORPHINE, "bupivacaine"), (True, "")),
            (("J2274",), (HYDROMORPHONE,), (False, "")),
            (
                ("J2274",),
                (MORPHINE, "bupivacaine"),
                (False, "Trial and pump share a drug, but one of them is a mixture."),
            ),
            ((), (MORPHINE,), None),
            (("J2274",), (), None),
        ],
    )
    def test_pairs(
        self, trial_codes: tuple[str, ...], pump: tuple[str, ...], expected: tuple[bool, str] | None
    ) -> None:
        """Products and retired codes of one ingredient are one drug; a mixture that shares one is a doubt."""
        chart = Builder()
        trial(chart, *trial_codes)

        assert said(asked("trial-same-agent-as-pump", chart, *pump)) == expected

    def test_one_side_is_told(self) -> None:
        """Where one drug is unknown the note names the other."""
        chart = Builder()
        trial(chart, "J2274")

        assert asked("trial-same-agent-as-pump", chart).note == "Trial: morphine; pump: drug not known."

    def test_latest_trial(self) -> None:
        """The latest trial counts."""
        chart = Builder()
        trial(chart, "J2274", days_ago=60)
        trial(chart, "J1171")

        assert said(asked("trial-same-agent-as-pump", chart, HYDROMORPHONE)) == (True, "")

    def test_doubtful_trial_drug(self) -> None:
        """A statement of another trial drug than the recorded one is a doubt."""
        chart = Builder()
        trial(chart, "J2274")
        chart.observation("finding", "trial-drug", days_ago=DAY - 1, valueCodeableConcept={"text": HYDROMORPHONE})

        assert said(asked("trial-same-agent-as-pump", chart, MORPHINE)) == (
            True,
            "The record of the trial names morphine, a statement hydromorphone.",
        )

    def test_no_trial(self) -> None:
        """Without a trial, and before one, nothing is said."""
        assert asked("trial-same-agent-as-pump", Builder(), MORPHINE).value is None
        assert asked("trial-same-agent-as-pump", Builder(), MORPHINE, phase="trial").value is None


class TestDrugApproval:
    """Approved for this route and use."""

    @pytest.mark.parametrize("phase", ["trial", "permanent"])
    @pytest.mark.parametrize(
        ("indication", "drugs", "code"),
        [
            ("nonmalignant-pain", (MORPHINE,), "approved"),
            ("cancer-pain", (MORPHINE,), "approved"),
            ("nonmalignant-pain", (ZICONOTIDE,), "approved"),
            ("spasticity", (BACLOFEN,), "approved"),
            ("spasticity", (MORPHINE,), "other-known"),
            ("nonmalignant-pain", (BACLOFEN,), "other-known"),
            ("nonmalignant-pain", (HYDROMORPHONE,), "other-known"),
            ("cancer-pain", ("fentanyl",), "other-known"),
            ("nonmalignant-pain", ("clonidine",), "other-known"),
            ("nonmalignant-pain", (MORPHINE, ZICONOTIDE), "other-known"),
            ("nonmalignant-pain", (MORPHINE, "bupivacaine"), "other-known"),
        ],
    )
    def test_drugs(self, indication: str, drugs: tuple[str, ...], code: str, phase: str) -> None:
        """Morphine or ziconotide for pain, baclofen for spasticity; anything else and every mixture is other."""
        found = asked("drug-approval", Builder(), *drugs, indication=indication, phase=phase)

        assert found.value == Choice(code)

    def test_unknown(self) -> None:
        """An unknown drug is silence."""
        assert asked("drug-approval", Builder()).value is None

    def test_trial_order_alone(self) -> None:
        """In phase trial the trial order's drug counts, not the one planned for the pump."""
        chart = Builder()
        plan(chart, MORPHINE)

        assert asked("drug-approval", chart, phase="trial").value is None
        assert asked("drug-approval", chart, phase="permanent").value == Choice("approved")

    @pytest.mark.parametrize(
        "resource",
        [
            {"resourceType": "ServiceRequest", "code": concept("hcpcs", "J7999")},
            {"resourceType": "MedicationRequest", "medicationCodeableConcept": concept("hcpcs", "J7799")},
            {"resourceType": "MedicationRequest", "medicationCodeableConcept": {"text": "dexmedetomidine"}},
        ],
    )
    def test_compound_or_unknown_product(self, resource: dict[str, Any]) -> None:
        """A compound, or a product that is not in the table, is a known drug and not an approved one."""
        assert ordered(Builder(), resource, "drug-approval").value == Choice("other-known")
        assert ordered(Builder(), resource, "drug-approval", MORPHINE).value == Choice("other-known")


GARBAGE = [None, 7, "x", [], {}, [[]], [7], {"coding": 7}, {"coding": [7]}, True, {"route": 7}, [{"route": [7]}]]


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize(
    "member", ["status", "intent", "medicationCodeableConcept", "dosageInstruction", "authoredOn", "doNotPerform"]
)
def test_malformed(member: str, garbage: object) -> None:
    """A malformed member of a prescription or an order never raises."""
    chart = Builder()
    trial(chart, "J2274")
    prescribe(chart, "7052", **{member: garbage})
    resource = {"resourceType": "MedicationRequest", "code": garbage, member: garbage}

    for name in FACTS:
        assert isinstance(asked(name, chart), Fact)
        assert isinstance(ordered(chart, resource, name), Fact)
