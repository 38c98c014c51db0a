"""Facts that a local code or a form states: yes/no findings with author, role and date."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from fhir_mappings.inquiry import Extractor, Inquiry
from fhir_mappings.readings import Reading
from policies.dates import add_months
from policies.values import Evidence, Fact, Flag, Statement
from policies.vocabulary import load_vocabulary

TRIAL_STATEMENTS = frozenset(
    {
        "trial-relief-adequate",
        "trial-function-improved",
        "trial-tolerated",
        "trial-patient-acceptance",
        "trial-response-favourable",
        "trial-other-benefit",
    }
)
"""Statements about a trial belong to the last one that began before them."""

RESPONSE_STATEMENTS = TRIAL_STATEMENTS - {"trial-tolerated", "trial-patient-acceptance"}
"""Those that tell of the response: an earlier trial with the opposite result leaves a doubt about them."""

STANDS_MONTHS = {"life-expectancy-at-least-3-months": 3}
"""Statements that hold for so many months only, from their date on: a yes is a doubt after that."""


def statement_readings(inquiry: Inquiry, name: str) -> list[Reading]:
    """Return the yes/no readings of a finding that count: dated on or before the evidence date, or undated."""
    return [
        reading
        for reading in inquiry.chart.readings(name)
        if isinstance(reading.value, bool) and (reading.when is None or reading.when.possibly_by(inquiry.evidence_date))
    ]


def statement_of(reading: Reading, summary: str, on_or_before: object = None) -> Statement:
    """Return a reading as a statement; a partial date that reaches past the evidence date is a doubt."""
    when = reading.when
    late = when is not None and on_or_before is not None and not when.surely_by(on_or_before)  # type: ignore[arg-type]
    doubt = f"Its date ({when.text}) may lie after the evidence date." if when is not None and late else ""
    return Statement(
        bool(reading.value),
        when.first if when else None,
        reading.role,
        (reading.evidence(summary),),
        doubt,
        reading.source,
    )


def stated(name: str, inquiry: Inquiry) -> Fact:
    """Return what findings and forms say of one yes/no fact."""
    readings = statement_readings(inquiry, name)
    opposite = False
    if name in TRIAL_STATEMENTS:
        readings, before = _of_latest_trial(inquiry, readings)
        denied = any(one.value is False for one in before) and bool(inquiry.trials.earlier)
        opposite = denied and name in RESPONSE_STATEMENTS
    if not readings:
        return Fact(unread=inquiry.unread("Observation", "QuestionnaireResponse"))
    label = inquiry.sets.title(name)
    statements = tuple(
        statement_of(one, f"{label}: {'yes' if one.value else 'no'}", inquiry.evidence_date) for one in readings
    )
    statements = tuple(_still_standing(name, one, inquiry) for one in statements)
    if name in TRIAL_STATEMENTS:
        statements = tuple(_of_this_trial(one, inquiry, opposite=opposite) for one in statements)
    return Fact(Flag(statements), tuple(item for one in statements for item in one.evidence), _note(label, statements))


def _of_latest_trial(inquiry: Inquiry, readings: list[Reading]) -> tuple[list[Reading], list[Reading]]:
    """Return the statements about the trial that counts, and those made before it began."""
    day = inquiry.trials.day
    before = [one for one in readings if day is not None and one.when is not None and one.when.last < day]
    return [one for one in readings if not any(one is other for other in before)], before


def _of_this_trial(statement: Statement, inquiry: Inquiry, *, opposite: bool) -> Statement:
    if statement.doubt:
        return statement
    day = inquiry.trials.day
    if day is not None and statement.on is not None and statement.on < day:
        return replace(statement, doubt=f"Its date may lie before the trial of {day.isoformat()}.")
    if opposite and statement.value:
        return replace(statement, doubt="An earlier trial had the opposite result.")
    return statement


def _still_standing(name: str, statement: Statement, inquiry: Inquiry) -> Statement:
    months = STANDS_MONTHS.get(name)
    if months is None or not statement.value or statement.doubt:
        return statement
    if statement.on is None or add_months(statement.on, months) >= inquiry.evidence_date:
        return statement
    return replace(statement, doubt=f"The statement of {statement.on.isoformat()} held for {months} months.")


def _note(label: str, statements: tuple[Statement, ...]) -> str:
    said = sorted({f"{label}: {'yes' if one.value else 'no'}{_on(one.evidence)}" for one in statements})
    return "; ".join(said)


def _on(evidence: tuple[Evidence, ...]) -> str:
    return f" ({evidence[0].date[:10]})" if evidence and evidence[0].date else ""


FACTS: dict[str, Extractor] = {
    name: partial(stated, name) for name, entry in load_vocabulary().items() if entry.local and entry.type == "flag"
}
