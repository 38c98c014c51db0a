"""Small readers for FHIR JSON as it comes (dicts and lists): whatever has the wrong type reads as absent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

Resource = Mapping[str, Any]

EMPTY: Resource = {}

_DECIMAL = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,15})?", re.ASCII)


def mapping(value: object) -> Resource:
    """Return the value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else EMPTY


def items(value: object) -> Iterator[Resource]:
    """Yield the objects of a list; an object where a list is expected counts as its only member."""
    if isinstance(value, dict):
        yield value
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield item


def text(value: object) -> str:
    """Return a text with single spaces, empty for anything else."""
    if not isinstance(value, str):
        return ""
    words = value.split()
    return value if len(words) == 1 and len(words[0]) == len(value) else " ".join(words)


def concept_text(concept: object) -> str:
    """Return the words of a CodeableConcept: its text, else the first display."""
    one = mapping(concept)
    if text(one.get("text")):
        return text(one.get("text"))
    return next((text(coding.get("display")) for coding in items(one.get("coding")) if text(coding.get("display"))), "")


def reference_of(resource: Resource) -> str:
    """Return `Type/id`; only the type where the resource has no id."""
    kind, own = text(resource.get("resourceType")), text(resource.get("id"))
    return f"{kind}/{own}" if own else kind


def references(value: object) -> Iterator[str]:
    """Yield the reference strings of a Reference or a list of them."""
    for item in items(value):
        if text(item.get("reference")):
            yield text(item["reference"])


def number(value: object) -> Fraction | None:
    """Return a JSON number (or a plain decimal in a text) exactly as written, None for anything else.

    "7/10" is no decimal, and an exponent in a text could ask for a number of any length.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and not _DECIMAL.fullmatch(value.strip()):
        return None
    try:
        return Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        return None


def notes(resource: Resource) -> str:
    """Return the resource's free notes in one text."""
    return " ".join(text(note.get("text")) for note in items(resource.get("note")) if text(note.get("text")))
