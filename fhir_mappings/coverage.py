"""The patient's Coverage -> the policies that apply.

The mapping is payers.yaml; a site's own payers are tried before it. The reading of the plans, Medicare's above all, is
policy-reading's: the national determination stands first for Medicare and Medicare Advantage, a supplement chooses
nothing, several coverages in force all count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import yaml

from fhir_mappings.chart import Chart
from fhir_mappings.code_sets import codings_of
from fhir_mappings.resources import Resource, items, mapping, number, reference_of, text
from fhir_mappings.times import span
from policies.determination import Caution

PAYERS_FILE: Final = Path(__file__).with_name("payers.yaml")
PAYER_TYPE = "payer-type"
MEDICARE_ADVANTAGE, SUPPLEMENT, MEDICAID = "medicare-advantage", "medicare-supplement", "medicaid"
OTHER_COVERAGE = "other-coverage"
NAMELESS = "a payer without a name"
_KEYS = frozenset({"label", "names", "identifiers", "plan_types", "policies"})
_TOKEN = re.compile(r"[^\W_]+")


class PayerError(ValueError):
    """An entry of the payer mapping is wrong; the message names the entry, the key and the mend."""


@dataclass(frozen=True, slots=True)
class PayerRule:
    """One entry of the mapping.

    `names`        whole words of the payor's or the plan's name
    `identifiers`  "system|value"
    `plan_types`   SOPT codes, each with everything below it
    `policies`     ids of the policies that the payer goes by
    """

    label: str
    names: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    plan_types: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()

    @classmethod
    def of(cls, stated: Mapping[str, Any], where: str) -> PayerRule:
        """Return an entry as it is written. Raises PayerError."""
        unknown = sorted(set(stated) - _KEYS)
        if unknown:
            raise PayerError(f"{where}: `{unknown[0]}` is not a known key; known are {', '.join(sorted(_KEYS))}.")
        label = stated.get("label")
        if not isinstance(label, str) or not label.strip():
            raise PayerError(f"{where}: `label` is missing or no text.")
        rule = cls(label, *(_texts(stated, key, where) for key in ("names", "identifiers", "plan_types", "policies")))
        if not (rule.names or rule.identifiers or rule.plan_types):
            raise PayerError(f"{where}: give `names`, `identifiers` or `plan_types`, or it matches nothing.")
        for identifier in rule.identifiers:
            system, bar, value = identifier.rpartition("|")
            if not (system and bar and value):
                raise PayerError(f'{where}: identifier {identifier!r} is not "system|value".')
        return rule

    def matches(self, plan: Plan) -> bool:
        """Return whether the entry is about a plan."""
        named = any(plan.is_called(name) for name in self.names) or bool(plan.identifiers & set(self.identifiers))
        if (self.names or self.identifiers) and not named:
            return False
        return not self.plan_types or self.matches_type(plan)

    def matches_type(self, plan: Plan) -> bool:
        """Return whether one of the entry's plan types is the plan's, or holds it."""
        return any(code.startswith(wanted) for wanted in self.plan_types for code in plan.types)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a Coverage says of its payer.

    `names`  payor, Organization and class names as written; `described`  further words on the kind of plan
    `kinds`  what its SOPT types stand for
    """

    coverage: str
    names: tuple[str, ...] = ()
    identifiers: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    described: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Return the name to show where no entry knows the payer."""
        return self.names[0] if self.names else NAMELESS

    def is_called(self, phrase: str) -> bool:
        """Return whether a phrase stands in one of the names."""
        return any(_holds(name, phrase) for name in self.names)

    def is_described(self, phrases: Iterable[str]) -> bool:
        """Return whether one of the phrases stands in the names or in the words on the kind of plan."""
        return any(_holds(name, phrase) for phrase in phrases for name in (*self.names, *self.described))


@dataclass(frozen=True, slots=True)
class ApplicablePolicy:
    """One policy that applies.

    `coverage`  `Coverage/id`, empty where a payer was named instead; `payer`  the payer's label
    `notes`     why this policy, where that is not plain
    """

    policy: str
    coverage: str
    payer: str
    cautions: tuple[Caution, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Applicable:
    """The policies that apply, primary coverage first.

    `unknown`  the payers in force that no entry knows
    `unread`   no Coverage could be read at all
    `washington_medicaid`  the coverages in force that are Washington Medicaid (empty references for a named payer)
    """

    policies: tuple[ApplicablePolicy, ...] = ()
    unknown: tuple[str, ...] = ()
    unread: bool = False
    washington_medicaid: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PayerMap:
    """The site's entries, the shipped ones, and the words that tell kinds of plan apart. Make one with `load`."""

    site: tuple[PayerRule, ...]
    shipped: tuple[PayerRule, ...]
    advantage_label: str
    advantage_words: tuple[str, ...]
    advantage_first: tuple[str, ...]
    advantage_beside: tuple[str, ...]
    supplement_words: tuple[str, ...]
    medicaid_words: tuple[str, ...]
    washington_words: tuple[str, ...]
    washington_not: tuple[str, ...]
    washington_states: tuple[str, ...]

    @classmethod
    def load(cls, site: Iterable[Mapping[str, Any]] = (), file: Path = PAYERS_FILE) -> PayerMap:
        """Return the shipped mapping with a site's `[[payers]]` before it. Raises PayerError."""
        stated = yaml.safe_load(file.read_text(encoding="utf-8"))
        advantage, washington = stated["medicare_advantage"], stated["washington"]
        return cls(
            tuple(PayerRule.of(one, f"payers[{index}]") for index, one in enumerate(site)),
            tuple(PayerRule.of(one, f"{file.name}, entry {index + 1}") for index, one in enumerate(stated["payers"])),
            advantage["label"],
            tuple(advantage["words"]),
            tuple(advantage["first"]),
            tuple(advantage["beside"]),
            tuple(stated["supplement"]["words"]),
            tuple(stated["medicaid"]["words"]),
            tuple(washington["words"]),
            tuple(washington["not"]),
            tuple(washington["states"]),
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the payers that are known, each once."""
        return tuple(dict.fromkeys(rule.label for rule in (*self.site, *self.shipped)))

    def is_advantage(self, plan: Plan) -> bool:
        """Return whether a plan is Medicare Advantage."""
        return MEDICARE_ADVANTAGE in plan.kinds or plan.is_described(self.advantage_words)

    def is_supplement(self, plan: Plan) -> bool:
        """Return whether a plan supplements another one."""
        return SUPPLEMENT in plan.kinds or plan.is_described(self.supplement_words)

    def is_medicaid(self, plan: Plan) -> bool:
        """Return whether a plan is Medicaid."""
        return MEDICAID in plan.kinds or plan.is_described(self.medicaid_words)

    def is_in_washington(self, plan: Plan) -> bool:
        """Return whether a plan's names say Washington, the capital's plans left out."""
        named = (name for name in plan.names if not any(_holds(name, one) for one in self.washington_not))
        return any(_holds(name, word) for name in named for word in self.washington_words)

    def is_known(self, plan: Plan) -> bool:
        """Return whether a plan's payer is known, or the plan chooses no policy by its kind."""
        return self.is_supplement(plan) or bool(self.chosen(plan))

    def chosen(self, plan: Plan) -> tuple[ApplicablePolicy, ...]:
        """Return the policies of one plan, without cautions."""
        own = next((rule for rule in self.site if rule.matches(plan)), None)
        if own is not None and own.plan_types:
            return _as_written(own, plan)
        if self.is_supplement(plan):
            return ()
        if self.is_advantage(plan):
            return self._of_advantage(plan)
        rule = own or next((rule for rule in self.shipped if rule.matches(plan)), None)
        return _as_written(rule, plan) if rule else ()

    def _of_advantage(self, plan: Plan) -> tuple[ApplicablePolicy, ...]:
        """Return the national determination and what stands beside it; the payer's commercial text stands back."""
        matched = [rule for rule in (*self.site, *self.shipped) if rule.matches(plan)]
        named = [policy for rule in matched for policy in rule.policies]
        beside = [policy for policy in dict.fromkeys(named) if policy in self.advantage_beside]
        payer = next((rule for rule in matched if not set(rule.policies) <= set(self.advantage_first)), None)
        label = self.advantage_label
        notes: list[str] = []
        if payer is not None and not _holds(payer.label, label):
            label = f"{payer.label} {label}"
        if payer is not None and not set(payer.policies) <= {*self.advantage_first, *self.advantage_beside}:
            notes.append(
                f"{self.advantage_label} goes by Medicare's national determination; {payer.label}'s own policy text "
                "stands back."
            )
        chosen = dict.fromkeys((*self.advantage_first, *beside))
        return tuple(ApplicablePolicy(policy, plan.coverage, label, (), tuple(notes)) for policy in chosen)


def policies_for(chart: Chart, policy_date: date, payers: PayerMap) -> Applicable:
    """Return the policies of the patient's coverages in force on the policy date, primary coverage first."""
    coverages = _in_force(chart, policy_date)
    plans = [plan_of(coverage, chart) for coverage in coverages]
    unread = "Coverage" in chart.unread and not chart.of_type("Coverage")
    washington = tuple(plan.coverage for plan in plans if _is_washington_medicaid(plan, chart, payers))
    return _applicable(plans, payers, unread, washington)


def policies_for_name(name: str, payers: PayerMap) -> Applicable:
    """Return the policies of a payer named instead of a Coverage, such as `Cigna` or `Aetna Medicare Advantage`."""
    plan = Plan("", (name,))
    washington = payers.is_medicaid(plan) and payers.is_in_washington(plan)
    return _applicable([plan], payers, unread=False, washington=(name,) if washington else ())


def _applicable(plans: Sequence[Plan], payers: PayerMap, unread: bool, washington: tuple[str, ...]) -> Applicable:
    policies: dict[str, ApplicablePolicy] = {}
    for plan in plans:
        for one in payers.chosen(plan):
            cautions = _other_coverage(plan, plans, payers)
            chosen = ApplicablePolicy(one.policy, one.coverage, one.payer, cautions, one.notes)
            policies.setdefault(one.policy, chosen)
    unknown = tuple(dict.fromkeys(plan.label for plan in plans if not payers.is_known(plan)))
    return Applicable(tuple(policies.values()), unknown, unread, washington)


def _other_coverage(plan: Plan, plans: Sequence[Plan], payers: PayerMap) -> tuple[Caution, ...]:
    others = [one for one in plans if one is not plan and not payers.is_supplement(one)]
    if not others:
        return ()
    names = dict.fromkeys(
        chosen[0].payer if (chosen := payers.chosen(one)) else f"{one.label} (no policy known here)" for one in others
    )
    return (Caution(OTHER_COVERAGE, f"Other coverage is in force too: {', '.join(names)}."),)


def _as_written(rule: PayerRule, plan: Plan) -> tuple[ApplicablePolicy, ...]:
    return tuple(ApplicablePolicy(policy, plan.coverage, rule.label) for policy in dict.fromkeys(rule.policies))


# Reading a Coverage ---------------------------------------------------------------------------------------------


def _in_force(chart: Chart, day: date) -> list[Resource]:
    """Return the coverages in force on a day by status and period, by rank; partial dates count where they may hold."""
    found = [
        one for one in chart.of_type("Coverage") if text(one.get("status")) in ("active", "") and _holds_on(one, day)
    ]
    return sorted(found, key=_rank)


def _holds_on(coverage: Resource, day: date) -> bool:
    period = span(coverage.get("period"))
    begun = period.start is None or period.start.first <= day
    return begun and (period.end is None or day <= period.end.last)


def _rank(coverage: Resource) -> tuple[bool, float]:
    order = number(coverage.get("order"))
    return (True, 0.0) if order is None else (False, float(order))


def plan_of(coverage: Resource, chart: Chart) -> Plan:
    """Return what a Coverage says of its payer."""
    names: list[str] = []
    identifiers: set[str] = set()
    for payor in items(coverage.get("payor")):
        names.append(text(payor.get("display")))
        identifiers |= set(_identifiers(payor.get("identifier")))
        organization = mapping(chart.resolve(payor.get("reference"), coverage))
        if organization.get("resourceType") == "Organization":
            names.append(text(organization.get("name")))
            identifiers |= set(_identifiers(organization.get("identifier")))
    names += [text(one.get("name")) for one in items(coverage.get("class"))]
    concepts = list(items(coverage.get("type")))
    hits = [hit for concept in concepts for hit in chart.sets.all_hits(concept) if hit.value_set == PAYER_TYPE]
    described = [text(concept.get("text")) for concept in concepts]
    described += [text(coding.get("display")) for concept in concepts for coding in codings_of(concept)]
    return Plan(
        reference_of(coverage),
        tuple(dict.fromkeys(name for name in names if name)),
        frozenset(identifiers),
        frozenset(text(hit.coding.get("code")) for hit in hits),
        frozenset(str(hit.attributes.get("kind")) for hit in hits),
        tuple(name for name in described if name),
    )


def _identifiers(value: object) -> Iterator[str]:
    for identifier in items(value):
        system, code = text(identifier.get("system")), text(identifier.get("value"))
        if system and code:
            yield f"{system}|{code}"


def _is_washington_medicaid(plan: Plan, chart: Chart, payers: PayerMap) -> bool:
    if not payers.is_medicaid(plan):
        return False
    states = {state.casefold() for state in payers.washington_states}
    addresses = [one for one in items(chart.patient.get("address")) if one.get("use") != "old"]
    lives_there = any(text(address.get("state")).casefold() in states for address in addresses)
    return lives_there or payers.is_in_washington(plan)


def _holds(name: str, phrase: str) -> bool:
    """Return whether a phrase stands in a name as whole words, without regard to case and punctuation."""
    wanted = _tokens(phrase)
    return bool(wanted) and f" {wanted} " in f" {_tokens(name)} "


def _tokens(words: str) -> str:
    return " ".join(_TOKEN.findall(words.casefold().replace("&", " and ")))


def _texts(stated: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    values = stated.get(key) or ()
    if isinstance(values, str) or not all(isinstance(one, str) and one.strip() for one in values):
        raise PayerError(f"{where}: `{key}` must be a list of texts.")
    return tuple(values)
