"""Determinations -> CDS Hooks cards (2.0, "Card Attributes"): what is missing first, what to do, and why."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from cds_cards.markdown import bare, cut, escaped, plain
from policies.determination import CriterionResult, Determination
from policies.logic import Status
from policies.model import DeterminationKind
from policies.values import Evidence, Fact

SUMMARY_LENGTH = 139
EVIDENCE_SHOWN = 3
BESIDE_SHOWN = 5
NO_DECISION = "This compares the chart with the policy text. It is no coverage decision."

PHASE_WORDS = {
    "trial": "pump trial",
    "permanent": "pump implant",
    "replacement": "pump replacement",
    "revision": "catheter revision",
}
INDICATION_WORDS = {
    "nonmalignant-pain": "non-cancer pain",
    "cancer-pain": "cancer pain",
    "spasticity": "spasticity",
    "other": "another use",
    "any": "any indication",
}
_QUIET = frozenset({DeterminationKind.COMPLETE, DeterminationKind.NO_REVIEW_NEEDED})
_WARNING = frozenset({DeterminationKind.INCOMPLETE, DeterminationKind.NOT_SATISFIED})


@dataclass(frozen=True, slots=True)
class CardSettings:
    """How cards are made: whether a complete chart is shown, and the EHR's base URL for links to evidence.

    `only_gaps`  while the order is still being written: a card only where something is open, and never more than info
    """

    when_complete: str = "silent"
    server: str = ""
    only_gaps: bool = False


@dataclass(frozen=True, slots=True)
class Procedure:
    """The determinations of one procedure under one policy; several where indication or phase is unclear."""

    payer: str
    determinations: tuple[Determination, ...]
    notes: tuple[str, ...] = ()


def cards(
    procedures: Iterable[Procedure], settings: CardSettings, warnings: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return one card per procedure and policy, without those that a complete chart makes needless."""
    shown = [one for one in procedures if _is_shown(one, settings)]
    return [card(one, settings, warnings) for one in shown]


def _is_shown(procedure: Procedure, settings: CardSettings) -> bool:
    if settings.only_gaps:
        return any(one.gaps or one.kind is DeterminationKind.NOT_SATISFIED for one in procedure.determinations)
    if settings.when_complete == "info":
        return True
    return any(one.kind not in _QUIET or _text_unconfirmed(one) for one in procedure.determinations)


def _text_unconfirmed(determination: Determination) -> bool:
    return any(caution.code == "text-not-confirmed-current" for caution in determination.cautions)


def card(procedure: Procedure, settings: CardSettings, warnings: Sequence[str] = ()) -> dict[str, Any]:
    """Return one card."""
    first = procedure.determinations[0]
    return {
        "uuid": str(uuid.uuid4()),
        "summary": cut(summary(procedure.determinations), SUMMARY_LENGTH),
        "detail": detail(procedure, settings, warnings),
        "indicator": "info" if settings.only_gaps else indicator(procedure.determinations),
        "source": _source(first),
    }


def unknown_payer_card(payers: Sequence[str], known: Sequence[str]) -> dict[str, Any]:
    """Return the card that says that no known policy belongs to this payer."""
    names = bare(", ".join(payers)) or "no active coverage"
    return {
        "uuid": str(uuid.uuid4()),
        "summary": cut(f"No known policy for this pump order: {names}", SUMMARY_LENGTH),
        "detail": f"PumpCheck knows the policies of: {escaped(', '.join(known))}.\n\n_{NO_DECISION}_",
        "indicator": "info",
        "source": {"label": "PumpCheck"},
    }


def _source(determination: Determination) -> dict[str, Any]:
    policy = determination.policy
    return {"label": policy.title, **({"url": policy.source.url} if policy.source.url else {})}


def indicator(determinations: Sequence[Determination]) -> str:
    """Return `warning` where something is open or contradicted, else `info`; this card never stops anybody."""
    return "warning" if any(one.kind in _WARNING for one in determinations) else "info"


def summary(determinations: Sequence[Determination]) -> str:
    """Return the one line that the clinician reads first."""
    first = determinations[0]
    return f"{first.policy.short_title}, {_what(determinations)}: {_state(determinations)}"


def _what(determinations: Sequence[Determination]) -> str:
    return " or ".join(dict.fromkeys(PHASE_WORDS[one.phase] for one in determinations))


def _state(determinations: Sequence[Determination]) -> str:
    if len(determinations) > 1:
        capping = [caution for caution in determinations[0].cautions if caution.caps]
        return _lower(capping[0].text) if capping else "more than one reading of this order"
    one = determinations[0]
    match one.kind:
        case DeterminationKind.INCOMPLETE | DeterminationKind.NEEDS_REVIEW if one.gaps:
            return _open_items(one)
        case DeterminationKind.NOT_SATISFIED:
            return f"the chart contradicts {_labels(one, one.deciding)}"
        case DeterminationKind.COMPLETE:
            return f"all {_count(one)} items documented"
    capping = [caution for caution in one.cautions if caution.caps]
    return _lower(capping[0].text) if capping and not one.reason else _lower(one.reason)


def _open_items(determination: Determination) -> str:
    missing = [leaf for leaf in determination.gaps if determination.result(leaf).status is Status.NOT_DOCUMENTED]
    confirm = [leaf for leaf in determination.gaps if leaf not in missing]
    total = _count(determination)
    if not missing:
        return f"{len(confirm)} of {total} items to confirm: {_labels(determination, confirm)}"
    besides = f", {len(confirm)} to confirm" if confirm else ""
    return f"{len(missing)} of {total} items not documented{besides}: {_labels(determination, missing)}"


def _count(determination: Determination) -> int:
    return sum(result.status is not Status.NOT_APPLICABLE for result in determination.results)


def _labels(determination: Determination, leaves: Sequence[str]) -> str:
    return ", ".join(_lower(determination.result(leaf).leaf.label) for leaf in leaves)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text


# Detail -------------------------------------------------------------------------------------------------------


def detail(procedure: Procedure, settings: CardSettings, warnings: Sequence[str] = ()) -> str:
    """Return the card's body in GitHub-Flavored Markdown: open items first, then what contradicts, then the rest."""
    parts = [part for one in procedure.determinations for part in _determination(one, settings, procedure)]
    parts += _bullets("Could not be read", [escaped(text) for text in warnings])
    parts += _bullets("Notes", [escaped(text) for text in procedure.notes])
    return "\n\n".join([*parts, _footer(procedure.determinations[0])])


def _determination(one: Determination, settings: CardSettings, procedure: Procedure) -> list[str]:
    parts = []
    if len(procedure.determinations) > 1:
        parts.append(f"#### Read as {PHASE_WORDS[one.phase]}, {INDICATION_WORDS[one.indication]}")
    if one.reason:
        parts.append(escaped(one.reason))
    for caution in one.cautions:
        if caution.caps:
            parts.append(f"**Please clear up:** {escaped(caution.text)}")
    by_leaf = {result.leaf.id: result for result in one.results}
    steps = [by_leaf[leaf] for leaf in one.gaps]
    parts += _steps("To document", [step for step in steps if step.status is Status.NOT_DOCUMENTED], settings)
    parts += _steps("To confirm", [step for step in steps if step.status is Status.NEEDS_REVIEW], settings)
    listed = set(one.gaps)
    against = [result for result in one.results if result.status is Status.NOT_MET]
    parts += _items("Contradicted in the chart", against, settings)
    if one.kind is not DeterminationKind.NOT_SATISFIED:
        other = [result for result in one.results if result.status.is_open and result.leaf.id not in listed]
        parts += _bullets("Other ways, not needed now", [escaped(result.leaf.label) for result in other])
    parts += _items("Found", [result for result in one.results if result.status is Status.MET], settings, short=True)
    parts += _bullets(
        "Does not apply",
        [_line(result, settings) for result in one.results if result.status is Status.NOT_APPLICABLE],
    )
    parts += _bullets("Also in the chart", [_shown(fact, settings) for fact in _beside(one)])
    parts += _bullets("Note", [escaped(caution.text) for caution in one.cautions if not caution.caps])
    return parts


def _beside(one: Determination) -> list[Fact]:
    """Return the facts that the policy wants shown and that no criterion has told already."""
    told = " ".join(result.why for result in one.results)
    return [fact for _, fact in one.shown if fact.note and fact.note not in told][:BESIDE_SHOWN]


def _steps(title: str, results: Sequence[CriterionResult], settings: CardSettings) -> list[str]:
    lines = [
        f"{number}. **{escaped(result.leaf.label)}**: {escaped(result.leaf.to_do)}"
        f"{_found(result, settings)}  \n   _{escaped(result.leaf.cite.section)}_"
        for number, result in enumerate(results, start=1)
    ]
    return [f"**{title}**", "\n".join(lines)] if lines else []


def _found(result: CriterionResult, settings: CardSettings) -> str:
    links = _links(result.evidence, settings)
    text = escaped(result.why)
    return f"  \n   {text}{f' ({links})' if links else ''}" if text else ""


def _items(title: str, results: Sequence[CriterionResult], settings: CardSettings, short: bool = False) -> list[str]:
    return _bullets(title, [_line(result, settings, short) for result in results])


def _line(result: CriterionResult, settings: CardSettings, short: bool = False) -> str:
    links = _links(result.evidence, settings)
    why = escaped(cut(result.why, 160) if short else result.why)
    where = "" if short else f" _{escaped(result.leaf.cite.section)}_"
    return f"**{escaped(result.leaf.label)}**: {why}{f' ({links})' if links else ''}{where}"


def _shown(fact: Fact, settings: CardSettings) -> str:
    links = _links(fact.evidence, settings)
    return f"{escaped(fact.note)}{f' ({links})' if links else ''}"


def _bullets(title: str, lines: Sequence[str]) -> list[str]:
    return [f"**{title}**", "\n".join(f"- {line}" for line in lines)] if lines else []


def _links(evidence: Sequence[Evidence], settings: CardSettings) -> str:
    if urlsplit(settings.server).scheme not in ("http", "https"):
        return ""
    return ", ".join(dict.fromkeys(_link(one, settings) for one in evidence[:EVIDENCE_SHOWN]))


def _link(one: Evidence, settings: CardSettings) -> str:
    words = escaped(" ".join(part for part in (cut(one.summary, 60) or one.reference, one.date[:10]) if part))
    if "/" not in one.reference:
        return words
    return f"[{words}]({settings.server}/{quote(one.reference, safe='/')})"


def _footer(one: Determination) -> str:
    policy, case = one.policy, one.case
    dated = f"version {policy.version}" if policy.version != "undated" else "undated version"
    return (
        f"_{escaped(plain(policy.title))}, {dated}. Order dated {case.policy_date.isoformat()}, "
        f"chart read up to {case.evidence_date.isoformat()}. {NO_DECISION}_"
    )
