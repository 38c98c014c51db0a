"""Which function computes which fact. Start-up fails where this and policies/facts.yaml differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fhir_mappings.inquiry import Extractor, Inquiry
from policies.values import Fact
from policies.vocabulary import Vocabulary


class RegistryError(Exception):
    """The fact vocabulary and the functions that compute facts differ."""


def extractors() -> dict[str, Extractor]:
    """Return the function for every fact."""
    from fhir_mappings import (
        contraindications,
        device,
        diagnoses,
        drugs,
        mind,
        person,
        scores,
        statements,
        therapies,
        trial_facts,
    )

    found: dict[str, Extractor] = {}
    for module in (
        statements,
        person,
        diagnoses,
        drugs,
        scores,
        trial_facts,
        therapies,
        mind,
        contraindications,
        device,
    ):
        for name, extractor in module.FACTS.items():
            if name in found:
                raise RegistryError(f"two functions compute the fact `{name}`: keep one")
            found[name] = extractor
    return found


def checked_extractors(vocabulary: Vocabulary) -> dict[str, Extractor]:
    """Return the function for every fact. Raises RegistryError where one is missing or unknown to facts.yaml."""
    found = extractors()
    missing, unknown = sorted(vocabulary.keys() - found.keys()), sorted(found.keys() - vocabulary.keys())
    if missing:
        raise RegistryError(f"facts.yaml names facts that nothing computes: {', '.join(missing)}")
    if unknown:
        raise RegistryError(f"facts.yaml does not name these computed facts: {', '.join(unknown)}")
    return found


def extract(names: Iterable[str], inquiry: Inquiry, functions: Mapping[str, Extractor]) -> dict[str, Fact]:
    """Return the named facts of an inquiry."""
    return {name: functions[name](inquiry) for name in names}
