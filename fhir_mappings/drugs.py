"""The drug of the trial and the drug of the pump, held against each other and against what is approved.

The pump's drug is the order's own, else the one that a finding or form states, else that of a prescription by the
spinal route. While a trial is ordered, what is stated of the pump comes before the trial order's drug.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from fhir_mappings.inquiry import Extractor, Inquiry, record_flag, silent
from fhir_mappings.resources import Resource, concept_text, items, mapping, reference_of, text
from fhir_mappings.times import when
from fhir_mappings.trial import drug_labels, drug_readings, is_compounded, medication_of, stated_drugs
from policies.values import Choice, Evidence, Fact

OPIOID_GROUPS = frozenset({"it-opioid", "systemic-opioid"})
APPROVED_USE = {
    "nonmalignant-pain": "intrathecal-pain",
    "cancer-pain": "intrathecal-pain",
    "spasticity": "intrathecal-spasticity",
}
PUMP_RECORDS = ("MedicationRequest", "Observation", "QuestionnaireResponse")
TRIAL_RECORDS = ("Procedure", "MedicationAdministration", "Observation", "QuestionnaireResponse")

_OPEN = frozenset({"draft", "active", "on-hold"})
_WISHES = frozenset({"proposal", "option"})
_ROUTES = ("route-intrathecal", "route-epidural")
_NOT_IN_TABLE = "A drug that is named is not in the drug table, or is compounded of parts that are not named."


@dataclass(frozen=True, slots=True)
class DrugChoice:
    """Ingredients (none: unknown), why they are not sure, and where they are named.

    `unnamed`  a further drug is named that is not known here, or a compound whose parts are not named
    """

    drugs: frozenset[str] = frozenset()
    unnamed: bool = False
    doubt: str = ""
    evidence: tuple[Evidence, ...] = ()

    @property
    def is_known(self) -> bool:
        """Return whether any drug is named."""
        return bool(self.drugs) or self.unnamed

    @property
    def why_unsure(self) -> str:
        """Return why the ingredients are not sure, empty where they are."""
        return self.doubt or (_NOT_IN_TABLE if self.unnamed else "")


def planned_drug(inquiry: Inquiry) -> DrugChoice:
    """Return the drug planned for the pump."""
    ordered, stated = _ordered(inquiry), _stated(inquiry)
    sources = (stated, ordered) if inquiry.phase == "trial" else (ordered, stated)
    known = [source for source in (*sources, _prescribed(inquiry)) if source.is_known]
    if not known:
        return DrugChoice()
    if known[0] is ordered and stated.is_known and not stated.doubt and stated.drugs != ordered.drugs:
        words = f"The order names {_words(inquiry, ordered)}, a statement {_words(inquiry, stated)}."
        return replace(ordered, doubt=words, evidence=(*ordered.evidence, *stated.evidence))
    return known[0]


def trial_drug(inquiry: Inquiry) -> DrugChoice:
    """Return the drug of the trial: in phase trial the order's own, else that of the trial that counts."""
    if inquiry.phase == "trial":
        return _ordered(inquiry)
    doses = inquiry.trials.latest
    doubt = next((dose.drug_doubt for dose in doses if dose.drug_doubt), "")
    return DrugChoice(inquiry.trials.drugs, False, doubt, tuple(dose.evidence for dose in doses))


def _ordered(inquiry: Inquiry) -> DrugChoice:
    procedure = inquiry.procedure
    unnamed = any(_is_unnamed(inquiry, order.resource) for order in procedure.orders)
    naming = [order for order in procedure.orders if order.drugs or _is_unnamed(inquiry, order.resource)]
    words = " and ".join(drug_labels(inquiry.chart, procedure.drugs)) or "a drug"
    evidence = tuple(Evidence(order.reference, "", f"order: {words}") for order in naming)
    return DrugChoice(procedure.drugs, unnamed, "", evidence)


def _is_unnamed(inquiry: Inquiry, resource: Resource) -> bool:
    """Return whether an order names a drug that is not known here."""
    if any(is_compounded(inquiry.chart, concept) for concept in items(resource.get("code"))):
        return True
    if resource.get("resourceType") != "MedicationRequest":
        return False
    concept = medication_of(resource, inquiry.chart)
    if is_compounded(inquiry.chart, concept):
        return True
    display = text(mapping(resource.get("medicationReference")).get("display"))
    if inquiry.sets.drugs.identify(concept) or inquiry.sets.drugs.identify(display):
        return False
    return bool(concept_text(concept) or display or list(items(concept.get("coding"))))


def _stated(inquiry: Inquiry) -> DrugChoice:
    readings = drug_readings(inquiry, "planned-pump-drug")
    if not readings:
        return DrugChoice()
    last = readings[-1].when
    of_day = [one for one in readings if last is None or (one.when is not None and one.when.first == last.first)]
    drugs, doubt = stated_drugs(inquiry, of_day)
    unnamed = any(not inquiry.sets.drugs.identify(one.concept) for one in of_day)
    words = " and ".join(drug_labels(inquiry.chart, drugs)) or "not in the drug table"
    evidence = tuple(one.evidence(f"planned pump drug: {words}") for one in of_day)
    return DrugChoice(drugs, unnamed, "" if unnamed else doubt, evidence)


def _prescribed(inquiry: Inquiry) -> DrugChoice:
    """Return the drugs prescribed by the spinal route; those written before the trial ended belong to the trial."""
    found = list(_spinal_prescriptions(inquiry))
    drugs = frozenset(drug for _, names in found for drug in names)
    evidence = tuple(
        Evidence(reference_of(one), text(one.get("authoredOn")), " and ".join(drug_labels(inquiry.chart, names)))
        for one, names in found
    )
    return DrugChoice(drugs, False, "", evidence)


def _spinal_prescriptions(inquiry: Inquiry) -> Iterator[tuple[Resource, frozenset[str]]]:
    trial = inquiry.trials.latest[-1] if inquiry.trials.latest else None
    for resource in inquiry.chart.of_type("MedicationRequest"):
        if text(resource.get("status")) not in _OPEN or text(resource.get("intent")) in _WISHES:
            continue
        if resource.get("doNotPerform") is True or not _is_spinal(inquiry, resource):
            continue
        authored = when(resource.get("authoredOn"))
        if authored is not None and not authored.possibly_by(inquiry.evidence_date):
            continue
        if trial is not None and (authored is None or authored.first <= trial.end.date()):
            continue
        drugs = inquiry.sets.drugs.identify(medication_of(resource, inquiry.chart))
        if drugs:
            yield resource, drugs


def _is_spinal(inquiry: Inquiry, resource: Resource) -> bool:
    routes = (mapping(dosage.get("route")) for dosage in items(resource.get("dosageInstruction")))
    return any(inquiry.sets.find(route, *_ROUTES) for route in routes)


# Facts --------------------------------------------------------------------------------------------------------


def pump_drug_is_opioid(inquiry: Inquiry) -> Fact:
    """Return whether the planned drug is one opioid alone; false for another known drug or a mixture."""
    planned = planned_drug(inquiry)
    note = f"Planned drug: {_words(inquiry, planned)}."
    if not planned.drugs:
        return silent(inquiry, *PUMP_RECORDS, note=note if planned.is_known else "", evidence=planned.evidence)
    return _flag(len(planned.drugs) == 1 and _holds_opioid(inquiry, planned), note, planned)


def known_non_opioid(inquiry: Inquiry) -> Fact:
    """Return whether the drugs are known and none is an opioid: the trial order's, or the trial's and the pump's."""
    choices = [trial_drug(inquiry)] if inquiry.phase == "trial" else [trial_drug(inquiry), planned_drug(inquiry)]
    note = _note(inquiry, *choices)
    opioids = [choice for choice in choices if _holds_opioid(inquiry, choice)]
    if opioids:
        return _flag(False, note, *opioids)
    if not all(choice.drugs and not choice.unnamed for choice in choices):
        evidence = tuple(item for choice in choices for item in choice.evidence)
        return silent(inquiry, *TRIAL_RECORDS, "MedicationRequest", note=note if evidence else "", evidence=evidence)
    return _flag(True, note, *choices)


def trial_drug_unlike_pump(inquiry: Inquiry) -> Fact:
    """Return whether the trial used no opioid while an opioid is planned for the pump."""
    trial, pump = trial_drug(inquiry), planned_drug(inquiry)
    if inquiry.phase == "trial" or not trial.drugs or not pump.drugs:
        return silent(inquiry, *TRIAL_RECORDS, "MedicationRequest")
    value = _holds_opioid(inquiry, pump) and not _holds_opioid(inquiry, trial)
    return _flag(value, _note(inquiry, trial, pump), trial, pump)


def same_agent(inquiry: Inquiry) -> Fact:
    """Return whether the trial's drug is the one planned for the pump; a mixture that shares one is not sure."""
    if inquiry.phase == "trial":
        return silent(inquiry, *TRIAL_RECORDS)
    trial, pump = trial_drug(inquiry), planned_drug(inquiry)
    note = _note(inquiry, trial, pump)
    if not trial.drugs or not pump.drugs:
        evidence = (*trial.evidence, *pump.evidence)
        return silent(inquiry, *TRIAL_RECORDS, "MedicationRequest", note=note if evidence else "", evidence=evidence)
    if trial.drugs != pump.drugs and trial.drugs & pump.drugs:
        pump = replace(pump, doubt=pump.doubt or "Trial and pump share a drug, but one of them is a mixture.")
    return _flag(trial.drugs == pump.drugs, note, trial, pump)


def drug_approval(inquiry: Inquiry) -> Fact:
    """Return `approved` for a single drug approved for this route and use, `other-known` for any other known drug.

    Source: HCSC SUR707.008, Coverage; the drugs' labels as the drug table gives them.
    """
    drug = trial_drug(inquiry) if inquiry.phase == "trial" else planned_drug(inquiry)
    if not drug.is_known:
        return silent(inquiry, *PUMP_RECORDS)
    uses = [inquiry.sets.drugs.fda_routes(name) for name in drug.drugs]
    approved = len(uses) == 1 and not drug.unnamed and APPROVED_USE.get(inquiry.indication, "") in uses[0]
    note = f"Drug: {_words(inquiry, drug)}."
    return Fact(Choice("approved" if approved else "other-known"), drug.evidence, note, drug.doubt)


def _flag(value: bool, note: str, *choices: DrugChoice) -> Fact:
    doubt = next((choice.why_unsure for choice in choices if choice.why_unsure), "")
    evidence = tuple(dict.fromkeys(item for choice in choices for item in choice.evidence))
    return record_flag(value, evidence, note=note, doubt=doubt)


def _note(inquiry: Inquiry, trial: DrugChoice, pump: DrugChoice | None = None) -> str:
    words = f"Trial: {_words(inquiry, trial)}"
    return f"{words}; pump: {_words(inquiry, pump)}." if pump is not None else f"{words}."


def _words(inquiry: Inquiry, choice: DrugChoice) -> str:
    labels = drug_labels(inquiry.chart, choice.drugs) + (
        ["a drug that is not in the drug table"] if choice.unnamed else []
    )
    return " and ".join(labels) or "drug not known"


def _holds_opioid(inquiry: Inquiry, choice: DrugChoice) -> bool:
    return any(inquiry.sets.drugs.group(drug) & OPIOID_GROUPS for drug in choice.drugs)


FACTS: dict[str, Extractor] = {
    "pump-drug-is-opioid": pump_drug_is_opioid,
    "trial-and-pump-drug-known-non-opioid": known_non_opioid,
    "trial-drug-unlike-pump": trial_drug_unlike_pump,
    "trial-same-agent-as-pump": same_agent,
    "drug-approval": drug_approval,
}
