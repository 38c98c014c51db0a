"""The closed list of facts that a policy may ask for, read from facts.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from policies.documents import Place, optional_text

FACTS_FILE = Path(__file__).with_name("facts.yaml")
TYPES = ("flag", "measure", "trials", "course", "choice")


@dataclass(frozen=True, slots=True)
class FactEntry:
    """One fact: its type, unit, meaning, what silence means, the form's question (empty: none), what it reads."""

    name: str
    type: str
    meaning: str
    silence: str
    unit: str
    question: str
    state: str
    local: bool
    values: tuple[str, ...]
    reads: tuple[str, ...]


Vocabulary = Mapping[str, FactEntry]


def load_vocabulary(file: Path = FACTS_FILE) -> Vocabulary:
    """Return every fact by name. Raises PolicyFileError where the file is wrong."""
    return {name: _entry(name, place) for name, place in Place.of(file).mapping().items()}


def _entry(name: str, place: Place) -> FactEntry:
    members = place.mapping(("type", "meaning", "silence", "reads"), ("unit", "question", "state", "local", "values"))
    return FactEntry(
        name,
        members["type"].word(*TYPES),
        members["meaning"].text(),
        members["silence"].text(),
        optional_text(members, "unit"),
        optional_text(members, "question"),
        members["state"].word("present", "lasting", "event") if "state" in members else "event",
        members["local"].boolean() if "local" in members else False,
        members["values"].texts() if "values" in members else (),
        members["reads"].texts(),
    )
