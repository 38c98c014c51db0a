"""Which orders concern us, and as what: the trap of the epidural codes, phase, indication, drugs, dates."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_mappings.chart import Located
from fhir_mappings.orders import Procedure, evidence_date, may_concern, procedures
from tests.builder import Builder, concept
from tests.mapping_tools import chart_of, value_sets

INTRATHECAL = [{"route": concept("snomed", "72607000")}]
EPIDURAL = [{"route": concept("snomed", "404820008")}]
ORAL = [{"route": concept("snomed", "26643006")}]
INTRAVENOUS = [{"route": concept("snomed", "47625008")}]
CHRONIC_PAIN = ("icd-10-cm", "G89.4")
ALL_INDICATIONS = ("nonmalignant-pain", "cancer-pain", "spasticity")


def located(builder: Builder) -> list[Located]:
    """Return the builder's draft orders."""
    return [Located(order) for order in builder.orders]


def read(builder: Builder, *, unread: frozenset[str] = frozenset()) -> tuple[Procedure, ...]:
    """Return the procedures of the builder's orders; the first look must agree that there are any."""
    found, _ = procedures(located(builder), chart_of(builder, unread), builder.today)
    assert not found or may_concern(located(builder), value_sets())
    return found


def only(builder: Builder) -> Procedure:
    """Return the one procedure of the builder's orders."""
    (found,) = read(builder)
    return found


def codes_of(procedure: Procedure) -> set[str]:
    """Return the codes of a procedure's cautions."""
    return {caution.code for caution in procedure.cautions}


def drug(builder: Builder, code: str, system: str = "rxnorm", **members: Any) -> None:
    """Add a draft drug order."""
    builder.order(code, system=system, resource_type="MedicationRequest", **members)


def answered_at_once(builder: Builder) -> bool:
    """Return whether the first look already says that nothing concerns us, and the whole reading agrees."""
    assert read(builder) == ()
    return not may_concern(located(builder), value_sets())


class TestEpiduralTrap:
    """A card on every epidural would be switched off in a week."""

    @pytest.mark.parametrize("code", ["62320", "62321", "62322", "62323", "62324", "62325", "62326", "62327"])
    def test_a_bare_code_is_silent(self, code: str) -> None:
        """The code of a spinal injection or infusion alone is an ordinary epidural."""
        builder = Builder()
        builder.order(code, reason=CHRONIC_PAIN)
        assert answered_at_once(builder)

    def test_a_steroid_injection_for_radiculopathy_is_silent(self) -> None:
        """The most frequent order of all gets no card, and no chart is read for it."""
        builder = Builder()
        builder.order("62323", reason=("icd-10-cm", "M54.16"), text="Lumbar epidural steroid injection, trial of ESI")
        drug(builder, "J1010", "hcpcs")
        assert answered_at_once(builder)

    @pytest.mark.parametrize("steroid", ["J1010", "J3301", "J1100", "J0702", "J1030"])
    def test_a_steroid_beside_an_opioid_silences_it(self, steroid: str) -> None:
        """Morphine with a steroid for chronic pain is an epidural injection."""
        builder = Builder()
        builder.order("62323", reason=CHRONIC_PAIN)
        drug(builder, "J2274", "hcpcs")
        drug(builder, steroid, "hcpcs")
        assert answered_at_once(builder)

    def test_steroid_words_on_the_order_silence_an_opioid(self) -> None:
        """An order named steroid injection needs no drug order to be one."""
        builder = Builder()
        builder.order("62323", reason=CHRONIC_PAIN, note=[{"text": "L4-5 ESI with sedation"}])
        drug(builder, "J3010", "hcpcs")
        assert answered_at_once(builder)

    def test_the_code_books_own_words_name_no_steroid(self) -> None:
        """The official name lists a steroid as an example: it silences nothing."""
        builder = Builder()
        words = "Injection(s), of substance(s) (eg, anesthetic, antispasmodic, opioid, steroid, other solution), lumbar"
        builder.order("62326", reason=CHRONIC_PAIN, text=words)
        drug(builder, "J2274", "hcpcs")
        assert only(builder).cases == (("nonmalignant-pain", "trial"),)

    def test_an_oral_steroid_silences_nothing(self) -> None:
        """Methylprednisolone tablets are no epidural steroid."""
        builder = Builder()
        builder.order("62326", reason=CHRONIC_PAIN)
        drug(builder, "J2274", "hcpcs")
        drug(builder, "259966")
        assert len(read(builder)) == 1

    @pytest.mark.parametrize("code", ["J0665", "J2795"])
    def test_a_local_anaesthetic_is_no_sign(self, code: str) -> None:
        """Bupivacaine or ropivacaine alone speaks for anaesthesia."""
        builder = Builder()
        builder.order("62326", reason=CHRONIC_PAIN)
        drug(builder, code, "hcpcs")
        assert answered_at_once(builder)

    @pytest.mark.parametrize(
        "reason", ["M54.16", "M54.50", "M48.061", "M50.120", "M51.16", "R52", "M54.2"]
    )  # fmt: skip
    def test_everyday_reasons_are_no_pain_sign(self, reason: str) -> None:
        """Radiculopathy, stenosis, discs and bare pain are the reasons of epidural injections."""
        builder = Builder()
        builder.order("62322", reason=("icd-10-cm", reason))
        drug(builder, "J2274", "hcpcs")
        assert answered_at_once(builder)

    @pytest.mark.parametrize(
        "counter",
        [
            {"reason": ("icd-10-cm", "O80")},
            {"reason": ("icd-10-cm", "Z34.00")},
            {"reason": ("icd-10-cm", "G89.18")},
            {"reasonCode": [{"text": "Labor epidural"}]},
            {"category": [{"text": "Anesthesia"}]},
            {"reasonCode": [concept("icd-10-cm", "G89.4"), concept("icd-10-cm", "Z33.1")]},
        ],
    )
    @pytest.mark.parametrize("code", ["J3010", "J2274", "J0475"])
    def test_labour_and_surgery_silence_drug_signs(self, counter: dict[str, Any], code: str) -> None:
        """Labour and postoperative epidurals carry opioids too."""
        builder = Builder()
        builder.order("62326", **counter)
        drug(builder, code, "hcpcs")
        assert answered_at_once(builder)

    def test_an_anaesthesia_order_beside_silences_the_opioid(self) -> None:
        """Neuraxial labour analgesia ordered beside it says what the epidural is for."""
        builder = Builder()
        builder.order("62326", reason=CHRONIC_PAIN)
        builder.order("01967")
        drug(builder, "J3010", "hcpcs")
        assert answered_at_once(builder)

    def test_counter_signs_do_not_silence_the_orders_own_words(self) -> None:
        """An order that calls itself an intrathecal trial is one, whatever stands beside it; the purpose is noted."""
        builder = Builder()
        builder.order("62322", reason=("icd-10-cm", "G89.18"), note=[{"text": "Intrathecal pump trial"}])
        found = only(builder)
        assert found.cases[0][1] == "trial"
        assert found.anaesthesia

    def test_drug_delivery_is_no_childbirth(self) -> None:
        """The word delivery of intrathecal drug delivery silences no sign."""
        builder = Builder()
        builder.order("62322", reasonCode=[concept(*CHRONIC_PAIN), {"text": "for intrathecal drug delivery"}])
        drug(builder, "J2278", "hcpcs")
        assert only(builder).cases == (("nonmalignant-pain", "trial"),)

    def test_a_premixed_labour_bag_is_no_sign(self) -> None:
        """Fentanyl with ropivacaine in one bag is for labour or after surgery."""
        builder = Builder()
        builder.order("62326", reason=CHRONIC_PAIN)
        drug(builder, "1233685", dosageInstruction=EPIDURAL)
        assert answered_at_once(builder)

    def test_opioid_with_local_anaesthetic_by_epidural_route_is_no_sign(self) -> None:
        """So is an opioid and a local anaesthetic given epidurally."""
        builder = Builder()
        builder.order("62326", reason=("icd-10-cm", "C34.11"))
        drug(builder, "4337", dosageInstruction=EPIDURAL)
        drug(builder, "J0665", "hcpcs", dosageInstruction=EPIDURAL)
        assert answered_at_once(builder)

    @pytest.mark.parametrize(
        ("code", "members"),
        [
            ("197391", {}),
            ("1292", {"dosageInstruction": ORAL}),
            ("1292", {"dosageInstruction": [{"text": "1 tab by mouth three times a day"}]}),
            ("1292", {"dosageInstruction": [{"timing": {"repeat": {"frequency": 3, "period": 1, "periodUnit": "d"}}}]}),
            ("892672", {}),
            ("4337", {"dosageInstruction": INTRAVENOUS}),
        ],
    )
    def test_systemic_drugs_beside_an_epidural_are_no_sign(self, code: str, members: dict[str, Any]) -> None:
        """Oral baclofen, morphine tablets or sedation beside an injection say nothing of a trial."""
        builder = Builder()
        builder.order("62323", reason=CHRONIC_PAIN)
        drug(builder, code, **members)
        assert answered_at_once(builder)

    @pytest.mark.parametrize(
        "words",
        [
            "No intrathecal trial",
            "Intrathecal pump trial not planned",
            "Test dose to exclude intrathecal placement",
            "Test dose negative for intrathecal or intravascular placement",
            "ESI instead of intrathecal pump trial",
            "If no relief consider intrathecal pump trial",
            "Failed SCS trial",
            "Trial of labor, intrathecal morphine given",
            "Intrathecal methotrexate per clinical trial",
            "s/p intrathecal trial 2019",
            "Insulin pump trial",
        ],
    )
    def test_denied_and_other_trials_are_no_sign(self, words: str) -> None:
        """What a note denies, puts off or says of another therapy is no trial."""
        builder = Builder()
        builder.order("62323", reason=("icd-10-cm", "M54.16"), note=[{"text": words}])
        assert answered_at_once(builder)

    def test_a_patient_with_a_baclofen_pump_may_have_an_epidural(self) -> None:
        """Naming the pump that the patient has is no sign of a trial."""
        builder = Builder()
        builder.order(
            "62323", reason=("icd-10-cm", "M54.16"), note=[{"text": "Patient has an intrathecal baclofen pump."}]
        )
        assert answered_at_once(builder)


class TestSignsOfATrial:
    """What makes a spinal injection a pump trial."""

    @pytest.mark.parametrize(
        "members",
        [
            {"category": [concept("order-purpose", "intrathecal-trial")]},
            {"reasonCode": [concept("order-purpose", "intrathecal-trial")]},
            {"reasonCode": [{"text": "Intrathecal pump trial"}]},
            {"reasonCode": {"text": "intrathecal baclofen test dose"}},
            {"category": {"text": "Intrathecal trial"}},
            {"note": [{"text": "Pain not controlled on oral opioids.\nTrial of intrathecal morphine"}]},
            {"text": "ITB screening dose"},
            {"orderDetail": [{"text": "Intrathecal trial, single shot"}]},
            {"patientInstruction": "You will have an intrathecal pump trial."},
            {"reasonReference": [{"display": "Intrathecal trial"}]},
            {"note": [{"text": "Failed SCS trial, now intrathecal pump trial"}]},
            {"reasonCode": [{"coding": [{"system": "urn:site", "code": "X", "display": "Intrathecal trial"}]}]},
        ],
    )
    def test_words_and_purpose_are_a_sign(self, members: dict[str, Any]) -> None:
        """Reason, note, category or order text that says intrathecal trial or test dose makes it one."""
        builder = Builder()
        builder.order("62323", **members)
        assert {phase for _, phase in only(builder).cases} == {"trial"}

    @pytest.mark.parametrize("code", ["62362", "62350", "E0783", "E0785"])
    def test_a_pump_order_beside_it_is_a_sign(self, code: str) -> None:
        """An injection ordered with the pump is its trial; the two are two procedures."""
        builder = Builder()
        builder.order("62322", reason=CHRONIC_PAIN)
        builder.order(code, resource_type="DeviceRequest" if code[0] == "E" else "ServiceRequest", reason=CHRONIC_PAIN)
        trial, pump = read(builder)
        assert {phase for _, phase in trial.cases} == {"trial"}
        assert {phase for _, phase in pump.cases} & {"permanent", "revision"}

    def test_a_cancelled_pump_order_is_no_sign(self) -> None:
        """What is not ordered proves nothing."""
        builder = Builder()
        builder.order("62322", reason=CHRONIC_PAIN)
        builder.order("62362", status="cancelled")
        assert answered_at_once(builder)

    @pytest.mark.parametrize("member", ["basedOn", "replaces"])
    def test_standing_in_the_line_of_a_pump_order_is_a_sign(self, member: str) -> None:
        """The pump order may stand in the chart only."""
        builder = Builder()
        earlier = builder.add("ServiceRequest", status="active", intent="order", code=concept("cpt", "62362"))
        builder.order("62322", **{member: [{"reference": f"ServiceRequest/{earlier['id']}"}]})
        assert {phase for _, phase in only(builder).cases} == {"trial"}

    def test_based_on_something_else_is_none(self) -> None:
        """An injection based on a consultation is an injection."""
        builder = Builder()
        earlier = builder.add("ServiceRequest", status="active", intent="order", code={"text": "Pain consult"})
        builder.order("62322", basedOn=[{"reference": f"ServiceRequest/{earlier['id']}"}])
        assert read(builder) == ()

    @pytest.mark.parametrize(
        ("code", "system", "members"),
        [
            ("J0475", "hcpcs", {}),
            ("J0476", "hcpcs", {}),
            ("J2278", "hcpcs", {}),
            ("1292", "rxnorm", {"dosageInstruction": INTRATHECAL}),
            ("1292", "rxnorm", {"dosageInstruction": [{"route": {"text": "Intrathecal"}}]}),
            ("308516", "rxnorm", {}),
            ("1738353", "rxnorm", {}),
        ],
    )
    def test_baclofen_and_ziconotide_are_a_sign(self, code: str, system: str, members: dict[str, Any]) -> None:
        """Nobody gives these into the spine otherwise, whatever the reason is."""
        builder = Builder()
        builder.order("62322", reason=("icd-10-cm", "M54.16"))
        drug(builder, code, system, **members)
        assert only(builder).cases == (("nonmalignant-pain", "trial"),)

    def test_the_drug_may_stand_on_the_order_itself(self) -> None:
        """A billing code among the order's codings or details names its drug."""
        builder = Builder()
        order = builder.order("62322", reason=("icd-10-cm", "G80.1"))
        order["code"]["coding"].append(
            {"system": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "code": "J0476"}
        )
        found = only(builder)
        assert found.drugs == {"baclofen"}
        assert found.codes == ("62322",)

    @pytest.mark.parametrize("code", ["J2274", "J2270", "J1171", "J3010", "J0735", "J2275"])
    @pytest.mark.parametrize("reason", ["G89.4", "G89.3", "M96.1", "G90.521", "G89.29"])
    def test_an_opioid_for_such_a_pain_is_a_sign(self, code: str, reason: str) -> None:
        """An opioid or clonidine with chronic pain, cancer pain or a cause of pain on the order is a trial."""
        builder = Builder()
        builder.order("62326", reason=("icd-10-cm", reason))
        drug(builder, code, "hcpcs")
        assert {phase for _, phase in only(builder).cases} == {"trial"}

    def test_the_pain_may_stand_behind_a_reference(self) -> None:
        """A reason in the chart counts like one on the order; the first look waits for it."""
        builder = Builder()
        pain = builder.condition(*CHRONIC_PAIN)
        builder.order("62326", reasonReference=[{"reference": f"Condition/{pain['id']}"}])
        drug(builder, "J2274", "hcpcs")
        assert only(builder).cases == (("nonmalignant-pain", "trial"),)

    def test_a_refuted_reason_is_no_pain(self) -> None:
        """A refuted condition is no indication."""
        builder = Builder()
        pain = builder.condition(*CHRONIC_PAIN, verification="refuted")
        builder.order("62326", reasonReference=[{"reference": f"Condition/{pain['id']}"}])
        drug(builder, "J2274", "hcpcs")
        assert read(builder) == ()

    def test_the_pain_must_stand_on_the_order(self) -> None:
        """Chronic pain on the problem list does not make an epidural with morphine a trial."""
        builder = Builder()
        builder.condition(*CHRONIC_PAIN)
        builder.order("62326", reason=("icd-10-cm", "M54.16"))
        drug(builder, "J2274", "hcpcs")
        assert answered_at_once(builder)

    def test_a_drug_may_be_contained_or_referenced(self) -> None:
        """MedicationReference is followed into the order, the signing and the chart."""
        medication = {"resourceType": "Medication", "id": "m", "code": concept("hcpcs", "J2278")}
        contained = Builder()
        contained.order("62322", reason=CHRONIC_PAIN)
        contained.order(
            None, resource_type="MedicationRequest", contained=[medication], medicationReference={"reference": "#m"}
        )
        in_chart = Builder()
        in_chart.order("62322", reason=CHRONIC_PAIN)
        in_chart.order(None, resource_type="MedicationRequest", medicationReference={"reference": "Medication/m"})
        in_chart.resources.append(medication)
        assert only(contained).drugs == {"ziconotide"}
        assert only(in_chart).drugs == {"ziconotide"}

    def test_references_by_urn_are_followed(self) -> None:
        """Draft orders refer to each other by fullUrl."""
        builder = Builder()
        builder.order("62322", reason=CHRONIC_PAIN)
        builder.order(None, resource_type="MedicationRequest", medicationReference={"reference": "urn:uuid:1"})
        orders = located(builder)
        orders.append(Located({"resourceType": "Medication", "code": concept("hcpcs", "J0475")}, "urn:uuid:1"))
        assert may_concern(orders, value_sets())
        found, _ = procedures(orders, chart_of(builder), builder.today)
        assert [one.drugs for one in found] == [{"baclofen"}]


class TestSilence:
    """Orders that are none of ours."""

    @pytest.mark.parametrize(
        "code",
        [
            "62355", "62365", "62367", "62368", "62369", "62370", "95990", "95991", "A4220", "A4300", "A4301", "C1755",
            "36260", "36563", "61215", "64483", "01996", "62280", "62281", "62282", "63650", "63685",
        ],
    )  # fmt: skip
    def test_removal_service_and_other_codes_are_silent(self, code: str) -> None:
        """Removal, refill, other pumps, neurolysis and stimulators get no card, even where they name the pump."""
        builder = Builder()
        builder.order(code, reason=CHRONIC_PAIN, note=[{"text": "Intrathecal pump trial"}])
        assert answered_at_once(builder)

    @pytest.mark.parametrize("status", ["cancelled", "entered-in-error", "completed", "revoked"])
    def test_ended_orders_are_silent(self, status: str) -> None:
        """An order that is no longer being signed says nothing."""
        builder = Builder()
        builder.order("62362", status=status, reason=CHRONIC_PAIN)
        assert answered_at_once(builder)

    @pytest.mark.parametrize("status", ["draft", "active", "on-hold", "unknown"])
    def test_every_other_status_is_read(self, status: str) -> None:
        """A signed order that is signed again counts like a draft."""
        builder = Builder()
        builder.order("62362", status=status, reason=CHRONIC_PAIN)
        assert only(builder).cases == (("nonmalignant-pain", "permanent"),)

    def test_an_order_not_to_perform_is_silent(self) -> None:
        """DoNotPerform turns an order into its opposite."""
        builder = Builder()
        builder.order("62362", doNotPerform=True)
        assert answered_at_once(builder)

    @pytest.mark.parametrize(
        ("code", "members"),
        [
            ("197391", {"dosageInstruction": ORAL}),
            ("7052", {"dosageInstruction": INTRATHECAL}),
            ("J0476", {}),
            ("25480", {}),
        ],
    )
    def test_a_drug_order_alone_is_silent(self, code: str, members: dict[str, Any]) -> None:
        """A drug alone is no procedure, by whatever route."""
        builder = Builder()
        drug(builder, code, "hcpcs" if code[0] == "J" else "rxnorm", **members)
        assert answered_at_once(builder)

    def test_nusinersen_is_silent(self) -> None:
        """Intrathecal drugs that are no pain or spasticity drugs are no trial."""
        builder = Builder()
        builder.order("62322", reason=("icd-10-cm", "G12.1"))
        drug(builder, "J2326", "hcpcs", dosageInstruction=INTRATHECAL)
        assert answered_at_once(builder)

    @pytest.mark.parametrize(
        "words",
        [
            "Intrathecal pump refill",
            "Interrogation of intrathecal pump",
            "MRI brain, intrathecal pump in place",
            "Removal of intrathecal pump",
            "No intrathecal pump",
            "Intrathecal pump not planned",
            "Insulin pump",
            "Implantable infusion pump",
            "CT abdomen",
        ],
    )
    def test_unknown_orders_that_name_no_implant_are_silent(self, words: str) -> None:
        """An order without a code of ours concerns us only where it names the pump, its implanting or a trial."""
        builder = Builder()
        builder.order(None, text=words)
        assert answered_at_once(builder)

    def test_no_orders_are_silent(self) -> None:
        """Nothing ordered, nothing said."""
        assert not may_concern([], value_sets())
        assert answered_at_once(Builder())

    def test_a_code_without_a_system_is_reported(self) -> None:
        """A code is never matched without its system; that one of ours lacks it is said."""
        builder = Builder()
        builder.order(None, text="")
        builder.orders[0]["code"] = {"coding": [{"code": "62362"}]}
        found, warnings = procedures(located(builder), chart_of(builder), builder.today)
        assert found == ()
        assert warnings == ["ServiceRequest/o1: code 62362 names no known code system: not read."]

    def test_a_missing_code_is_reported(self) -> None:
        """An order without a code is named in the warnings."""
        builder = Builder()
        builder.order(None)
        _, warnings = procedures(located(builder), chart_of(builder), builder.today)
        assert warnings == ["ServiceRequest/o1: ServiceRequest.code is missing or could not be read."]


class TestNotUnderstood:
    """Orders that only words tell apart."""

    @pytest.mark.parametrize(
        ("members", "phase"),
        [
            ({"text": "Intrathecal pump implantation"}, "permanent"),
            ({"text": "Insertion of intrathecal drug delivery system"}, "permanent"),
            ({"text": "SynchroMed II placement"}, "permanent"),
            ({"text": "IDDS implant"}, "permanent"),
            ({"text": "Intrathecal pump trial"}, "trial"),
            ({"text": "Surgery", "reasonCode": [{"text": "Implantation of intrathecal pump"}]}, "permanent"),
            ({"text": "Procedure", "category": [concept("order-purpose", "intrathecal-trial")]}, "trial"),
            ({"text": "Procedure", "category": [concept("order-purpose", "permanent-implant")]}, "permanent"),
        ],
    )
    def test_words_are_evaluated_and_capped(self, members: dict[str, Any], phase: str) -> None:
        """A pump or trial named in words is evaluated, and the answer is left to a reviewer."""
        builder = Builder()
        builder.condition("icd-10-cm", "M96.1")
        builder.order(None, **members)
        found = only(builder)
        assert found.cases == (("nonmalignant-pain", phase),)
        assert [(one.code, one.caps) for one in found.cautions] == [("order-not-understood", True)]

    def test_a_code_of_another_system_is_not_ours(self) -> None:
        """A known number in an unknown system is read by its words."""
        builder = Builder()
        builder.condition("icd-10-cm", "M96.1")
        builder.order("62362", system="urn:site", text="Implant intrathecal pump")
        assert codes_of(only(builder)) == {"order-not-understood"}

    def test_the_drug_of_a_pump_in_place_is_its_refill(self) -> None:
        """A drug order that names the pump is a refill where the chart shows the pump, and unknown where not."""
        builder = Builder()
        drug(builder, "7052", dosageInstruction=[{"text": "via intrathecal pump"}])
        assert codes_of(only(builder)) >= {"order-not-understood"}
        builder.procedure("cpt", "62362", start="2020-01-01")
        assert read(builder) == ()

    def test_a_coded_order_needs_no_words(self) -> None:
        """Where a coded pump order stands, further orders that name the pump change nothing."""
        builder = Builder()
        builder.order("62362", reason=CHRONIC_PAIN)
        builder.order(None, text="Surgical planning for intrathecal pump implantation")
        found = only(builder)
        assert found.references == ("ServiceRequest/o1",)
        assert found.cautions == ()


class TestGrouping:
    """Orders of one signing that are one procedure."""

    def test_pump_catheter_item_and_drug_are_one(self) -> None:
        """Four orders, one determination."""
        builder = Builder()
        builder.order("62350", reason=CHRONIC_PAIN)
        builder.order("62362", reason=CHRONIC_PAIN)
        builder.order("E0783", resource_type="DeviceRequest")
        drug(builder, "7052", dosageInstruction=INTRATHECAL)
        found = only(builder)
        assert found.references == (
            "ServiceRequest/o1", "ServiceRequest/o2", "DeviceRequest/o3", "MedicationRequest/o4",
        )  # fmt: skip
        assert found.codes == ("62350", "62362", "E0783")
        assert found.drugs == {"morphine"}

    def test_home_drugs_are_not_the_pumps(self) -> None:
        """Oral drugs signed with the pump are not what it will hold."""
        builder = Builder()
        builder.order("62362", reason=CHRONIC_PAIN)
        drug(builder, "25480")
        drug(builder, "4337", dosageInstruction=INTRAVENOUS)
        found = only(builder)
        assert found.drugs == frozenset()
        assert found.references == ("ServiceRequest/o1",)

    def test_trial_and_permanent_are_two_with_their_own_drugs(self) -> None:
        """Each drug order goes with the procedure that it is based on."""
        builder = Builder()
        builder.order("62326", reason=CHRONIC_PAIN)
        builder.order("62362", reason=CHRONIC_PAIN)
        drug(builder, "7052", dosageInstruction=INTRATHECAL, basedOn=[{"reference": "ServiceRequest/o1"}])
        drug(builder, "J2278", "hcpcs", basedOn=[{"reference": "ServiceRequest/o2"}])
        trial, pump = read(builder)
        assert (trial.drugs, pump.drugs) == ({"morphine"}, {"ziconotide"})

    def test_a_mixture_names_all_its_drugs(self) -> None:
        """Morphine with bupivacaine into the spine is a mixture."""
        builder = Builder()
        builder.order("62362", reason=CHRONIC_PAIN)
        drug(builder, "7052", dosageInstruction=INTRATHECAL)
        drug(builder, "J0665", "hcpcs", dosageInstruction=INTRATHECAL)
        assert only(builder).drugs == {"morphine", "bupivacaine"}

    def test_a_device_may_be_referenced(self) -> None:
        """A DeviceRequest may point to a Device of the chart."""
        builder = Builder()
        builder.condition("icd-10-cm", "M96.1")
        device = builder.add("Device", status="inactive", type=concept("hcpcs", "E0783"))
        builder.order(None, resource_type="DeviceRequest", codeReference={"reference": f"Device/{device['id']}"})
        assert only(builder).codes == ("E0783",)

    def test_billing_options_count_as_codes(self) -> None:
        """A CRD client may offer the billing code under the clinical one."""
        builder = Builder()
        builder.condition("icd-10-cm", "M96.1")
        order = builder.order("12345", system="urn:site")
        order["code"]["extension"] = [
            {
                "url": "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-billing-options",
                "valueCodeableConcept": concept("cpt", "62362"),
            }
        ]
        found = only(builder)
        assert found.codes == ("62362",)
        assert found.cautions == ()


class TestPhase:
    """Permanent, replacement, revision, or a question."""

    @staticmethod
    def with_pump(builder: Builder) -> Builder:
        """Return the builder with a pump implanted years ago."""
        builder.procedure("cpt", "62362", start="2019-05-01")
        return builder

    @staticmethod
    def phases(builder: Builder) -> tuple[list[str], bool]:
        """Return the phases and whether they are unclear."""
        found = only(builder)
        return list(dict.fromkeys(phase for _, phase in found.cases)), "phase-unclear" in codes_of(found)

    def test_a_first_pump_is_permanent(self) -> None:
        """No sign of a replacement, no pump in the chart."""
        builder = Builder()
        builder.order("62362", reason=CHRONIC_PAIN)
        assert self.phases(builder) == (["permanent"], False)

    REPLACED = (
        {"reason": ("icd-10-cm", "T85.615A")},
        {"reason": ("icd-10-cm", "T85.610A")},
        {"reason": ("finding", "pump-battery-end")},
        {"category": [concept("order-purpose", "pump-replacement")]},
        {"reasonCode": [{"text": "Battery at end of life"}]},
        {"reasonCode": [{"text": "Replacement"}]},
        {"note": [{"text": "Replace pump, ERI reached"}]},
        {"note": [{"text": "Device recall"}]},
        {"text": "Pump replacement"},
    )

    @pytest.mark.parametrize("members", REPLACED)
    def test_both_signs_make_a_replacement(self, members: dict[str, Any]) -> None:
        """The order says replacement and the chart shows a pump: the indication is not asked."""
        builder = self.with_pump(Builder())
        builder.order("62362", **members)
        assert only(builder).cases == (("any", "replacement"),)
        assert codes_of(only(builder)) == set()

    @pytest.mark.parametrize("members", REPLACED)
    def test_the_orders_word_alone_asks(self, members: dict[str, Any]) -> None:
        """Without a pump in the chart both phases are evaluated, and neither can be complete."""
        builder = Builder()
        builder.condition("icd-10-cm", "M96.1")
        builder.order("62362", **members)
        assert only(builder).cases == (("nonmalignant-pain", "permanent"), ("any", "replacement"))
        assert {one.code: one.caps for one in only(builder).cautions} == {"phase-unclear": True}

    def test_the_charts_pump_alone_asks(self) -> None:
        """A pump in place and an order that does not say replacement: both phases are evaluated."""
        builder = self.with_pump(Builder())
        builder.order("62362", reason=CHRONIC_PAIN)
        assert self.phases(builder) == (["permanent", "replacement"], True)

    @pytest.mark.parametrize(
        "members",
        [
            {"text": "Implantation or replacement of device for intrathecal drug infusion; programmable pump"},
            {"note": [{"text": "Not a replacement. s/p total knee replacement"}]},
            {"reason": ("icd-10-cm", "T85.615S")},
            {"reason": ("icd-10-cm", "T85.614A")},
            {"replaces": [{"reference": "ServiceRequest/old"}]},
            {"note": [{"text": "Oral opioids to be replaced by pump"}]},
        ],
    )
    def test_other_words_are_no_replacement(self, members: dict[str, Any]) -> None:
        """The code book's own words, other joints, a sequela, an insulin pump or a superseded order say nothing."""
        builder = Builder()
        builder.order("62362", **members)
        assert self.phases(builder) == (["permanent"], False)

    def test_a_referenced_finding_says_replacement(self) -> None:
        """A battery-end finding as reason sets the phase; one that denies it does not."""
        builder = self.with_pump(Builder())
        finding = builder.finding("pump-battery-end", True)
        order = builder.order("62362", reasonReference=[{"reference": f"Observation/{finding['id']}"}])
        assert only(builder).cases == (("any", "replacement"),)
        finding["valueBoolean"] = False
        assert self.phases(builder) == (["permanent", "replacement"], True)
        assert order["id"]

    def test_a_replacement_pump_item_says_replacement(self) -> None:
        """E0786 is a replacement; with a pump in the chart it is clear."""
        builder = self.with_pump(Builder())
        builder.order("E0786", resource_type="DeviceRequest")
        assert only(builder).cases == (("any", "replacement"),)

    def test_a_replacement_catheter_beside_a_pump_says_replacement(self) -> None:
        """E0785 counts for a replacement only beside a pump order."""
        builder = self.with_pump(Builder())
        builder.order("62362")
        builder.order("E0785", resource_type="DeviceRequest")
        assert only(builder).cases == (("any", "replacement"),)

    @pytest.mark.parametrize("code", ["62350", "62351", "E0785"])
    def test_catheter_work_on_a_system_in_place_is_a_revision(self, code: str) -> None:
        """Catheter work without a pump order, while a pump is in place."""
        builder = self.with_pump(Builder())
        builder.order(code, reason=("icd-10-cm", "T85.610A"), note=[{"text": "Catheter replacement"}])
        assert only(builder).cases == (("any", "revision"),)
        assert codes_of(only(builder)) == set()

    def test_catheter_work_that_says_pump_replaced_is_a_replacement(self) -> None:
        """Unless the order says that the pump is replaced."""
        builder = self.with_pump(Builder())
        builder.order("62350", reason=("icd-10-cm", "T85.615A"))
        assert only(builder).cases == (("any", "replacement"),)

    def test_a_replacement_catheter_alone_is_a_revision_in_doubt(self) -> None:
        """E0785 without a system in the chart."""
        builder = Builder()
        builder.order("E0785", resource_type="DeviceRequest")
        assert only(builder).cases == (("any", "revision"),)
        assert codes_of(only(builder)) == {"phase-unclear"}

    def test_a_catheter_alone_is_permanent(self) -> None:
        """62350 without a system in the chart."""
        builder = Builder()
        builder.order("62350", reason=CHRONIC_PAIN)
        assert self.phases(builder) == (["permanent"], False)

    def test_a_temporary_pump_is_unclear(self) -> None:
        """C2626 is a temporary pump."""
        builder = Builder()
        builder.order("C2626", resource_type="DeviceRequest", reason=CHRONIC_PAIN)
        assert self.phases(builder) == (["permanent"], True)

    def test_a_pump_order_that_says_trial_is_unclear(self) -> None:
        """A pump coded as a trial is asked about."""
        builder = Builder()
        builder.order("62362", reason=CHRONIC_PAIN, category=[concept("order-purpose", "intrathecal-trial")])
        assert self.phases(builder) == (["trial", "permanent"], True)

    def test_a_pump_after_a_trial_is_permanent(self) -> None:
        """Mentioning the trial that was makes no trial of the pump."""
        builder = Builder()
        builder.order("62362", reason=CHRONIC_PAIN, note=[{"text": "After successful intrathecal trial"}])
        assert self.phases(builder) == (["permanent"], False)


class TestPumpInPlace:
    """Sign C: what shows a system in place."""

    @staticmethod
    def asks(builder: Builder) -> bool:
        """Return whether a plain pump order is asked about, as it is where a system is in place."""
        builder.order("62362", reason=CHRONIC_PAIN)
        return "phase-unclear" in codes_of(only(builder))

    @pytest.mark.parametrize(
        "device",
        [
            {"type": concept("hcpcs", "E0783")},
            {"type": {"text": "Intrathecal drug pump"}},
            {"type": {"text": "pump, intrathecal"}},
            {"deviceName": [{"name": "SynchroMed II", "type": "model-name"}]},
            {"type": {"text": "Prometra"}, "status": None},
        ],
    )
    def test_a_device_shows_it(self, device: dict[str, Any]) -> None:
        """A pump item or a Device named intrathecal pump."""
        builder = Builder()
        builder.add("Device", **({"status": "active"} | device))
        assert self.asks(builder)

    @pytest.mark.parametrize(
        "device",
        [
            {"status": "inactive", "type": concept("hcpcs", "E0783")},
            {"status": "entered-in-error", "type": concept("hcpcs", "E0783")},
            {"status": "active", "type": {"text": "Insulin pump"}},
            {"status": "active", "type": concept("hcpcs", "C1785")},
            {"status": "active", "type": concept("hcpcs", "C2626")},
        ],
    )
    def test_other_devices_do_not(self, device: dict[str, Any]) -> None:
        """A device that is gone, an insulin pump, a pacemaker, a temporary pump."""
        builder = Builder()
        builder.add("Device", **device)
        assert not self.asks(builder)

    @pytest.mark.parametrize("code", ["62350", "62351", "62360", "62361", "62362"])
    def test_an_implant_shows_it(self, code: str) -> None:
        """A completed implant of pump or tunneled catheter."""
        builder = Builder()
        builder.procedure("cpt", code, start="2020-03")
        assert self.asks(builder)

    @pytest.mark.parametrize("status", ["not-done", "preparation", "in-progress", "entered-in-error", "stopped"])
    def test_an_implant_that_was_not_completed_does_not(self, status: str) -> None:
        """Booked or abandoned operations leave nothing behind."""
        builder = Builder()
        builder.procedure("cpt", "62362", status=status, start="2020-03-01")
        assert not self.asks(builder)

    @pytest.mark.parametrize(
        ("removal", "on", "in_place"),
        [
            ("62365", "2022-01-01", False),
            ("62365", "2020-02-29", True),
            ("62365", "2020-03-01", True),
            ("62355", "2022-01-01", True),
        ],
    )
    def test_a_later_removal_ends_it(self, removal: str, on: str, in_place: bool) -> None:
        """A pump is gone after its own removal only; one removed on the day of the new implant was exchanged."""
        builder = Builder()
        builder.procedure("cpt", "62362", start="2020-03-01")
        builder.procedure("cpt", removal, start=on)
        assert self.asks(builder) is in_place

    def test_a_removal_ends_the_device(self) -> None:
        """A Device left active after its removal is gone."""
        builder = Builder()
        builder.add("Device", status="active", type=concept("hcpcs", "E0783"))
        builder.procedure("cpt", "62365", start="2022-01-01")
        assert not self.asks(builder)

    @pytest.mark.parametrize("value", [True, False])
    def test_a_finding_on_the_pump_shows_it(self, value: bool) -> None:
        """Whether the pump works or not: it is there."""
        builder = Builder()
        builder.finding("pump-functional", value)
        assert self.asks(builder)

    def test_an_item_used_in_a_procedure_shows_it(self) -> None:
        """The pump among the things used."""
        builder = Builder()
        builder.procedure("urn:site", "X1", start="2020-03-01", usedCode=[concept("hcpcs", "C1772")])
        assert self.asks(builder)

    def test_an_implant_of_today_is_this_order(self) -> None:
        """What is implanted on the day itself is no earlier pump."""
        builder = Builder()
        builder.procedure("cpt", "62362", start=builder.day(0))
        assert not self.asks(builder)
        earlier = Builder()
        earlier.procedure("cpt", "62362", start=earlier.day(1))
        assert self.asks(earlier)

    def test_a_complication_code_is_no_proof(self) -> None:
        """A complication on the problem list is a hint only."""
        builder = Builder()
        builder.condition("icd-10-cm", "T85.615A")
        assert not self.asks(builder)


class TestIndication:
    """What the pump is for: the order's own coded reasons first, then the active problems."""

    @staticmethod
    def of(builder: Builder, *reasons: str, **members: Any) -> tuple[tuple[str, ...], bool]:
        """Return the indications of a pump order with these ICD reasons, and whether they are unclear."""
        builder.order("62362", reasonCode=[concept("icd-10-cm", code) for code in reasons] or None, **members)
        found = only(builder)
        return tuple(one for one, _ in found.cases), "indication-unclear" in codes_of(found)

    @pytest.mark.parametrize(
        ("reasons", "expected"),
        [
            (["G89.4"], ("nonmalignant-pain",)),
            (["M54.16"], ("nonmalignant-pain",)),
            (["M54.50"], ("nonmalignant-pain",)),
            (["G89.3"], ("cancer-pain",)),
            (["C79.51"], ("cancer-pain",)),
            (["C7A.00"], ("cancer-pain",)),
            (["G80.1"], ("spasticity",)),
            (["G35"], ("spasticity",)),
            (["G35.B1"], ("spasticity",)),
            (["S14.109S"], ("spasticity",)),
            (["G24.1"], ("spasticity",)),
            (["E11.9"], ("other",)),
            (["S14.109A"], ("other",)),
        ],
    )
    def test_the_orders_reasons_decide(self, reasons: list[str], expected: tuple[str, ...]) -> None:
        """A coded reason on the order sets the indication."""
        assert self.of(Builder(), *reasons) == (expected, False)

    @pytest.mark.parametrize(
        ("reasons", "expected"),
        [
            (["C34.11", "G89.4"], ("nonmalignant-pain", "cancer-pain")),
            (["G89.4", "G80.1"], ("nonmalignant-pain", "spasticity")),
            ([], ALL_INDICATIONS),
            (["R25.2"], ALL_INDICATIONS),
            (["D48.1"], ALL_INDICATIONS),
        ],
    )
    def test_what_is_not_told_apart_is_asked(self, reasons: list[str], expected: tuple[str, ...]) -> None:
        """Each possible indication is evaluated, and the card asks which."""
        builder = Builder()
        assert self.of(builder, *reasons) == (expected, True)
        caution = next(one for one in only(builder).cautions if one.code == "indication-unclear")
        assert caution.caps
        assert "?" in caution.text

    def test_pain_after_cancer_treatment_is_either(self) -> None:
        """Neither cancer pain nor plain chronic pain for sure."""
        builder = Builder()
        builder.order("62362", reason=("snomed", "788891004"))
        assert [one for one, _ in only(builder).cases] == ["nonmalignant-pain", "cancer-pain"]

    @pytest.mark.parametrize("reason", ["G89.4", "G89.29", "R52"])
    def test_a_cancer_on_the_list_leaves_plain_pain_open(self, reason: str) -> None:
        """An active cancer beside a plain chronic-pain code: both are evaluated."""
        builder = Builder()
        builder.condition("icd-10-cm", "C50.911")
        assert self.of(builder, reason) == (("nonmalignant-pain", "cancer-pain"), True)

    @pytest.mark.parametrize("clinical", ["resolved", "inactive", "remission"])
    def test_a_past_cancer_does_not(self, clinical: str) -> None:
        """A cancer that is over leaves nothing open."""
        builder = Builder()
        builder.condition("icd-10-cm", "C50.911", clinical=clinical)
        assert self.of(builder, "G89.4") == (("nonmalignant-pain",), False)

    def test_a_named_cause_is_not_left_open(self) -> None:
        """Failed back surgery as the reason is no cancer pain, whatever else is on the list."""
        builder = Builder()
        builder.condition("icd-10-cm", "C50.911")
        assert self.of(builder, "M96.1") == (("nonmalignant-pain",), False)

    @pytest.mark.parametrize(
        ("problems", "expected"),
        [
            (["M96.1"], (("nonmalignant-pain",), False)),
            (["G89.4", "C50.911"], (("nonmalignant-pain", "cancer-pain"), True)),
            (["G89.3"], (("cancer-pain",), False)),
            (["G80.1"], (("spasticity",), False)),
            (["M54.16"], (ALL_INDICATIONS, True)),
            (["M54.16", "G89.4"], (("nonmalignant-pain",), False)),
            (["C50.911"], (ALL_INDICATIONS, True)),
            (["G35"], (ALL_INDICATIONS, True)),
            (["G35", "G80.1"], (("spasticity",), False)),
        ],
    )
    def test_else_the_active_problems_decide(self, problems: list[str], expected: tuple[tuple[str, ...], bool]) -> None:
        """Causes that are no indication by themselves need a code beside them or the order's citation."""
        builder = Builder()
        for code in problems:
            builder.condition("icd-10-cm", code)
        assert self.of(builder) == expected

    def test_baclofen_makes_a_cause_an_indication(self) -> None:
        """Multiple sclerosis on the list and baclofen on the order: spasticity."""
        builder = Builder()
        builder.condition("icd-10-cm", "G35")
        drug(builder, "J0475", "hcpcs")
        assert self.of(builder) == (("spasticity",), False)

    @pytest.mark.parametrize("reason", [None, {"text": "spasticity"}])
    def test_text_sets_no_indication(self, reason: dict[str, str] | None) -> None:
        """A reason in words leaves it to the problems."""
        builder = Builder()
        builder.condition("icd-10-cm", "M96.1")
        builder.order("62362", reasonCode=[reason] if reason else None)
        assert only(builder).cases == (("nonmalignant-pain", "permanent"),)

    def test_problems_outweigh_an_unrelated_reason(self) -> None:
        """Another reason on the order and chronic pain on the list: the pain it is."""
        builder = Builder()
        builder.condition("icd-10-cm", "M96.1")
        assert self.of(builder, "E11.9") == (("nonmalignant-pain",), False)

    @pytest.mark.parametrize(
        "members",
        [{"clinical": "resolved"}, {"clinical": "inactive"}, {"verification": "refuted"},
         {"verification": "entered-in-error"}, {"clinical": None, "abatementDateTime": "2020-01-01"}],
    )  # fmt: skip
    def test_past_and_refuted_problems_are_none(self, members: dict[str, Any]) -> None:
        """Nothing that is over or refuted is an indication."""
        builder = Builder()
        builder.condition("icd-10-cm", "M96.1", **members)
        assert self.of(builder) == (ALL_INDICATIONS, True)

    def test_a_missing_clinical_status_counts_as_active(self) -> None:
        """Unless it is abated."""
        builder = Builder()
        builder.condition("icd-10-cm", "M96.1", clinical=None, verification=None)
        assert self.of(builder) == (("nonmalignant-pain",), False)

    @pytest.mark.parametrize(
        ("code", "display"), [("209999999", "Chronic intractable pain of knee"), ("299999999", "Spastic gait")]
    )
    def test_an_unknown_code_for_pain_is_not_another_matter(self, code: str, display: str) -> None:
        """A reason that our value sets lack but that speaks of pain or spasticity is asked, not put out of scope."""
        builder = Builder()
        builder.order("62362", reasonCode=[concept("snomed", code, display=display)])
        assert "indication-unclear" in codes_of(only(builder))

    def test_a_score_as_reason_is_not_another_matter(self) -> None:
        """An Observation as reason says nothing of another disease."""
        builder = Builder()
        score = builder.nrs(8)
        assert self.of(builder, reasonReference=[{"reference": f"Observation/{score['id']}"}]) == (
            ALL_INDICATIONS,
            True,
        )

    def test_dystonia_alone_is_marked(self) -> None:
        """Some policies do not speak to dystonia without spasticity."""
        builder = Builder()
        builder.order("62362", reason=("icd-10-cm", "G24.1"))
        assert only(builder).dystonia_only
        builder.condition("icd-10-cm", "G80.1")
        assert not only(builder).dystonia_only

    def test_an_unknown_reference_is_reported(self) -> None:
        """A reason that cannot be found is named."""
        builder = Builder()
        builder.order("62362", reasonReference=[{"reference": "Condition/gone"}])
        _, warnings = procedures(located(builder), chart_of(builder), builder.today)
        assert warnings == ["ServiceRequest/o1: reasonReference Condition/gone is not known: not read."]


class TestDrugAndPurpose:
    """What drugs and words say besides."""

    @pytest.mark.parametrize(
        ("code", "reason", "unlike"),
        [
            ("J0475", "G89.4", True),
            ("J0475", "G89.3", True),
            ("J0475", "G80.1", False),
            ("J2274", "G80.1", True),
            ("J2274", "G89.4", False),
            ("J2278", "G89.3", False),
            ("J0735", "G80.1", False),
        ],
    )
    def test_a_drug_that_does_not_fit_is_capped(self, code: str, reason: str, unlike: bool) -> None:
        """Baclofen for pain or an opioid for spasticity: check drug and reason."""
        builder = Builder()
        builder.order("62362", reason=("icd-10-cm", reason))
        drug(builder, code, "hcpcs")
        assert ({one.code: one.caps for one in only(builder).cautions} == {"drug-unlike-indication": True}) is unlike

    def test_an_injectate_out_of_scope_is_marked(self) -> None:
        """Chemotherapy on the order; a note that mentions it does not count, nor a mixture with a pain drug."""
        builder = Builder()
        builder.order("62362", reason=("icd-10-cm", "G89.3"), note=[{"text": "Pain despite chemotherapy"}])
        assert not only(builder).out_of_scope_injectate
        drug(builder, "6851", dosageInstruction=INTRATHECAL)
        assert only(builder).out_of_scope_injectate
        drug(builder, "7052", dosageInstruction=INTRATHECAL)
        assert not only(builder).out_of_scope_injectate

    def test_another_antispasmodic_is_marked(self) -> None:
        """Diazepam into the spine is no baclofen."""
        builder = Builder()
        builder.order("62362", reason=("icd-10-cm", "G80.1"))
        drug(builder, "3322", dosageInstruction=INTRATHECAL)
        assert only(builder).other_antispasmodic

    def test_a_pump_is_no_anaesthesia(self) -> None:
        """Only injections and infusions can be anaesthesia."""
        builder = Builder()
        builder.order("62362", reasonCode=[concept("icd-10-cm", "G89.4"), concept("icd-10-cm", "Z33.1")])
        assert not only(builder).anaesthesia

    def test_questions_on_the_indication_leave_a_replacement_alone(self) -> None:
        """A replacement does not ask for the indication."""
        builder = Builder()
        builder.order("E0786", resource_type="DeviceRequest")
        found = only(builder)
        assert {one.code for one in found.cautions_of("spasticity")} == {"phase-unclear", "indication-unclear"}
        assert {one.code for one in found.cautions_of("any")} == {"phase-unclear"}


class TestDates:
    """Policy date and evidence date."""

    @pytest.mark.parametrize(
        ("members", "expected"),
        [
            ({"occurrenceDateTime": "2026-07-15"}, date(2026, 7, 15)),
            ({"occurrenceDateTime": "2026-07-15T23:30:00-05:00"}, date(2026, 7, 15)),
            ({"occurrenceDateTime": "2026-07"}, date(2026, 7, 1)),
            ({"occurrencePeriod": {"start": "2026-07-01", "end": "2026-07-09"}}, date(2026, 7, 1)),
            ({"occurrenceTiming": {"event": ["2026-08-02", "2026-07-03"]}}, date(2026, 7, 3)),
            ({"occurrenceTiming": {"repeat": {"boundsPeriod": {"start": "2026-07-04"}}}}, date(2026, 7, 4)),
            ({"authoredOn": "2026-06-01"}, date(2026, 6, 1)),
            ({"authoredOn": "rubbish"}, date(2026, 6, 1)),
        ],
    )
    def test_the_policy_date_is_the_earliest_day(self, members: dict[str, Any], expected: date) -> None:
        """The service's earliest day, else the order's own date, else today."""
        builder = Builder(date(2026, 6, 1))
        builder.order("62362", reason=CHRONIC_PAIN, **members)
        assert only(builder).policy_date == expected

    def test_the_procedure_orders_date_counts(self) -> None:
        """Item and drug of one procedure may be dated otherwise."""
        builder = Builder(date(2026, 6, 1))
        builder.order("E0783", resource_type="DeviceRequest", occurrenceDateTime="2026-06-05")
        builder.order("62362", reason=CHRONIC_PAIN, occurrenceDateTime="2026-07-15")
        assert only(builder).policy_date == date(2026, 7, 15)

    @pytest.mark.parametrize(("day", "past"), [("2026-05-31", True), ("2026-06-01", False), ("2026-06-02", False)])
    def test_a_past_date_is_said(self, day: str, past: bool) -> None:
        """An order dated before today bears a caution that does not cap."""
        builder = Builder(date(2026, 6, 1))
        builder.order("62362", reason=CHRONIC_PAIN, occurrenceDateTime=day)
        found = only(builder)
        assert [(one.code, one.caps) for one in found.cautions] == ([("order-date-past", False)] if past else [])
        assert found.service_date == date.fromisoformat(day)

    @pytest.mark.parametrize(
        ("service", "expected"),
        [
            (date(2026, 5, 31), date(2026, 5, 31)),
            (date(2026, 6, 1), date(2026, 6, 1)),
            (date(2026, 6, 2), date(2026, 6, 1)),
            (None, date(2026, 6, 1)),
        ],
    )
    def test_the_evidence_date_is_never_in_the_future(self, service: date | None, expected: date) -> None:
        """A planned service date never lengthens a therapy."""
        assert evidence_date(service, date(2026, 6, 1)) == expected

    def test_an_old_draft_has_no_service_date(self) -> None:
        """The day on which an order was written does not cut off the evidence since."""
        builder = Builder(date(2026, 6, 1))
        builder.order("62362", reason=CHRONIC_PAIN, authoredOn="2026-05-01")
        found = only(builder)
        assert (found.policy_date, found.service_date) == (date(2026, 5, 1), None)


GARBAGE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from(["", "62362", "2026-01-01", "#m", "urn:uuid:1", "draft"]),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(["coding", "code", "system", "text", "reference", "display", "valueCodeableConcept"]),
            children,
        )
    ),
    max_leaves=8,
)
MEMBERS = (
    "code", "codeCodeableConcept", "medicationCodeableConcept", "reasonCode", "reasonReference", "category", "note",
    "orderDetail", "basedOn", "replaces", "occurrenceDateTime", "occurrencePeriod", "occurrenceTiming", "authoredOn",
    "dosageInstruction", "status", "doNotPerform", "extension", "contained", "id", "medicationReference",
    "codeReference",
)  # fmt: skip
ORDER_CODES = (
    "62322",
    "62326",
    "62350",
    "62362",
    "62365",
    "E0783",
    "E0785",
    "E0786",
    "C2626",
    "J1010",
    "64483",
    "01967",
)
DRUG_CODES = ("J2274", "J0476", "J2278", "J1010", "J3010", "J0665")
REASONS = ("G89.4", "G89.3", "M54.16", "C34.1", "O80", "G80.1", "T85.615A", "E11.9")
NOTES = (
    "",
    "intrathecal trial",
    "no intrathecal trial",
    "Intrathecal pump implantation",
    "labor epidural",
    "pump replacement",
)


@st.composite
def signings(draw: st.DrawFn) -> Builder:
    """Return a builder with some orders of every kind, whole or with references into a chart that may lack them."""
    builder = Builder()
    condition = builder.condition("icd-10-cm", draw(st.sampled_from(REASONS)))
    earlier = builder.add(
        "ServiceRequest", status="active", code=concept("cpt", draw(st.sampled_from(["62362", "99213"])))
    )
    builder.resources.append(
        {"resourceType": "Medication", "id": "m", "code": concept("hcpcs", draw(st.sampled_from(DRUG_CODES)))}
    )
    builder.add("Device", status="active", type=concept("hcpcs", "E0783"))
    for _ in range(draw(st.integers(1, 3))):
        members: dict[str, Any] = {"note": [{"text": draw(st.sampled_from(NOTES))}]}
        if draw(st.booleans()):
            members["reasonReference"] = [
                {"reference": draw(st.sampled_from([f"Condition/{condition['id']}", "Condition/x"]))}
            ]
        if draw(st.booleans()):
            members["basedOn"] = [
                {"reference": draw(st.sampled_from([f"ServiceRequest/{earlier['id']}", "ServiceRequest/x"]))}
            ]
        kind = draw(st.sampled_from(["ServiceRequest", "DeviceRequest", "MedicationRequest"]))
        status = draw(st.sampled_from(["draft", "draft", "active", "cancelled"]))
        reason = ("icd-10-cm", draw(st.sampled_from(REASONS))) if draw(st.booleans()) else None
        code = draw(st.sampled_from([*ORDER_CODES, *DRUG_CODES, None]))
        if kind == "MedicationRequest" and draw(st.booleans()):
            code = None
            members["medicationReference"] = {"reference": "Medication/m"}
        if kind == "DeviceRequest" and draw(st.booleans()):
            code = None
            members["codeReference"] = {"reference": "Device/r3"}
        builder.order(code, resource_type=kind, status=status, reason=reason, **members)
    return builder


class TestProperties:
    """What holds of all orders."""

    @settings(max_examples=400, deadline=None)
    @given(signings())
    def test_the_first_look_never_hides_a_procedure(self, builder: Builder) -> None:
        """Whatever the first look turns away, the whole reading turns away too."""
        found, _ = procedures(located(builder), chart_of(builder), builder.today)
        assert may_concern(located(builder), value_sets()) or found == ()

    @settings(max_examples=300, deadline=None)
    @given(signings())
    def test_every_procedure_is_whole(self, builder: Builder) -> None:
        """Cases are distinct, several phases or indications always cap, orders stand once in a procedure."""
        found, _ = procedures(located(builder), chart_of(builder), builder.today)
        for procedure in found:
            assert procedure.orders
            assert len(set(procedure.references)) == len(procedure.references)
            assert len(set(procedure.cases)) == len(procedure.cases) > 0
            assert len(procedure.cases) == 1 or any(caution.caps for caution in procedure.cautions)
            assert all(caution.text for caution in procedure.cautions)

    @settings(max_examples=300, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["ServiceRequest", "DeviceRequest", "MedicationRequest", "Medication"]),
                st.dictionaries(st.sampled_from(MEMBERS), GARBAGE, max_size=6),
            ),
            max_size=3,
        )
    )
    def test_nothing_malformed_raises(self, orders: list[tuple[str, dict[str, Any]]]) -> None:
        """Bad members read as absent."""
        builder = Builder()
        given_orders = [Located({**members, "resourceType": kind}, "urn:uuid:1") for kind, members in orders]
        found, warnings = procedures(given_orders, chart_of(builder), builder.today)
        assert may_concern(given_orders, value_sets()) or found == ()
        assert all(isinstance(warning, str) for warning in warnings)

    @pytest.mark.parametrize("order", [None, 5, "x", [], {}])
    def test_no_order_at_all_is_no_error(self, order: Any) -> None:
        """An entry that is no order is passed over."""
        resource = order if isinstance(order, dict) else {"resourceType": order}
        assert not may_concern([Located(resource)], value_sets())
