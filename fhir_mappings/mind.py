"""Facts about the mind that records show: evaluations, documents, suicide risk."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

from fhir_mappings.conditions import Standing, diagnoses, named, near_misses, standing
from fhir_mappings.inquiry import Extractor, Inquiry, silent
from fhir_mappings.readings import Reading
from fhir_mappings.records import Record, documents, done_procedures
from fhir_mappings.resources import Resource, items, mapping
from fhir_mappings.roles import author_role
from policies.dates import add_months
from policies.values import CLINICIAN, FINDING, MENTAL_HEALTH, PATIENT, Evidence, Fact, Flag, Statement

ITEM_NINE = "item-9"
ROLE_WORDS = {
    MENTAL_HEALTH: "by a mental-health professional",
    CLINICIAN: "by another clinician",
    PATIENT: "by the patient",
    None: "author not stated",
}


# Evaluations ----------------------------------------------------------------------------------------------------


def psych_evaluation_done(inquiry: Inquiry) -> Fact:
    """Return the psychological evaluations done, each with its date and the role of who did it.

    A recent evaluation by a mental-health professional stands by itself; later ones by others take nothing from it.
    """
    done = [(record, _performer(record.resource, inquiry)) for record in done_procedures(inquiry, "psych-evaluation")]
    if not done:
        screened = done_procedures(inquiry, "psych-screening")
        note = "A brief screen is on record; it is no evaluation." if screened else ""
        return silent(inquiry, "Procedure", note=note, evidence=tuple(one.evidence for one in screened))
    told = "; ".join(f"{_dated(record)} {ROLE_WORDS[role]}" for record, role in done)
    statements = [_evaluation(record, role) for record, role in done]
    strong = [one for one in statements if _stands(one, inquiry)]
    evidence = tuple(item for one in (strong or statements) for item in one.evidence)
    return Fact(Flag(tuple(strong or statements)), evidence, f"{told}.", unread=inquiry.unread("Procedure"))


def _performer(resource: Resource, inquiry: Inquiry) -> str | None:
    actors = [mapping(performer.get("actor")) for performer in items(resource.get("performer"))]
    return author_role(inquiry.chart, {**resource, "performer": actors}, "performer")


def _evaluation(record: Record, role: str | None) -> Statement:
    day = record.when.first if record.when else None
    weak = "Neuropsychological testing answers another question." if record.hit.attributes.get("weak") else ""
    summary = f"{record.hit.entry.label}, {ROLE_WORDS[role]}"
    evidence = Evidence(record.evidence.reference, record.evidence.date, summary)
    return Statement(True, day, role, (evidence,), record.doubt or weak, FINDING)


def _stands(statement: Statement, inquiry: Inquiry) -> bool:
    if statement.by != MENTAL_HEALTH or statement.doubt or statement.on is None:
        return False
    return add_months(statement.on, inquiry.look_back.statement_months) >= inquiry.evidence_date


def _dated(record: Record) -> str:
    label = record.hit.entry.label
    return f"{label[0].upper()}{label[1:]}{f', {record.when.text[:10]},' if record.when else ', no date,'}"


def psych_document(inquiry: Inquiry) -> Fact:
    """Return whether a document of a psychological evaluation or consult is on file. Its content is not read.

    An evaluation known as a procedure is none: `psych_evaluation_done` tells it with the role of who did it.
    """
    found = documents(inquiry, "psych-document")
    if not found:
        return silent(inquiry, "DocumentReference", "DiagnosticReport")
    statements = tuple(record.statement() for record in found)
    told = "; ".join(
        dict.fromkeys(f"{one.hit.entry.label}{f' ({one.when.text[:10]})' if one.when else ''}" for one in found)
    )
    unread = inquiry.unread("DocumentReference", "DiagnosticReport")
    return Fact(Flag(statements), tuple(one.evidence for one in found), f"On file, not read: {told}.", unread=unread)


# Suicide risk ---------------------------------------------------------------------------------------------------


def suicide_risk_on_record(inquiry: Inquiry) -> Fact:
    """Return whether an active suicide risk is on record: a diagnosis, or (as a doubt) thoughts of death in a PHQ-9."""
    found = diagnoses(inquiry, "suicide-risk", lasting=False)
    active = standing(found, Standing.ACTIVE)
    statements = [one.statement() for one in active]
    answer = _latest_thoughts_of_death(inquiry)
    if answer is not None:
        evidence = answer.evidence("PHQ-9 item 9 above 0")
        doubt = "A PHQ-9 names thoughts of death; whether there is a suicide risk is for a clinician to say."
        statements.append(Statement(True, answer.when.first if answer.when else None, answer.role, (evidence,), doubt))
    types = ("Condition", "Observation", "QuestionnaireResponse")
    if not statements:
        return silent(inquiry, *types, note=near_misses(found))
    scored = f"PHQ-9 item 9 above 0 on {answer.when.text[:10]}." if answer is not None and answer.when else ""
    note = " ".join(part for part in (f"{named(active)}." if active else "", scored) if part)
    evidence_all = tuple(item for one in statements for item in one.evidence)
    return Fact(Flag(tuple(statements)), evidence_all, note, unread=inquiry.unread(*types))


def _latest_thoughts_of_death(inquiry: Inquiry) -> Reading | None:
    """Return the latest answer to item 9 of the PHQ-9 within the look-back if it is above 0."""
    oldest = inquiry.evidence_date - timedelta(days=inquiry.look_back.scores)
    answers = [
        reading
        for reading in inquiry.chart.readings("phq9")
        if reading.hits["phq9"].attributes.get("part") == ITEM_NINE
        and reading.when is not None
        and reading.when.possibly_by(inquiry.evidence_date)
        and reading.when.last >= oldest
    ]
    latest = [one for one in answers if one.order == answers[-1].order] if answers else []
    return next((one for one in latest if _points(one, inquiry) > 0), None)


def _points(reading: Reading, inquiry: Inquiry) -> Fraction:
    """Return the points of an answer; one that cannot be read counts as none."""
    if isinstance(reading.value, Fraction):
        return reading.value
    hit = inquiry.sets.find(reading.concept, "phq9-answer")
    return Fraction(hit.attributes.get("points", 0)) if hit else Fraction(0)


def mental_health_condition_on_record(inquiry: Inquiry) -> Fact:
    """Return whether a depression, psychosis or substance use disorder is on the problem list. Shown only."""
    found = diagnoses(inquiry, "depression", "psychosis", "substance-use", lasting=True)
    active = standing(found, Standing.ACTIVE)
    if not active:
        return silent(inquiry, "Condition", note=near_misses(found))
    evidence = tuple(one.evidence for one in active)
    statements = tuple(one.statement() for one in active)
    return Fact(Flag(statements), evidence, f"{named(active)}.", unread=inquiry.unread("Condition"))


FACTS: dict[str, Extractor] = {
    "psych-evaluation-done": psych_evaluation_done,
    "psych-document": psych_document,
    "suicide-risk-on-record": suicide_risk_on_record,
    "mental-health-condition-on-record": mental_health_condition_on_record,
}
