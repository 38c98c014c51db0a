"""Determinations as the machine contract of `pumpcheck check` (JSON) and as text that a nurse can read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from policies.determination import CriterionResult, Determination
from policies.logic import Status
from policies.model import DeterminationKind
from service.pipeline import Decision, PolicyAnswer

QUIET = frozenset({DeterminationKind.COMPLETE, DeterminationKind.NO_REVIEW_NEEDED})
BOLD, RED, YELLOW, GREEN, RESET = "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[32m", "\x1b[0m"

_GROUPS = (
    ("Missing", RED, (Status.NOT_DOCUMENTED,)),
    ("Contradicted", RED, (Status.NOT_MET,)),
    ("To review", YELLOW, (Status.NEEDS_REVIEW,)),
    ("Met", GREEN, (Status.MET,)),
    ("Does not apply", "", (Status.NOT_APPLICABLE,)),
)


def as_json(decision: Decision) -> dict[str, Any]:
    """Return the object that `pumpcheck check --format json` prints."""
    return {
        "asOf": decision.as_of.isoformat(),
        "determinations": [
            determination_json(one, answer) for answer in decision.answers for one in answer.determinations
        ]
        + [_no_policy(payer, decision) for payer in decision.unknown_payers if decision.shows_unknown_payers],
        "warnings": list(decision.warnings),
    }


def determination_json(one: Determination, answer: PolicyAnswer) -> dict[str, Any]:
    """Return one determination as the contract names its members."""
    policy = one.policy
    return {
        "policy": {
            "id": policy.id,
            "version": policy.version,
            "encoding": policy.encoding,
            "title": policy.title,
            "effective": {"from": _iso(policy.starts), "to": _iso(policy.ends)},
        },
        "payer": answer.payer,
        "coverage": answer.coverage,
        "indication": one.indication,
        "phase": one.phase,
        "orders": list(one.case.orders),
        "policyDate": one.case.policy_date.isoformat(),
        "evidenceDate": one.case.evidence_date.isoformat(),
        "determination": one.kind.value,
        "reason": one.reason,
        "criteria": [_criterion(result) for result in one.results],
        "gaps": list(one.gaps),
        "deciding": list(one.deciding),
        "cautions": [{"code": caution.code, "text": caution.text, "caps": caution.caps} for caution in one.cautions],
        "notes": list(answer.notes),
    }


def _criterion(result: CriterionResult) -> dict[str, Any]:
    leaf = result.leaf
    return {
        "id": leaf.id,
        "label": leaf.label,
        "status": result.status.value,
        "why": result.why,
        "evidence": [
            {"reference": item.reference, "date": item.date, "summary": item.summary} for item in result.evidence
        ],
        "citation": {"section": leaf.cite.section, "says": leaf.cite.says},
        "toDo": leaf.to_do,
    }


def _no_policy(payer: str, decision: Decision) -> dict[str, Any]:
    return {
        "policy": None,
        "payer": payer,
        "indication": "other",
        "phase": decision.phase,
        "orders": list(decision.orders),
        "determination": DeterminationKind.NO_POLICY_IN_FORCE.value,
        "reason": f"No known policy for this payer: {payer}.",
        "criteria": [],
        "gaps": [],
        "cautions": [],
    }


def _iso(day: Any) -> str | None:
    return day.isoformat() if day else None


def as_text(decision: Decision, *, colour: bool) -> str:
    """Return the determinations as text, grouped by what is missing, contradicted, to review and met."""
    parts = [f"As of {decision.as_of.isoformat()}"]
    if not decision.concerns_us:
        parts.append("No order here concerns an intrathecal pump or its trial: nothing to check.")
    for answer in decision.answers:
        for one in answer.determinations:
            parts.append(_determination_text(one, answer, colour))
    for payer in decision.unknown_payers:
        parts.append(f"No known policy for this payer: {payer}")
    if decision.warnings:
        parts.append("\n".join(["Warnings", *(f"  - {text}" for text in decision.warnings)]))
    return "\n\n".join(parts) + "\n"


def _determination_text(one: Determination, answer: PolicyAnswer, colour: bool) -> str:
    paint = _painter(colour)
    policy = one.policy
    lines = [
        paint(f"{policy.title} ({policy.id}, version {policy.version})", BOLD),
        f"{one.indication} / {one.phase}; orders: {', '.join(one.case.orders) or 'none'}; payer: {answer.payer}",
        f"Determination: {paint(one.kind.value, GREEN if one.kind in QUIET else RED)}",
    ]
    if one.reason:
        lines.append(one.reason)
    lines += [f"Caution: {caution.text}" for caution in one.cautions]
    lines += [f"Note: {text}" for text in answer.notes]
    for title, tint, statuses in _GROUPS:
        results = [result for result in one.results if result.status in statuses]
        if results:
            lines += ["", paint(f"{title} ({len(results)})", tint)]
            lines += [line for result in results for line in _criterion_text(result, one)]
    if not one.results:
        lines += [line for _, fact in one.shown for line in [f"  In the chart: {fact.note}"] if fact.note]
    return "\n".join(lines)


def _criterion_text(result: CriterionResult, one: Determination) -> list[str]:
    mark = "*" if result.leaf.id in one.gaps else " "
    lines = [f"{mark} {result.leaf.label} [{result.leaf.cite.section}]"]
    if result.why:
        lines.append(f"    {result.why}")
    for item in result.evidence:
        lines.append("    - " + " ".join(part for part in (item.reference, item.date, item.summary) if part))
    if result.status is not Status.MET and result.status is not Status.NOT_APPLICABLE:
        lines.append(f"    To do: {result.leaf.to_do}")
    return lines


def _painter(colour: bool) -> Any:
    def paint(text: str, code: str) -> str:
        return f"{code}{text}{RESET}" if colour and code else text

    return paint


def exit_status(decision: Decision) -> int:
    """Return 0 where nothing is open, else 1."""
    kinds: Sequence[DeterminationKind] = [one.kind for answer in decision.answers for one in answer.determinations]
    unknown = decision.unknown_payers and decision.shows_unknown_payers
    return 0 if all(kind in QUIET for kind in kinds) and not unknown else 1
