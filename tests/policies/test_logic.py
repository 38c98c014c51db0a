"""Kleene's groups, the shortest path and their laws."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.determination import answer_tree
from policies.library import PolicyLibrary
from policies.logic import All, Any, LeafRef, Status, Tree, Truth, contradictions, leaf_ids, shortest_path, truth
from policies.model import PhaseCriteria

LEAVES = [f"leaf-{number}" for number in range(6)]
OPEN = (Status.NOT_DOCUMENTED, Status.NEEDS_REVIEW)

statuses = st.dictionaries(st.sampled_from(LEAVES), st.sampled_from(Status))
trees: st.SearchStrategy[Tree] = st.recursive(
    st.sampled_from(LEAVES).map(LeafRef),
    lambda children: st.one_of(
        st.lists(children, min_size=1, max_size=4).map(lambda some: All(tuple(some))),
        st.lists(children, min_size=1, max_size=4).map(lambda some: Any(tuple(some))),
    ),
    max_leaves=10,
)


def leaves(*names: str) -> tuple[LeafRef, ...]:
    """Return leaves by name."""
    return tuple(LeafRef(name) for name in names)


@pytest.mark.parametrize(
    ("first", "second", "both", "either"),
    [
        (Status.MET, Status.MET, Truth.TRUE, Truth.TRUE),
        (Status.MET, Status.NOT_MET, Truth.FALSE, Truth.TRUE),
        (Status.MET, Status.NOT_DOCUMENTED, Truth.UNKNOWN, Truth.TRUE),
        (Status.NOT_MET, Status.NEEDS_REVIEW, Truth.FALSE, Truth.UNKNOWN),
        (Status.NOT_MET, Status.NOT_MET, Truth.FALSE, Truth.FALSE),
        (Status.NEEDS_REVIEW, Status.NOT_DOCUMENTED, Truth.UNKNOWN, Truth.UNKNOWN),
        (Status.NOT_APPLICABLE, Status.MET, Truth.TRUE, Truth.TRUE),
        (Status.NOT_APPLICABLE, Status.NOT_MET, Truth.FALSE, Truth.FALSE),
        (Status.NOT_APPLICABLE, Status.NOT_APPLICABLE, Truth.NOT_APPLICABLE, Truth.NOT_APPLICABLE),
    ],
)
def test_groups(first: Status, second: Status, both: Truth, either: Truth) -> None:
    """ALL and ANY are Kleene's; children that do not apply are dropped first."""
    given_statuses = {"a": first, "b": second}
    assert truth(All(leaves("a", "b")), given_statuses) is both
    assert truth(Any(leaves("a", "b")), given_statuses) is either


def test_shortest_path_takes_the_smaller_alternative() -> None:
    """Nobody is asked for three things where two will do."""
    tree = All((LeafRef("a"), Any((All(leaves("b", "c", "d")), All(leaves("e", "f"))))))
    assert shortest_path(tree, {"a": Status.MET}) == ("e", "f")


def test_ties_go_to_fewer_undocumented_leaves() -> None:
    """Confirming what is there is easier than documenting anew."""
    tree = Any((All(leaves("a", "b")), All(leaves("c", "d"))))
    assert shortest_path(tree, {"c": Status.NEEDS_REVIEW}) == ("c", "d")


def test_remaining_ties_go_to_the_first_alternative() -> None:
    """The alternative that stands first in the policy wins."""
    tree = Any((All(leaves("a", "b")), All(leaves("c", "d"))))
    assert shortest_path(tree, {}) == ("a", "b")


def test_a_contradicted_alternative_is_no_path() -> None:
    """An alternative that a not-met leaf has made false is not offered, however short it is."""
    tree = Any((All(leaves("a", "b")), All(leaves("c", "d", "e"))))
    assert shortest_path(tree, {"a": Status.NOT_MET, "b": Status.MET}) == ("c", "d", "e")


def test_a_leaf_shared_by_two_groups_is_asked_once() -> None:
    """What serves two groups at once makes the shorter path."""
    tree = All(
        (
            Any((LeafRef("a"), All(leaves("b", "c", "d")))),
            Any((All(leaves("e", "f", "g", "h")), All(leaves("b", "c", "d")))),
        )
    )
    assert shortest_path(tree, {}) == ("b", "c", "d")


def test_a_false_tree_has_no_path_but_contradictions() -> None:
    """A false tree shows what contradicts it."""
    tree = All((LeafRef("a"), Any(leaves("b", "c")), LeafRef("d")))
    given_statuses = {"b": Status.NOT_MET, "c": Status.NOT_MET, "d": Status.NOT_DOCUMENTED}
    assert shortest_path(tree, given_statuses) == ()
    assert contradictions(tree, given_statuses) == ("b", "c")


@given(trees, statuses, st.sampled_from(LEAVES), st.sampled_from(Status))
def test_filling_in_an_unknown_never_turns_a_decided_tree(
    tree: Tree, known: dict[str, Status], leaf: str, status: Status
) -> None:
    """What is decided stays decided, whatever an open leaf becomes (short of dropping out)."""
    before = truth(tree, known)
    if before is Truth.UNKNOWN or not known.get(leaf, Status.NOT_DOCUMENTED).is_open or status is Status.NOT_APPLICABLE:
        return
    assert truth(tree, {**known, leaf: status}) is before


@given(trees, statuses, st.randoms())
def test_the_order_of_children_does_not_matter(tree: Tree, known: dict[str, Status], random: object) -> None:
    """Turning every group's children around changes neither the value nor the length of the path."""
    turned = _turned(tree)
    assert truth(turned, known) is truth(tree, known)
    assert len(shortest_path(turned, known)) == len(shortest_path(tree, known))
    assert set(contradictions(turned, known)) == set(contradictions(tree, known))


def _turned(tree: Tree) -> Tree:
    if isinstance(tree, LeafRef):
        return tree
    children = tuple(_turned(child) for child in reversed(tree.children))
    return All(children) if isinstance(tree, All) else Any(children)


@given(trees, statuses)
def test_the_shortest_path_completes_and_nothing_smaller_does(tree: Tree, known: dict[str, Status]) -> None:
    """Once the path's leaves are met the tree is true; no smaller set of open leaves makes it so."""
    if truth(tree, known) is not Truth.UNKNOWN:
        assert shortest_path(tree, known) == ()
        return
    path = shortest_path(tree, known)
    assert truth(tree, {**known, **dict.fromkeys(path, Status.MET)}) is Truth.TRUE
    open_leaves = [leaf for leaf in leaf_ids(tree) if known.get(leaf, Status.NOT_DOCUMENTED).is_open]
    for size in range(len(path)):
        for fewer in combinations(open_leaves, size):
            assert truth(tree, {**known, **dict.fromkeys(fewer, Status.MET)}) is not Truth.TRUE


@given(st.data())
def test_the_policies_trees_obey_too(library: PolicyLibrary, data: st.DataObject) -> None:
    """In every shipped tree the gaps, once met, make the determination complete, and a false tree has none."""
    policy = data.draw(st.sampled_from(library.all()))
    pairs = [pair for pair, at in policy.phases.items() if isinstance(at, PhaseCriteria)]
    indication, phase = data.draw(st.sampled_from(pairs))
    tree = policy.tree(indication, phase)
    known = {leaf: data.draw(st.sampled_from(Status)) for leaf in leaf_ids(tree)}
    determination, gaps = answer_tree(policy, indication, phase, known)
    if determination == "not-satisfied":
        assert gaps == ()
        assert contradictions(tree, known)
    elif gaps:
        answer = answer_tree(policy, indication, phase, {**known, **dict.fromkeys(gaps, Status.MET)})
        assert answer == ("complete", ())
        undocumented = any(known[leaf] is Status.NOT_DOCUMENTED for leaf in gaps)
        assert determination == ("incomplete" if undocumented else "needs-review")
