"""The drug of the trial and the drug of the pump, held against each other and against what is approved."""

from __future__ import annotations

from dataclasses import dataclass

from fhir_mappings.inquiry import Extractor, Inquiry, record_flag, silent
from fhir_mappings.trial import drug_labels, drug_readings, stated_drugs
from policies.values import Choice, Evidence, Fact

OPIOID = "it-opioid"
APPROVED_USE = {
    "nonmalignant-pain": "intrathecal-pain",
    "cancer-pain": "intrathecal-pain",
    "spasticity": "intrathecal-spasticity",
}
PUMP_RECORDS = ("MedicationRequest", "Observation")
TRIAL_RECORDS = ("Procedure", "MedicationAdministration", "Observation")


@dataclass(frozen=True, slots=True)
class DrugChoice:
    """Ingredients (empty: unknown), why they are not sure, and where they are named."""

    drugs: frozenset[str]
    doubt: str = ""
    evidence: tuple[Evidence, ...] = ()


def planned_drug(inquiry: Inquiry) -> DrugChoice:
    """Return the drug planned for the pump: the order's own, else what a finding or form states last."""
    procedure = inquiry.procedure
    if procedure.drugs:
        named = [order for order in procedure.orders if order.drugs] or list(procedure.orders)
        words = " and ".join(drug_labels(inquiry.chart, procedure.drugs))
        return DrugChoice(procedure.drugs, "", tuple(Evidence(order.reference, "", words) for order in named))
    readings = drug_readings(inquiry, "planned-pump-drug")
    last = [one for one in readings if one.when and readings[-1].when and one.when.first == readings[-1].when.first]
    drugs, doubt = stated_drugs(inquiry, last or readings)
    words = " and ".join(drug_labels(inquiry.chart, drugs)) or "drug not known"
    return DrugChoice(drugs, doubt, tuple(one.evidence(f"planned pump drug: {words}") for one in last or readings))


def trial_drug(inquiry: Inquiry) -> DrugChoice:
    """Return the drug of the trial: in phase trial the order's own, else that of the trial that counts."""
    if inquiry.phase == "trial":
        return planned_drug(inquiry)
    doses = inquiry.trials.latest
    doubt = next((dose.drug_doubt for dose in doses if dose.drug_doubt), "")
    return DrugChoice(inquiry.trials.drugs, doubt, tuple(dose.evidence for dose in doses))


def pump_drug_is_opioid(inquiry: Inquiry) -> Fact:
    """Return whether the planned drug is an opioid alone; false for another known drug or a mixture."""
    planned = planned_drug(inquiry)
    if not planned.drugs:
        return silent(inquiry, *PUMP_RECORDS)
    return _flag(_are_opioids(inquiry, planned), f"Planned drug: {_words(inquiry, planned)}.", planned)


def known_non_opioid(inquiry: Inquiry) -> Fact:
    """Return whether the drugs are known and none is an opioid: the trial order's, or the trial's and the pump's."""
    choices = [planned_drug(inquiry)]
    if inquiry.phase != "trial":
        choices.append(trial_drug(inquiry))
    if not all(choice.drugs for choice in choices):
        return silent(inquiry, *TRIAL_RECORDS, *PUMP_RECORDS)
    value = not any(_holds_opioid(inquiry, choice) for choice in choices)
    words = "; ".join(dict.fromkeys(_words(inquiry, choice) for choice in choices))
    return _flag(value, f"Drug: {words}.", *choices)


def trial_drug_unlike_pump(inquiry: Inquiry) -> Fact:
    """Return whether the trial used no opioid while an opioid is planned for the pump."""
    trial, pump = trial_drug(inquiry), planned_drug(inquiry)
    if inquiry.phase == "trial" or not trial.drugs or not pump.drugs:
        return silent(inquiry, *TRIAL_RECORDS)
    value = _holds_opioid(inquiry, pump) and not _holds_opioid(inquiry, trial)
    return _flag(value, f"Trial: {_words(inquiry, trial)}; pump: {_words(inquiry, pump)}.", trial, pump)


def same_agent(inquiry: Inquiry) -> Fact:
    """Return whether the trial's drug is the one planned for the pump."""
    trial, pump = trial_drug(inquiry), planned_drug(inquiry)
    note = f"Trial: {_words(inquiry, trial)}; pump: {_words(inquiry, pump)}."
    if not trial.drugs or not pump.drugs:
        known = (*trial.evidence, *pump.evidence)
        return silent(inquiry, *TRIAL_RECORDS, *PUMP_RECORDS, note=note if known else "", evidence=known)
    return _flag(trial.drugs == pump.drugs, note, trial, pump)


def drug_approval(inquiry: Inquiry) -> Fact:
    """Return `approved` for a single drug approved for this route and use, `other-known` for any other known drug.

    Source: HCSC SUR707.008, Coverage; the FDA's labels and its safety communication of 2018-11-14.
    """
    planned = planned_drug(inquiry)
    if not planned.drugs:
        return silent(inquiry, *PUMP_RECORDS)
    routes = [inquiry.sets.drugs.fda_routes(drug) for drug in planned.drugs]
    approved = len(routes) == 1 and APPROVED_USE.get(inquiry.indication, "") in routes[0]
    note = f"Drug: {_words(inquiry, planned)}."
    return Fact(Choice("approved" if approved else "other-known"), planned.evidence, note, planned.doubt)


def _flag(value: bool, note: str, *choices: DrugChoice) -> Fact:
    doubt = next((choice.doubt for choice in choices if choice.doubt), "")
    evidence = tuple(dict.fromkeys(item for choice in choices for item in choice.evidence))
    return record_flag(value, evidence, note=note, doubt=doubt)


def _words(inquiry: Inquiry, choice: DrugChoice) -> str:
    return " and ".join(drug_labels(inquiry.chart, choice.drugs)) or "not known"


def _are_opioids(inquiry: Inquiry, choice: DrugChoice) -> bool:
    return all(OPIOID in inquiry.sets.drugs.group(drug) for drug in choice.drugs)


def _holds_opioid(inquiry: Inquiry, choice: DrugChoice) -> bool:
    groups = (inquiry.sets.drugs.group(drug) for drug in choice.drugs)
    return any(OPIOID in group or "systemic-opioid" in group for group in groups)


FACTS: dict[str, Extractor] = {
    "pump-drug-is-opioid": pump_drug_is_opioid,
    "trial-and-pump-drug-known-non-opioid": known_non_opioid,
    "trial-drug-unlike-pump": trial_drug_unlike_pump,
    "trial-same-agent-as-pump": same_agent,
    "drug-approval": drug_approval,
}
