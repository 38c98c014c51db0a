"""Which CDS client calls: signed JSON Web Tokens (CDS Hooks 2.0, "Trusting CDS Clients").

The signature is python-jose's work; what a token must say is checked here, because the library lets an absent `exp`,
a future `iat`, numbers written as text and members that stand twice pass. Whatever is wrong, the caller sees one
and the same 401; the log gets a short code.
"""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, request
from jose import jws
from jose.exceptions import JWSError
from jose.utils import base64url_decode

from service.config import ClientAuth, Config, Issuer
from service.errors import operation_outcome
from service.fhir_json import JsonError, dump, parse
from service.jwks import ALGORITHMS, KeySource, VerifyingKeys, key_source
from service.token_ids import TokenIds, token_ids

PROTECTED = "/cds-services"
FEEDBACK = "/feedback"
MAX_TOKEN = 8 * 1024
_CREDENTIALS = re.compile(r"bearer +([\w-]+\.[\w-]+\.[\w-]+) *", re.ASCII | re.IGNORECASE)
log = logging.getLogger("pumpcheck")


class Refused(Exception):
    """A call is not authenticated. `reason` is a short code for the log, and nothing that the caller sent."""

    def __init__(self, reason: str, issuer: str = "") -> None:
        self.reason = reason
        self.issuer = issuer
        super().__init__(reason)


@dataclass(frozen=True)
class Client:
    """A CDS client that the site has configured, and its keys."""

    issuer: Issuer
    keys: KeySource


@dataclass(frozen=True)
class ClientVerifier:
    """Tells whether a call comes from a configured CDS client. `now` gives seconds since 1970."""

    rules: ClientAuth
    public_url: str
    clients: Mapping[str, Client]
    used: TokenIds | None
    now: Callable[[], float] = time.time

    @classmethod
    def build(
        cls,
        config: Config,
        now: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> ClientVerifier:
        """Return the verifier of a configuration, and warn where nobody or anybody may call. Raises ConfigError."""
        rules, public_url = config.client_auth, config.server.public_url.rstrip("/")
        if rules.mode == "off":
            log.warning(
                "CLIENT AUTHENTICATION IS OFF: ANYBODY WHO REACHES THIS SERVICE MAY CALL IT. "
                'Set [client_auth] mode = "required" anywhere but on a machine of your own.'
            )
            return cls(rules, public_url, {}, None, now)
        if not rules.issuers:
            log.warning(
                "No CDS client may call yet: every call is answered 401. Set [[client_auth.issuers]] with iss and "
                "jwks or jku."
            )
            return cls(rules, public_url, {}, None, now)
        clients = {
            one.iss: Client(one, key_source(one, f"client_auth.issuers.{index}", elapsed))
            for index, one in enumerate(rules.issuers)
        }
        return cls(rules, public_url, clients, token_ids(config.store.url, now), now)

    def verify(self, authorization: str, path: str) -> None:
        """Use up the token of an authenticated call of `path`. Raises Refused, or whatever a library raises."""
        token = _token(authorization)
        head, body = (_object(part) for part in token.split(".")[:2])
        client = self._client(body.get("iss"))
        issuer = client.issuer
        try:
            _check_header(head, issuer)
            claims = _signed_claims(token, head, client.keys.verifying_keys(head["kid"]))
            until = self._check_times(claims)
            _check_audience(claims.get("aud"), self._audiences(path))
            _check_tenant(claims.get("tenant"), issuer)
            jti = claims.get("jti")
            _require(isinstance(jti, str) and bool(jti), "jti")
            _require(self.used is not None and self.used.use_once(issuer.iss, str(jti), until), "replay")
        except Refused as refused:
            raise Refused(refused.reason, issuer.iss) from None

    def _client(self, iss: Any) -> Client:
        client = self.clients.get(iss) if isinstance(iss, str) else None
        if client is None:
            raise Refused("issuer")
        return client

    def _check_times(self, claims: Mapping[str, Any]) -> float:
        """Return when the token is past use, leeway included."""
        now, leeway = self.now(), self.rules.leeway_s
        issued, ends = _seconds(claims, "iat"), _seconds(claims, "exp")
        _require(issued <= now + leeway, "iat")
        _require(now < ends + leeway, "expired")
        _require(0 < ends - issued <= self.rules.max_lifetime_s, "lifetime")
        if "nbf" in claims:
            _require(_seconds(claims, "nbf") <= now + leeway, "nbf")
        return ends + leeway

    def _audiences(self, path: str) -> frozenset[str]:
        """Return the addresses that a token for this path may name: for feedback also its service's own."""
        return frozenset(f"{self.public_url}{one}" for one in (path, path.removesuffix(FEEDBACK)))


def require_client(app: Flask, verifier: ClientVerifier) -> None:
    """Let only authenticated clients call the CDS Hooks endpoints; CORS preflights are answered before this looks."""
    if verifier.rules.mode == "off":
        return

    @app.before_request
    def authenticate() -> Response | None:
        if not request.path.startswith(PROTECTED):
            return None
        try:
            verifier.verify(request.headers.get("Authorization", ""), request.path)
        except Refused as refused:
            return _unauthenticated(refused.reason, refused.issuer)
        except Exception as error:  # whatever a hostile token breaks, its sender learns nothing from it
            return _unauthenticated(f"error: {type(error).__name__}")
        return None


def _unauthenticated(reason: str, issuer: str = "") -> Response:
    fields = {"status": 401, "reason": reason, **({"issuer": issuer} if issuer else {})}
    log.warning("not authenticated", extra={"fields": fields})
    response = Response(dump(operation_outcome("login", "Not authenticated.")), 401, mimetype="application/json")
    response.headers["WWW-Authenticate"] = "Bearer"
    response.headers["Cache-Control"] = "no-store"
    return response


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise Refused(reason)


def _token(authorization: str) -> str:
    _require(bool(authorization), "no token")
    _require(len(authorization) <= MAX_TOKEN, "too long")
    credentials = _CREDENTIALS.fullmatch(authorization)
    if credentials is None:
        raise Refused("no bearer token")
    return credentials.group(1)


def _object(segment: str) -> dict[str, Any]:
    try:
        value = parse(base64url_decode(segment.encode("ascii")))
    except (JsonError, ValueError):
        raise Refused("not readable") from None
    if not isinstance(value, dict):
        raise Refused("not readable")
    return value


def _check_header(head: Mapping[str, Any], issuer: Issuer) -> None:
    """Check `alg`, `kid`, `typ`, `jku`; keys that a token brings along (`jwk`, `x5c`) are never looked at."""
    _require(head.get("typ") == "JWT", "typ")
    _require(isinstance(head.get("alg"), str) and head["alg"] in ALGORITHMS, "algorithm")
    _require(isinstance(head.get("kid"), str) and bool(head["kid"]), "kid")
    _require("crit" not in head, "crit")
    _require("jku" not in head or _is_own_address(head["jku"], issuer), "jku")


def _is_own_address(jku: Any, issuer: Issuer) -> bool:
    """Return whether a token's `jku` is the configured one or, with keys from `jwks`, lies on the issuer's own host."""
    if issuer.jku is not None or not isinstance(jku, str):
        return jku == issuer.jku
    named, own = urlsplit(jku), urlsplit(issuer.iss)
    return bool(own.netloc) and (named.scheme, named.netloc) == (own.scheme, own.netloc)


def _signed_claims(token: str, head: Mapping[str, Any], keys: VerifyingKeys | None) -> dict[str, Any]:
    if keys is None:
        raise Refused("key")
    algorithm = head["alg"]
    if algorithm not in keys:
        raise Refused("algorithm")
    try:
        value = parse(jws.verify(token, keys[algorithm], [algorithm]))
    except JWSError:
        raise Refused("signature") from None
    return dict(value)


def _seconds(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise Refused(name)
    return float(value)


def _check_audience(aud: Any, allowed: frozenset[str]) -> None:
    named = aud if isinstance(aud, list) else [aud]
    _require(all(isinstance(one, str) for one in named) and not allowed.isdisjoint(named), "aud")


def _check_tenant(tenant: Any, issuer: Issuer) -> None:
    _require(not issuer.tenants or (isinstance(tenant, str) and tenant in issuer.tenants), "tenant")
