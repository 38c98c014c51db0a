"""Every row of every vignette table, and whether the tables hold the rows that they must."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction

import pytest

from policies.conditions import AllOf, AnyOf, Compares, Condition, EndedBefore, FailedAfter, Held, Lasted, Reached
from policies.determination import Case, Caution, Determination, Settings, determine
from policies.library import PolicyLibrary
from policies.loading import LIBRARY
from policies.logic import Status
from policies.model import DeterminationKind, Policy
from policies.values import Course, Fact, Measure, Trials
from policies.vignettes import Vignette, load_vignettes
from policies.vocabulary import load_vocabulary

VOCABULARY = load_vocabulary()
ROWS = [row for file in sorted(LIBRARY.glob("*/vignettes.yaml")) for row in load_vignettes(file, VOCABULARY)]
FOLDERS = sorted(file.parent.name for file in LIBRARY.glob("*/vignettes.yaml"))


def _policy(row: Vignette, library: PolicyLibrary) -> Policy:
    return next(policy for policy in library.versions[row.policy] if policy.version == row.version)


def _determination(row: Vignette, library: PolicyLibrary) -> Determination:
    capped = tuple(Caution(code, code, caps=True) for code in row.capped_by)
    case = Case(row.indication, row.phase, row.policy_date, row.evidence_date, (), row.codes, capped)
    return determine(_policy(row, library), case, row.facts, row.answers, library.states, Settings())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.policy}:{row.line}:{row.name}")
def test_row(row: Vignette, library: PolicyLibrary) -> None:
    """The policy answers the row as the table says, for the reason it says."""
    found = _determination(row, library)
    statuses = {result.leaf.id: result.status.value for result in found.results}
    assert (found.kind.value, found.deciding) == (row.expect, row.because), statuses
    assert {leaf: statuses.get(leaf) for leaf in row.statuses} == row.statuses
    if row.cautions is not None:
        assert sorted(caution.code for caution in found.cautions) == sorted(row.cautions)


@pytest.mark.parametrize("policy_id", FOLDERS)
def test_every_leaf_has_its_rows(policy_id: str, library: PolicyLibrary) -> None:
    """Each leaf has a row that makes it not met (or reviewed, where it can be no worse) and one that leaves it open."""
    seen = _statuses_by_leaf(policy_id, library)
    missing = []
    for policy in library.versions[policy_id]:
        for leaf in policy.leaves.values():
            can_fail = any(rule.status is Status.NOT_MET for rule in leaf.rules)
            if (Status.NOT_MET if can_fail else Status.NEEDS_REVIEW) not in seen[leaf.id]:
                missing.append(f"{leaf.id}: no row with {'not-met' if can_fail else 'needs-review'}")
            if Status.NOT_DOCUMENTED not in seen[leaf.id]:
                missing.append(f"{leaf.id}: no row that leaves it undocumented")
            if Status.MET not in seen[leaf.id] and leaf.ceiling is None:
                missing.append(f"{leaf.id}: no row that meets it")
    assert missing == []


@pytest.mark.parametrize("policy_id", FOLDERS)
def test_every_threshold_has_its_rows(policy_id: str, library: PolicyLibrary) -> None:
    """Each threshold has a row at it, one below and one above."""
    rows = [row for row in ROWS if row.policy == policy_id]
    missing = []
    for policy in library.versions[policy_id]:
        for leaf in policy.leaves.values():
            for condition in (one for rule in leaf.rules for one in _simple(rule.when)):
                for name, threshold, sizes in _sizes(condition, rows):
                    sides = {(size > threshold) - (size < threshold) for size in sizes}
                    if sides != {-1, 0, 1}:
                        missing.append(f"{leaf.id}: {name} around {threshold}: only {sorted(map(float, sizes))}")
    assert missing == []


@pytest.mark.parametrize("policy_id", FOLDERS)
def test_every_period_has_its_rows(policy_id: str, library: PolicyLibrary) -> None:
    """Each end of a period has a row on the day before, on it and on the day after."""
    days = {row.policy_date for row in ROWS if row.policy == policy_id}
    for policy in library.versions[policy_id]:
        for end in (policy.starts, policy.ends):
            if end is not None:
                assert {end - timedelta(days=1), end, end + timedelta(days=1)} <= days


@pytest.mark.parametrize("policy_id", FOLDERS)
def test_every_kind_of_answer_without_criteria_has_a_row(policy_id: str, library: PolicyLibrary) -> None:
    """Each scope rule and each handover of a policy decides at least one row."""
    reasons = {_determination(row, library).reason for row in ROWS if row.policy == policy_id}
    for policy in library.versions[policy_id]:
        rules = [rule.outcome for rule in policy.scope]
        rules += [at for at in policy.phases.values() if hasattr(at, "kind")]  # type: ignore[misc]
        assert [rule.why for rule in rules if rule.why not in reasons] == []


def test_every_policy_has_a_table(library: PolicyLibrary) -> None:
    """No policy ships without vignettes."""
    assert list(library.ids) == FOLDERS


def _statuses_by_leaf(policy_id: str, library: PolicyLibrary) -> dict[str, set[Status]]:
    seen: dict[str, set[Status]] = defaultdict(set)
    for row in ROWS:
        if row.policy == policy_id:
            for result in _determination(row, library).results:
                seen[result.leaf.id].add(result.status)
    return seen


def _simple(condition: Condition) -> Iterator[Condition]:
    if isinstance(condition, AnyOf | AllOf):
        for child in condition.conditions:
            yield from _simple(child)
    else:
        yield condition


def _sizes(condition: Condition, rows: list[Vignette]) -> Iterator[tuple[str, Fraction, set[Fraction]]]:
    """Yield fact, threshold and the values that the rows give that fact."""
    values = [_fact(row, condition).value for row in rows]
    match condition:
        case Compares(name, threshold):
            yield name, threshold.value, {value.certain for value in values if isinstance(value, Measure)}
        case Reached(name, threshold) | Held(name, threshold):
            sizes = {
                response.low
                for value in values
                if isinstance(value, Trials)
                for dose in value.latest
                for response in dose.responses
            }
            yield name, threshold.value, sizes
            if isinstance(condition, Held):
                yield f"{name} hold", condition.hours, {_span(value) for value in values if isinstance(value, Trials)}
        case FailedAfter(name, duration) | Lasted(name, duration) | EndedBefore(name, duration):
            lengths = {getattr(value, duration.unit) for value in values if isinstance(value, Course)} - {None}
            yield f"{name} {duration.unit}", Fraction(duration.count), {length.certain for length in lengths}


def _fact(row: Vignette, condition: Condition) -> Fact:
    return row.facts.get(getattr(condition, "fact", ""), Fact())


def _span(trials: Trials) -> Fraction:
    hours = [response.hours for response in trials.latest[0].responses if response.hours is not None]
    return max(hours) - min(hours) if hours else Fraction(0)


def test_kinds_are_all_seen(library: PolicyLibrary) -> None:
    """Over all tables every kind of determination occurs."""
    assert {row.expect for row in ROWS} == {kind.value for kind in DeterminationKind}


def test_dates_are_fixed() -> None:
    """Rows bear fixed dates: a table reads the same in ten years."""
    assert all(row.policy_date > date(1990, 1, 1) for row in ROWS)
