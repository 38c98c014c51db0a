"""JSON as CDS Hooks and FHIR need it: strict on the way in, without empty members on the way out."""

from __future__ import annotations

import json
from typing import Any

import orjson


class JsonError(ValueError):
    """A body is no JSON that can be trusted; the message says why."""


def parse(body: bytes) -> Any:
    """Return the value of a JSON text. Raises JsonError for anything RFC 8259 leaves in doubt.

    Duplicate members are refused: two readers could see two different orders.
    """
    try:
        return json.loads(body, object_pairs_hook=_members, parse_constant=_refuse_constant)
    except RecursionError:
        raise JsonError("the JSON is nested too deeply") from None
    except UnicodeDecodeError:
        raise JsonError("the body is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise JsonError(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise JsonError(f"the member `{twice[:60]}` stands twice in one object")
    return members


def _refuse_constant(name: str) -> Any:
    raise JsonError(f"{name} is no JSON number")


def dump(value: Any) -> bytes:
    """Return the JSON text of a value; lone surrogates become replacement characters."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return orjson.dumps(_encodable(value))


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_encodable(key): _encodable(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(member) for member in value]
    return value


def without_empty(value: Any) -> Any:
    """Return the value without null, empty text, list and object members (CDS Hooks "Use of JSON")."""
    if isinstance(value, dict):
        members = {key: without_empty(member) for key, member in value.items()}
        return {key: member for key, member in members.items() if member not in (None, "", [], {})}
    if isinstance(value, list | tuple):
        return [member for member in map(without_empty, value) if member not in (None, "", [], {})]
    return value
