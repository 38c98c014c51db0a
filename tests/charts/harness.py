"""Whole charts: a FHIR Bundle in, the status of every criterion out, compared exactly.

A chart is a function that returns a Builder; its expectation names every leaf of the tree.
"""

from __future__ import annotations

from functools import cache

from policies.determination import Determination
from service.check import check
from service.config import Config
from service.engine import Engine
from service.fhir_json import dump
from service.pipeline import Decision
from tests.builder import Builder


@cache
def engine() -> Engine:
    """Return the engine of the defaults."""
    return Engine.build(Config())


def decision(builder: Builder, policy: str) -> Decision:
    """Return what `pumpcheck check --policy` says of the builder's Bundle on its today."""
    return check(engine(), dump(builder.bundle()), builder.today, policies=(policy,))


def determinations(builder: Builder, policy: str) -> tuple[Determination, ...]:
    """Return the determinations under one policy."""
    return tuple(one for answer in decision(builder, policy).answers for one in answer.determinations)


def statuses(determination: Determination) -> dict[str, str]:
    """Return the status of every criterion, by the id without the policy: `<indication>/<phase>/<name>`."""
    return {result.leaf.id.partition("/")[2]: result.status.value for result in determination.results}


def assert_chart(
    builder: Builder,
    policy: str,
    case: str,
    determination: str,
    expected: dict[str, str],
    *,
    gaps: tuple[str, ...] | None = None,
    cautions: tuple[str, ...] | None = None,
) -> Determination:
    """Assert the one determination of a chart: its case, kind and the status of every criterion.

    Keys of `expected` and `gaps` are names of leaves where those are unique, else `<phase>/<name>` or the path.
    """
    found = determinations(builder, policy)
    assert [f"{one.indication}/{one.phase}" for one in found] == [case]
    one = found[0]
    known = statuses(one)
    named = {_path(name, known): status for name, status in expected.items()}
    wrong = [path for path in known if named.get(path) != known[path]]
    assert known == named, {path: one.result(f"{policy}/{path}").why for path in wrong}
    assert one.kind.value == determination
    if gaps is not None:
        assert one.gaps == tuple(f"{policy}/{_path(name, known)}" for name in gaps)
    if cautions is not None:
        assert sorted(caution.code for caution in one.cautions) == sorted(cautions)
    return one


def _path(name: str, known: dict[str, str]) -> str:
    matches = [path for path in known if path == name or path.endswith(f"/{name}")]
    assert len(matches) == 1, f"`{name}` names {matches or 'no criterion'}; known are {sorted(known)}"
    return matches[0]
