"""Which diagnoses hold: active, past or refuted on the evidence date, and what makes one doubtful."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from fhir_mappings.code_sets import Hit
from fhir_mappings.inquiry import Inquiry, silent
from fhir_mappings.resources import Resource, items, mapping, reference_of, text
from fhir_mappings.times import When, choice_span, when
from policies.values import Evidence, Fact, Flag, Statement

ACTIVE_STATUS = frozenset({"active", "recurrence", "relapse"})
PAST_STATUS = frozenset({"inactive", "remission", "resolved"})
UNSURE_STATUS = frozenset({"provisional", "differential", "unconfirmed"})
CODE_SHOWN = 20
SHOWN = 4


class Standing(Enum):
    """How a diagnosis stands on the evidence date. `OLD`: an encounter's diagnosis from before the look-back."""

    ACTIVE = "active"
    PAST = "past"
    REFUTED = "refuted"
    OLD = "old"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One Condition that a value set holds.

    `hit`    the entry that matched; `all_sets` every value set that holds one of its codings
    `began`  its onset, else when it was recorded; `doubt` why it can at best be reviewed, empty: none
    """

    resource: Resource
    hit: Hit
    all_sets: frozenset[str]
    standing: Standing
    began: When | None
    doubt: str

    @property
    def name(self) -> str:
        """Return our label with the chart's code: `pneumonia (J18.9)`."""
        return f"{self.hit.entry.label} ({text(self.hit.coding.get('code'))[:CODE_SHOWN]})"

    @property
    def evidence(self) -> Evidence:
        """Return the pointer to the Condition."""
        return Evidence(reference_of(self.resource), self.began.text if self.began else "", self.name)

    def statement(self, doubt: str = "", value: bool = True) -> Statement:
        """Return the diagnosis as a yes (or no), with its own doubt first, else the one given."""
        day = self.began.first if self.began else None
        return Statement(value, day, None, (self.evidence,), self.doubt or doubt)


def diagnoses(inquiry: Inquiry, *value_sets: str, lasting: bool) -> list[Diagnosis]:
    """Return the Conditions that the value sets hold, each once; whatever began after the evidence date is left out.

    An encounter's diagnosis from before the look-back stands only where the condition is `lasting`.
    """
    by_resource: dict[int, tuple[Resource, list[Hit]]] = {}
    for resource, hit in inquiry.chart.coded("Condition", *value_sets):
        by_resource.setdefault(id(resource), (resource, []))[1].append(hit)
    found = (_diagnosis(resource, hits, inquiry, lasting) for resource, hits in by_resource.values())
    return [one for one in found if one is not None]


def standing(found: Iterable[Diagnosis], wanted: Standing) -> list[Diagnosis]:
    """Return the diagnoses that stand as wanted."""
    return [one for one in found if one.standing is wanted]


def status_code(value: object) -> str:
    """Return the code of a status, whether it is written as a CodeableConcept or as a bare code."""
    if isinstance(value, str):
        return text(value).lower()
    concept = mapping(value)
    codes = (text(coding.get("code")) for coding in items(concept.get("coding")))
    return next((code for code in codes if code), text(concept.get("text"))).lower()


def _diagnosis(resource: Resource, hits: list[Hit], inquiry: Inquiry, lasting: bool) -> Diagnosis | None:
    verification = status_code(resource.get("verificationStatus"))
    if verification == "entered-in-error":
        return None
    onset = choice_span(resource, "onset")
    recorded = when(resource.get("recordedDate"))
    began = onset.start or onset.end or recorded
    if began is not None and not began.possibly_by(inquiry.evidence_date):
        return None
    hit = min(hits, key=lambda one: bool(one.attributes.get("review")))
    all_sets = frozenset(one.value_set for one in inquiry.sets.all_hits(resource.get("code")))
    if verification == "refuted":
        return Diagnosis(resource, hit, all_sets, Standing.REFUTED, began, "")
    stands, doubt = _standing(resource, inquiry)
    if stands is Standing.ACTIVE and not lasting and _is_encounter_diagnosis(resource):
        stands, doubt = _of_encounter(recorded or began, inquiry, doubt)
    if verification in UNSURE_STATUS:
        doubt = f"The diagnosis is {verification}."
    elif began is not None and not began.surely_by(inquiry.evidence_date):
        doubt = f"Its date ({began.text}) may lie after the evidence date."
    return Diagnosis(resource, hit, all_sets, stands, began, doubt)


def _standing(resource: Resource, inquiry: Inquiry) -> tuple[Standing, str]:
    clinical = status_code(resource.get("clinicalStatus"))
    abatement = choice_span(resource, "abatement")
    ended = abatement.end or abatement.start
    if clinical in PAST_STATUS or (ended is not None and ended.surely_by(inquiry.evidence_date)):
        return Standing.PAST, ""
    if ended is not None and ended.possibly_by(inquiry.evidence_date):
        return Standing.ACTIVE, f"It may have ended ({ended.text})."
    if ended is None and _abated_without_date(resource):
        return Standing.ACTIVE, "It is recorded as ended, without a date."
    if clinical not in ACTIVE_STATUS:
        return Standing.ACTIVE, "Whether the diagnosis is still active is not stated."
    return Standing.ACTIVE, ""


def _abated_without_date(resource: Resource) -> bool:
    return any(key.startswith("abatement") and value not in (None, False, "") for key, value in resource.items())


def _is_encounter_diagnosis(resource: Resource) -> bool:
    codes = {text(coding.get("code")) for one in items(resource.get("category")) for coding in items(one.get("coding"))}
    return "encounter-diagnosis" in codes and "problem-list-item" not in codes


def _of_encounter(dated: When | None, inquiry: Inquiry, doubt: str) -> tuple[Standing, str]:
    if dated is None:
        return Standing.ACTIVE, "The encounter's diagnosis bears no date."
    oldest = inquiry.evidence_date - timedelta(days=inquiry.look_back.scores)
    if dated.last < oldest:
        return Standing.OLD, ""
    if dated.first < oldest:
        return Standing.ACTIVE, f"The encounter's diagnosis ({dated.text}) may be too old to count."
    return Standing.ACTIVE, doubt


# Facts about the record -----------------------------------------------------------------------------------------


def named(found: Iterable[Diagnosis]) -> str:
    """Return the diagnoses in one phrase with their dates, at most four."""
    parts = [f"{one.name}{f', {one.began.text[:10]}' if one.began else ''}" for one in found]
    return "; ".join(dict.fromkeys(parts[:SHOWN])) + ("; and more" if len(parts) > SHOWN else "")


def near_misses(found: Iterable[Diagnosis]) -> str:
    """Return what was seen and does not count, in short sentences; empty where there is nothing."""
    known = list(found)
    words: Mapping[Standing, str] = {
        Standing.PAST: "No longer active",
        Standing.REFUTED: "Refuted",
        Standing.OLD: "Diagnosis of an earlier encounter",
    }
    told = ((words[kind], standing(known, kind)) for kind in words)
    return " ".join(f"{word}: {named(ones)}." for word, ones in told if ones)


def record_fact(
    inquiry: Inquiry,
    statements: Iterable[Statement],
    types: tuple[str, ...],
    *,
    found: str = "",
    none_found: str = "",
    denied_by: tuple[Evidence, ...] = (),
) -> Fact:
    """Return what the record shows: the statements, or "none found" where every one of the record types was read."""
    given = tuple(statements)
    if given:
        evidence = tuple(dict.fromkeys(item for one in given for item in one.evidence))
        return Fact(Flag(given), evidence, found, unread=inquiry.unread(*types))
    if inquiry.unread(*types):
        return silent(inquiry, *types)
    return Fact(Flag((Statement(False, evidence=denied_by),)), denied_by, none_found)


def _beside(evidence: Iterable[Evidence]) -> str:
    told = (f"{item.summary}{f', {item.date[:10]}' if item.date else ''}" for item in evidence)
    return "; ".join(dict.fromkeys(told))


def diagnosis_fact(
    inquiry: Inquiry,
    found: list[Diagnosis],
    *,
    what: str,
    doubt: Callable[[Diagnosis], str] = lambda one: "",
    types: tuple[str, ...] = ("Condition",),
    more: tuple[Statement, ...] = (),
) -> Fact:
    """Return a yes for every active diagnosis (and for `more`), a no where the problem list was read and names none.

    `what` names the thing looked for: "infection".
    """
    active = standing(found, Standing.ACTIVE)
    statements = [*(one.statement(doubt(one)) for one in active), *more]
    refuted = tuple(one.evidence for one in standing(found, Standing.REFUTED))
    others = tuple(item for one in more for item in one.evidence)
    told = "; ".join(part for part in (named(active), _beside(others)) if part)
    none_found = " ".join(part for part in (f"No {what} on record.", near_misses(found)) if part)
    return record_fact(inquiry, statements, types, found=told, none_found=none_found, denied_by=refuted)
