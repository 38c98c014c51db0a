"""The JSON Schemas that editors check policy files with: they take what ships and say what the loader says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from policies.conditions import ACCEPTED
from policies.loading import BULLET_PLACES, COMPARATORS, HANDOVERS, LIBRARY, OPERATORS, STATUSES
from policies.logic import Status
from policies.model import ANY_INDICATION, INDICATIONS, OTHER_USE, PHASES, DeterminationKind
from policies.values import OUTCOMES, SOURCES
from policies.vocabulary import load_vocabulary

SCHEMAS = LIBRARY.parent / "schema"
POLICY_FILES = sorted(file for file in LIBRARY.glob("*/*.yaml") if file.name != "vignettes.yaml")
VIGNETTE_FILES = sorted(LIBRARY.glob("*/vignettes.yaml"))
EXEMPLAR = LIBRARY / "uhc-it-infusion"


class _EditorLoader(yaml.SafeLoader):
    """Reads YAML as editors do (YAML 1.2): dates are texts, and `on` is a key like any other."""


_EditorLoader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_EditorLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))


def _read(file: Path) -> Any:
    return yaml.load(file.read_text(encoding="utf-8"), Loader=_EditorLoader)


def _schema(name: str) -> dict[str, Any]:
    return json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))


def _errors(name: str, document: object) -> list[str]:
    found = Draft202012Validator(_schema(name)).iter_errors(document)
    return [f"{error.json_path}: {error.message[:200]}" for error in found]


@pytest.mark.parametrize("name", ["policy", "vignettes"])
def test_the_schemas_are_schemas(name: str) -> None:
    """Both files are valid JSON Schemas of draft 2020-12."""
    schema = _schema(name)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("file", POLICY_FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_every_policy_file_fits(file: Path) -> None:
    """An editor marks nothing in a policy that ships, and the file names the schema that it is checked with."""
    assert _errors("policy", _read(file)) == []
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", file.read_text(encoding="utf-8"))
    assert named is not None
    assert (file.parent / named[1]).resolve() == (SCHEMAS / "policy.schema.json").resolve()


@pytest.mark.parametrize("file", VIGNETTE_FILES, ids=lambda file: file.parent.name)
def test_every_vignettes_file_fits(file: Path) -> None:
    """An editor marks nothing in a table of vignettes that ships."""
    assert _errors("vignettes", _read(file)) == []


def test_operators_are_the_loaders() -> None:
    """The schema knows the operators that the loader knows, in conditions and in short criteria."""
    defs = _schema("policy")["$defs"]
    operators = list(OPERATORS)
    assert list(defs["operators"]["properties"]) == operators
    assert [branch["required"] for branch in defs["simpleCondition"]["oneOf"]] == [[name] for name in operators]
    assert set(defs["simpleCondition"]["properties"]) == {"fact", "by", "or_still", *operators}
    assert set(defs["criterion"]["properties"]) >= {"fact", "by", "or_still", *operators}


def test_closed_sets_are_the_codes() -> None:
    """Statuses, answers, comparators, outcomes, authors and phases are the ones the code knows."""
    schema = _schema("policy")
    defs = schema["$defs"]
    outcomes = defs["phase"]["oneOf"][0]["properties"]["handover"]["properties"]["outcome"]["enum"]
    assert {branch["required"][0] for branch in defs["rule"]["oneOf"]} == set(STATUSES)
    assert {branch["required"][0] for branch in defs["scopeRule"]["oneOf"]} == set(HANDOVERS) == set(outcomes)
    assert set(defs["threshold"]["properties"]) == set(COMPARATORS)
    assert set(defs["hold"]["properties"]) == {*COMPARATORS, "hours", "max_gap"}
    assert set(defs["operators"]["properties"]["outcome"]["enum"]) == set(OUTCOMES)
    assert set(defs["by"]["enum"]) == set(ACCEPTED)
    assert set(defs["indications"]["items"]["enum"]) == {*INDICATIONS, ANY_INDICATION}
    assert set(defs["phases"]["items"]["enum"]) == set(PHASES)
    assert set(schema["properties"]["codes"]["additionalProperties"]["enum"]) == {ANY_INDICATION, "none", *PHASES}
    pairs = [f"{one}/{two}" for one in (*INDICATIONS, ANY_INDICATION) for two in (*PHASES, OTHER_USE)]
    assert all(re.fullmatch(defs["path"]["pattern"], pair) for pair in pairs)
    encoded = defs["bullet"]["properties"]["encoded"]["items"]["pattern"]
    assert all(re.fullmatch(encoded, place) for place in BULLET_PLACES)


def test_closed_sets_of_vignettes_are_the_codes() -> None:
    """Determinations, statuses, outcomes and sources of vignettes are the ones the code knows."""
    defs = _schema("vignettes")["$defs"]
    row = defs["row"]["properties"]
    assert row["expect"]["enum"] == [kind.value for kind in DeterminationKind]
    assert set(row["statuses"]["additionalProperties"]["enum"]) == {status.value for status in Status}
    assert set(defs["course"]["properties"]["outcome"]["enum"]) == set(OUTCOMES)
    assert set(defs["statement"]["anyOf"][1]["properties"]["source"]["enum"]) == set(SOURCES)


def test_fact_names_are_checked_as_text() -> None:
    """The schema takes every name of facts.yaml, and the shape of a name only: the list lives in one place."""
    fact = Draft202012Validator(_schema("policy")["$defs"]["fact"])
    assert [name for name in load_vocabulary() if not fact.is_valid(name)] == []
    assert fact.is_valid("a-fact-of-tomorrow")
    assert not fact.is_valid("A fact")
    assert not fact.is_valid(7)


@pytest.mark.parametrize("name", ["policy", "vignettes"])
def test_every_key_is_described(name: str) -> None:
    """An editor has a sentence for each key, and refuses keys that it does not know."""
    schema = _schema(name)
    keys = [(where, key, member) for where, key, member in _keys(schema, "$")]
    assert [f"{where}.{key}" for where, key, member in keys if not _described(schema, member)] == []
    open_objects = [where for where, node in _objects(schema, "$") if "additionalProperties" not in node]
    assert open_objects == []


def _keys(node: object, where: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    if isinstance(node, dict):
        for key, member in node.get("properties", {}).items() if isinstance(node.get("properties"), dict) else ():
            if isinstance(member, dict):
                yield where, key, member
        for key, child in node.items():
            yield from _keys(child, f"{where}.{key}")
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from _keys(child, f"{where}[{index}]")


def _objects(node: object, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        if node.get("type") == "object":
            yield where, node
        for key, child in node.items():
            yield from _objects(child, f"{where}.{key}")
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from _objects(child, f"{where}[{index}]")


def _described(schema: dict[str, Any], member: dict[str, Any]) -> bool:
    if "description" in member:
        return True
    target: Any = schema
    for part in member.get("$ref", "#").split("/")[1:]:
        target = target[part]
    return target is not schema and bool(target.get("description"))


CRITERION = ("criteria", "nonmalignant-pain/trial", "etiology")
RULE = (*CRITERION, "rules", 1)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("versoin",), "undated"),
        (("version",), "spring 2026"),
        (("codes", "62320"), "testing"),
        (("source", "sha256"), "abc"),
        ((*CRITERION, "label"), "A label that is far longer than the forty-five characters allowed"),
        ((*CRITERION, "fact"), "pain-cause-diagnosis"),
        ((*CRITERION, "ceiling"), "met"),
        ((*CRITERION, "answer"), {"by": "nurse"}),
        (RULE, {"why": "A rule without a status."}),
        (RULE, {"met": {"fact": "age", "gte": 1}, "not-met": {"fact": "age", "lt": 1}}),
        (RULE, {"met": {"fact": "age", "gte": 1}, "confirmable": True}),
        (RULE, {"met": {"fact": "age"}}),
        (RULE, {"met": {"fact": "age", "gte": 1, "lt": 3}}),
        (RULE, {"met": {"fact": "age", "atleast": 1}}),
        (RULE, {"met": {"fact": "age", "gte": 1, "by": "anyone"}}),
        (RULE, {"met": {"fact": "systemic-opioids", "lasted": "6 moons"}}),
        (RULE, {"met": {"fact": "systemic-opioids", "outcome": "fine"}}),
        (RULE, {"met": {"fact": "trial-pain-relief", "held": {"gt": 50, "hours": 8}}}),
        (RULE, {"met": {"fact": "trial-pain-relief", "reached": {"gt": 50, "lt": 80}}}),
        (RULE, {"met": {"any": []}}),
        (("trees", "nonmalignant-pain/later"), {"all": ["age"]}),
        (("trees", "nonmalignant-pain/trial"), {"all": ["age"], "any": ["etiology"]}),
        (("scope", 0), {"why": "Without an outcome."}),
        (("scope", 0, "phases"), ["later"]),
        (("bullets", 0, "left_out"), "Encoded and left out at once."),
    ],
    ids=str,
)
def test_mistakes_are_marked(place: tuple[str | int, ...], value: object) -> None:
    """An editor marks a wrong key, a word outside a closed set and a condition with no or two operators."""
    document = deepcopy(_read(EXEMPLAR / "undated.yaml"))
    assert _errors("policy", document) == []
    _put(document, place, value)
    assert _errors("policy", document) != []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("vignettes", 0, "expect"), "covered"),
        (("vignettes", 0, "becuase"), []),
        (("vignettes", 0, "case"), "headache/trial"),
        (("vignettes", 0, "statuses"), {"age": "fine"}),
        (("vignettes", 0, "change"), {"trial-pain-relief": ["after lunch 60"]}),
        (("vignettes", 0, "change"), {"conservative-therapy": {"months": 6, "outcome": "fine"}}),
        (("vignettes", 0, "change"), {"psych-interference": {"is": False, "by": "nurse"}}),
        (("on",), "today"),
    ],
    ids=str,
)
def test_mistakes_in_vignettes_are_marked(place: tuple[str | int, ...], value: object) -> None:
    """An editor marks a wrong key, a wrong word and a response that cannot be read."""
    document = deepcopy(_read(EXEMPLAR / "vignettes.yaml"))
    assert _errors("vignettes", document) == []
    _put(document, place, value)
    assert _errors("vignettes", document) != []


def _put(document: Any, place: tuple[str | int, ...], value: object) -> None:
    for part in place[:-1]:
        document = document[part]
    document[place[-1]] = value
