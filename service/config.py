"""The service's configuration: one TOML file, environment variables over it, checked at start.

`PUMPCHECK_<SECTION>_<KEY>` overrides a key, e.g. `PUMPCHECK_SERVER_PUBLIC_URL`; lists are comma-separated.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

ENVIRONMENT_PREFIX = "PUMPCHECK_"
MEBIBYTE = 1024 * 1024


class ConfigError(Exception):
    """The configuration is wrong; the message names the key and the mend."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Server(_Section):
    """Where and how the service answers. `max_body_bytes` bounds a request's body."""

    public_url: str = "http://127.0.0.1:8000"
    workers: Annotated[int, Field(ge=1, le=64)] = 2
    cors_origins: tuple[str, ...] = ()
    max_body_bytes: Annotated[int, Field(ge=1024)] = 32 * MEBIBYTE


class Issuer(_Section):
    """A CDS client that may sign its calls.

    Its public keys are `jwks`, a JSON Web Key Set (a file, or the set itself), or are read from `jku`.
    """

    iss: Annotated[str, Field(min_length=1)]
    jwks: str | dict[str, Any] | None = None
    jku: str | None = None
    ca_file: str | None = None
    tenants: tuple[str, ...] = ()

    @field_validator("jwks", "ca_file")
    @classmethod
    def _file_exists(cls, value: Any) -> Any:
        if isinstance(value, str) and not Path(value).is_file():
            raise ValueError(f"there is no file {value or '(empty)'}")
        return value

    @field_validator("jku")
    @classmethod
    def _is_https(cls, value: str | None) -> str | None:
        if value is not None and (urlsplit(value).scheme != "https" or not urlsplit(value).hostname):
            raise ValueError("must be an https address")
        return value

    @model_validator(mode="after")
    def _has_one_source_of_keys(self) -> Self:
        if (self.jwks is None) == (self.jku is None):
            raise ValueError(f"the issuer {self.iss} needs exactly one of `jwks` and `jku`")
        if self.ca_file is not None and self.jku is None:
            raise ValueError("`ca_file` is for `jku` alone")
        return self


class ClientAuth(_Section):
    """Who may call. `leeway_s` and `max_lifetime_s` bound a token's times, in seconds."""

    mode: Literal["required", "off"] = "required"
    leeway_s: Annotated[int, Field(ge=0, le=300)] = 10
    max_lifetime_s: Annotated[int, Field(ge=1, le=86400)] = 3600
    issuers: tuple[Issuer, ...] = ()

    @field_validator("issuers")
    @classmethod
    def _are_different(cls, value: tuple[Issuer, ...]) -> tuple[Issuer, ...]:
        names = [one.iss for one in value]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"the issuer {name} stands twice")
        return value


class Fhir(_Section):
    """Which FHIR servers may be read, and for how long in one request (seconds)."""

    allowed_servers: tuple[str, ...] = ("http://127.0.0.1:8090/fhir",)
    time_budget_s: Annotated[float, Field(gt=0, le=60)] = 4.0


class Store(_Section):
    """Where feedback is kept."""

    url: str = "sqlite:///pumpcheck.db"


class Payer(_Section):
    """One payer of the site: how its Coverage is recognised, and which policies it goes by."""

    label: str
    names: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    plan_types: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()


class Policies(_Section):
    """When the site last confirmed that a policy's text is current, by policy id."""

    confirmed: dict[str, date] = {}


class LocalCode(_Section):
    """A site's own code for a value set."""

    system: str
    code: str
    label: str


class ValueSetAdditions(_Section):
    """The codes that a site adds to one value set."""

    add: tuple[LocalCode, ...] = ()


class Cards(_Section):
    """What is said when there is nothing to mend."""

    when_complete: Literal["silent", "info"] = "silent"
    when_unknown_payer: Literal["silent", "info"] = "silent"


class LookBackSettings(_Section):
    """How far the reading looks back; days unless the name says months."""

    scores: Annotated[int, Field(ge=1)] = 90
    baseline: Annotated[int, Field(ge=1)] = 7
    titration: Annotated[int, Field(ge=1)] = 14
    open_catheter: Annotated[int, Field(ge=1)] = 14
    statement_months: Annotated[int, Field(ge=1)] = 12


class Config(_Section):
    """Everything a site can set."""

    server: Server = Server()
    client_auth: ClientAuth = ClientAuth()
    fhir: Fhir = Fhir()
    store: Store = Store()
    payers: tuple[Payer, ...] = ()
    policies: Policies = Policies()
    value_sets: dict[str, ValueSetAdditions] = {}
    cards: Cards = Cards()
    look_back: LookBackSettings = LookBackSettings()


def load_config(file: Path | None, environment: Mapping[str, str]) -> Config:
    """Return the configuration of a file (None: the defaults) with the environment's overrides.

    Raises ConfigError, which names file and key.
    """
    name = str(file) if file else "defaults"
    try:
        members = tomllib.loads(file.read_text(encoding="utf-8")) if file else {}
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read ({error.strerror}). Name an existing file.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}: not TOML: {error}.") from error
    try:
        return Config.model_validate(_overridden(members, environment))
    except ValidationError as error:
        raise ConfigError("\n".join(_complaint(name, one, Config) for one in error.errors())) from error


def _overridden(members: dict[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    for section, model in _sections().items():
        for key, field in model.model_fields.items():
            value = environment.get(f"{ENVIRONMENT_PREFIX}{section}_{key}".upper())
            if value is None:
                continue
            is_list = "tuple" in str(field.annotation)
            plain = [part.strip() for part in value.split(",") if part.strip()] if is_list else value
            members.setdefault(section, {})[key] = plain
    return members


def _sections() -> dict[str, type[BaseModel]]:
    return {
        name: field.annotation
        for name, field in Config.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }


def _complaint(file: str, error: Any, model: type[BaseModel]) -> str:
    path = [str(part) for part in error["loc"]]
    where = ".".join(path)
    if error["type"] == "extra_forbidden":
        return f"{file}: `{where}` is not a known key{_nearest(path, model)}."
    return f"{file}: `{where}`: {error['msg'].removeprefix('Value error, ')}."


def _nearest(path: list[str], model: type[BaseModel]) -> str:
    known: Mapping[str, Any] = model.model_fields
    for part in path[:-1]:
        annotation = known[part].annotation if part in known else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return ""
        known = annotation.model_fields
    close = difflib.get_close_matches(path[-1], list(known), n=1)
    return f"; did you mean `{close[0]}`" if close else f"; known are {', '.join(known)}"
