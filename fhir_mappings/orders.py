"""Draft orders -> the procedures that concern us: phase, indication, drugs, codes, dates.

The trap: the codes of a pump trial are those of ordinary epidurals, which are ordered a thousand times more often. Such
an order counts only with a sign of a trial: (a) it says so, (b) a pump is ordered with it or it stands in the line of
such an order, (c) baclofen or ziconotide for the spine, (d) an opioid or clonidine for a pain that pumps are implanted
for, with no steroid beside it. Pregnancy, anaesthesia and acute pain silence (c) and (d).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from fhir_mappings.chart import Chart, Located
from fhir_mappings.code_sets import ValueSets
from fhir_mappings.indications import CANCER, PAIN, SPASTICITY, Indication, indication_of, is_current
from fhir_mappings.pump_in_place import systems_in_place
from fhir_mappings.resources import Resource, mapping
from fhir_mappings.signing import DEVICE, EARLIER, MEDICATION, SERVICE, OrderReading, Signing
from fhir_mappings.signs import pain_indication
from fhir_mappings.times import When, choice_span, span, when
from policies.determination import Caution
from policies.model import ANY_INDICATION

SINGLE_INJECTION = "neuraxial-single-injection"
CATHETER_INFUSION = "neuraxial-catheter-infusion"
TUNNELED_CATHETER = "pump-tunneled-catheter"
PUMP_IMPLANT = "pump-implant"
PUMP_ITEM = "pump-item"
REPLACEMENT_ITEM = "pump-replacement-item"

TRIAL, PERMANENT, REPLACEMENT, REVISION = "trial", "permanent", "replacement", "revision"
PROCEDURE_ROLES = frozenset({SINGLE_INJECTION, CATHETER_INFUSION, TUNNELED_CATHETER, PUMP_IMPLANT})
TRIAL_ROLES = frozenset({SINGLE_INJECTION, CATHETER_INFUSION})
IMPLANT_ROLES = frozenset({TUNNELED_CATHETER, PUMP_IMPLANT, PUMP_ITEM, REPLACEMENT_ITEM})

TRIAL_PURPOSE, REPLACEMENT_PURPOSE = "intrathecal-trial", "pump-replacement"
PUMP_FINDINGS = {
    "pump-functional": False,
    "pump-repairable": False,
    "pump-battery-end": True,
    "pump-alert-impending-failure": True,
    "pump-recalled": True,
}
"""Findings that speak for a replacement, with the value that does."""

OPIOID, CLONIDINE, BACLOFEN, ZICONOTIDE = "it-opioid", "it-clonidine", "it-baclofen", "it-ziconotide"
LOCAL_ANAESTHETIC, STEROID, NOT_OURS = "it-local-anaesthetic", "injectate-steroid", "injectate-out-of-scope"
OUR_DRUGS = frozenset({OPIOID, CLONIDINE, BACLOFEN, ZICONOTIDE})
PUMP_DRUGS = (*OUR_DRUGS, NOT_OURS)
UNLIKE = {PAIN: (BACLOFEN,), CANCER: (BACLOFEN,), SPASTICITY: (OPIOID, ZICONOTIDE)}
"""Drug groups that no policy gives for the indication."""

PHASE_UNCLEAR, INDICATION_UNCLEAR, DRUG_UNLIKE = "phase-unclear", "indication-unclear", "drug-unlike-indication"
NOT_UNDERSTOOD, DATE_PAST = "order-not-understood", "order-date-past"
ASKED = {PAIN: "pain that is not from cancer", CANCER: "cancer pain", SPASTICITY: "spasticity"}


@dataclass(frozen=True, slots=True)
class Order:
    """One order as it concerns us.

    `roles`   ids of the order value sets that hold its codes
    `codes`   its CPT and HCPCS codes, as written
    `drugs`   ingredients named on it
    """

    reference: str
    resource: Resource
    roles: frozenset[str]
    codes: tuple[str, ...]
    drugs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Procedure:
    """Orders of one signing that are one procedure.

    `cases`        the (indication, phase) pairs to evaluate; `any` stands for an indication that is not asked
    `drugs`        ingredients ordered with it: the trial's drug for a trial, the pump's for an implant
    `policy_date`  earliest day of the order's occurrence, else authoredOn, else today
    `service_date`  the day of the order's occurrence, None where it names none
    `anaesthesia`, `out_of_scope_injectate`, `other_antispasmodic`, `dystonia_only`  what the orders and reasons say
    """

    orders: tuple[Order, ...]
    cases: tuple[tuple[str, str], ...]
    policy_date: date
    drugs: frozenset[str] = frozenset()
    cautions: tuple[Caution, ...] = ()
    anaesthesia: bool = False
    out_of_scope_injectate: bool = False
    other_antispasmodic: bool = False
    dystonia_only: bool = False
    service_date: date | None = None

    @property
    def references(self) -> tuple[str, ...]:
        """Return `Type/id` of every order."""
        return tuple(order.reference for order in self.orders)

    @property
    def codes(self) -> tuple[str, ...]:
        """Return every procedure and item code, each once."""
        return tuple(dict.fromkeys(code for order in self.orders for code in order.codes))

    def cautions_of(self, indication: str) -> tuple[Caution, ...]:
        """Return the cautions of one case: where the indication is not asked, none is about it."""
        if indication != ANY_INDICATION:
            return self.cautions
        return tuple(one for one in self.cautions if one.code not in (INDICATION_UNCLEAR, DRUG_UNLIKE))


def evidence_date(service_date: date | None, today: date) -> date:
    """Return the day after which nothing counts: today, or the service date if that is earlier."""
    return today if service_date is None else min(service_date, today)


def may_concern(orders: Iterable[Located], sets: ValueSets) -> bool:
    """Return False where the orders certainly do not concern us, without a look at any chart.

    Whatever a reference points to beyond the orders is taken to speak for a trial.
    """
    signing = Signing(list(orders), sets)
    return any(
        _is_implant(order)
        or _is_trial(order, signing, sure=False)
        or _is_open_item(order)
        or bool(_named(order, signing))
        for order in signing.orders
    )


def procedures(orders: Sequence[Located], chart: Chart, today: date) -> tuple[tuple[Procedure, ...], list[str]]:
    """Return the procedures that concern us, trial first, and warnings about orders that could not be read.

    Raises nothing: what is malformed reads as absent.
    """
    signing = Signing(orders, chart.sets, chart)
    warnings = [warning for order in signing.orders for warning in _unreadable(order)]
    trial = [order for order in signing.orders if _is_trial(order, signing)]
    implant = [order for order in signing.orders if _is_implant(order)]
    understood = {TRIAL: bool(trial), PERMANENT: bool(implant)}
    if not all(understood.values()):
        named = _named_orders(signing, chart, today, coded=bool(trial or implant))
        trial = trial or [order for order, phase in named if phase == TRIAL]
        implant = implant or [order for order, phase in named if phase == PERMANENT]
    found = []
    for phase, members in ((TRIAL, trial), (PERMANENT, implant)):
        if members:
            group = [*members, *_drug_orders(signing, members, trial + implant)]
            cautions = () if understood[phase] else (_not_understood(phase),)
            found.append(_procedure(group, phase, cautions, chart, today))
            warnings += [
                f"{order.reference}: reasonReference {reference} is not known: not read."
                for order in group
                for reference in order.unknown_reasons()
            ]
    return tuple(found), list(dict.fromkeys(warnings))


# Which orders concern us ----------------------------------------------------------------------------------------


def _is_implant(order: OrderReading) -> bool:
    return bool(order.roles & IMPLANT_ROLES)


def _is_pump(order: OrderReading) -> bool:
    return bool(order.roles & {PUMP_IMPLANT, PUMP_ITEM}) or order.has(REPLACEMENT_ITEM, part="pump")


def _is_trial(order: OrderReading, signing: Signing, *, sure: bool = True) -> bool:
    """Return whether an order with a code of spinal injections bears a sign of a pump trial.

    Where not `sure`, what a reference hides is taken for a sign.
    """
    if not order.roles & TRIAL_ROLES or _is_implant(order):
        return False
    others = [one for one in signing.orders if one is not order]
    if _says_trial(order, signing) or _in_line_of_pump(order, others, signing):
        return True
    if not sure and (order.is_open(*EARLIER[order.kind]) or any(_is_open_item(one) for one in others)):
        return True
    if any(_is_anaesthesia(one) for one in signing.orders):
        return False
    hidden = not sure and any(one.is_open("medicationReference") for one in others)
    if hidden or any(
        one.in_groups(BACLOFEN, ZICONOTIDE) or _describes(one, BACLOFEN, ZICONOTIDE) for one in signing.orders
    ):
        return True
    if not any(one.in_groups(OPIOID, CLONIDINE) or _describes(one, OPIOID, CLONIDINE) for one in signing.orders):
        return False
    if any(_is_steroid(one, signing) for one in signing.orders) or _is_epidural_mixture(signing):
        return False
    pain = pain_indication(signing.sets, _reason_concepts(order))
    return pain or (not sure and order.is_open("reasonReference"))


def _says_trial(order: OrderReading, signing: Signing) -> bool:
    return TRIAL_PURPOSE in order.purpose_codes or any(signing.reader.says_trial(words) for words in order.texts)


def _in_line_of_pump(order: OrderReading, others: Sequence[OrderReading], signing: Signing) -> bool:
    if any(_is_implant(one) or _names_implant(one, signing) for one in others):
        return True
    earlier = (signing.read(target) for target in order.earlier)
    return any(
        one is not None and (_is_implant(one) or _names_implant(one, signing) or _says_trial(one, signing))
        for one in earlier
    )


def _names_implant(order: OrderReading, signing: Signing) -> bool:
    """Return whether an order with no code of ours is for a pump; a drug for one is not."""
    return order.kind != MEDICATION and _named(order, signing) == PERMANENT


def _reason_concepts(order: OrderReading) -> list[Resource]:
    return [concept for concept, source in order.reasons if source is None or _still_so(source)]


def _still_so(source: Resource) -> bool:
    return is_current(source, date.max)


def _describes(order: OrderReading, *groups: str) -> bool:
    sets = order.sets
    return any(sets.drugs.group(name) & set(groups) for name in order.described_drugs)


def _is_steroid(order: OrderReading, signing: Signing) -> bool:
    named = (*order.name_texts, *order.note_texts)
    return order.in_groups(STEROID) or (order.is_spinal is not False and any(map(signing.reader.says_steroid, named)))


def _is_epidural_mixture(signing: Signing) -> bool:
    """Return whether an opioid stands with a local anaesthetic by epidural route, as in labour and after surgery."""
    drugs = [one for one in signing.orders if one.kind == MEDICATION]
    if any(one.has("epidural-premix") for one in signing.orders):
        return True
    return any(one.is_epidural and one.in_groups(LOCAL_ANAESTHETIC) for one in drugs) and any(
        one.is_epidural and one.in_groups(OPIOID) for one in drugs
    )


def _is_anaesthesia(order: OrderReading) -> bool:
    """Return whether code, reason or category speak of pregnancy, labour, anaesthesia or acute pain after surgery."""
    concepts = [*_reason_concepts(order), *order.purposes]
    if any(order.sets.find(concept, "counter-sign") for concept in concepts):
        return True
    return any(map(order.reader.speaks_against_trial, (*order.name_texts, *order.reason_texts)))


def _is_open_item(order: OrderReading) -> bool:
    """Return whether an order is for a device that is not known here: it may be a pump."""
    return order.kind == DEVICE and order.is_open("codeReference")


def _named(order: OrderReading, signing: Signing) -> str:
    """Return the phase that an order with no code of ours names by purpose or words; empty where it names none."""
    if order.roles:
        return ""
    if TRIAL_PURPOSE in order.purpose_codes:
        return TRIAL
    if order.purpose_codes:
        return PERMANENT
    if any(map(signing.reader.says_trial, order.texts)):
        return TRIAL
    return PERMANENT if any(map(signing.reader.names_pump, order.texts)) else ""


def _named_orders(signing: Signing, chart: Chart, today: date, *, coded: bool) -> list[tuple[OrderReading, str]]:
    """Return the orders that name a trial or a pump in words, drug orders only where they stand alone.

    A drug for a pump that is in place is its refill.
    """
    named = [(order, _named(order, signing)) for order in signing.orders]
    others = [(order, phase) for order, phase in named if phase and order.kind != MEDICATION]
    if others or coded:
        return others
    drugs = [(order, phase) for order, phase in named if phase]
    if drugs and systems_in_place(chart, today):
        return [(order, phase) for order, phase in drugs if phase == TRIAL or order.purpose_codes]
    return drugs


def _drug_orders(
    signing: Signing, members: Sequence[OrderReading], procedures_ordered: Sequence[OrderReading]
) -> list[OrderReading]:
    """Return the drug orders that go with a procedure: given into the spine, and not based on another procedure."""
    own, all_known = ({id(one.resource) for one in group} for group in (members, procedures_ordered))
    found = []
    for order in signing.orders:
        if order.kind != MEDICATION or order in members or order.is_spinal is False:
            continue
        bases = {id(target) for target in order.earlier} & all_known
        if bases and not bases & own:
            continue
        if (bases or order.is_spinal or order.in_groups(*PUMP_DRUGS)) and not order.in_groups(STEROID):
            found.append(order)
    return found


def _unreadable(order: OrderReading) -> Iterator[str]:
    if not order.concepts and not order.name_texts and order.kind == SERVICE:
        yield f"{order.reference}: ServiceRequest.code is missing or could not be read."
    for code in order.unplaced_codes:
        yield f"{order.reference}: code {code} names no known code system: not read."


# One procedure --------------------------------------------------------------------------------------------------


def _procedure(
    group: Sequence[OrderReading], phase: str, cautions: tuple[Caution, ...], chart: Chart, today: date
) -> Procedure:
    policy_date, service_date = _dates(group, today)
    day = evidence_date(service_date, today)
    phases, unclear = ((TRIAL,), "") if phase == TRIAL else _phases(group, chart, day)
    indication = indication_of(group, chart, day)
    drugs = frozenset(name for order in group for name in order.drugs if not _is_of(chart.sets, name, STEROID))
    asked = {PERMANENT, TRIAL} & set(phases)
    found = [*cautions]
    if unclear:
        found.append(Caution(PHASE_UNCLEAR, unclear, caps=True))
    if asked:
        found += _about_indication(indication, drugs, chart.sets)
    if policy_date < today:
        found.append(_date_past(policy_date, service_date))
    return Procedure(
        tuple(Order(one.reference, one.resource, one.roles, one.codes, one.drugs) for one in group),
        _cases(phases, indication),
        policy_date,
        drugs,
        tuple(found),
        anaesthesia=phase == TRIAL and any(_is_anaesthesia(order) for order in group),
        out_of_scope_injectate=_is_not_ours(group, drugs, chart.sets),
        other_antispasmodic=any(_is_other_antispasmodic(chart.sets, name) for name in drugs),
        dystonia_only=indication.dystonia_only,
        service_date=service_date,
    )


def _cases(phases: Sequence[str], indication: Indication) -> tuple[tuple[str, str], ...]:
    cases = []
    for phase in phases:
        possible = (ANY_INDICATION,) if phase in (REPLACEMENT, REVISION) else indication.possible
        cases += [(one, phase) for one in possible]
    return tuple(cases)


def _about_indication(indication: Indication, drugs: frozenset[str], sets: ValueSets) -> Iterator[Caution]:
    if indication.unclear:
        choice = _either([ASKED[one] for one in indication.possible])
        yield Caution(INDICATION_UNCLEAR, f"The reason is not clear: is it {choice}? Name it on the order.", caps=True)
    unlike = sorted(
        {
            (sets.drugs.label(name), ASKED[one])
            for one in indication.possible
            for name in drugs
            if any(_is_of(sets, name, group) for group in UNLIKE.get(one, ()))
        }
    )
    if unlike:
        drug, reason = unlike[0]
        text = f"{drug[:1].upper()}{drug[1:]} is not usual for {reason}: check drug and reason of the order."
        yield Caution(DRUG_UNLIKE, text, caps=True)


def _either(choices: Sequence[str]) -> str:
    return f"{', '.join(choices[:-1])} or {choices[-1]}" if len(choices) > 1 else "".join(choices)


def _not_understood(phase: str) -> Caution:
    what = "an intrathecal trial" if phase == TRIAL else "an intrathecal pump"
    return Caution(
        NOT_UNDERSTOOD, f"The order's code is not known here; its words were read as {what}: check it.", caps=True
    )


def _date_past(policy_date: date, service_date: date | None) -> Caution:
    what = "The service date" if service_date else "The order's date"
    after = "; nothing after it counts as evidence" if service_date else ""
    return Caution(DATE_PAST, f"{what}, {policy_date.isoformat()}, lies before today{after}.")


# Phase ----------------------------------------------------------------------------------------------------------


def _phases(group: Sequence[OrderReading], chart: Chart, day: date) -> tuple[tuple[str, ...], str]:
    """Return the phases of an implant's orders and, where that is unclear, the sentence that asks which."""
    pump = any(_is_pump(order) for order in group) or not any(_is_implant(order) for order in group)
    replaced = _says_replaced(group, chart, pump=pump)
    in_place = bool(systems_in_place(chart, day))
    if any(_is_implant(order) and TRIAL_PURPOSE in order.purpose_codes for order in group):
        return (TRIAL, PERMANENT), "The order is for a pump or catheter and says trial: is it for a trial or to stay?"
    if not pump and not replaced:
        return _catheter_phases(group, in_place)
    unclear = _temporary(group)
    if replaced and in_place:
        return (REPLACEMENT,), unclear
    if not replaced and not in_place:
        return (PERMANENT,), unclear
    if replaced:
        unclear = "The order speaks of a replacement, but the chart shows no pump in place: is it the first pump?"
    else:
        unclear = "The chart shows a pump or catheter in place: is this order a replacement, or a new pump?"
    return (PERMANENT, REPLACEMENT), unclear


def _catheter_phases(group: Sequence[OrderReading], in_place: bool) -> tuple[tuple[str, ...], str]:
    if in_place:
        return (REVISION,), ""
    is_item = any(order.has(REPLACEMENT_ITEM, part="catheter") for order in group)
    if not is_item:
        return (PERMANENT,), ""
    asks = (
        "The order is for a replacement catheter, but the chart shows no pump or catheter in place: is it a revision?"
    )
    if any(TUNNELED_CATHETER in order.roles for order in group):
        return (PERMANENT, REVISION), asks
    return (REVISION,), asks


def _temporary(group: Sequence[OrderReading]) -> str:
    if any(order.has(PUMP_ITEM, temporary=True) for order in group):
        return "The pump on the order is a temporary one: is it for a trial or to stay?"
    return ""


def _says_replaced(group: Sequence[OrderReading], chart: Chart, *, pump: bool) -> bool:
    """Return whether the orders say that a pump is replaced (sign O); a catheter's matters count beside a pump."""
    for order in group:
        if REPLACEMENT_PURPOSE in order.purpose_codes or order.has(REPLACEMENT_ITEM, part="pump"):
            return True
        if pump and order.has(REPLACEMENT_ITEM, part="catheter"):
            return True
        if any(_reason_says_replaced(concept, source, chart, pump=pump) for concept, source in order.reasons):
            return True
        named = () if REPLACEMENT_ITEM in order.roles else order.name_texts
        if any(map(order.reader.says_replaced, (*named, *order.reason_texts, *order.note_texts))):
            return True
    return False


def _reason_says_replaced(concept: Resource, source: Resource | None, chart: Chart, *, pump: bool) -> bool:
    if source is not None and not _still_so(source):
        return False
    for hit in chart.sets.all_hits(concept):
        if hit.value_set == "pump-complication" or (pump and hit.value_set == "catheter-complication"):
            return True
        wanted = PUMP_FINDINGS.get(hit.value_set)
        if wanted is not None and (source is None or mapping(source).get("valueBoolean", wanted) is wanted):
            return True
    return False


# Dates ----------------------------------------------------------------------------------------------------------


def _dates(group: Sequence[OrderReading], today: date) -> tuple[date, date | None]:
    """Return policy date and service date: of the procedure's own orders, else of the items, else of the drug."""
    ranked = (
        [order for order in group if order.roles & PROCEDURE_ROLES],
        [order for order in group if _is_implant(order)],
        list(group),
    )
    chosen = next(orders for orders in ranked if orders)
    days = [day for order in chosen for day in _service_days(order.resource)]
    if days:
        return min(days), min(days)
    authored = [one.first for order in chosen if (one := when(order.resource.get("authoredOn")))]
    return (min(authored) if authored else today), None


def _service_days(resource: Resource) -> Iterator[date]:
    """Yield the earliest days of occurrence[x]."""
    timing = mapping(resource.get("occurrenceTiming"))
    events = timing.get("event")
    starts: list[When | None] = [choice_span(resource, "occurrence").start]
    starts += [when(one) for one in (events if isinstance(events, list) else [events])]
    starts.append(span(mapping(timing.get("repeat")).get("boundsPeriod")).start)
    yield from (one.first for one in starts if one is not None)


# Drugs and purposes ---------------------------------------------------------------------------------------------


def _is_of(sets: ValueSets, name: str, group: str) -> bool:
    return group in sets.drugs.group(name)


def _is_not_ours(group: Sequence[OrderReading], drugs: frozenset[str], sets: ValueSets) -> bool:
    """Return whether what is given is no drug for pain or spasticity; a mixture with one is not judged here."""
    if any(sets.drugs.group(name) & OUR_DRUGS for name in drugs):
        return False
    if any(_is_of(sets, name, NOT_OURS) or _is_of(sets, name, "anticoagulant") for name in drugs):
        return True
    if any(order.has(NOT_OURS) for order in group):
        return True
    return any(order.reader.says_other_injectate(words) for order in group for words in order.name_texts)


def _is_other_antispasmodic(sets: ValueSets, name: str) -> bool:
    groups = sets.drugs.group(name)
    return bool(groups & {"oral-antispasmodic", "muscle-relaxant-not-antispastic"}) and BACLOFEN not in groups
