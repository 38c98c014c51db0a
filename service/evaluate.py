"""`pumpcheck policies evaluate`: a criteria tree alone, line by line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from policies.determination import answer_tree
from policies.logic import Status, leaf_ids
from policies.model import Policy
from service.fhir_json import JsonError, dump, parse


def evaluated_lines(policy: Policy, indication: str, phase: str, lines: Iterable[str]) -> Iterator[str]:
    """Yield one JSON line for each line of leaf statuses.

    Raises NoCriteriaTree for a pair without a tree, ValueError that names line and id for an unknown id or status.
    """
    known = frozenset(leaf_ids(policy.tree(indication, phase)))
    for number, line in enumerate(lines, start=1):
        statuses = _statuses(line, number, known)
        determination, gaps = answer_tree(policy, indication, phase, statuses)
        yield dump({"determination": determination, "gaps": list(gaps)}).decode()


def _statuses(line: str, number: int, known: frozenset[str]) -> dict[str, Status]:
    try:
        members = parse(line.encode())
    except JsonError as error:
        raise ValueError(f"line {number}: {error}") from None
    if not isinstance(members, dict):
        raise ValueError(f"line {number}: no JSON object")
    statuses = {}
    for leaf, word in members.items():
        if leaf not in known:
            raise ValueError(f"line {number}: `{leaf}` is no criterion of this tree")
        try:
            statuses[leaf] = Status(word)
        except ValueError:
            words = ", ".join(status.value for status in Status)
            raise ValueError(f"line {number}: `{leaf}` has the unknown status `{word}`; known are {words}") from None
    return statuses
