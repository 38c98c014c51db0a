"""From facts to an answer: status of every criterion, determination, shortest path, cautions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from policies.conditions import (
    AllOf,
    AnyOf,
    Condition,
    FailedAfter,
    Lasted,
    Reading,
    Seen,
    Verdict,
    end_of,
    facts_named,
    see,
    see_flag,
)
from policies.dates import add_months
from policies.logic import Status, Truth, contradictions, shortest_path, truth
from policies.model import (
    OTHER_INDICATION,
    DeterminationKind,
    Handover,
    Leaf,
    PhaseCriteria,
    Policy,
    ScopeRule,
)
from policies.values import Course, Evidence, Fact, Flag

CONFIRMED_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Caution:
    """Something the reader must know besides the criteria; one that `caps` keeps a complete chart at needs-review."""

    code: str
    text: str
    caps: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One procedure as it is put to a policy.

    `policy_date` picks the version; nothing after `evidence_date` counts. `codes` are the order codes, `dystonia`
    and the like are facts. `cautions` come with the order (an unclear phase, an unclear indication).
    """

    indication: str
    phase: str
    policy_date: date
    evidence_date: date
    orders: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """What a site decides: how long statements stand (months), and when it last confirmed each policy's text."""

    statement_months: int = 12
    confirmed: Mapping[str, date] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CriterionResult:
    """One leaf's status, why in plain sentences, and the evidence it rests on."""

    leaf: Leaf
    status: Status
    why: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Determination:
    """The answer for one case under one policy.

    `gaps` is the shortest path's open leaves, `deciding` the leaves that make the answer what it is, `reason` the
    sentence that goes with an answer without criteria, `shown` the facts put before a reviewer.
    """

    policy: Policy
    case: Case
    kind: DeterminationKind
    indication: str
    phase: str
    results: tuple[CriterionResult, ...] = ()
    gaps: tuple[str, ...] = ()
    deciding: tuple[str, ...] = ()
    cautions: tuple[Caution, ...] = ()
    reason: str = ""
    shown: tuple[tuple[str, Fact], ...] = ()

    def result(self, leaf_id: str) -> CriterionResult:
        """Return one criterion's result. Raises KeyError where the leaf is not part of the answer."""
        for result in self.results:
            if result.leaf.id == leaf_id:
                return result
        raise KeyError(leaf_id)


Facts = Mapping[str, Fact]
Answers = Mapping[str, Flag]


def determine(
    policy: Policy,
    case: Case,
    facts: Facts,
    answers: Answers,
    states: Mapping[str, str],
    settings: Settings,
) -> Determination:
    """Return what the policy says of the case, given the chart's facts and the answers given under criterion ids."""
    reading = Reading(facts, case.evidence_date, settings.statement_months, states)
    plain = Determination(policy, case, DeterminationKind.NEEDS_REVIEW, case.indication, case.phase)
    plain = replace(plain, shown=tuple((name, facts[name]) for name in policy.shows if _worth_showing(facts.get(name))))
    if not policy.in_force(case.policy_date):
        return replace(plain, kind=DeterminationKind.NO_POLICY_IN_FORCE, reason=_out_of_force(policy, case.policy_date))
    unsure: list[Caution] = []
    for rule in policy.scope:
        if not _concerns(rule.indications, rule.phases, case):
            continue
        seen = see(rule.when, reading)
        if seen.verdict is Verdict.YES:
            return _handed_over(plain, rule.outcome, case.cautions, rule.report_as)
        caution = _unsure(rule, seen, reading)
        if caution:
            unsure.append(caution)
    at = policy.phase(case.indication, case.phase)
    if at is None:
        reason = f"{policy.title} does not speak to this use."
        outcome = Handover(DeterminationKind.OUT_OF_SCOPE, reason)
        return _handed_over(plain, outcome, case.cautions, OTHER_INDICATION)
    if isinstance(at, Handover):
        return _handed_over(plain, at, case.cautions)
    if at.instead_when and see(at.instead_when, reading).verdict is Verdict.YES:
        at = policy.phases[(case.indication, at.instead)]
        assert isinstance(at, PhaseCriteria)  # the loader guarantees it
    results = tuple(criterion_result(leaf, reading, answers.get(leaf.id)) for leaf in policy.leaves_of(at.tree))
    cautions = (*case.cautions, *unsure, *_policy_cautions(policy, case, reading, settings))
    return _decided(plain, at, results, cautions)


def answer_tree(
    policy: Policy, indication: str, phase: str, statuses: Mapping[str, Status]
) -> tuple[str, tuple[str, ...]]:
    """Return the tree's own answer (determination, gaps) for given leaf statuses: no scope, no dates, no cautions.

    Raises NoCriteriaTree where the policy has no tree for the pair.
    """
    tree = policy.tree(indication, phase)
    gaps = shortest_path(tree, statuses)
    return _kind(truth(tree, statuses), gaps, statuses, capped=False).value, gaps


def _decided(
    plain: Determination, at: PhaseCriteria, results: tuple[CriterionResult, ...], cautions: tuple[Caution, ...]
) -> Determination:
    statuses = {result.leaf.id: result.status for result in results}
    gaps = shortest_path(at.tree, statuses)
    kind = _kind(truth(at.tree, statuses), gaps, statuses, any(caution.caps for caution in cautions))
    return replace(
        plain,
        kind=kind,
        results=results,
        gaps=gaps,
        deciding=contradictions(at.tree, statuses) or gaps,
        cautions=_once(cautions),
    )


def _kind(value: Truth, gaps: tuple[str, ...], statuses: Mapping[str, Status], capped: bool) -> DeterminationKind:
    if value is Truth.FALSE:
        return DeterminationKind.NOT_SATISFIED
    if value is Truth.TRUE:
        return DeterminationKind.NEEDS_REVIEW if capped else DeterminationKind.COMPLETE
    if any(statuses.get(leaf, Status.NOT_DOCUMENTED) is Status.NOT_DOCUMENTED for leaf in gaps):
        return DeterminationKind.INCOMPLETE
    return DeterminationKind.NEEDS_REVIEW


def _handed_over(
    plain: Determination, outcome: Handover, cautions: tuple[Caution, ...], report_as: str = ""
) -> Determination:
    capping = tuple(caution for caution in cautions if caution.caps)
    kind = outcome.kind
    if kind is DeterminationKind.NO_REVIEW_NEEDED and capping:
        kind = DeterminationKind.NEEDS_REVIEW
    return replace(
        plain, kind=kind, reason=outcome.why, indication=report_as or plain.indication, cautions=_once(cautions)
    )


def _concerns(indications: frozenset[str], phases: frozenset[str], case: Case) -> bool:
    return (not indications or case.indication in indications) and (not phases or case.phase in phases)


def _unsure(rule: ScopeRule, seen: Seen, reading: Reading) -> Caution | None:
    silent = rule.silence_too and all(reading.fact(name).value is None for name in facts_named(rule.when))
    if rule.unsure and (silent or seen.verdict is not Verdict.NO):
        return Caution(rule.unsure, rule.unsure_text, caps=True)
    return None


def _policy_cautions(policy: Policy, case: Case, reading: Reading, settings: Settings) -> list[Caution]:
    cautions = [
        Caution(rule.code, rule.text, rule.caps)
        for rule in policy.cautions
        if _concerns(rule.indications, rule.phases, case)
        and (rule.when is None or see(rule.when, reading).verdict is not Verdict.NO)
    ]
    unlisted = [code for code in case.codes if code not in policy.codes]
    if policy.lists_codes and unlisted:
        text = f"The policy's own code list does not name {', '.join(unlisted)}: ask the plan how it reads the order."
        cautions.append(Caution("code-not-listed", text))
    if _text_is_old(policy, case.policy_date, settings.confirmed.get(policy.id)):
        dated = f"is of {policy.version}" if policy.version != "undated" else "bears no date"
        text = f"The policy text {dated} and was not confirmed as current since: check with the payer."
        cautions.append(Caution("text-not-confirmed-current", text))
    return cautions


def _text_is_old(policy: Policy, day: date, confirmed: date | None) -> bool:
    known = [one for one in (_version_date(policy), confirmed) if one is not None]
    return not known or add_months(max(known), CONFIRMED_MONTHS) < day


def _version_date(policy: Policy) -> date | None:
    return None if policy.version == "undated" else date.fromisoformat(policy.version)


def _out_of_force(policy: Policy, day: date) -> str:
    return policy.before if policy.starts and day < policy.starts else policy.after


def _once(cautions: tuple[Caution, ...]) -> tuple[Caution, ...]:
    return tuple({caution.code: caution for caution in reversed(cautions)}.values())[::-1]


def _worth_showing(fact: Fact | None) -> bool:
    return fact is not None and bool(fact.evidence or fact.note)


# One criterion ------------------------------------------------------------------------------------------------


def criterion_result(leaf: Leaf, reading: Reading, answer: Flag | None) -> CriterionResult:
    """Return one leaf's status from the facts and, where a form answered it, the answer."""
    found = _from_facts(leaf, reading)
    if answer is not None:
        found = _with_answer(leaf, found, answer, reading)
    status, why = found.status, found.why
    if leaf.ceiling and status is Status.MET:
        status = leaf.ceiling
        why = (*why, "The policy leaves this to a reviewer.")
    if leaf.review_when and status is Status.MET and see(leaf.review_when, reading).verdict is not Verdict.NO:
        status, why = Status.NEEDS_REVIEW, (*why, leaf.review_why)
    return CriterionResult(leaf, status, _sentences(why), found.evidence)


@dataclass(frozen=True, slots=True)
class _Found:
    status: Status
    why: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    settled_by_answer: bool = True


def _from_facts(leaf: Leaf, reading: Reading) -> _Found:
    for rule in leaf.rules:
        seen = see(rule.when, reading)
        if seen.verdict is Verdict.NO:
            continue
        needed = f"Needed: {leaf.expects}." if rule.status in (Status.NOT_MET, Status.NOT_DOCUMENTED) else ""
        why = tuple(text for text in (*seen.why, rule.why, needed) if text)
        if seen.verdict is Verdict.YES:
            settled = rule.confirmable if rule.status is Status.NEEDS_REVIEW else not rule.firm
            return _Found(rule.status, why, seen.evidence, settled)
        merely_unread = rule.status is Status.NEEDS_REVIEW and not seen.evidence
        helped = rule.status in (Status.MET, Status.NOT_APPLICABLE) or rule.confirmable or merely_unread
        settled = seen.verdict is Verdict.MAYBE and helped and not _contradicted(leaf, reading)
        return _Found(Status.NEEDS_REVIEW, why, seen.evidence, settled)
    facts = [reading.fact(name) for name in leaf.facts]
    near = tuple(dict.fromkeys(fact.note for fact in facts if fact.note))
    enough = tuple(text for rule in leaf.rules for text in _enough_on(rule.when, reading))
    evidence = tuple(dict.fromkeys(item for fact in facts if fact.note for item in fact.evidence))
    return _Found(Status.NOT_DOCUMENTED, (*near, *enough, f"Needed: {leaf.expects}."), evidence)


def _contradicted(leaf: Leaf, reading: Reading) -> bool:
    """Return whether the chart denies the criterion for sure: an answer does not outweigh that."""
    against = (rule.when for rule in leaf.rules if rule.status is Status.NOT_MET)
    return any(see(when, reading).verdict in (Verdict.YES, Verdict.CLASH) for when in against)


def _enough_on(condition: Condition, reading: Reading) -> tuple[str, ...]:
    """Return, for each therapy that goes on and is still too short, the first day on which it would be long enough."""
    if isinstance(condition, AnyOf | AllOf):
        return tuple(text for child in condition.conditions for text in _enough_on(child, reading))
    course = reading.fact(condition.fact).value
    if not isinstance(condition, FailedAfter | Lasted) or not isinstance(course, Course) or course.start is None:
        return ()
    last = end_of(course.start, condition.duration)
    return (f"Long enough from {last.isoformat()} on, if it goes on.",) if last > reading.on else ()


def _with_answer(leaf: Leaf, found: _Found, answer: Flag, reading: Reading) -> _Found:
    state = "present" if leaf.answer.ages else "event"
    reading = replace(reading, statement_months=leaf.answer.holds_months or reading.statement_months)
    yes = see_flag(answer, True, leaf.answer.by, reading, state)
    no = see_flag(answer, False, leaf.answer.by, reading, state)
    said = next((seen for seen in (yes, no) if seen.verdict is not Verdict.NO), None)
    if said is None or found.status is Status.NOT_APPLICABLE:
        return found
    evidence = tuple(dict.fromkeys((*found.evidence, *said.evidence)))
    if said.verdict is not Verdict.YES:
        return _beside_doubtful_answer(found, said, evidence)
    if said is no:
        if found.status is Status.MET:
            return _Found(Status.NEEDS_REVIEW, (*found.why, "A form says otherwise."), evidence)
        return _Found(Status.NOT_MET, (*found.why, "A form answers this with no."), evidence)
    if not leaf.answer.proves:
        return found
    if found.status is Status.NOT_MET and found.settled_by_answer:
        return _Found(Status.NEEDS_REVIEW, (*found.why, "A form says otherwise."), evidence)
    if found.status in (Status.NOT_MET, Status.NEEDS_REVIEW) and not found.settled_by_answer:
        return replace(found, evidence=evidence)
    return _Found(Status.MET, (*_kept(found), "A form answers this with yes."), evidence)


def _beside_doubtful_answer(found: _Found, said: Seen, evidence: tuple[Evidence, ...]) -> _Found:
    if found.status is Status.MET and said.verdict is Verdict.MAYBE:
        return found
    if found.status is Status.NOT_MET:
        return found
    return _Found(Status.NEEDS_REVIEW, (*_kept(found), *said.why), evidence, found.settled_by_answer)


def _kept(found: _Found) -> tuple[str, ...]:
    return () if found.status is Status.NOT_DOCUMENTED else found.why


def _sentences(parts: tuple[str, ...]) -> str:
    return " ".join(part if part.endswith((".", "?", "!")) else f"{part}." for part in dict.fromkeys(parts) if part)
