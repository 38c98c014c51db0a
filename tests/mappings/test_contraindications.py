"""Infection, tumour, blood, body size, devices, and allergies to the drug."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from fhir_mappings.contraindications import FACTS
from policies.values import Fact, Flag
from tests.builder import ALLERGY_STATUS, Builder, concept
from tests.mapping_tools import fact, inquiry

TODAY = date(2026, 6, 1)
INFECTION, TUMOUR, IMAGING = "infection-on-record", "thecal-tumor-on-record", "spine-imaging-on-record"
BLOOD, THINNER, BODY = "contraindication-on-record", "anticoagulant-on-record", "small-body-on-record"
ALLERGY, DEVICE = "drug-allergy-on-record", "programmable-device-on-record"
IV, INTRATHECAL = concept("snomed", "47625008"), concept("snomed", "72607000")
MORPHINE, BACLOFEN = frozenset({"morphine"}), frozenset({"baclofen"})


def says(found: Fact) -> str:
    """Return what a fact says in words: unread, nothing, conflict, no, yes, each with its doubt."""
    if not isinstance(found.value, Flag):
        return "unread" if found.unread else "nothing"
    values = {one.value for one in found.value.statements}
    if len(values) > 1:
        return "conflict"
    word = "yes" if values == {True} else "no"
    return word if any(not one.doubt for one in found.value.statements) else f"{word}, doubtful"


def problem(name: str, code: str, system: str = "icd-10-cm", **members: Any) -> Fact:
    """Return one fact of a chart with one problem."""
    chart = Builder(TODAY)
    chart.condition(system, code, **members)
    return fact(FACTS[name], chart)


# Infection


@pytest.mark.parametrize(
    ("code", "members", "expected"),
    [
        ("J18.9", {}, "yes"),
        ("G06.1", {}, "yes"),
        ("T85.738A", {}, "yes"),
        ("T85.738S", {}, "no"),
        ("B20", {}, "yes, doubtful"),
        ("B18.2", {}, "yes, doubtful"),
        ("B02.29", {}, "no"),
        ("Z86.19", {}, "no"),
        ("G03.9", {}, "yes, doubtful"),
        ("J18.9", {"clinical": "resolved"}, "no"),
        ("J18.9", {"clinical": None}, "yes, doubtful"),
        ("J18.9", {"verification": "provisional"}, "yes, doubtful"),
        ("J18.9", {"verification": "refuted"}, "no"),
        ("J18.9", {"verification": "entered-in-error"}, "no"),
        ("N39.0", {"category": [concept("x", "encounter-diagnosis")], "recordedDate": "2026-03-03"}, "yes"),
        ("N39.0", {"category": [concept("x", "encounter-diagnosis")], "recordedDate": "2026-03-02"}, "no"),
        ("J18.9", {"onsetDateTime": "2026-06-02"}, "no"),
    ],
)
def test_infection_on_the_problem_list(code: str, members: dict[str, Any], expected: str) -> None:
    """An infection now is a yes, a chronic one a doubt; a resolved one, or nerve pain after shingles, is none."""
    assert says(problem(INFECTION, code, **members)) == expected


def test_a_read_and_empty_list_shows_no_infection() -> None:
    """Nothing found in records that were read is a no that says so."""
    found = fact(FACTS[INFECTION], Builder(TODAY))
    assert (says(found), found.note) == ("no", "No infection on record.")


@pytest.mark.parametrize("kind", ["Condition", "MedicationRequest", "MedicationAdministration"])
def test_no_infection_needs_every_record_read(kind: str) -> None:
    """If one of the records that bear on it could not be read, nothing found says nothing."""
    found = fact(FACTS[INFECTION], Builder(TODAY), unread=frozenset({kind}))
    assert (says(found), found.unread) == ("unread", (kind,))


def antibiotic(kind: str = "MedicationRequest", drug: dict[str, Any] | None = None, **members: Any) -> str:
    """Return what an antibiotic by vein says about infection."""
    chart = Builder(TODAY)
    dosage = {"dosageInstruction": [{"route": IV}]} if kind == "MedicationRequest" else {"dosage": {"route": IV}}
    own = {"status": "active", "intent": "order", "authoredOn": "2026-05-30"} if kind == "MedicationRequest" else {}
    named = drug or concept("rxnorm", "11124")
    chart.add(kind, medicationCodeableConcept=named, **{**own, **dosage, **members})
    return says(fact(FACTS[INFECTION], chart))


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, "yes, doubtful"),
        ({"drug": {"text": "Vancomycin 1 g IV"}}, "yes, doubtful"),
        ({"drug": concept("rxnorm", "9999999", display="ceftriaxone 1000 MG Injection")}, "yes, doubtful"),
        ({"drug": concept("rxnorm", "7052")}, "no"),
        ({"status": "stopped"}, "no"),
        ({"status": "draft"}, "no"),
        ({"intent": "plan"}, "no"),
        ({"doNotPerform": True}, "no"),
        ({"authoredOn": "2026-06-02"}, "no"),
        ({"authoredOn": "2026-03-03"}, "yes, doubtful"),
        ({"authoredOn": "2026-03-02"}, "no"),
        ({"dosageInstruction": [{"route": concept("snomed", "26643006")}]}, "no"),
        ({"dosageInstruction": [{}]}, "no"),
        (
            {"dosageInstruction": [{"route": IV, "timing": {"repeat": {"boundsPeriod": {"end": "2026-05-31"}}}}]},
            "no",
        ),
        (
            {"dosageInstruction": [{"route": IV, "timing": {"repeat": {"boundsPeriod": {"end": "2026-06-01"}}}}]},
            "yes, doubtful",
        ),
    ],
)
def test_an_antibiotic_by_vein_is_a_hint(members: dict[str, Any], expected: str) -> None:
    """An antibiotic running by vein raises the question; by mouth, stopped or left open for months it does not."""
    assert antibiotic(**members) == expected


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"status": "in-progress", "effectiveDateTime": "2026-05-01"}, "yes, doubtful"),
        ({"status": "completed", "effectiveDateTime": "2026-05-30"}, "yes, doubtful"),
        ({"status": "completed", "effectiveDateTime": "2026-05-29"}, "no"),
        ({"status": "not-done", "effectiveDateTime": "2026-06-01"}, "no"),
        ({"status": "in-progress", "effectiveDateTime": "2026-06-02"}, "no"),
        ({"status": "completed"}, "no"),
    ],
)
def test_doses_of_an_antibiotic(members: dict[str, Any], expected: str) -> None:
    """A dose within two days counts as therapy that goes on, an earlier one does not."""
    assert antibiotic("MedicationAdministration", **members) == expected


# Tumour, imaging


@pytest.mark.parametrize(
    ("system", "code", "expected"),
    [
        ("icd-10-cm", "C79.32", "yes"),
        ("icd-10-cm", "C79.49", "yes"),
        ("icd-10-cm", "D33.4", "yes"),
        ("icd-10-cm", "G95.20", "yes, doubtful"),
        ("icd-10-cm", "C79.31", "no"),
        ("icd-10-cm", "C79.51", "no"),
        ("snomed", "94600009", "yes"),
    ],
)
def test_tumour_at_the_thecal_sac(system: str, code: str, expected: str) -> None:
    """Tumours of meninges and cord count, brain and bone metastases do not, a compression is a doubt."""
    assert says(problem(TUMOUR, code, system)) == expected


@pytest.mark.parametrize(
    ("code", "members", "counts"),
    [
        (concept("loinc", "24968-0"), {"effectiveDateTime": "2026-05-01"}, True),
        (concept("cpt", "72148"), {"issued": "2026-05-01T09:00:00Z"}, True),
        (concept("loinc", "24968-0"), {"effectiveDateTime": "2026-06-02"}, False),
        (concept("loinc", "24968-0"), {"status": "preliminary"}, False),
        (concept("loinc", "24972-2"), {}, False),
    ],
)
def test_spine_imaging(code: dict[str, Any], members: dict[str, Any], counts: bool) -> None:
    """A final MRI or CT report of the spine is on file and not read; an X-ray cannot show the sac."""
    chart = Builder(TODAY)
    chart.add("DiagnosticReport", code=code, **{"status": "final", **members})
    assert (says(fact(FACTS[IMAGING], chart)) == "yes") is counts


# Blood and pressure


@pytest.mark.parametrize(
    ("system", "code", "expected"),
    [
        ("icd-10-cm", "D66", "yes"),
        ("icd-10-cm", "D68.9", "yes"),
        ("icd-10-cm", "D68.32", "yes, doubtful"),
        ("icd-10-cm", "D69.6", "yes, doubtful"),
        ("icd-10-cm", "D70.1", "yes, doubtful"),
        ("icd-10-cm", "D61.810", "yes"),
        ("icd-10-cm", "G93.2", "yes"),
        ("icd-10-cm", "G91.1", "yes"),
        ("icd-10-cm", "C79.31", "yes, doubtful"),
        ("icd-10-cm", "Z79.01", "no"),
        ("snomed", "84828003", "yes, doubtful"),
        ("snomed", "127034005", "yes"),
    ],
)
def test_contraindications_on_the_problem_list(system: str, code: str, expected: str) -> None:
    """Disorders count; a leukopenia by code alone, a low platelet count, a brain metastasis are doubts."""
    assert says(problem(BLOOD, code, system)) == expected


def test_a_shunted_hydrocephalus_is_a_doubt() -> None:
    """With a shunt on record a hydrocephalus no longer says that the pressure is raised."""
    chart = Builder(TODAY)
    chart.condition("icd-10-cm", "G91.1")
    chart.condition("icd-10-cm", "Z98.2")
    assert says(fact(FACTS[BLOOD], chart)) == "yes, doubtful"


def test_anticoagulants_are_shown() -> None:
    """A running anticoagulant or its long-term mark is shown; a stopped one is not."""
    chart = Builder(TODAY)
    chart.medication("11289", start_days_ago=100, end_days_ago=10)
    chart.add("MedicationStatement", status="completed", medicationCodeableConcept=concept("rxnorm", "1364430"))
    assert says(fact(FACTS[THINNER], chart)) == "nothing"
    chart.medication("855288", start_days_ago=100, status="active")
    chart.add("MedicationStatement", status="active", medicationCodeableConcept={"text": "Eliquis (apixaban) 5 mg"})
    chart.condition("icd-10-cm", "Z79.01")
    found = fact(FACTS[THINNER], chart)
    assert [item.summary for item in found.evidence] == ["warfarin", "apixaban", "takes an anticoagulant (Z79.01)"]


def test_a_drug_behind_a_reference_is_read() -> None:
    """A medication that the request only refers to is looked up, contained or in the chart."""
    chart = Builder(TODAY)
    contained = {"resourceType": "Medication", "id": "m", "code": concept("rxnorm", "11289")}
    chart.add(
        "MedicationRequest", status="active", intent="order", contained=[contained],
        medicationReference={"reference": "#m"},
    )  # fmt: skip
    assert says(fact(FACTS[THINNER], chart)) == "yes"


# Body


@pytest.mark.parametrize(
    ("code", "expected"), [("R64", "yes, doubtful"), ("Z68.1", "yes, doubtful"), ("Z68.41", "no"), ("E66.9", "no")]
)
def test_hints_at_a_small_body(code: str, expected: str) -> None:
    """Cachexia and a low body mass index are hints and never more."""
    assert says(problem(BODY, code)) == expected


@pytest.mark.parametrize("name", [TUMOUR, BLOOD, BODY])
def test_an_unread_problem_list_shows_nothing(name: str) -> None:
    """ "None on record" needs the problem list."""
    found = fact(FACTS[name], Builder(TODAY), unread=frozenset({"Condition"}))
    assert (says(found), found.unread) == ("unread", ("Condition",))


# Devices


def device(**members: Any) -> str:
    """Return what one Device says about other programmable devices."""
    chart = Builder(TODAY)
    chart.add("Device", **members)
    return says(fact(FACTS[DEVICE], chart))


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"status": "active", "type": concept("snomed", "14106009")}, "yes, doubtful"),
        ({"type": concept("snomed", "25937001")}, "yes, doubtful"),
        ({"status": "inactive", "type": concept("snomed", "14106009")}, "no"),
        ({"status": "entered-in-error", "type": concept("snomed", "14106009")}, "no"),
        ({"status": "active", "type": concept("snomed", "69805005")}, "no"),
        ({"status": "active", "type": concept("hcpcs", "C1772")}, "no"),
        ({"status": "active", "type": {"text": "SynchroMed II intrathecal pump"}}, "no"),
        (
            {"type": {"coding": [*concept("hcpcs", "C1772")["coding"], *concept("snomed", "25937001")["coding"]]}},
            "no",
        ),
    ],
)
def test_devices_in_place(members: dict[str, Any], expected: str) -> None:
    """A pacemaker or stimulator in place is for a clinician; the intrathecal pump itself is no other device."""
    assert device(**members) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [("Z95.0", "yes, doubtful"), ("Z96.82", "yes, doubtful"), ("Z45.1", "no"), ("Z96.89", "no"), ("T85.615A", "no")],
)
def test_devices_on_the_problem_list(code: str, expected: str) -> None:
    """The presence of a device counts, a visit for any infusion pump or a complication of it does not."""
    assert says(problem(DEVICE, code)) == expected


def test_a_device_of_an_old_visit_still_counts() -> None:
    """An implanted device does not go away with the visit that recorded it."""
    category = [concept("x", "encounter-diagnosis")]
    assert says(problem(DEVICE, "Z95.0", category=category, recordedDate="2020-01-01")) == "yes, doubtful"


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"code": "63685"}, "yes, doubtful"),
        ({"code": "63685", "status": "not-done"}, "no"),
        ({"code": "63685", "start": "2026-06-02"}, "no"),
        ({"code": "63650"}, "no"),
        ({"code": "62362"}, "no"),
        ({"code": "33208", "usedCode": [concept("hcpcs", "C1785")]}, "yes, doubtful"),
    ],
)
def test_devices_by_procedure(members: dict[str, Any], expected: str) -> None:
    """A generator that was placed counts, by procedure code or by the item used; a pump's implantation does not."""
    chart = Builder(TODAY)
    code, start = members.pop("code"), members.pop("start", "2024-05-01")
    chart.procedure("cpt", code, start=start, **members)
    assert says(fact(FACTS[DEVICE], chart)) == expected


@pytest.mark.parametrize("kind", ["Device", "Condition", "Procedure"])
def test_no_device_needs_every_record_read(kind: str) -> None:
    """If one of the records could not be read, no device found says nothing."""
    assert says(fact(FACTS[DEVICE], Builder(TODAY), unread=frozenset({kind}))) == "unread"


# Allergies


def allergy(chart: Builder, code: dict[str, Any], *, clinical: str | None = "active", **members: Any) -> None:
    """Add an AllergyIntolerance of type allergy unless said otherwise."""
    status = concept(ALLERGY_STATUS, clinical) if clinical else None
    chart.add("AllergyIntolerance", code=code, clinicalStatus=status, **{"type": "allergy", **members})


def allergic(code: dict[str, Any], drugs: frozenset[str] = MORPHINE, **members: Any) -> str:
    """Return what one allergy entry says about the drugs ordered."""
    chart = Builder(TODAY)
    allergy(chart, code, **members)
    return says(fact(FACTS[ALLERGY], chart, drugs=drugs))


RX_MORPHINE = concept("rxnorm", "7052")


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, "yes"),
        ({"type": None}, "yes"),
        ({"type": "intolerance"}, "yes, doubtful"),
        ({"clinical": None}, "yes, doubtful"),
        ({"clinical": "resolved"}, "no"),
        ({"clinical": "inactive"}, "no"),
        ({"verificationStatus": concept("x", "unconfirmed")}, "yes, doubtful"),
        ({"verificationStatus": concept("x", "refuted")}, "no"),
        ({"verificationStatus": concept("x", "entered-in-error")}, "nothing"),
        ({"recordedDate": "2026-06-02"}, "nothing"),
        ({"recordedDate": "2026-06"}, "yes, doubtful"),
    ],
)
def test_an_allergy_to_the_drug(members: dict[str, Any], expected: str) -> None:
    """An active allergy to the drug is a yes, also without a type; an intolerance or an unsure entry is a doubt."""
    assert allergic(RX_MORPHINE, **members) == expected


@pytest.mark.parametrize(
    ("code", "drugs", "expected"),
    [
        (concept("snomed", "373529000"), MORPHINE, "yes"),
        (concept("rxnorm", "892473"), MORPHINE, "yes"),
        ({"text": "Morphine sulfate"}, MORPHINE, "yes"),
        ({"text": "Hydromorphone"}, MORPHINE, "no"),
        ({"text": "opioids"}, MORPHINE, "yes, doubtful"),
        ({"text": "opioids"}, BACLOFEN, "no"),
        ({"text": "penicillin"}, MORPHINE, "no"),
        ({"text": "local anesthetics"}, frozenset({"morphine", "bupivacaine"}), "yes, doubtful"),
        (RX_MORPHINE, BACLOFEN, "no"),
        (RX_MORPHINE, frozenset(), "yes, doubtful"),
        ({"text": "penicillin"}, frozenset(), "no"),
        (concept("snomed", "716186003"), frozenset(), "no"),
        (concept("snomed", "409137002"), MORPHINE, "no"),
        ({}, MORPHINE, "no, doubtful"),
    ],
)
def test_what_an_entry_names(code: dict[str, Any], drugs: frozenset[str], expected: str) -> None:
    """Substance, product or name match the drug; a class in words, or a drug not known, is a doubt."""
    assert allergic(code, drugs) == expected


def test_a_reaction_that_names_the_drug() -> None:
    """The substance of a reaction counts like the entry's own."""
    assert allergic({"text": "drug allergy"}, reaction=[{"substance": RX_MORPHINE}]) == "yes"


@pytest.mark.parametrize(
    ("code", "drugs", "expected"),
    [
        ("Z88.5", MORPHINE, "yes, doubtful"),
        ("Z88.5", frozenset(), "yes, doubtful"),
        ("Z88.5", BACLOFEN, "nothing"),
        ("Z88.4", frozenset({"bupivacaine"}), "yes, doubtful"),
        ("Z88.4", MORPHINE, "nothing"),
        ("Z88.0", MORPHINE, "nothing"),
    ],
)
def test_an_allergy_in_the_history(code: str, drugs: frozenset[str], expected: str) -> None:
    """A history of allergy to a class is a doubt for a drug of that class, and does not fill the allergy list."""
    chart = Builder(TODAY)
    chart.condition("icd-10-cm", code)
    assert says(fact(FACTS[ALLERGY], chart, drugs=drugs)) == expected


def test_an_empty_allergy_list_is_silence() -> None:
    """Read and empty says nothing; not read is unread."""
    found = fact(FACTS[ALLERGY], Builder(TODAY), drugs=MORPHINE)
    assert (says(found), found.note) == ("nothing", "The allergy list is empty.")
    assert says(fact(FACTS[ALLERGY], Builder(TODAY), unread=frozenset({"AllergyIntolerance"}))) == "unread"


@pytest.mark.parametrize(
    ("reason", "code", "expected"),
    [
        ("nilknown", "52472-8", "no"),
        ("notasked", "52472-8", "nothing"),
        ("unavailable", "52472-8", "nothing"),
        ("nilknown", "10160-0", "nothing"),
    ],
)
def test_an_empty_list_with_its_reason(reason: str, code: str, expected: str) -> None:
    """A list that is empty because none is known is a documented absence; other reasons and other lists are none."""
    chart = Builder(TODAY)
    chart.add("List", status="current", code=concept("loinc", code), emptyReason=concept("x", reason))
    assert says(fact(FACTS[ALLERGY], chart, drugs=MORPHINE)) == expected


def test_no_known_allergy_beside_an_allergy_is_a_conflict() -> None:
    """ "No known allergy" and an allergy to the drug contradict each other."""
    chart = Builder(TODAY)
    allergy(chart, concept("snomed", "716186003"))
    allergy(chart, RX_MORPHINE)
    assert says(fact(FACTS[ALLERGY], chart, drugs=MORPHINE)) == "conflict"


@pytest.mark.parametrize("route", [INTRATHECAL, concept("snomed", "404820008")])
def test_a_planned_spinal_drug_counts(route: dict[str, Any]) -> None:
    """A drug that is prescribed for the pump counts beside the order's own."""
    chart = Builder(TODAY)
    chart.add(
        "MedicationRequest", status="active", intent="order", medicationCodeableConcept=concept("rxnorm", "1292"),
        dosageInstruction=[{"route": route}],
    )  # fmt: skip
    allergy(chart, concept("rxnorm", "1292"))
    assert says(fact(FACTS[ALLERGY], chart, drugs=MORPHINE)) == "yes"


@pytest.mark.parametrize("finding", ["planned-pump-drug", "trial-drug"])
def test_a_stated_drug_counts(finding: str) -> None:
    """The drug that a finding names for pump or trial counts."""
    chart = Builder(TODAY)
    chart.observation("finding", finding, valueCodeableConcept={"text": "hydromorphone"})
    allergy(chart, concept("rxnorm", "3423"))
    assert says(fact(FACTS[ALLERGY], chart, drugs=MORPHINE)) == "yes"


def test_the_trials_drug_counts() -> None:
    """An allergy to the drug of the trial counts though another drug is ordered."""
    chart = Builder(TODAY)
    used = [concept("hcpcs", "J2274")]
    reason = [concept("icd-10-cm", "M96.1")]
    chart.procedure(
        "cpt", "62326", start="2026-05-01T08:00:00Z", end="2026-05-03T08:00:00Z", usedCode=used, reasonCode=reason
    )
    allergy(chart, RX_MORPHINE)
    assert says(fact(FACTS[ALLERGY], chart, drugs=frozenset({"ziconotide"}))) == "yes"


def test_the_note_names_what_was_read() -> None:
    """A no says what the list holds and which drug was looked for."""
    chart = Builder(TODAY)
    allergy(chart, {"text": "penicillin"})
    found = fact(FACTS[ALLERGY], chart, drugs=MORPHINE)
    assert found.note == "The allergy list (penicillin) names no allergy to morphine."


@pytest.mark.parametrize("garbage", [None, 7, "text", [], ["x"], {"coding": "x"}, {"route": 3}, [{}], {"repeat": 1}])
def test_malformed_members_never_raise(garbage: object) -> None:
    """Garbage in drugs, routes, periods, devices and allergies leaves every fact computable."""
    chart = Builder(TODAY)
    chart.add(
        "MedicationRequest", status="active", intent="order", medicationCodeableConcept=garbage,
        medicationReference=garbage, dosageInstruction=garbage, dispenseRequest=garbage, authoredOn=garbage,
    )  # fmt: skip
    chart.add(
        "MedicationRequest", status="active", intent="order", dosageInstruction=[{"route": IV, "timing": garbage}]
    )
    chart.add("MedicationAdministration", status="completed", dosage=garbage, effectivePeriod=garbage)
    chart.add("MedicationStatement", status="active", medicationCodeableConcept=garbage, effectivePeriod=garbage)
    chart.add("Device", type=garbage, status=garbage)
    chart.add("Procedure", status="completed", usedCode=garbage, code=garbage)
    chart.add("AllergyIntolerance", code=garbage, reaction=garbage, clinicalStatus=garbage, recordedDate=garbage)
    chart.add("List", status="current", code=garbage, emptyReason=garbage)
    asked = inquiry(chart)
    assert {says(extract(asked)) for extract in FACTS.values()} <= {"no", "nothing", "no, doubtful"}
