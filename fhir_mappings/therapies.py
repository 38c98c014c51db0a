"""Facts about therapies: what was tried, for how long, how it went, and what was refused or agreed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from functools import partial

from fhir_mappings.conditions import Standing, diagnoses, standing
from fhir_mappings.inquiry import Extractor, Inquiry, silent
from fhir_mappings.medications import (
    DRUG_TYPES,
    ORAL,
    REQUEST,
    SCHEDULE_WORDS,
    STATEMENT,
    SUBCUTANEOUS,
    SYSTEMIC,
    TRANSDERMAL,
    UNSTATED,
    DrugRecord,
)
from fhir_mappings.records import ORDER_INTENTS, counts_by, done_procedures, evidence_of, late_doubt
from fhir_mappings.resources import Resource, concept_text, items, mapping, reference_of, text
from fhir_mappings.therapy_courses import BACLOFEN, EVIDENCE_SHOWN, FORM, Outcome, Therapy, course, gather
from fhir_mappings.therapy_records import (
    ANALGESIC,
    ANTISPASMODIC,
    FAILURES,
    NO_TREATMENT_SETS,
    OPIOID,
    reason_concepts,
)
from fhir_mappings.therapy_runs import Stretch
from fhir_mappings.times import When, choice_span, when
from policies.dates import add_months
from policies.values import INEFFECTIVE, Course, Evidence, Fact, Flag, Statement

ALLERGY, OBSERVATION, PROCEDURE, ENCOUNTER = "AllergyIntolerance", "Observation", "Procedure", "Encounter"
DRUGS_AND_OUTCOMES = (*DRUG_TYPES, OBSERVATION)
VISITS_AND_OUTCOMES = (PROCEDURE, ENCOUNTER, OBSERVATION)
PARTS = (
    "outcome-scheduled-analgesics",
    "outcome-rehabilitative-exercise",
    "outcome-physical-therapy",
    "outcome-behavioural-therapy",
)
ADHERENCE_EXTENSION = "us-core-medication-adherence"

_OPIOIDS = Therapy(
    reads=(*DRUGS_AND_OUTCOMES, ALLERGY),
    own=("outcome-systemic-opioids",),
    groups=(OPIOID,),
    allergies=True,
    of_pain=True,
)
_CONSERVATIVE = Therapy(
    reads=(*DRUG_TYPES, *VISITS_AND_OUTCOMES, ALLERGY),
    own=("outcome-conservative-therapy",),
    parts=PARTS,
    groups=(OPIOID, ANALGESIC),
    physical=True,
    behavioural=True,
    allergies=True,
    is_union=True,
    of_pain=True,
)

THERAPIES: dict[str, Therapy] = {
    "scheduled-analgesics": Therapy(
        reads=(*DRUGS_AND_OUTCOMES, ALLERGY),
        own=("outcome-scheduled-analgesics",),
        groups=(OPIOID, ANALGESIC),
        fixed=True,
        allergies=True,
        of_pain=True,
    ),
    "rehabilitative-exercise": Therapy(
        reads=VISITS_AND_OUTCOMES, own=("outcome-rehabilitative-exercise",), exercise=True, of_pain=True
    ),
    "physical-therapy": Therapy(reads=VISITS_AND_OUTCOMES, own=("outcome-physical-therapy",), physical=True),
    "behavioural-therapy": Therapy(reads=VISITS_AND_OUTCOMES, own=("outcome-behavioural-therapy",), behavioural=True),
    "noninvasive-programme": Therapy(
        reads=(*DRUG_TYPES, *VISITS_AND_OUTCOMES),
        own=("outcome-noninvasive-pain-control",),
        parts=PARTS,
        groups=(OPIOID, ANALGESIC),
        physical=True,
        behavioural=True,
        is_union=True,
        of_pain=True,
    ),
    "conservative-therapy": _CONSERVATIVE,
    "systemic-opioids": _OPIOIDS,
    "oral-transdermal-subcutaneous-opioids": Therapy(
        reads=_OPIOIDS.reads,
        own=_OPIOIDS.own,
        groups=_OPIOIDS.groups,
        routes=frozenset({ORAL, TRANSDERMAL, SUBCUTANEOUS, UNSTATED}),
        route_must_be_known=True,
        allergies=True,
        of_pain=True,
    ),
    "systemic-analgesics": Therapy(
        reads=(*DRUGS_AND_OUTCOMES, ALLERGY),
        own=("outcome-systemic-opioids", "outcome-scheduled-analgesics"),
        groups=(OPIOID, ANALGESIC),
        allergies=True,
        of_pain=True,
    ),
    "noninvasive-pain-control": Therapy(reads=(OBSERVATION,), own=("outcome-noninvasive-pain-control",)),
    "less-invasive-therapy": Therapy(
        reads=(REQUEST, STATEMENT, PROCEDURE, OBSERVATION, ALLERGY),
        own=("outcome-less-invasive-therapy",),
        parts=(
            *PARTS,
            "outcome-systemic-opioids",
            "outcome-conservative-therapy",
            "outcome-cause-directed-treatment",
        ),
        groups=(OPIOID, ANALGESIC),
        physical=True,
        behavioural=True,
        operations=True,
        allergies=True,
        is_union=True,
        one_is_enough=True,
        of_pain=True,
    ),
    "cause-directed-treatment": Therapy(
        reads=(PROCEDURE, OBSERVATION), own=("outcome-cause-directed-treatment",), operations=True
    ),
    "oral-antispasmodics": Therapy(
        reads=(*DRUGS_AND_OUTCOMES, ALLERGY),
        own=("outcome-oral-antispasmodic",),
        parts=("outcome-oral-baclofen",),
        groups=(ANTISPASMODIC,),
        routes=frozenset({ORAL, UNSTATED}),
        allergies=True,
        shows_relaxants=True,
    ),
    "oral-baclofen": Therapy(
        reads=(*DRUGS_AND_OUTCOMES, ALLERGY),
        own=("outcome-oral-baclofen",),
        ingredients=BACLOFEN,
        routes=frozenset({ORAL, UNSTATED}),
        allergies=True,
    ),
}
"""What belongs to each therapy of the fact vocabulary."""


def cause_directed_treatment(inquiry: Inquiry) -> Fact:
    """Return how treatment of the pain's cause went; pain that stayed after spine surgery is a hint that it failed."""
    fact = course(THERAPIES["cause-directed-treatment"], inquiry)
    found = standing(diagnoses(inquiry, "surgery-without-relief", lasting=True), Standing.ACTIVE)
    if not found:
        return replace(fact, unread=tuple(dict.fromkeys((*fact.unread, *inquiry.unread("Condition")))))
    outcomes = dict(fact.value.outcomes) if isinstance(fact.value, Course) else {}
    if not FAILURES & outcomes.keys():
        outcomes[INEFFECTIVE] = f"{_capital(found[0].name)} suggests that surgery did not help: confirm it."
    months, weeks = (fact.value.months, fact.value.weeks) if isinstance(fact.value, Course) else (None, None)
    note = f"{fact.note} On record: {found[0].name}.".strip()
    evidence = (*fact.evidence, *(one.evidence for one in found))
    return Fact(Course(months, weeks, outcomes), evidence, note, unread=fact.unread)


# Conservative measures that failed ----------------------------------------------------------------------------


def conservative_measures_failed(inquiry: Inquiry) -> Fact:
    """Return whether dated records show conservative measures that failed, one of them other than a systemic opioid.

    An outcome that is merely stated counts only beside dated records of the measure it speaks of.
    """
    types = (*_CONSERVATIVE.reads, FORM)
    opioids = inquiry.therapies.opioids
    found = gather(_CONSERVATIVE, inquiry)
    measures = [record for record in found.drugs if record.dated and not record.ingredients & opioids]
    others = [record for record in found.drugs if record.dated and record.ingredients & opioids]
    references = {record.reference for record in measures} | {visit.reference for visit in found.visits}
    shown = [one for one in found.stretches if one.reference in references]
    failures = [one for one in found.outcomes if one.outcome in FAILURES]
    own = [one for one in failures if _is_shown_by(one, shown)]
    unread = inquiry.unread(*types)
    records = [*(one.evidence for one in measures), *(one.evidence for one in found.visits[:1])]
    if own:
        statements = tuple(Statement(True, one.on, evidence=(one.evidence,), doubt=one.doubt) for one in own)
        evidence = _once([*(one.evidence for one in own), *records])
        return Fact(Flag(statements), evidence, _failed_note(own), unread=unread)
    evidence = _once([*(one.evidence for one in failures), *records, *(one.evidence for one in others)])
    if failures and references and others:
        doubt = "The failure on record is of a systemic opioid; the other measures on record bear no outcome."
        return Fact(Flag((Statement(True, evidence=evidence, doubt=doubt),)), evidence, doubt, unread=unread)
    return Fact(None, evidence, _not_shown(bool(references), bool(others), failures), unread=unread)


def _is_shown_by(outcome: Outcome, shown: list[Stretch]) -> bool:
    """Return whether an outcome speaks of one of the records, or of the measures as a whole that had begun by then."""
    references = {one.reference for one in shown}
    if outcome.evidence.reference in references or any(one.reference in references for one in outcome.stretches):
        return True
    on = outcome.on
    begun = [one for one in shown if on is None or one.possible is None or one.possible.first <= on]
    return outcome.whole and not outcome.of_part and bool(begun)


def _once(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Return the pointers, one for each resource, at most as many as are shown."""
    by_reference: dict[str, Evidence] = {}
    for one in evidence:
        by_reference.setdefault(one.reference, one)
    return tuple(by_reference.values())[:EVIDENCE_SHOWN]


def _failed_note(failures: Iterable[Outcome]) -> str:
    told = dict.fromkeys(f"{one.evidence.summary}{_on(one.evidence)}" for one in failures)
    return f"{_capital('; '.join(list(told)[:4]))}."


def _not_shown(measures: bool, opioids: bool, failures: list[Outcome]) -> str:
    if failures and not measures and opioids:
        return "Only systemic opioids are on record as failed; a record of another measure is needed."
    if failures and not measures:
        return f"{_failed_note(failures)} No dated record of the measure itself was found."
    if failures:
        return f"{_failed_note(failures)} The dated records are of other measures."
    return "The measures on record bear no outcome." if measures or opioids else ""


# Refusal, planned surgery, work on an exaggerated reaction ----------------------------------------------------


def treatment_refused_on_record(inquiry: Inquiry) -> Fact:
    """Return whether the patient declined a procedure for the cause of the pain."""
    refused: list[tuple[Evidence, str]] = []
    near: list[tuple[Evidence, str]] = []
    for resource in inquiry.chart.of_type(PROCEDURE):
        if resource.get("status") != "not-done" or not _was_refused(inquiry, resource):
            continue
        if inquiry.sets.find(resource.get("code"), *NO_TREATMENT_SETS):
            continue
        dated = _performed(resource)
        if not counts_by(dated, inquiry):
            continue
        what = concept_text(resource.get("code"))[:60] or "procedure"
        evidence = evidence_of(resource, dated, f"{what}: declined by the patient")
        of_cause = any(inquiry.sets.find(one, "pain-pathology") for one in reason_concepts(inquiry, resource))
        (refused if of_cause else near).append((evidence, late_doubt(dated, inquiry)))
    if refused:
        statements = tuple(Statement(True, evidence=(one,), doubt=doubt) for one, doubt in refused)
        told = "; ".join(dict.fromkeys(f"{one.summary}{_on(one)}" for one, _ in refused))
        return Fact(Flag(statements), tuple(one for one, _ in refused), f"{_capital(told)}.")
    note = f"{_capital(near[0][0].summary)}{_on(near[0][0])}; its reason is no cause of pain." if near else ""
    return silent(inquiry, PROCEDURE, note=note, evidence=tuple(one for one, _ in near))


def _was_refused(inquiry: Inquiry, resource: Resource) -> bool:
    concepts = [*items(resource.get("statusReason")), mapping(resource.get("code"))]
    return any(inquiry.sets.find(one, "refused-treatment") for one in concepts)


def _performed(resource: Resource) -> When | None:
    time = choice_span(resource, "performed")
    return time.end or time.start


def further_surgery_on_order(inquiry: Inquiry) -> Fact:
    """Return whether an active order for spine surgery is on record."""
    own = set(inquiry.procedure.references)
    found = []
    for resource in inquiry.chart.of_type("ServiceRequest"):
        if reference_of(resource) in own or not _is_active_order(resource):
            continue
        concept = resource.get("code")
        hit = inquiry.sets.find(concept, "spine-surgery")
        in_words = inquiry.sets.mentioned(concept_text(concept), "spine-surgery")
        dated = when(resource.get("authoredOn"))
        if not (hit or in_words) or not counts_by(dated, inquiry):
            continue
        what = hit.entry.label if hit else str(in_words)
        doubt = late_doubt(dated, inquiry) or ("" if hit else "The order is known by its words only.")
        found.append(Statement(True, None, evidence=(evidence_of(resource, dated, f"order: {what}"),), doubt=doubt))
    if not found:
        return _silent_unless_stated(inquiry, "further-treatment-indicated", "ServiceRequest")
    evidence = tuple(item for one in found for item in one.evidence)
    told = "; ".join(dict.fromkeys(f"{one.summary}{_on(one)}" for one in evidence))
    return Fact(Flag(tuple(found)), evidence, f"Active {told}.")


def _is_active_order(resource: Resource) -> bool:
    return (
        resource.get("status") in ("active", "on-hold")
        and text(resource.get("intent")) in (*ORDER_INTENTS, "")
        and resource.get("doNotPerform") is not True
    )


def exaggeration_work_on_record(inquiry: Inquiry) -> Fact:
    """Return whether physical therapy was given, and behavioural therapy or a psychological evaluation as well."""
    physical = [one.evidence for one in inquiry.therapies.physical if one.attended]
    mental = [one.evidence for one in inquiry.therapies.behavioural if one.attended]
    mental += [one.evidence for one in done_procedures(inquiry, "psych-evaluation")]
    unread = inquiry.unread(PROCEDURE, ENCOUNTER)
    evidence = tuple(max(ones, key=lambda one: one.date) for ones in (physical, mental) if ones)
    told = "; ".join(f"{one.summary}{_on(one)}" for one in evidence)
    if physical and mental:
        return Fact(Flag((Statement(True, evidence=evidence),)), evidence, f"{_capital(told)}.", unread=unread)
    missing = "behavioural therapy or evaluation" if physical else "physical therapy"
    return Fact(None, evidence, f"{_capital(told)}; no {missing} found." if told else "", unread=unread)


# Adherence, opioids -------------------------------------------------------------------------------------------


def adherence_on_record(inquiry: Inquiry) -> Fact:
    """Return whether analgesics are taken as directed, as the prescriptions and the problem list say.

    Of several reports the latest counts; one older than the site's limit for statements is a doubt.
    """
    dated: list[tuple[date | None, Statement]] = []
    passed_over = 0
    analgesics = {record.reference for record in inquiry.therapies.drugs if _is_analgesic(record, inquiry)}
    for resource in inquiry.chart.of_type(REQUEST, STATEMENT):
        reports = list(_adherence(inquiry, resource))
        if reports and reference_of(resource) not in analgesics:
            passed_over += 1
            continue
        for adherent, on in reports:
            if counts_by(on, inquiry):
                dated.append((on.last if on else None, _adherence_statement(inquiry, resource, adherent, on)))
    known = [on for on, _ in dated if on is not None]
    latest = max(known) if known else None
    statements = [one for on, one in dated if on is None or on == latest]
    for one in standing(diagnoses(inquiry, "adherence", lasting=False), Standing.ACTIVE):
        if one.hit.attributes.get("adherent") is False:
            statements.append(one.statement(value=False))
    unread = inquiry.unread(REQUEST, STATEMENT, "Condition")
    if not statements:
        note = "Adherence is recorded for drugs that are no analgesics." if passed_over else ""
        return Fact(None, (), note, unread=unread)
    evidence = tuple(dict.fromkeys(item for one in statements for item in one.evidence))
    told = "; ".join(dict.fromkeys(f"{one.summary}{_on(one)}" for one in evidence))
    return Fact(Flag(tuple(statements)), evidence, f"{_capital(told)}.", unread=unread)


def _is_analgesic(record: DrugRecord, inquiry: Inquiry) -> bool:
    groups = [inquiry.sets.drugs.group(name) for name in record.ingredients]
    return record.route in SYSTEMIC and any(group & {OPIOID, ANALGESIC} for group in groups)


def _adherence(inquiry: Inquiry, resource: Resource) -> Iterator[tuple[bool, When | None]]:
    for extension in items(resource.get("extension")):
        if not text(extension.get("url")).rstrip("/").endswith(ADHERENCE_EXTENSION):
            continue
        parts = {text(part.get("url")): part for part in items(extension.get("extension"))}
        hit = inquiry.sets.find(mapping(parts.get("medicationAdherence")).get("valueCodeableConcept"), "adherence")
        if hit is not None and isinstance(hit.attributes.get("adherent"), bool):
            yield hit.attributes["adherent"], when(mapping(parts.get("dateAsserted")).get("valueDateTime"))


def _adherence_statement(inquiry: Inquiry, resource: Resource, adherent: bool, on: When | None) -> Statement:
    said = "taken as directed" if adherent else "not taken as directed"
    what = next((one.what for one in inquiry.therapies.drugs if one.reference == reference_of(resource)), "drug")
    evidence = evidence_of(resource, on, f"{what}: {said}")
    return Statement(adherent, on.first if on else None, evidence=(evidence,), doubt=_present_doubt(inquiry, on))


def _present_doubt(inquiry: Inquiry, on: When | None) -> str:
    """Return why a statement of a present state can at best be reviewed: no date, a late one, an old one."""
    if on is None:
        return "The statement bears no date."
    months = inquiry.look_back.statement_months
    if add_months(on.first, months) < inquiry.evidence_date:
        return f"The statement of {on.text[:10]} is older than {months} months."
    return late_doubt(on, inquiry)


def opioid_agreement_consent(inquiry: Inquiry) -> Fact:
    """Return whether a Consent names the reduction of opioids: in force, or rejected. The latest counts."""
    found: list[tuple[When | None, Statement]] = []
    for resource in inquiry.chart.of_type("Consent"):
        status = text(resource.get("status"))
        dated = when(resource.get("dateTime"))
        if status not in ("active", "rejected") or not counts_by(dated, inquiry) or not _on_opioids(inquiry, resource):
            continue
        agreed = status == "active" and mapping(resource.get("provision")).get("type") != "deny"
        said = "consent to the reduction of opioids" if agreed else "reduction of opioids rejected"
        pointer = evidence_of(resource, dated, said)
        day = dated.first if dated else None
        found.append((dated, Statement(agreed, day, evidence=(pointer,), doubt=_present_doubt(inquiry, dated))))
    if not found:
        return _silent_unless_stated(inquiry, "opioid-reduction-agreed", "Consent")
    latest = max((one.on for _, one in found if one.on), default=None)
    statements = tuple(one for _, one in found if one.on is None or one.on == latest)
    evidence = tuple(item for one in statements for item in one.evidence)
    told = "; ".join(dict.fromkeys(f"{one.summary}{_on(one)}" for one in evidence))
    return Fact(Flag(statements), evidence, f"{_capital(told)}.")


def _on_opioids(inquiry: Inquiry, consent: Resource) -> bool:
    provision = mapping(consent.get("provision"))
    concepts = [
        *items(consent.get("category")),
        mapping(consent.get("policyRule")),
        *items(provision.get("code")),
        *(concept for part in items(provision.get("provision")) for concept in items(part.get("code"))),
    ]
    if any(inquiry.sets.find(one, "opioid-reduction-agreed") for one in concepts):
        return True
    words = " ".join([*map(concept_text, concepts), text(mapping(consent.get("sourceAttachment")).get("title"))])
    return bool(inquiry.sets.mentioned(words, "opioid-allergy") and inquiry.sets.mentioned(words, "reduction-words"))


def systemic_opioid_current_on_record(inquiry: Inquiry) -> Fact:
    """Return whether the medication list shows a systemic opioid in use on the evidence date."""
    statements = []
    for record in inquiry.therapies.drugs:
        if record.kind not in (REQUEST, STATEMENT) or record.status not in ("active", "on-hold"):
            continue
        if not record.ingredients & inquiry.therapies.opioids or record.route not in SYSTEMIC:
            continue
        lasting = [one.possible.last for one in record.stretches if one.possible is not None]
        if lasting and max(lasting) < inquiry.evidence_date:
            continue
        doubt = f"The order for {record.what} is on hold." if record.status == "on-hold" else ""
        if not lasting and not doubt:
            doubt = f"How long {record.what} was ordered for is not recorded."
        words = f"{record.what}, {SCHEDULE_WORDS[record.schedule]}"
        statements.append(
            Statement(True, evidence=(Evidence(record.reference, record.evidence.date, words),), doubt=doubt)
        )
    unread = inquiry.unread(REQUEST, STATEMENT)
    if not statements:
        return Fact(None, unread=unread)
    evidence = tuple(item for one in statements for item in one.evidence)
    told = "; ".join(dict.fromkeys(f"{one.summary}{_since(one)}" for one in evidence[:4]))
    return Fact(Flag(tuple(statements)), evidence, f"In use: {told}.", unread=unread)


def _since(evidence: Evidence) -> str:
    return f" (from {evidence.date[:10]})" if evidence.date else ""


def _on(evidence: Evidence) -> str:
    return f" ({evidence.date[:10]})" if evidence.date else ""


def _capital(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}"


def _silent_unless_stated(inquiry: Inquiry, finding: str, resource_type: str) -> Fact:
    """Return silence; records of a type that could not be read matter only where no statement answers instead."""
    return Fact() if inquiry.chart.readings(finding) else silent(inquiry, resource_type)


FACTS: dict[str, Extractor] = {
    **{name: partial(course, therapy) for name, therapy in THERAPIES.items()},
    "cause-directed-treatment": cause_directed_treatment,
    "conservative-measures-failed": conservative_measures_failed,
    "treatment-refused-on-record": treatment_refused_on_record,
    "further-surgery-on-order": further_surgery_on_order,
    "exaggeration-work-on-record": exaggeration_work_on_record,
    "adherence-on-record": adherence_on_record,
    "opioid-agreement-consent": opioid_agreement_consent,
    "systemic-opioid-current-on-record": systemic_opioid_current_on_record,
}
