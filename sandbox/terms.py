"""The concepts of codes.yaml as FHIR CodeableConcepts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

# In these groups the key itself is the code, in the code system of chart findings.
_FINDING_GROUPS = {"findings", "therapies"}


@cache
def _codes() -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = yaml.safe_load(files("sandbox").joinpath("codes.yaml").read_text(encoding="utf-8"))
    return loaded


def concept(group: str, name: str) -> dict[str, Any]:
    """Return a concept as a CodeableConcept.

    Args:
        group: section of codes.yaml, such as ``problems``.
        name: key in that section.

    Raises:
        KeyError: if codes.yaml holds no such concept.
    """
    entry = _codes()[group][name]
    codings = entry.get("codings", [])
    if group in _FINDING_GROUPS:
        codings = [["finding", name, entry["text"]]]
    systems = _codes()["systems"]
    coded = [{"system": systems[system], "code": code, "display": display} for system, code, display in codings]
    return ({"coding": coded} if coded else {}) | {"text": entry["text"]}


def grade(value: str) -> dict[str, Any]:
    """Return a grade of an Ashworth scale, such as ``1+``, as a CodeableConcept."""
    return {"coding": [{"system": _codes()["systems"]["grade"], "code": value, "display": f"grade {value}"}]}


def trial_method(value: str) -> dict[str, Any]:
    """Return a trial method, ``single-injection`` or ``catheter``, as a CodeableConcept."""
    return {"coding": [{"system": _codes()["systems"]["trial-method"], "code": value}]}


def names(group: str) -> list[str]:
    """Return the keys of a section of codes.yaml, in its order."""
    return list(_codes()[group])


def label(group: str, name: str) -> str:
    """Return what a clinician reads for a concept."""
    text: str = _codes()[group][name]["text"]
    return text
