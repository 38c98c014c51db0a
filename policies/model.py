"""A policy as data: what it asks, where the source says so, and what it hands to others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum

from policies.conditions import Condition, facts_named
from policies.errors import NoCriteriaTree
from policies.logic import Status, Tree, leaf_ids

INDICATIONS = ("nonmalignant-pain", "cancer-pain", "spasticity")
ANY_INDICATION = "any"
OTHER_INDICATION = "other"
PHASES = ("trial", "permanent", "replacement", "revision")
OTHER_USE = "other-use"


class DeterminationKind(Enum):
    """The answer for one procedure under one policy, in the order in which they are tried."""

    NO_POLICY_IN_FORCE = "no-policy-in-force"
    OUT_OF_SCOPE = "out-of-scope"
    EXTERNAL_CRITERIA = "external-criteria"
    NO_REVIEW_NEEDED = "no-review-needed"
    NOT_SATISFIED = "not-satisfied"
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    NEEDS_REVIEW = "needs-review"


@dataclass(frozen=True, slots=True)
class Citation:
    """Where the source asks it: `section`, and what it asks in our own words."""

    section: str
    says: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a leaf's decision list: the status where the condition holds.

    `why`          a sentence for the clinician, shown when the rule decides
    `confirmable`  for `needs-review`: a clinician's answer to the criterion settles it
    `firm`         for `not-met`: no answer questions it
    """

    status: Status
    when: Condition
    why: str = ""
    confirmable: bool = False
    firm: bool = False


@dataclass(frozen=True, slots=True)
class AnswerRule:
    """How a form's yes/no under the criterion's id is taken.

    `by`      whose answer counts (see conditions.ACCEPTED)
    `proves`  False where the policy wants records: a bare yes is then not enough
    `ages`    the answer states a present state and ages
    `holds_months`  how long it stands, where that is not the site's setting for statements
    """

    by: str = "clinician"
    proves: bool = True
    ages: bool = False
    holds_months: int | None = None


@dataclass(frozen=True, slots=True)
class Leaf:
    """One criterion.

    `rules` are tried in order; the first that holds, or may hold, decides. None: `not-documented`.
    `ceiling` is the best status that any evidence can give; `review_when` sets it for the cases where its condition
    holds or may hold, and `review_why` says why. `reading` says which of two honest readings was taken.
    """

    id: str
    label: str
    cite: Citation
    expects: str
    to_do: str
    rules: tuple[Rule, ...]
    answer: AnswerRule = AnswerRule()
    ceiling: Status | None = None
    review_when: Condition | None = None
    review_why: str = ""
    reading: str = ""
    evidence: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return the id's last part."""
        return self.id.rsplit("/", 1)[1]

    @property
    def facts(self) -> tuple[str, ...]:
        """Return the facts that the rules read, in order."""
        conditions = [rule.when for rule in self.rules] + ([self.review_when] if self.review_when else [])
        return tuple(dict.fromkeys(name for condition in conditions for name in facts_named(condition)))


@dataclass(frozen=True, slots=True)
class Handover:
    """A policy's answer without criteria: external criteria, no review, silence, out of scope."""

    kind: DeterminationKind
    why: str
    section: str = ""


@dataclass(frozen=True, slots=True)
class CautionRule:
    """A caution that the policy itself gives rise to; without a condition it always stands."""

    code: str
    text: str
    caps: bool
    when: Condition | None = None
    indications: frozenset[str] = frozenset()
    phases: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ScopeRule:
    """Takes a case out of the criteria before they are looked at.

    `report_as` replaces the indication in the answer; `unsure` is the capping caution's code when the condition
    can be neither confirmed nor ruled out (`silence_too`: a silent chart counts as unsure).
    """

    outcome: Handover
    when: Condition
    indications: frozenset[str] = frozenset()
    phases: frozenset[str] = frozenset()
    report_as: str = ""
    unsure: str = ""
    unsure_text: str = ""
    silence_too: bool = False


@dataclass(frozen=True, slots=True)
class PhaseCriteria:
    """The criteria of one indication and phase; `instead` names a phase whose tree replaces them where it holds."""

    tree: Tree
    instead: str = ""
    instead_when: Condition | None = None


Phase = PhaseCriteria | Handover


@dataclass(frozen=True, slots=True)
class Bullet:
    """One bullet of the source: the leaves that encode it, or why it is left out."""

    section: str
    says: str
    encoded: tuple[str, ...] = ()
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """The text that was read: document, revision, the day it was retrieved, the sha256 of the text."""

    document: str
    revision: str
    sha256: str
    retrieved: date | None
    url: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of one policy. Both ends of its period are inclusive; None is open."""

    id: str
    version: str
    encoding: int
    title: str
    short_title: str
    payer: str
    starts: date | None
    ends: date | None
    before: str
    after: str
    source: Source
    codes: Mapping[str, str]
    """Procedure and item codes that the policy lists, each with the phase it implies (`any` where it implies none)."""
    lists_codes: bool
    leaves: Mapping[str, Leaf]
    phases: Mapping[tuple[str, str], Phase]
    scope: tuple[ScopeRule, ...]
    cautions: tuple[CautionRule, ...]
    shows: tuple[str, ...]
    """Facts that a reviewer sees beside the criteria, whatever they are."""
    bullets: tuple[Bullet, ...]

    def in_force(self, day: date) -> bool:
        """Return whether this version holds on a day."""
        return (self.starts is None or self.starts <= day) and (self.ends is None or day <= self.ends)

    def phase(self, indication: str, phase: str) -> Phase | None:
        """Return the criteria, or the handover, for an indication and a phase; None where the policy has no word."""
        return self.phases.get((indication, phase)) or self.phases.get((ANY_INDICATION, phase))

    def tree(self, indication: str, phase: str) -> Tree:
        """Return the criteria tree. Raises NoCriteriaTree where the policy has none for this pair."""
        found = self.phases.get((indication, phase))
        if not isinstance(found, PhaseCriteria):
            pairs = ", ".join(f"{one} {two}" for (one, two), at in self.phases.items() if isinstance(at, PhaseCriteria))
            raise NoCriteriaTree(f"{self.id} has no criteria for {indication} {phase}; it has: {pairs}")
        return found.tree

    def leaves_of(self, tree: Tree) -> tuple[Leaf, ...]:
        """Return the tree's leaves in policy order, each once."""
        return tuple(self.leaves[leaf_id] for leaf_id in leaf_ids(tree))

    @property
    def facts(self) -> frozenset[str]:
        """Return every fact that any rule of this policy reads."""
        conditions = [rule.when for leaf in self.leaves.values() for rule in leaf.rules]
        conditions += [leaf.review_when for leaf in self.leaves.values() if leaf.review_when]
        conditions += [rule.when for rule in self.scope]
        conditions += [rule.when for rule in self.cautions if rule.when]
        conditions += [
            at.instead_when for at in self.phases.values() if isinstance(at, PhaseCriteria) and at.instead_when
        ]
        return frozenset(name for condition in conditions for name in facts_named(condition)) | frozenset(self.shows)
