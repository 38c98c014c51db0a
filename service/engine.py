"""Everything that is read once, at start: policies, value sets, payers, the functions that compute facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fhir_mappings.code_sets import ValueSets
from fhir_mappings.coverage import PayerMap
from fhir_mappings.inquiry import Extractor, LookBack
from fhir_mappings.prefetch import Query, queries
from fhir_mappings.registry import checked_extractors
from policies.determination import Settings
from policies.library import PolicyLibrary
from policies.model import Policy
from service.config import Config, ConfigError


@dataclass(frozen=True)
class Engine:
    """What a determination needs besides the chart."""

    library: PolicyLibrary
    sets: ValueSets
    extractors: Mapping[str, Extractor]
    payers: PayerMap
    settings: Settings
    look_back: LookBack
    states: Mapping[str, str]
    facts: Mapping[tuple[str, str], tuple[str, ...]]
    criteria: frozenset[str]
    queries: Mapping[str, Query]
    config: Config

    @classmethod
    def build(cls, config: Config) -> Engine:
        """Return the engine of a configuration. Raises PolicyError, ValueSetError, RegistryError or ConfigError."""
        library = PolicyLibrary.load()
        _refuse_unknown_policies(config, library)
        additions = {
            name: [code.model_dump() for code in added.add] for name, added in config.value_sets.items() if added.add
        }
        sets = ValueSets.load(additions)
        look_back = LookBack(**config.look_back.model_dump())
        return cls(
            library,
            sets,
            checked_extractors(library.vocabulary),
            PayerMap.load([payer.model_dump() for payer in config.payers]),
            Settings(config.look_back.statement_months, config.policies.confirmed),
            look_back,
            library.states,
            {(policy.id, policy.version): tuple(sorted(policy.facts)) for policy in library.all()},
            frozenset(leaf for policy in library.all() for leaf in policy.leaves),
            queries(sets),
            config,
        )

    def facts_of(self, policy: Policy) -> tuple[str, ...]:
        """Return the facts that a policy reads."""
        return self.facts[(policy.id, policy.version)]


def _refuse_unknown_policies(config: Config, library: PolicyLibrary) -> None:
    named = [("policies.confirmed", name) for name in config.policies.confirmed]
    named += [(f"payers.{payer.label}.policies", name) for payer in config.payers for name in payer.policies]
    for where, name in named:
        if name not in library.versions:
            raise ConfigError(f"`{where}` names `{name}`, no known policy; known are {', '.join(library.ids)}.")
