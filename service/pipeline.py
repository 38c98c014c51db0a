"""From orders and records to determinations. `decide` is the whole path in one function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from fhir_mappings.answers import criterion_answers
from fhir_mappings.chart import Chart, Located, build_chart
from fhir_mappings.coverage import Applicable, ApplicablePolicy, policies_for
from fhir_mappings.inquiry import Inquiry
from fhir_mappings.orders import Procedure, evidence_date, procedures
from fhir_mappings.registry import extract
from policies.determination import Case, Determination, determine
from policies.values import Fact
from service.engine import Engine


@dataclass(frozen=True, slots=True)
class Records:
    """What was read for one call: the draft orders, the patient's records, the types that could not be read."""

    patient_id: str
    orders: tuple[Located, ...]
    resources: tuple[Located, ...]
    unread: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyAnswer:
    """One procedure under one policy: several determinations only where phase or indication is unclear."""

    payer: str
    coverage: str
    determinations: tuple[Determination, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one call."""

    as_of: date
    concerns_us: bool
    answers: tuple[PolicyAnswer, ...] = ()
    unknown_payers: tuple[str, ...] = ()
    shows_unknown_payers: bool = False
    coverage_unread: bool = False
    orders: tuple[str, ...] = ()
    phase: str = "permanent"
    unread: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def decide(
    engine: Engine,
    records: Records,
    today: date,
    *,
    policies: Sequence[str] = (),
    applicable: Applicable | None = None,
    selections: Sequence[str] | None = None,
) -> Decision:
    """Return what every applicable policy says of every procedure ordered.

    `policies` evaluates exactly these, `applicable` stands in for the patient's coverage.
    With `selections` only procedures that hold a selected order are answered.
    """
    chart = build_chart(records.resources, records.patient_id, engine.sets, records.unread)
    found, doubts = procedures(records.orders, chart, today)
    if selections is not None:
        found = tuple(one for one in found if set(one.references) & set(selections))
    if not found:
        return Decision(today, False, warnings=_warnings(records, doubts))
    answers: list[PolicyAnswer] = []
    unknown: list[str] = []
    unread = False
    for procedure in found:
        payers = applicable or policies_for(chart, procedure.policy_date, engine.payers)
        unknown += payers.unknown
        unread = unread or payers.unread
        chosen = _named(policies) if policies else payers.policies
        answers += _answers(engine, chart, procedure, chosen, today, payers.washington_medicaid)
    return Decision(
        today,
        True,
        tuple(answers),
        () if policies else tuple(dict.fromkeys(unknown)),
        engine.config.cards.when_unknown_payer == "info",
        unread and not policies,
        tuple(reference for procedure in found for reference in procedure.references),
        found[0].cases[0][1],
        tuple(sorted(records.unread)),
        _warnings(records, doubts, chart),
    )


def _named(policies: Sequence[str]) -> tuple[ApplicablePolicy, ...]:
    return tuple(ApplicablePolicy(policy_id, "", "named on the command line") for policy_id in policies)


def _answers(
    engine: Engine,
    chart: Chart,
    procedure: Procedure,
    chosen: Sequence[ApplicablePolicy],
    today: date,
    washington_medicaid: tuple[str, ...],
) -> list[PolicyAnswer]:
    day = evidence_date(procedure.service_date, today)
    inquiries = {
        case: Inquiry(chart, procedure, *case, procedure.policy_date, day, engine.look_back, washington_medicaid)
        for case in procedure.cases
    }
    known: dict[tuple[str, str], dict[str, Fact]] = {case: {} for case in procedure.cases}
    given = criterion_answers(chart, engine.criteria, day) if chart.of_type("QuestionnaireResponse") else {}
    answers = []
    for applies in chosen:
        policy = engine.library.on(applies.policy, procedure.policy_date)
        determinations = []
        for case, inquiry in inquiries.items():
            facts = known[case]
            asked = (name for name in engine.facts_of(policy) if name not in facts)
            facts |= extract(asked, inquiry, engine.extractors)
            put = Case(
                *case, procedure.policy_date, day, procedure.references, procedure.codes,
                (*procedure.cautions_of(case[0]), *applies.cautions),
            )  # fmt: skip
            determinations.append(determine(policy, put, facts, given, engine.states, engine.settings))
        answers.append(PolicyAnswer(applies.payer, applies.coverage, _once(determinations), applies.notes))
    return answers


def _once(determinations: Sequence[Determination]) -> tuple[Determination, ...]:
    """Return the determinations without repetitions: several readings may come to the same answer without criteria."""
    seen: dict[tuple[object, ...], Determination] = {}
    for one in determinations:
        seen.setdefault((one.indication, one.phase, one.kind, one.reason, bool(one.results)), one)
    return tuple(seen.values())


def _warnings(records: Records, doubts: Sequence[str], chart: Chart | None = None) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*records.warnings, *doubts, *(chart.warnings if chart else ()))))
