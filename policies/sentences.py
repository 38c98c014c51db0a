"""Policies as plain When / Then sentences, so that a payer's analyst can hold each rule against the text."""

from __future__ import annotations

from fractions import Fraction

from policies.conditions import (
    AllOf,
    AnyOf,
    Compares,
    Condition,
    Duration,
    EndedBefore,
    FailedAfter,
    Held,
    Is,
    Lasted,
    OneOf,
    OutcomeIs,
    Reached,
    Threshold,
)
from policies.library import PolicyLibrary
from policies.logic import All, LeafRef, Tree
from policies.model import Handover, Leaf, PhaseCriteria, Policy
from policies.vocabulary import Vocabulary

_COMPARATORS = {"gt": "more than", "gte": "at least", "lt": "less than", "lte": "at most"}
_BY = {
    "clinician": "",
    "anyone": " (anybody's word counts, the patient's included)",
    "mental-health-professional": " (said by a licensed mental-health professional)",
}


def policy_table(library: PolicyLibrary) -> str:
    """Return one line per policy version: id, version, period, title."""
    rows = [("POLICY", "VERSION", "IN FORCE", "TITLE")]
    for policy in library.all():
        period = f"{policy.starts or 'no date'} to {policy.ends or 'open'}"
        rows.append((policy.id, policy.version, period, policy.title))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]) for row in rows
    ]
    return "\n".join(lines) + "\n"


def policy_sentences(policy: Policy, vocabulary: Vocabulary) -> str:
    """Return one policy as text: source, scope, trees, every criterion with its rules, what was left out."""
    parts = [_head(policy), *(_scope(policy, vocabulary))]
    for (indication, phase), at in policy.phases.items():
        title = f"{indication} / {phase}"
        if isinstance(at, Handover):
            parts.append(f"{title}\n  {at.kind.value}: {at.why} [{at.section}]")
        else:
            parts.append(f"{title}\n{_tree(at, policy, vocabulary)}")
    parts += ["Criteria"] + [_leaf(leaf, vocabulary) for leaf in policy.leaves.values()]
    left_out = [bullet for bullet in policy.bullets if bullet.left_out]
    if left_out:
        lines = [f"  - {bullet.section}: {bullet.says}. Why: {bullet.left_out}" for bullet in left_out]
        parts.append("\n".join(["Left out", *lines]))
    return "\n\n".join(parts) + "\n"


def _head(policy: Policy) -> str:
    codes = ", ".join(policy.codes) or "none of its own"
    return "\n".join(
        [
            f"{policy.title}",
            f"  id {policy.id}, version {policy.version}, encoding {policy.encoding}",
            f"  in force from {policy.starts or 'no date given'} to {policy.ends or 'open'}",
            f"  source: {policy.source.document} ({policy.source.revision}), sha256 {policy.source.sha256}",
            f"  codes: {codes}",
        ]
    )


def _scope(policy: Policy, vocabulary: Vocabulary) -> list[str]:
    lines = []
    for rule in policy.scope:
        where = f" ({', '.join(sorted(rule.indications | rule.phases))})" if rule.indications or rule.phases else ""
        lines.append(
            f"  When {condition_words(rule.when, vocabulary)}{where}\n"
            f"  Then {rule.outcome.kind.value}: {rule.outcome.why}"
        )
    return ["\n".join(["Scope", *lines])] if lines else []


def _tree(at: PhaseCriteria, policy: Policy, vocabulary: Vocabulary) -> str:
    text = _group(at.tree, policy, 1)
    if at.instead and at.instead_when:
        text += f"\n  When {condition_words(at.instead_when, vocabulary)}, the criteria {at.instead} stand instead."
    return text


def _group(tree: Tree, policy: Policy, depth: int) -> str:
    indent = "  " * depth
    if isinstance(tree, LeafRef):
        return f"{indent}- {policy.leaves[tree.id].label} ({tree.id})"
    word = "ALL of" if isinstance(tree, All) else "ANY of"
    return "\n".join([f"{indent}{word}", *(_group(child, policy, depth + 1) for child in tree.children)])


def _leaf(leaf: Leaf, vocabulary: Vocabulary) -> str:
    lines = [f"{leaf.id}", f"  {leaf.label}. The policy: {leaf.cite.says} [{leaf.cite.section}]"]
    if leaf.reading:
        lines.append(f"  Reading: {leaf.reading}")
    for rule in leaf.rules:
        lines.append(f"  When {condition_words(rule.when, vocabulary)}\n  Then {rule.status.value}.")
    lines.append("  Else not-documented.")
    if leaf.ceiling:
        lines.append(f"  At best {leaf.ceiling.value}.")
    if leaf.review_when:
        lines.append(f"  At best needs-review when {condition_words(leaf.review_when, vocabulary)}.")
    if not leaf.answer.proves:
        lines.append("  A form's bare yes does not prove it.")
    lines.append(f"  To do: {leaf.to_do}")
    return "\n".join(lines)


def condition_words(condition: Condition, vocabulary: Vocabulary) -> str:
    """Return a condition in words."""
    match condition:
        case AnyOf(conditions):
            return " or ".join(_bracketed(one, vocabulary) for one in conditions)
        case AllOf(conditions):
            return " and ".join(_bracketed(one, vocabulary) for one in conditions)
        case Is(fact, value, by):
            return f"{fact} is {'yes' if value else 'no'}{_BY[by]}"
        case Compares(fact, threshold):
            unit = vocabulary[fact].unit
            return f"{fact} is {_threshold(threshold)}{f' {unit}' if unit and unit[0].isalpha() else ''}"
        case Reached(fact, threshold, missed):
            verb = "stays short of" if missed else "reaches"
            return f"{fact} {verb} {_threshold(threshold)}{_unit(fact, vocabulary)}"
        case Held(fact, threshold, hours, gap, missed):
            verb = "does not hold" if missed else "holds"
            return (
                f"{fact} {verb} {_threshold(threshold)}{_unit(fact, vocabulary)} for {_number(hours)} hours "
                f"(scores at most {_number(gap)} hours apart)"
            )
        case FailedAfter(fact, duration, still):
            besides = f", or the score on it stayed {_threshold(still)}" if still else ""
            return f"{fact} failed or was not tolerated after {_duration(duration)} or more{besides}"
        case Lasted(fact, duration):
            return f"{fact} lasted {_duration(duration)} or more"
        case EndedBefore(fact, duration):
            return f"{fact} was ended before {_duration(duration)}"
        case OutcomeIs(fact, outcome):
            return f"{fact} was {outcome}"
        case OneOf(fact, codes):
            return f"{fact} is {' or '.join(sorted(codes))}"
    raise TypeError(condition)


def _bracketed(condition: Condition, vocabulary: Vocabulary) -> str:
    words = condition_words(condition, vocabulary)
    return f"({words})" if isinstance(condition, AnyOf | AllOf) else words


def _threshold(threshold: Threshold) -> str:
    return f"{_COMPARATORS[threshold.comparator]} {_number(threshold.value)}"


def _number(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{float(value):g}"


def _unit(fact: str, vocabulary: Vocabulary) -> str:
    unit = vocabulary[fact].unit
    return f" {unit}" if unit else ""


def _duration(duration: Duration) -> str:
    return f"{duration.count} {duration.unit}"
