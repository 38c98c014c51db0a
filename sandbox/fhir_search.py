"""FHIR search over resources in memory: what a query means, which resources match, in which order."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from sandbox.fhir_dates import Interval, intervals, parse_interval
from sandbox.fhir_errors import FhirError
from sandbox.fhir_store import Resource

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 500
OFFSET_PARAMETER = "_offset"

_COMMON_PARAMETERS = {
    "_id": "token id",
    "_lastUpdated": "date meta.lastUpdated",
    "_profile": "uri meta.profile",
    "_security": "token meta.security",
    "_tag": "token meta.tag",
}
_SILENT_PARAMETERS = {"_format", "_pretty", "_total"}
_CHOICE_TYPES = {
    "Age", "Boolean", "CodeableConcept", "Coding", "Date", "DateTime", "Duration", "Instant", "Integer", "Period",
    "Quantity", "Range", "Ratio", "Reference", "String", "Time", "Timing",
}  # fmt: skip
_DATE_PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb")
_COMMON_MODIFIERS = {"missing"}
_MODIFIERS = {
    "token": {"not", "text"} | _COMMON_MODIFIERS,
    "string": {"exact", "contains"} | _COMMON_MODIFIERS,
    "date": _COMMON_MODIFIERS,
    "uri": _COMMON_MODIFIERS,
}

Matcher = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """One search parameter of one resource type.

    Attributes:
        name: as it stands in the query.
        type: ``token``, ``reference``, ``date``, ``string`` or ``uri``.
        paths: elements that it looks at, each a tuple of element names.
        target: the only resource type that a reference may point to, or None for any.
    """

    name: str
    type: str
    paths: tuple[tuple[str, ...], ...]
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """A search, understood and checked.

    Attributes:
        criteria: predicates, all of which a resource has to satisfy.
        sort: parameters to sort by, each with True for descending.
        includes: reference parameters whose targets are to come along, each with the wanted target type.
        count: page size; 0 asks for the number of matches alone.
        offset: how many matches earlier pages held.
        parameters: the query as understood, without paging, for the links of the answer.
    """

    criteria: tuple[Callable[[Resource], bool], ...]
    sort: tuple[tuple[SearchParameter, bool], ...]
    includes: tuple[tuple[SearchParameter, str | None], ...]
    count: int
    offset: int
    parameters: tuple[tuple[str, str], ...]


@cache
def search_parameters() -> Mapping[str, Mapping[str, SearchParameter]]:
    """Return every search parameter by resource type and name, those common to all types included."""
    table = yaml.safe_load(files("sandbox").joinpath("search_parameters.yaml").read_text(encoding="utf-8"))
    return {
        resource_type: {name: _parameter(name, text) for name, text in (_COMMON_PARAMETERS | rows).items()}
        for resource_type, rows in table.items()
    }


def _parameter(name: str, text: str) -> SearchParameter:
    kind, paths, *target = text.split()
    return SearchParameter(
        name, kind, tuple(tuple(path.split(".")) for path in paths.split("|")), target[0] if target else None
    )


def parse_query(resource_type: str, pairs: Iterable[tuple[str, str]], base_url: str) -> Query:
    """Return the search that these parameters ask for.

    Args:
        resource_type: type to search; known to the server.
        pairs: name and value of each parameter, in their order.
        base_url: base of this server, so that absolute references to itself are understood.

    Raises:
        FhirError: 400, naming the parameter, if it is unknown or its value cannot be read.
    """
    table = search_parameters()[resource_type]
    criteria: list[Callable[[Resource], bool]] = []
    sort: list[tuple[SearchParameter, bool]] = []
    includes: list[tuple[SearchParameter, str | None]] = []
    count, offset = DEFAULT_PAGE_SIZE, 0
    kept: list[tuple[str, str]] = []
    for name, value in pairs:
        if name in _SILENT_PARAMETERS:
            continue
        if name == OFFSET_PARAMETER:
            offset = _whole_number(name, value)
            continue
        kept.append((name, value))
        if name == "_count":
            count = min(_whole_number(name, value), MAX_PAGE_SIZE)
        elif name == "_sort":
            sort.extend(_sort_keys(resource_type, value))
        elif name == "_include":
            includes.append(_include(resource_type, value))
        else:
            plain, _, modifier = name.partition(":")
            if plain not in table:
                raise _unknown_parameter(name, resource_type, table)
            criteria.append(_criterion(table[plain], name, modifier, value, base_url))
    return Query(tuple(criteria), tuple(sort), tuple(includes), count, offset, tuple(kept))


def matching(resources: Iterable[Resource], query: Query) -> list[Resource]:
    """Return the resources that satisfy every criterion of the query, in the order that it asks for."""
    found = [resource for resource in resources if all(criterion(resource) for criterion in query.criteria)]
    for parameter, descending in reversed(query.sort):
        keyed = [(_sort_key(resource, parameter, descending), resource) for resource in found]
        present = sorted((pair for pair in keyed if pair[0] is not None), key=_first, reverse=descending)
        found = [resource for _, resource in present] + [resource for key, resource in keyed if key is None]
    return found


def references(resource: Resource, parameter: SearchParameter, base_url: str) -> Iterator[str]:
    """Yield the relative reference (``Type/id``) of everything that a reference parameter of a resource names."""
    for value in elements(resource, parameter):
        reference = _relative(_reference_text(value), base_url)
        if reference and (parameter.target is None or reference.startswith(f"{parameter.target}/")):
            yield reference


def elements(resource: Resource, parameter: SearchParameter) -> Iterator[Any]:
    """Yield every value of the elements that a search parameter looks at; lists are opened."""
    for path in parameter.paths:
        yield from _walk(resource, path)


def _walk(value: Any, path: Sequence[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _walk(item, path)
    elif not path:
        yield value
    elif isinstance(value, dict):
        name, rest = path[0], path[1:]
        for key, inner in value.items():
            if key == name or (key.startswith(name) and key[len(name) :] in _CHOICE_TYPES):
                yield from _walk(inner, rest)


def _criterion(
    parameter: SearchParameter, name: str, modifier: str, text: str, base_url: str
) -> Callable[[Resource], bool]:
    if modifier and modifier not in _modifiers(parameter):
        raise FhirError(400, "not-supported", f"Search parameter {name}: modifier :{modifier} is not supported.")
    if modifier == "missing":
        return _missing(parameter, name, text)
    alternatives = [_unescaped(part) for part in re.split(r"(?<!\\),", text)]
    if not all(alternatives):
        raise FhirError(400, "invalid", f"Search parameter {name} has an empty value.")
    matchers = [_matcher(parameter, name, modifier, value, base_url) for value in alternatives]

    def satisfied(resource: Resource) -> bool:
        return any(matcher(value) for value in elements(resource, parameter) for matcher in matchers)

    if modifier == "not":
        return lambda resource: not satisfied(resource)
    return satisfied


def _modifiers(parameter: SearchParameter) -> Container[str]:
    if parameter.type == "reference":
        return _COMMON_MODIFIERS | search_parameters().keys()
    return _MODIFIERS[parameter.type]


def _missing(parameter: SearchParameter, name: str, text: str) -> Callable[[Resource], bool]:
    if text not in ("true", "false"):
        raise FhirError(400, "invalid", f"Search parameter {name} takes true or false, not {text!r}.")
    wanted = text == "true"
    return lambda resource: wanted is not any(True for _ in elements(resource, parameter))


def _matcher(parameter: SearchParameter, name: str, modifier: str, value: str, base_url: str) -> Matcher:
    match parameter.type:
        case "token":
            return _token_text_matcher(value) if modifier == "text" else _token_matcher(value)
        case "date":
            return _date_matcher(name, value)
        case "string":
            return _string_matcher(value, modifier)
        case "reference":
            return _reference_matcher(value, modifier or parameter.target, base_url)
        case _:
            return lambda element: element == value


def _token_matcher(value: str) -> Matcher:
    system, separator, code = value.rpartition("|")
    return lambda element: any(
        (not code or found_code == code) and (not separator or found_system is _ANY_SYSTEM or found_system == system)
        for found_system, found_code in _tokens(element)
    )


# A code, a boolean or an id stands without a system of its own: any system that is asked for will do.
_ANY_SYSTEM = object()


def _tokens(element: Any) -> Iterator[tuple[Any, str | None]]:
    if isinstance(element, bool):
        yield _ANY_SYSTEM, str(element).lower()
    elif isinstance(element, str):
        yield _ANY_SYSTEM, element
    elif isinstance(element, dict):
        if "coding" in element:
            for coding in element["coding"]:
                yield coding.get("system", ""), coding.get("code")
        elif "code" in element or "value" in element:
            yield element.get("system", ""), element.get("code", element.get("value"))


def _token_text_matcher(value: str) -> Matcher:
    wanted = value.casefold()

    def matches(element: Any) -> bool:
        if not isinstance(element, dict):
            return False
        texts = [element.get("text"), element.get("display")]
        texts += [coding.get("display") for coding in element.get("coding", [])]
        return any(text and text.casefold().startswith(wanted) for text in texts)

    return matches


def _string_matcher(value: str, modifier: str) -> Matcher:
    if modifier == "exact":
        return lambda element: any(text == value for text in _texts(element))
    wanted = value.casefold()
    if modifier == "contains":
        return lambda element: any(wanted in text.casefold() for text in _texts(element))
    return lambda element: any(text.casefold().startswith(wanted) for text in _texts(element))


def _texts(element: Any) -> Iterator[str]:
    if isinstance(element, str):
        yield element
    elif isinstance(element, dict):
        for value in element.values():
            yield from _texts(value)
    elif isinstance(element, list):
        for item in element:
            yield from _texts(item)


def _reference_matcher(value: str, target: str | None, base_url: str) -> Matcher:
    wanted = _relative(value, base_url)
    if target and "/" not in wanted:
        wanted = f"{target}/{wanted}"

    def matches(element: Any) -> bool:
        text = _reference_text(element)
        if not text:
            return False
        found = _relative(text, base_url)
        if target and isinstance(element, dict) and not found.startswith(f"{target}/"):
            return False
        return found == wanted or ("/" not in wanted and found.rpartition("/")[2] == wanted)

    return matches


def _reference_text(element: Any) -> str:
    if isinstance(element, str):  # a canonical, such as QuestionnaireResponse.questionnaire
        return element.partition("|")[0]
    text = element.get("reference") if isinstance(element, dict) else None
    return text if isinstance(text, str) else ""


def _relative(reference: str, base_url: str) -> str:
    return reference.removeprefix(f"{base_url}/").partition("/_history/")[0]


def _date_matcher(name: str, value: str) -> Matcher:
    prefix, text = (value[:2], value[2:]) if value[:2] in _DATE_PREFIXES else ("eq", value)
    try:
        # A plus sign of an offset comes out of a query string as a space.
        wanted = parse_interval(text.replace(" ", "+"))
    except ValueError:
        raise FhirError(400, "invalid", f"Search parameter {name}: {value!r} is not a date.") from None
    compare = _DATE_COMPARISONS[prefix]
    return lambda element: any(compare(found, wanted) for found in intervals(element))


def _contains(found: Interval, wanted: Interval) -> bool:
    return wanted.start <= found.start and found.end <= wanted.end


_DATE_COMPARISONS: dict[str, Callable[[Interval, Interval], bool]] = {
    "eq": _contains,
    "ne": lambda found, wanted: not _contains(found, wanted),
    "gt": lambda found, wanted: found.end > wanted.end,
    "lt": lambda found, wanted: found.start < wanted.start,
    # Looser than the letter of FHIR for periods: one that ends within the day asked for is not before it.
    "ge": lambda found, wanted: found.end > wanted.start,
    "le": lambda found, wanted: found.start < wanted.end,
    "sa": lambda found, wanted: found.start >= wanted.end,
    "eb": lambda found, wanted: found.end <= wanted.start,
}


def _sort_keys(resource_type: str, value: str) -> Iterator[tuple[SearchParameter, bool]]:
    table = search_parameters()[resource_type]
    for key in value.split(","):
        name = key.removeprefix("-")
        if name not in table:
            raise _unknown_parameter(f"_sort={key}", resource_type, table)
        yield table[name], key.startswith("-")


def _sort_key(resource: Resource, parameter: SearchParameter, descending: bool) -> datetime | str | None:
    keys: list[Any] = []
    for element in elements(resource, parameter):
        if parameter.type == "date":
            keys.extend(interval.start for interval in intervals(element))
        elif parameter.type == "token":
            keys.extend(code for _, code in _tokens(element) if code)
        elif parameter.type == "reference":
            keys.append(_reference_text(element))
        else:
            keys.extend(text.casefold() for text in _texts(element))
    if not keys:
        return None
    return max(keys) if descending else min(keys)


def _first(pair: tuple[Any, Resource]) -> Any:
    return pair[0]


def _include(resource_type: str, value: str) -> tuple[SearchParameter, str | None]:
    source, _, rest = value.partition(":")
    name, _, target = rest.partition(":")
    parameter = search_parameters()[resource_type].get(name)
    if source != resource_type or parameter is None or parameter.type != "reference":
        raise FhirError(
            400, "not-supported", f"_include={value} is not supported: {resource_type} has no such reference parameter."
        )
    return parameter, target or None


def _whole_number(name: str, value: str) -> int:
    if not re.fullmatch(r"\d{1,9}", value):
        raise FhirError(400, "invalid", f"Search parameter {name} takes a whole number, not {value!r}.")
    return int(value)


def _unescaped(value: str) -> str:
    return re.sub(r"\\([,|$\\])", r"\1", value)


def _unknown_parameter(name: str, resource_type: str, table: Mapping[str, SearchParameter]) -> FhirError:
    known = ", ".join(sorted(table))
    return FhirError(
        400, "not-supported", f"Unknown search parameter {name} for {resource_type}. Known parameters: {known}."
    )
