"""The shipped policies, read once at start-up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from policies.errors import UnknownPolicy
from policies.loading import LIBRARY, load_policies
from policies.model import Policy
from policies.vocabulary import Vocabulary, load_vocabulary


@dataclass(frozen=True, slots=True)
class PolicyLibrary:
    """Every policy version by id (oldest first), and the vocabulary of facts."""

    versions: Mapping[str, tuple[Policy, ...]]
    vocabulary: Vocabulary

    @classmethod
    def load(cls, folder: Path = LIBRARY) -> PolicyLibrary:
        """Return the policies of a folder. Raises PolicyError where a file is wrong."""
        vocabulary = load_vocabulary()
        versions: dict[str, tuple[Policy, ...]] = {}
        for policy in load_policies(vocabulary, folder):
            versions[policy.id] = (*versions.get(policy.id, ()), policy)
        return cls(versions, vocabulary)

    @property
    def ids(self) -> tuple[str, ...]:
        """Return the policy ids, sorted."""
        return tuple(sorted(self.versions))

    @property
    def states(self) -> dict[str, str]:
        """Return what kind of state each flag tells (present, lasting, event)."""
        return {name: entry.state for name, entry in self.vocabulary.items()}

    def all(self) -> tuple[Policy, ...]:
        """Return every version of every policy."""
        return tuple(policy for policy_id in self.ids for policy in self.versions[policy_id])

    def on(self, policy_id: str, day: date) -> Policy:
        """Return the version in force on a day; where none is, the nearest one (it says itself that it is not).

        Raises UnknownPolicy.
        """
        if policy_id not in self.versions:
            raise UnknownPolicy(f"`{policy_id}` is no known policy; known are {', '.join(self.ids)}")
        versions = self.versions[policy_id]
        in_force = [policy for policy in versions if policy.in_force(day)]
        if in_force:
            return in_force[-1]
        begun = [policy for policy in versions if policy.starts is None or policy.starts <= day]
        return begun[-1] if begun else versions[0]
