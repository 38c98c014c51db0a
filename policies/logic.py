"""Five statuses of a criterion, three truth values of a group, and the shortest way to true.

A tree is read as a monotone formula: leaves that are `not-documented` or `needs-review` are unknown, groups
are Kleene's ALL and ANY, and children that are `not-applicable` are dropped before a group is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import product


class Status(Enum):
    """What a chart says about one criterion."""

    MET = "met"
    NOT_MET = "not-met"
    NOT_DOCUMENTED = "not-documented"
    NEEDS_REVIEW = "needs-review"
    NOT_APPLICABLE = "not-applicable"

    @property
    def is_open(self) -> bool:
        """True for the two statuses that leave a tree undecided."""
        return self in (Status.NOT_DOCUMENTED, Status.NEEDS_REVIEW)


class Truth(Enum):
    """The value of a group of criteria."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not-applicable"


@dataclass(frozen=True, slots=True)
class LeafRef:
    """A leaf of a tree, by its criterion id."""

    id: str


@dataclass(frozen=True, slots=True)
class All:
    """True when every child is."""

    children: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """True when at least one child is."""

    children: tuple[Tree, ...]


Tree = LeafRef | All | Any
Statuses = Mapping[str, Status]

_LEAF_TRUTH = {
    Status.MET: Truth.TRUE,
    Status.NOT_MET: Truth.FALSE,
    Status.NOT_DOCUMENTED: Truth.UNKNOWN,
    Status.NEEDS_REVIEW: Truth.UNKNOWN,
    Status.NOT_APPLICABLE: Truth.NOT_APPLICABLE,
}


def leaf_ids(tree: Tree) -> tuple[str, ...]:
    """Return the ids of the tree's leaves in policy order, each once, at its first place."""
    return tuple(dict.fromkeys(_walk(tree)))


def _walk(tree: Tree) -> Iterator[str]:
    if isinstance(tree, LeafRef):
        yield tree.id
    else:
        for child in tree.children:
            yield from _walk(child)


def truth(tree: Tree, statuses: Statuses) -> Truth:
    """Return the tree's value; a leaf without a status counts as not documented."""
    if isinstance(tree, LeafRef):
        return _LEAF_TRUTH[statuses.get(tree.id, Status.NOT_DOCUMENTED)]
    values = {truth(child, statuses) for child in tree.children} - {Truth.NOT_APPLICABLE}
    if not values:
        return Truth.NOT_APPLICABLE
    deciding, other = (Truth.FALSE, Truth.TRUE) if isinstance(tree, All) else (Truth.TRUE, Truth.FALSE)
    if deciding in values:
        return deciding
    return other if values == {other} else Truth.UNKNOWN


def shortest_path(tree: Tree, statuses: Statuses) -> tuple[str, ...]:
    """Return the smallest set of open leaves that makes an undecided tree true once they are met, in policy order.

    Ties go to the set with fewer undocumented leaves, then to the alternative that stands first. Empty for a
    tree that is decided: a false one has no path, a true one needs none.
    """
    if truth(tree, statuses) is not Truth.UNKNOWN:
        return ()

    def cost(path: frozenset[str]) -> tuple[int, int]:
        return len(path), sum(statuses.get(leaf, Status.NOT_DOCUMENTED) is Status.NOT_DOCUMENTED for leaf in path)

    best = min(_paths(tree, statuses), key=cost)
    return tuple(leaf for leaf in leaf_ids(tree) if leaf in best)


def _paths(tree: Tree, statuses: Statuses) -> Sequence[frozenset[str]]:
    """Return the sets of open leaves each of which would make the tree true, in policy order."""
    if isinstance(tree, LeafRef):
        status = statuses.get(tree.id, Status.NOT_DOCUMENTED)
        if status is Status.MET:
            return (frozenset(),)
        return (frozenset({tree.id}),) if status.is_open else ()
    children = [child for child in tree.children if truth(child, statuses) is not Truth.NOT_APPLICABLE]
    options = [_paths(child, statuses) for child in children]
    if isinstance(tree, Any):
        return tuple(dict.fromkeys(path for option in options for path in option))
    return tuple(dict.fromkeys(frozenset().union(*choice) for choice in product(*options)))


def contradictions(tree: Tree, statuses: Statuses) -> tuple[str, ...]:
    """Return the not-met leaves that make a false tree false, in policy order; empty for any other tree."""
    found = _contradictions(tree, statuses)
    return tuple(leaf for leaf in leaf_ids(tree) if leaf in found)


def _contradictions(tree: Tree, statuses: Statuses) -> frozenset[str]:
    if truth(tree, statuses) is not Truth.FALSE:
        return frozenset()
    if isinstance(tree, LeafRef):
        return frozenset({tree.id})
    return frozenset().union(*(_contradictions(child, statuses) for child in tree.children))
