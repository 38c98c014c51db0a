"""Vignettes: small tables of chart facts with the answer expected, beside each policy.

A clinician can read and sign them. How a fact is written, by its type:

flag      true | false | {is: true, by: patient, months_ago: 13, doubt: "…", source: answer} | a list of those
measure   7 | 6.5 | "5..8" (certain..possible) | {certain: 5, possible: 8, unfinished: true}
trials    ["1 h 75", "8 h 62.5", "stated 50", "no time 60"] | {doses: [[…], […]], earlier: [[[…]]]}
course    {months: 6, weeks: 26, outcome: ineffective, running: true, still: 8, doubt: "…"}
choice    one of the fact's words
any type  null (the chart is silent) | {unread: [Condition]} | {conflict: "…"}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import cast

from policies.dates import add_months
from policies.documents import Place, optional_text
from policies.values import (
    ANSWER,
    CLINICIAN,
    FINDING,
    OUTCOMES,
    RECORD,
    SILENT,
    Choice,
    Course,
    Evidence,
    Fact,
    Flag,
    Measure,
    Response,
    Statement,
    Trial,
    Trials,
    Value,
)
from policies.vocabulary import FactEntry, Vocabulary


@dataclass(frozen=True, slots=True)
class Vignette:
    """One row: a case, its facts and answers, and what the policy must say of them."""

    name: str
    file: Path
    line: int
    policy: str
    version: str
    indication: str
    phase: str
    policy_date: date
    evidence_date: date
    facts: Mapping[str, Fact]
    answers: Mapping[str, Flag]
    codes: tuple[str, ...]
    capped_by: tuple[str, ...]
    expect: str
    because: tuple[str, ...]
    statuses: Mapping[str, str]
    cautions: tuple[str, ...] | None


def load_vignettes(file: Path, vocabulary: Vocabulary) -> tuple[Vignette, ...]:
    """Return the rows of one vignettes file. Raises PolicyFileError where it is wrong."""
    root = Place.of(file).mapping(("policy", "version", "on", "charts", "vignettes"), ())
    policy, on = root["policy"].text(), root["on"].day() or date.min
    charts = {path: dict(place.mapping()) for path, place in root["charts"].mapping().items()}
    rows = []
    for place in root["vignettes"].items():
        members = place.mapping(
            ("name", "case", "expect"),
            ("change", "answers", "on", "codes", "capped_by", "because", "statuses", "cautions"),
        )
        case = members["case"].text()
        if case not in charts:
            raise members["case"].wrong(f"`{case}` has no chart", "Add it under `charts`")
        indication, _, phase = case.partition("/")
        day = members["on"].day() if "on" in members else on
        assert day is not None
        changes = members["change"].mapping() if "change" in members else {}
        facts = {name: _fact(fact, vocabulary, name, day) for name, fact in {**charts[case], **changes}.items()}
        rows.append(
            Vignette(
                members["name"].text(),
                file,
                place.line,
                policy,
                root["version"].text(),
                indication,
                phase,
                day,
                day,
                facts,
                {
                    _leaf(policy, case, path): _flag(at, day, ANSWER)
                    for path, at in _members(members, "answers").items()
                },
                members["codes"].texts() if "codes" in members else (),
                members["capped_by"].texts() if "capped_by" in members else (),
                members["expect"].text(),
                tuple(_leaf(policy, case, name) for name in _texts(members, "because")),
                {_leaf(policy, case, name): at.text() for name, at in _members(members, "statuses").items()},
                members["cautions"].texts() if "cautions" in members else None,
            )
        )
    return tuple(rows)


def _members(members: Mapping[str, Place], key: str) -> Mapping[str, Place]:
    return members[key].mapping() if key in members else {}


def _texts(members: Mapping[str, Place], key: str) -> tuple[str, ...]:
    return members[key].texts() if key in members else ()


def _leaf(policy: str, case: str, name: str) -> str:
    return f"{policy}/{name}" if "/" in name else f"{policy}/{case}/{name}"


def _fact(place: Place, vocabulary: Vocabulary, name: str, day: date) -> Fact:
    if name not in vocabulary:
        raise place.wrong(f"`{name}` is no known fact", "Use a name of facts.yaml")
    if place.is_null:
        return SILENT
    if place.is_mapping:
        members = place.mapping()
        if "unread" in members:
            return Fact(unread=members["unread"].texts())
        if "conflict" in members:
            return Fact(conflict=members["conflict"].text())
    entry = vocabulary[name]
    return Fact(_value(place, entry, day), (Evidence(f"Observation/{name}"),), doubt=_fact_doubt(place, entry))


def _fact_doubt(place: Place, entry: FactEntry) -> str:
    if entry.type in ("flag", "course") or not place.is_mapping:
        return ""
    return optional_text(place.mapping(), "doubt")


def _value(place: Place, entry: FactEntry, day: date) -> Value:
    match entry.type:
        case "flag":
            return _flag(place, day, FINDING if entry.local else RECORD)
        case "measure":
            return _measure(place)
        case "trials":
            return _trials(place, day)
        case "course":
            return _course(place, day)
    return Choice(place.word(*entry.values))


def _flag(place: Place, day: date, source: str) -> Flag:
    plain = place.plain()
    rows = plain if isinstance(plain, list) else [plain]
    return Flag(tuple(_statement(row, place, day, source) for row in rows))


def _statement(row: object, place: Place, day: date, source: str) -> Statement:
    if isinstance(row, bool):
        return Statement(row, day, CLINICIAN, source=source)
    if not isinstance(row, dict) or not isinstance(row.get("is"), bool):
        raise place.wrong("a flag is true, false or {is: …}", "Write true or false")
    said = cast(dict[str, object], row)
    months = int(cast(Fraction, said.get("months_ago", Fraction(0))))
    on = add_months(day, -months)
    if "days_more" in said:
        on = date.fromordinal(on.toordinal() - int(cast(Fraction, said["days_more"])))
    by = said.get("by", CLINICIAN)
    return Statement(
        bool(said["is"]),
        on,
        None if by == "unknown" else str(by),
        doubt=str(said.get("doubt", "")),
        source=str(said.get("source", source)),
    )


def _measure(place: Place) -> Measure:
    if place.is_mapping:
        members = place.mapping(("certain",), ("possible", "unfinished", "doubt"))
        certain = members["certain"].number()
        possible = members["possible"].number() if "possible" in members else certain
        return Measure(certain, possible, "unfinished" in members and members["unfinished"].boolean())
    low, dots, high = place.text().partition("..")
    return Measure(Fraction(low), Fraction(high if dots else low))


def _trials(place: Place, day: date) -> Trials:
    if not place.is_mapping:
        return Trials((_trial(place.texts(), day),))
    members = place.mapping(("doses",), ("earlier", "doubt"))
    doses = tuple(_trial(dose.texts(), day) for dose in members["doses"].items())
    earlier = members["earlier"].items() if "earlier" in members else ()
    return Trials(doses, tuple(tuple(_trial(dose.texts(), day) for dose in trial.items()) for trial in earlier))


def _trial(rows: tuple[str, ...], day: date) -> Trial:
    return Trial(day, tuple(_response(row) for row in rows))


def _response(row: str) -> Response:
    """Read `2 h 75`, `2.5 h 1.5..2`, `no time 60`, `stated 50`."""
    when, _, size = row.rpartition(" ")
    low, dots, high = size.partition("..")
    hours = Fraction(when.removesuffix(" h")) if when.endswith(" h") else None
    return Response(Fraction(low), Fraction(high if dots else low), hours, stated=when == "stated")


def _course(place: Place, day: date) -> Course:
    members = place.mapping((), ("months", "weeks", "outcome", "running", "still", "doubt"))
    running = "running" in members and members["running"].boolean()
    length = _measure(members["months"]) if "months" in members else None
    doubt = optional_text(members, "doubt")
    return Course(
        _length(members.get("months"), running),
        _length(members.get("weeks"), running),
        {members["outcome"].word(*OUTCOMES): doubt} if "outcome" in members else {},
        add_months(day, -int(length.certain)) if running and length is not None else None,
        _measure(members["still"]) if "still" in members else None,
    )


def _length(place: Place | None, running: bool) -> Measure | None:
    if place is None:
        return None
    measure = _measure(place)
    return Measure(measure.certain, measure.possible, running)
