"""Draft orders -> the procedures that concern us: phase, indication, drugs, codes, dates.

Readings: policy-reading §2 as restated in docs; the trap of the epidural codes is here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from fhir_mappings.resources import Resource
from policies.determination import Caution

SINGLE_INJECTION = "neuraxial-single-injection"
CATHETER_INFUSION = "neuraxial-catheter-infusion"
TUNNELED_CATHETER = "pump-tunneled-catheter"
PUMP_IMPLANT = "pump-implant"
PUMP_ITEM = "pump-item"
REPLACEMENT_ITEM = "pump-replacement-item"


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

    @property
    def references(self) -> tuple[str, ...]:
        """Return `Type/id` of every order."""
        return tuple(order.reference for order in self.orders)

    @property
    def codes(self) -> tuple[str, ...]:
        """Return every procedure and item code, each once."""
        return tuple(dict.fromkeys(code for order in self.orders for code in order.codes))
