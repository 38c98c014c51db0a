"""The five states of a prefetch key, and the resources under all of them.

absent, null, empty, data (possibly paged), OperationOutcome: only null, empty and whole data count as read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from fhir_mappings.chart import Located
from fhir_mappings.resources import items, mapping, text

FINAL_ISSUES = frozenset({"forbidden", "not-supported", "security"})


class State(Enum):
    """What a key tells."""

    ABSENT = "absent"
    EMPTY = "empty"
    DATA = "data"
    PAGED = "paged"
    FAILED = "failed"
    REFUSED = "refused"

    @property
    def is_read(self) -> bool:
        """Return whether silence under this key means that there is nothing."""
        return self in (State.EMPTY, State.DATA)

    @property
    def may_be_asked_again(self) -> bool:
        """Return whether the server may be asked once more."""
        return self in (State.ABSENT, State.PAGED, State.FAILED)


@dataclass(frozen=True, slots=True)
class Found:
    """What stands under one key: its state, its resources, the next page's address, warnings."""

    state: State
    resources: tuple[Located, ...] = ()
    next_url: str = ""
    warnings: tuple[str, ...] = ()


def found_under(key: str, prefetch: Mapping[str, Any]) -> Found:
    """Return the state and resources of one prefetch key."""
    if key not in prefetch:
        return Found(State.ABSENT)
    return found_in(prefetch[key], f"prefetch.{key}")


def found_in(value: Any, where: str) -> Found:
    """Return the state and resources of a prefetch value or a FHIR server's answer."""
    if value is None:
        return Found(State.EMPTY)
    if not isinstance(value, dict):
        return Found(State.FAILED, warnings=(f"{where} is no resource: not read.",))
    kind = text(value.get("resourceType"))
    if kind == "OperationOutcome":
        state = State.REFUSED if _is_final(value) else State.FAILED
        return Found(state, warnings=(f"{where} holds an OperationOutcome instead of data.",))
    if kind == "Bundle":
        return _in_bundle(value, where)
    if not kind:
        return Found(State.FAILED, warnings=(f"{where}.resourceType is missing: not read.",))
    return Found(State.DATA, (Located(value),))


def _is_final(outcome: Mapping[str, Any]) -> bool:
    return any(text(issue.get("code")) in FINAL_ISSUES for issue in items(outcome.get("issue")))


def _in_bundle(bundle: Mapping[str, Any], where: str) -> Found:
    entries = bundle.get("entry")
    if entries is not None and not isinstance(entries, list):
        return Found(State.FAILED, warnings=(f"{where}.entry is no list: not read.",))
    resources, warnings, partial = [], [], False
    for index, entry in enumerate(entries or ()):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict) or not text(resource.get("resourceType")):
            warnings.append(f"{where}.entry[{index}].resource is no resource: not read.")
        elif resource["resourceType"] == "OperationOutcome":
            partial = partial or _is_error(resource)
        else:
            resources.append(Located(resource, text(entry.get("fullUrl"))))
    if partial:
        warnings.append(f"{where} reports an error beside its entries: it may be incomplete.")
        return Found(State.FAILED, tuple(resources), warnings=tuple(warnings))
    links = items(bundle.get("link"))
    following = next((text(link.get("url")) for link in links if link.get("relation") == "next"), "")
    if following:
        return Found(State.PAGED, tuple(resources), following, tuple(warnings))
    return Found(State.DATA if resources else State.EMPTY, tuple(resources), warnings=tuple(warnings))


def _is_error(outcome: Mapping[str, Any]) -> bool:
    return any(issue.get("severity") in ("error", "fatal") for issue in items(mapping(outcome).get("issue")))


def under_other_keys(prefetch: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[Located]:
    """Yield the resources under keys that we did not ask for: they count as data, and prove no absence."""
    for key, value in prefetch.items():
        if key in known:
            continue
        for one in value if isinstance(value, list) else (value,):
            yield from found_in(one, f"prefetch.{key}").resources
