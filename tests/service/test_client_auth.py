"""Client authentication: which signed calls are answered, and that all others see one and the same 401."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import ipaddress
import json
import logging
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import responses
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.app import create_app
from service.client_auth import ClientVerifier
from service.config import Config, ConfigError, load_config
from service.engine import Engine
from service.jwks import MAX_SET_BYTES, fetched
from service.logs import JsonLines
from service.token_ids import SqliteTokenIds, token_ids
from tests.service.conftest import TODAY
from tests.service.requests_made import HOOK, order_sign
from tests.service.signing import Json, SigningKey, claims, encoded, raw_token, token
from tests.service.test_bad_input import gappy

NOW = 1_800_000_000
PUBLIC = "https://pumpcheck.example.org/hooks"
DISCOVERY = "/cds-services"
EHR, OTHER, MANY, REMOTE = (f"https://{name}.example.org" for name in ("ehr", "other", "many", "remote"))
JKU = f"{REMOTE}/keys.json"
SIGN = f"{PUBLIC}{HOOK}"


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.time = float(NOW)

    def __call__(self) -> float:
        """Return the time, in seconds."""
        return self.time


@dataclass(frozen=True)
class Keys:
    """The private keys of the tests' clients."""

    es384: SigningKey
    es256: SigningKey
    rsa: SigningKey
    other: SigningKey
    many: SigningKey
    attacker: SigningKey


@dataclass
class Lines(logging.Handler):
    """Keeps log lines as they would be written."""

    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    __hash__ = logging.Handler.__hash__

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        self.lines.append(JsonLines().format(record))

    @property
    def reason(self) -> str:
        """Why the last call was refused."""
        return str(json.loads(self.lines[-1])["reason"])


@pytest.fixture(scope="module")
def keys() -> Keys:
    """Return fresh keys."""
    return Keys(
        es384=SigningKey.new("e1", "ES384"),
        es256=SigningKey.new("e2", "ES256"),
        rsa=SigningKey.new("r1", "RS384"),
        other=SigningKey.new("o1", "ES384"),
        many=SigningKey.new("m1", "ES384"),
        attacker=SigningKey.new("a1", "ES384"),
    )


@pytest.fixture
def clock() -> Clock:
    """Return a clock at NOW."""
    return Clock()


@pytest.fixture
def log() -> Iterator[Lines]:
    """Return the service's log lines."""
    handler, logger = Lines(), logging.getLogger("pumpcheck")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    """Return the outside world: every outbound call is recorded, and only what a test registers is answered."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def site_config(folder: Path, keys: Keys, **server: Any) -> Config:
    """Return the configuration of a site with four clients."""
    issuers: list[Json] = [
        {"iss": EHR, "jwks": {"keys": [keys.es384.jwk, keys.es256.jwk, keys.rsa.jwk]}},
        {"iss": OTHER, "jwks": {"keys": [keys.other.jwk]}},
        {"iss": MANY, "jwks": {"keys": [keys.many.jwk]}, "tenants": ["north", "south"]},
        {"iss": REMOTE, "jku": JKU},
    ]
    return Config.model_validate(
        {
            "server": {"public_url": f"{PUBLIC}/", **server},
            "client_auth": {"issuers": issuers},
            "store": {"url": f"sqlite:///{folder / 'pumpcheck.db'}"},
        }
    )


@pytest.fixture
def site(tmp_path: Path, keys: Keys, engine: Engine, clock: Clock) -> Iterator[FlaskClient]:
    """Return a client of an application that asks for tokens."""
    config = site_config(tmp_path, keys, cors_origins=["https://app.example.org"])
    verifier = ClientVerifier.build(config, clock, clock)
    yield create_app(config, engine, lambda: TODAY, verifier).test_client()
    assert isinstance(verifier.used, SqliteTokenIds)
    verifier.used.close()


def bearer(text: str) -> dict[str, str]:
    """Return the header that carries a token."""
    return {"Authorization": f"Bearer {text}"}


def discovery(site: FlaskClient, text: str) -> TestResponse:
    """Return the answer to a discovery call with a token."""
    return site.get(DISCOVERY, headers=bearer(text))


def good(**changed: Any) -> Json:
    """Return the EHR's claims for discovery."""
    return claims(EHR, f"{PUBLIC}{DISCOVERY}", NOW, **changed)


def assert_refused(site: FlaskClient, answer: TestResponse) -> None:
    """Assert that an answer is, to the byte, the one to a call without a token."""
    bare = site.get(DISCOVERY)
    assert answer.status_code == bare.status_code == 401
    assert answer.data == bare.data
    assert dict(answer.headers) == dict(bare.headers)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


# What is accepted ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "alg"), [("es384", "ES384"), ("rsa", "RS384"), ("es256", "ES256"), ("rsa", "RS256")], ids=lambda one: one
)
def test_each_accepted_algorithm(site: FlaskClient, keys: Keys, name: str, alg: str) -> None:
    """A call signed with any of the four algorithms is answered."""
    key: SigningKey = getattr(keys, name)
    signed = raw_token(key, json.dumps({"alg": alg, "kid": key.kid, "typ": "JWT"}), json.dumps(good()), alg)
    assert discovery(site, signed).status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": [f"{PUBLIC}{DISCOVERY}"]},
        {"aud": ["https://elsewhere.example.org", f"{PUBLIC}{DISCOVERY}"]},
        {"iat": NOW + 1},
        {"iat": NOW - 0.5, "exp": NOW + 60.5},
        {"iat": NOW - 3000, "exp": NOW + 600},
        {"iat": NOW - 300, "exp": NOW - 9},
        {"tenant": "anything"},
        {"nbf": NOW},
        {"sub": "somebody"},
    ],
    ids=json.dumps,
)
def test_each_accepted_form_of_the_claims(site: FlaskClient, keys: Keys, changed: Json) -> None:
    """Audience as a list, a clock a little ahead or behind, an hour's life and further claims are all answered."""
    assert discovery(site, token(keys.es384, good(**changed))).status_code == 200


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer  "])
def test_the_scheme_in_any_case(site: FlaskClient, keys: Keys, scheme: str) -> None:
    """The scheme's name counts in any case, as HTTP says."""
    answer = site.get(DISCOVERY, headers={"Authorization": f"{scheme} {token(keys.es384, good())}"})
    assert answer.status_code == 200


def test_a_signed_order(site: FlaskClient, keys: Keys, engine: Engine) -> None:
    """An order signed in the EHR with a token for that service gets its card."""
    headers = bearer(token(keys.es384, claims(EHR, SIGN, NOW)))
    answer = site.post(HOOK, json=order_sign(gappy(), engine), headers=headers)
    assert answer.status_code == 200
    assert len(answer.get_json()["cards"]) == 1


@pytest.mark.parametrize("aud", [SIGN, f"{SIGN}/feedback"])
def test_feedback_takes_the_service_as_audience_too(site: FlaskClient, keys: Keys, aud: str) -> None:
    """A token for feedback may name the feedback address or its service's."""
    answer = site.post(f"{HOOK}/feedback", json={}, headers=bearer(token(keys.es384, claims(EHR, aud, NOW))))
    assert answer.status_code != 401


def test_the_configured_tenant(site: FlaskClient, keys: Keys) -> None:
    """A client with listed tenants may call for each of them."""
    for tenant in ("north", "south"):
        signed = token(keys.many, claims(MANY, f"{PUBLIC}{DISCOVERY}", NOW, tenant=tenant))
        assert discovery(site, signed).status_code == 200


def test_the_same_id_from_two_issuers(site: FlaskClient, keys: Keys) -> None:
    """Token ids are each issuer's own: two EHRs may by chance use the same."""
    for iss, key in ((EHR, keys.es384), (OTHER, keys.other)):
        signed = token(key, claims(iss, f"{PUBLIC}{DISCOVERY}", NOW, jti="1"))
        assert discovery(site, signed).status_code == 200


def test_the_jku_of_the_issuers_own_host(site: FlaskClient, keys: Keys, web: responses.RequestsMock) -> None:
    """A client whose keys are configured may still name a key set on its own host; it is not read."""
    assert discovery(site, token(keys.es384, good(), jku=f"{EHR}/keys.json")).status_code == 200
    assert len(web.calls) == 0


def test_keys_that_a_token_brings_along_are_ignored(site: FlaskClient, keys: Keys) -> None:
    """A good token that also carries its key or certificate, as some EHRs send them, is judged by our key alone."""
    signed = token(keys.es384, good(), jwk=keys.attacker.jwk, x5c=[encoded(keys.attacker.public_bytes(DER))])
    assert discovery(site, signed).status_code == 200


def test_what_needs_no_token(site: FlaskClient) -> None:
    """The health check and the browser's preflight need no token; a refusal still carries the CORS header."""
    origin = {"Origin": "https://app.example.org"}
    assert site.get("/healthz").status_code == 200
    asked = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    assert site.options(HOOK, headers=asked).status_code == 204
    refused = site.get(DISCOVERY, headers=origin)
    assert refused.status_code == 401
    assert refused.headers["Access-Control-Allow-Origin"] == origin["Origin"]


# What is refused ----------------------------------------------------------------------------------------------


def _mac(keys: Keys, secret: bytes, alg: str = "HS256") -> str:
    signed = f"{encoded(json.dumps({'alg': alg, 'kid': 'e1', 'typ': 'JWT'}))}.{encoded(json.dumps(good()))}"
    return f"{signed}.{encoded(hmac.new(secret, signed.encode(), hashlib.new(f'sha{alg[2:]}').name).digest())}"


def _unsigned(alg: str, signature: str = "") -> str:
    return f"{encoded(json.dumps({'alg': alg, 'kid': 'e1', 'typ': 'JWT'}))}.{encoded(json.dumps(good()))}.{signature}"


def _claims_text(before: str = "", after: str = "", **changed: Any) -> str:
    return f"{{{before}{json.dumps(good(**changed))[1:-1]}{after}}}"


HEAD = json.dumps({"alg": "ES384", "kid": "e1", "typ": "JWT"})
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
Made = Callable[[Keys], str]

ATTACKS: dict[str, tuple[str, Made]] = {
    "alg none, unsigned": ("no bearer token", lambda keys: _unsigned("none")),
    "alg none, with a signature": ("algorithm", lambda keys: _unsigned("none", "AAAA")),
    "alg NONE": ("algorithm", lambda keys: _unsigned("NONE", "AAAA")),
    "no alg": ("algorithm", lambda keys: token(keys.es384, good(), alg=None)),
    "alg is a list": ("algorithm", lambda keys: token(keys.es384, good(), alg=["ES384"])),
    "HS256 with the public key, PEM": ("algorithm", lambda keys: _mac(keys, keys.es384.public_bytes(PEM))),
    "HS256 with the public key, DER": ("algorithm", lambda keys: _mac(keys, keys.es384.public_bytes(DER))),
    "HS256 with the public key, JWK": ("algorithm", lambda keys: _mac(keys, json.dumps(keys.es384.jwk).encode())),
    "HS384 with an empty secret": ("algorithm", lambda keys: _mac(keys, b"", "HS384")),
    "RS512": (
        "algorithm",
        lambda keys: raw_token(keys.rsa, '{"alg":"RS512","kid":"r1","typ":"JWT"}', json.dumps(good()), "RS512"),
    ),
    "an RSA algorithm for an elliptic key": ("algorithm", lambda keys: token(keys.rsa, good(), kid="e1")),
    "ES256 for a P-384 key": ("algorithm", lambda keys: token(keys.es384, good(), alg="ES256")),
    "another issuer's kid and key": ("key", lambda keys: token(keys.other, good())),
    "another issuer's key under our kid": ("signature", lambda keys: token(keys.other, good(), kid="e1")),
    "an attacker's key under our kid": ("signature", lambda keys: token(keys.attacker, good(), kid="e1")),
    "an unknown issuer": ("issuer", lambda keys: token(keys.es384, good(iss="https://evil.example.org"))),
    "iss with a slash": ("issuer", lambda keys: token(keys.es384, good(iss=f"{EHR}/"))),
    "iss is a list": ("issuer", lambda keys: token(keys.es384, good(iss=[EHR]))),
    "no kid": ("kid", lambda keys: token(keys.es384, good(), kid=None)),
    "an empty kid": ("kid", lambda keys: token(keys.es384, good(), kid="")),
    "kid is a number": ("kid", lambda keys: token(keys.es384, good(), kid=1)),
    "kid is a path": ("key", lambda keys: token(keys.es384, good(), kid="../../../../dev/null")),
    "kid is an address": ("key", lambda keys: token(keys.attacker, good(), kid="https://evil.example.org/k")),
    "kid is SQL": ("key", lambda keys: token(keys.es384, good(), kid="e1' OR '1'='1")),
    "jku at a foreign host, attacker's key": (
        "jku",
        lambda keys: token(keys.attacker, good(), jku="https://evil.example.org/keys.json"),
    ),
    "jku at a foreign host, our key": (
        "jku",
        lambda keys: token(keys.es384, good(), jku="https://evil.example.org/keys.json"),
    ),
    "jku with our host as user name": (
        "jku",
        lambda keys: token(keys.attacker, good(), jku="https://ehr.example.org@evil.example.org/keys.json"),
    ),
    "an attacker's key embedded": (
        "signature",
        lambda keys: token(keys.attacker, good(), kid="e1", jwk=keys.attacker.jwk),
    ),
    "an attacker's certificate embedded": (
        "signature",
        lambda keys: token(keys.attacker, good(), kid="e1", x5c=[encoded(keys.attacker.public_bytes(DER))]),
    ),
    "no typ": ("typ", lambda keys: token(keys.es384, good(), typ=None)),
    "another typ": ("typ", lambda keys: token(keys.es384, good(), typ="at+jwt")),
    "a critical extension": ("crit", lambda keys: token(keys.es384, good(), crit=["b64"], b64=False)),
    "expired": ("expired", lambda keys: token(keys.es384, good(iat=NOW - 300, exp=NOW - 10))),
    "exp in a hundred years": ("lifetime", lambda keys: token(keys.es384, good(exp=NOW + 3_155_760_000))),
    "a life over the cap": ("lifetime", lambda keys: token(keys.es384, good(exp=NOW + 3601))),
    "exp before iat": ("lifetime", lambda keys: token(keys.es384, good(iat=NOW + 5, exp=NOW + 1))),
    "iat in the future": ("iat", lambda keys: token(keys.es384, good(iat=NOW + 11))),
    "nbf in the future": ("nbf", lambda keys: token(keys.es384, good(nbf=NOW + 11))),
    "aud of another service": ("aud", lambda keys: token(keys.es384, good(aud="https://else.example.org"))),
    "aud of another endpoint": ("aud", lambda keys: token(keys.es384, good(aud=SIGN))),
    "aud is our base": ("aud", lambda keys: token(keys.es384, good(aud=PUBLIC))),
    "aud with a slash": ("aud", lambda keys: token(keys.es384, good(aud=f"{PUBLIC}{DISCOVERY}/"))),
    "aud in capitals": ("aud", lambda keys: token(keys.es384, good(aud=f"{PUBLIC}{DISCOVERY}".upper()))),
    "aud is empty": ("aud", lambda keys: token(keys.es384, good(aud=[]))),
    "aud is an object": ("aud", lambda keys: token(keys.es384, good(aud={f"{PUBLIC}{DISCOVERY}": 1}))),
    "aud holds a number": ("aud", lambda keys: token(keys.es384, good(aud=[f"{PUBLIC}{DISCOVERY}", 1]))),
    "no iss": ("issuer", lambda keys: token(keys.es384, good(iss=None))),
    "no aud": ("aud", lambda keys: token(keys.es384, good(aud=None))),
    "no exp": ("exp", lambda keys: token(keys.es384, good(exp=None))),
    "no iat": ("iat", lambda keys: token(keys.es384, good(iat=None))),
    "no jti": ("jti", lambda keys: token(keys.es384, good(jti=None))),
    "an empty jti": ("jti", lambda keys: token(keys.es384, good(jti=""))),
    "jti is a number": ("jti", lambda keys: token(keys.es384, good(jti=1))),
    "jti with half a character": ("error: UnicodeEncodeError", lambda keys: token(keys.es384, good(jti="\ud800"))),
    "exp is text": ("exp", lambda keys: token(keys.es384, good(exp=str(NOW + 300)))),
    "exp is true": ("exp", lambda keys: token(keys.es384, good(exp=True))),
    "exp is negative": ("exp", lambda keys: token(keys.es384, good(exp=-1))),
    "exp is 1e400": ("exp", lambda keys: raw_token(keys.es384, HEAD, _claims_text(after=', "exp": 1e400', exp=None))),
    "exp is NaN": (
        "not readable",
        lambda keys: raw_token(keys.es384, HEAD, _claims_text(after=', "exp": NaN', exp=None)),
    ),
    "exp has 5,000 digits": (
        "not readable",
        lambda keys: raw_token(keys.es384, HEAD, _claims_text(after=f', "exp": {"9" * 5000}', exp=None)),
    ),
    "exp has 400 digits": (
        "error: OverflowError",
        lambda keys: raw_token(keys.es384, HEAD, _claims_text(after=f', "exp": {"9" * 400}', exp=None)),
    ),
    "iat is text": ("iat", lambda keys: token(keys.es384, good(iat=str(NOW)))),
    "iat is negative": ("iat", lambda keys: token(keys.es384, good(iat=-1))),
    "claims nested deeply": (
        "not readable",
        lambda keys: raw_token(keys.es384, HEAD, _claims_text(after=f', "x": {"[" * 2500}{"]" * 2500}')),
    ),
    "header nested deeply": (
        "not readable",
        lambda keys: raw_token(keys.es384, f'{HEAD[:-1]}, "x": {"[" * 2500}{"]" * 2500}}}', json.dumps(good())),
    ),
    "a claim twice": (
        "not readable",
        lambda keys: raw_token(keys.es384, HEAD, _claims_text(before='"iss": "https://other.example.org", ')),
    ),
    "a header member twice": (
        "not readable",
        lambda keys: raw_token(keys.es384, f'{{"alg": "none", {HEAD[1:]}', json.dumps(good())),
    ),
    "claims are a list": ("not readable", lambda keys: raw_token(keys.es384, HEAD, "[]")),
    "claims are no JSON": ("not readable", lambda keys: raw_token(keys.es384, HEAD, "claims")),
    "header is a number": ("not readable", lambda keys: raw_token(keys.es384, "1", json.dumps(good()))),
    "oversize": ("too long", lambda keys: token(keys.es384, good(pad="x" * 8192))),
    "two segments": ("no bearer token", lambda keys: token(keys.es384, good()).rpartition(".")[0]),
    "five segments": ("no bearer token", lambda keys: f"{token(keys.es384, good())}.AAAA.AAAA"),
    "a changed claim": (
        "signature",
        lambda keys: ".".join(
            [
                (parts := token(keys.es384, good()).split("."))[0],
                encoded(json.dumps(good(exp=NOW + 600))),
                parts[2],
            ]
        ),
    ),
    "a signature of zeros": (
        "signature",
        lambda keys: f"{token(keys.es384, good()).rpartition('.')[0]}.{encoded(bytes(96))}",
    ),
    "no signature": ("no bearer token", lambda keys: f"{token(keys.es384, good()).rpartition('.')[0]}."),
    "a wrong tenant": (
        "tenant",
        lambda keys: token(keys.many, claims(MANY, f"{PUBLIC}{DISCOVERY}", NOW, tenant="west")),
    ),
    "no tenant": ("tenant", lambda keys: token(keys.many, claims(MANY, f"{PUBLIC}{DISCOVERY}", NOW))),
    "tenants in a list": (
        "tenant",
        lambda keys: token(keys.many, claims(MANY, f"{PUBLIC}{DISCOVERY}", NOW, tenant=["north"])),
    ),
    "a newline in the token": ("no bearer token", lambda keys: token(keys.es384, good()).replace(".", ".%0A", 1)),
}


@pytest.mark.parametrize(("reason", "made"), ATTACKS.values(), ids=ATTACKS.keys())
def test_an_attack_gets_the_one_401(
    site: FlaskClient, keys: Keys, log: Lines, web: responses.RequestsMock, reason: str, made: Made
) -> None:
    """Each attack gets the very bytes of the answer to no token, reads nothing outside, and is logged by a code."""
    text = made(keys)
    answer = discovery(site, text)
    assert log.reason == reason
    assert_refused(site, answer)
    assert len(web.calls) == 0
    assert not any(part and part in line for line in log.lines for part in text.split("."))


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Token x.y.z", "Bearer x y.z.w"])
def test_a_call_without_a_bearer_token(site: FlaskClient, value: str) -> None:
    """Whatever else stands in the Authorization header is like no token."""
    assert_refused(site, site.get(DISCOVERY, headers={"Authorization": value}))


@pytest.mark.parametrize("path", [HOOK, f"{HOOK}/feedback", f"{DISCOVERY}/nothing-here", f"{DISCOVERY}//"])
def test_every_endpoint_below_discovery(site: FlaskClient, path: str) -> None:
    """No address below discovery answers anything but 401 without a token, known or not, whatever the body."""
    assert_refused(site, site.post(path, data=b"{", content_type="application/json"))


def test_a_token_counts_once(site: FlaskClient, keys: Keys, log: Lines) -> None:
    """The same token again is refused."""
    signed = token(keys.es384, good())
    assert discovery(site, signed).status_code == 200
    answer = discovery(site, signed)
    assert log.reason == "replay"
    assert_refused(site, answer)


def test_a_token_counts_once_until_its_end(site: FlaskClient, keys: Keys, clock: Clock, log: Lines) -> None:
    """An id is remembered as long as its token could be used: then the token is refused as expired."""
    signed = token(keys.es384, good())
    assert discovery(site, signed).status_code == 200
    clock.time = NOW + 309.9
    assert discovery(site, signed).status_code == 401
    assert log.reason == "replay"
    clock.time = NOW + 310
    assert discovery(site, signed).status_code == 401
    assert log.reason == "expired"


def test_a_forgery_does_not_use_up_an_id(site: FlaskClient, keys: Keys) -> None:
    """An attacker who guesses an id cannot spoil the EHR's own call by sending it first."""
    assert discovery(site, token(keys.attacker, good(jti="guessed"), kid="e1")).status_code == 401
    assert discovery(site, token(keys.es384, good(jti="guessed", exp=NOW - 60, iat=NOW - 90))).status_code == 401
    assert discovery(site, token(keys.es384, good(jti="guessed"))).status_code == 200


def test_no_token_in_the_log_of_a_good_call(site: FlaskClient, keys: Keys, engine: Engine, log: Lines) -> None:
    """A call that is answered leaves no part of its token in the log."""
    text = token(keys.es384, claims(EHR, SIGN, NOW, jti="marked-token-id", mark="marked-claim"))
    assert site.post(HOOK, json=order_sign(gappy(), engine), headers=bearer(text)).status_code == 200
    assert log.lines
    for secret in (*text.split("."), "marked-claim"):
        assert not any(secret in line for line in log.lines)


def test_a_store_that_fails(site: FlaskClient, keys: Keys, tmp_path: Path, log: Lines) -> None:
    """When it cannot be told whether a token was used, the call is refused like any other."""
    for name in ("pumpcheck-token-ids.db", "pumpcheck-token-ids.db-wal", "pumpcheck-token-ids.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    answer = discovery(site, token(keys.es384, good()))
    assert log.reason == "error: OperationalError"
    assert_refused(site, answer)


# Keys from a jku ----------------------------------------------------------------------------------------------


def remote(key: SigningKey, **head: Any) -> str:
    """Return a good token of the client whose keys are fetched."""
    return token(key, claims(REMOTE, f"{PUBLIC}{DISCOVERY}", NOW), **head)


def test_keys_from_a_jku_are_cached(site: FlaskClient, keys: Keys, clock: Clock, web: responses.RequestsMock) -> None:
    """The key set is read once, and again after an hour."""
    web.get(JKU, json={"keys": [keys.other.jwk]})
    for _ in range(3):
        assert discovery(site, remote(keys.other, jku=JKU)).status_code == 200
    assert len(web.calls) == 1
    clock.time += 3601
    fresh = token(keys.other, claims(REMOTE, f"{PUBLIC}{DISCOVERY}", clock.time))
    assert discovery(site, fresh).status_code == 200
    assert len(web.calls) == 2


def test_a_new_key_at_the_jku(site: FlaskClient, keys: Keys, clock: Clock, web: responses.RequestsMock) -> None:
    """An unknown key id makes the set be read again, at most once a minute; the old key is gone with the old set."""
    old = web.get(JKU, json={"keys": [keys.other.jwk]})
    assert discovery(site, remote(keys.other)).status_code == 200
    web.remove(old)
    web.get(JKU, json={"keys": [keys.many.jwk]})
    assert discovery(site, remote(keys.many)).status_code == 401
    assert len(web.calls) == 1
    clock.time += 60
    assert discovery(site, remote(keys.many)).status_code == 200
    assert discovery(site, remote(keys.other)).status_code == 401
    assert len(web.calls) == 2


def test_unknown_key_ids_do_not_flood_the_jku(
    site: FlaskClient, keys: Keys, clock: Clock, web: responses.RequestsMock
) -> None:
    """Whoever sends many key ids causes one reading a minute."""
    web.get(JKU, json={"keys": [keys.other.jwk]})
    for number in range(20):
        assert_refused(site, discovery(site, remote(keys.attacker, kid=f"guess-{number}")))
    assert len(web.calls) == 1


def test_a_jku_of_the_token_alone(site: FlaskClient, keys: Keys, web: responses.RequestsMock) -> None:
    """A token cannot move its issuer's key set, not even within the issuer's host."""
    web.get(JKU, json={"keys": [keys.other.jwk]})
    for jku in (f"{REMOTE}/other.json", "https://evil.example.org/keys.json", f"{JKU}#", 1):
        assert_refused(site, discovery(site, remote(keys.other, jku=jku)))
    assert len(web.calls) == 0


def _redirect(web: responses.RequestsMock, keys: Keys) -> None:
    web.get(JKU, status=302, headers={"Location": "https://evil.example.org/keys.json"})
    web.get("https://evil.example.org/keys.json", json={"keys": [keys.other.jwk]})


def _too_large(web: responses.RequestsMock, keys: Keys) -> None:
    web.get(JKU, json={"keys": [keys.other.jwk], "pad": "x" * MAX_SET_BYTES})


FAILURES: dict[str, Callable[[responses.RequestsMock, Keys], Any]] = {
    "no connection": lambda web, keys: web.get(JKU, body=requests.ConnectionError("refused")),
    "too slow": lambda web, keys: web.get(JKU, body=requests.Timeout("slow")),
    "an error": lambda web, keys: web.get(JKU, status=500, json={"keys": [keys.other.jwk]}),
    "a redirect": _redirect,
    "too large": _too_large,
    "no JSON": lambda web, keys: web.get(JKU, body="<html>"),
    "no key set": lambda web, keys: web.get(JKU, json=[keys.other.jwk]),
}


@pytest.mark.parametrize("fails", FAILURES.values(), ids=FAILURES.keys())
def test_a_jku_that_fails(
    site: FlaskClient,
    keys: Keys,
    clock: Clock,
    log: Lines,
    web: responses.RequestsMock,
    fails: Callable[[responses.RequestsMock, Keys], Any],
) -> None:
    """A key set that cannot be read is no key; only its own address is asked; it is tried again after a minute."""
    fails(web, keys)
    assert_refused(site, discovery(site, remote(keys.other)))
    assert any("keys not read" in line for line in log.lines)
    assert [call.request.url for call in web.calls] == [JKU]
    web.reset()
    web.get(JKU, json={"keys": [keys.other.jwk]})
    clock.time += 60
    assert discovery(site, remote(keys.other)).status_code == 200


def test_a_jku_that_is_down_for_a_while(
    site: FlaskClient, keys: Keys, clock: Clock, web: responses.RequestsMock
) -> None:
    """While the key server is down the last set serves for a day, not longer."""
    up = web.get(JKU, json={"keys": [keys.other.jwk]})
    assert discovery(site, remote(keys.other)).status_code == 200
    web.remove(up)
    web.get(JKU, body=requests.ConnectionError("refused"))
    for hours, status in ((2, 200), (23.9, 200), (24.1, 401)):
        clock.time = NOW + hours * 3600
        signed = token(keys.other, claims(REMOTE, f"{PUBLIC}{DISCOVERY}", clock.time))
        assert discovery(site, signed).status_code == status


def test_unusable_keys_cost_only_themselves(
    site: FlaskClient, keys: Keys, log: Lines, web: responses.RequestsMock
) -> None:
    """Keys for encryption, short, doubled, symmetric or malformed ones are left out; the good one serves."""
    short = SigningKey.new("short", "RS384", bits=1024)
    wrong = [
        {**keys.many.jwk, "use": "enc"},
        {"kty": "oct", "kid": "secret", "k": encoded(b"secret")},
        short.jwk,
        {**keys.es256.jwk, "kid": "twice"},
        {**keys.es384.jwk, "kid": "twice"},
        {**keys.es384.jwk, "kid": "off", "x": keys.es384.jwk["y"]},
        {**keys.es384.jwk, "kid": "alg", "alg": "ES256"},
        {**keys.es384.jwk, "kid": None},
        7,
    ]
    web.get(JKU, json={"keys": [*wrong, keys.other.jwk]})
    assert discovery(site, remote(keys.other)).status_code == 200
    (line,) = [json.loads(line) for line in log.lines if "keys not used" in line]
    assert [text.partition(" ")[0] for text in line["keys"]] == [f"keys[{index}]" for index in range(9)]
    for key in (keys.many, short, SigningKey("twice", "ES256", keys.es256.private)):
        assert discovery(site, remote(key)).status_code == 401


@pytest.fixture
def https(tmp_path: Path, keys: Keys) -> Iterator[tuple[str, Path]]:
    """Return the address of a key server on loopback, and the file of the authority that vouches for it."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "key server")])
    today = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(private, hashes.SHA256())
    )
    ca, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    ca.write_bytes(certificate.public_bytes(PEM))
    key.write_bytes(private.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))

    class KeyServer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"keys": [keys.other.jwk]}).encode())

        def log_message(self, *_: Any) -> None:
            return

    class QuietServer(HTTPServer):
        def handle_error(self, *_: Any) -> None:
            return

    server = QuietServer(("127.0.0.1", 0), KeyServer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}/keys", ca
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_ca_file_vouches_for_the_key_server(https: tuple[str, Path], keys: Keys) -> None:
    """A key server with a certificate of a private authority is read with its `ca_file`, and not without."""
    url, ca = https
    assert json.loads(fetched(url, str(ca))) == {"keys": [keys.other.jwk]}
    with pytest.raises(requests.exceptions.SSLError):
        fetched(url, None)


# Token ids ----------------------------------------------------------------------------------------------------


def test_one_winner_of_many_at_once(tmp_path: Path) -> None:
    """Of 16 uses of one id at the same moment, through four openings of the file, one succeeds."""
    file = tmp_path / "ids.db"
    opened = [SqliteTokenIds(file) for _ in range(4)]
    opened[0].prepare()
    start = threading.Barrier(16)

    def use(number: int) -> bool:
        start.wait(30)
        return opened[number % 4].use_once(EHR, "one", time.time() + 60)

    with ThreadPoolExecutor(16) as pool:
        assert sorted(pool.map(use, range(16))) == [False] * 15 + [True]
    for one in opened:
        one.close()


def test_ids_of_expired_tokens_are_deleted(tmp_path: Path, clock: Clock) -> None:
    """The file does not grow for ever: a minute after a token's end its id is deleted."""
    used = SqliteTokenIds(tmp_path / "ids.db", clock)
    used.prepare()
    assert used.use_once(EHR, "short", NOW + 10)
    assert used.use_once(EHR, "long", NOW + 1000)
    clock.time = NOW + 71
    assert used.use_once(EHR, "next", NOW + 1000)
    assert used.use_once(EHR, "short", NOW + 1000)
    assert not used.use_once(EHR, "long", NOW + 1000)
    used.close()


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://host/pumpcheck", "sqlite://", "sqlite:///:memory:", "sqlite:////no/such/folder/a.db"]
)
def test_a_store_that_cannot_keep_token_ids(url: str) -> None:
    """A store in which used tokens cannot be remembered for all workers stops the start and names the key."""
    with pytest.raises(ConfigError, match=r"`store\.url`"):
        token_ids(url)


# Configuration ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("issuer", "text"),
    [
        ('iss = "a"', "`client_auth.issuers.0`: the issuer a needs exactly one of `jwks` and `jku`."),
        (
            'iss = "a"\njku = "https://a.example.org/k"\njwks = {keys = []}',
            "`client_auth.issuers.0`: the issuer a needs exactly one of `jwks` and `jku`.",
        ),
        ('iss = "a"\njwks = "gone.json"', "`client_auth.issuers.0.jwks`: there is no file gone.json."),
        ('iss = "a"\njku = "http://a.example.org/k"', "`client_auth.issuers.0.jku`: must be an https address."),
        ('iss = "a"\njku = "https:///k"', "`client_auth.issuers.0.jku`: must be an https address."),
        (
            'iss = "a"\njku = "https://a.example.org/k"\nca_file = "gone.pem"',
            "`client_auth.issuers.0.ca_file`: there is no file gone.pem.",
        ),
        ('iss = "a"\njwks = {keys = []}\nca_file = "FILE"', "`client_auth.issuers.0`: `ca_file` is for `jku` alone."),
        ('iss = ""\njku = "https://a.example.org/k"', "`client_auth.issuers.0.iss`"),
        (
            'iss = "a"\njku = "https://a.example.org/k"\n[[client_auth.issuers]]\niss = "a"\n'
            'jku = "https://a.example.org/k"',
            "`client_auth.issuers`: the issuer a stands twice.",
        ),
        ('iss = "a"\njwk = {}', "`client_auth.issuers.0.jwk` is not a known key"),
    ],
)
def test_a_wrong_issuer_stops_the_start(tmp_path: Path, issuer: str, text: str) -> None:
    """Whatever is wrong about an issuer is named with its key."""
    file = tmp_path / "pumpcheck.toml"
    file.write_text(f"[[client_auth.issuers]]\n{issuer}\n".replace("FILE", str(file)))
    with pytest.raises(ConfigError) as caught:
        load_config(file, {})
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({}, "is no JSON Web Key Set"),
        ({"keys": []}, "holds no usable key: it is empty"),
        ({"keys": [{"kty": "oct", "kid": "a", "k": "AAAA"}]}, "holds a private or secret key"),
        ({"keys": [{"kty": "EC", "kid": "a", "crv": "P-521"}]}, "keys[0] is neither an RSA key nor one on P-256"),
        ({"keys": [{"kty": "EC", "crv": "P-384"}]}, "keys[0] has no `kid`"),
        ({"keys": [{"kty": "EC", "kid": "a", "crv": "P-384", "x": "AAAA", "y": "AAAA"}]}, "keys[0] is malformed"),
    ],
)
def test_a_wrong_key_set_stops_the_start(tmp_path: Path, document: Json, text: str) -> None:
    """A configured key set without a usable key, or with a private one, is refused with the reason."""
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(document))
    for jwks in (str(file), document):
        members = {"client_auth": {"issuers": [{"iss": EHR, "jwks": jwks}]}}
        with pytest.raises(ConfigError) as caught:
            ClientVerifier.build(Config.model_validate(members))
        assert str(caught.value).startswith("`client_auth.issuers.0.jwks`")
        assert text in str(caught.value)


def test_without_issuers_nobody_may_call(engine: Engine, keys: Keys, log: Lines) -> None:
    """The defaults refuse everybody, and the start says which key to set."""
    site = create_app(Config(), engine, lambda: TODAY).test_client()
    (line,) = log.lines
    assert json.loads(line)["level"] == "warning"
    assert "[[client_auth.issuers]]" in line
    assert_refused(site, discovery(site, token(keys.es384, good())))


def test_mode_off_shouts(engine: Engine, log: Lines) -> None:
    """Without authentication anybody is answered, and the start says so in capitals."""
    site = create_app(engine.config, engine, lambda: TODAY).test_client()
    (line,) = log.lines
    assert json.loads(line)["level"] == "warning"
    assert "CLIENT AUTHENTICATION IS OFF" in line
    assert site.get(DISCOVERY).status_code == 200


# A real server ------------------------------------------------------------------------------------------------


@pytest.fixture
def two_workers(tmp_path: Path, keys: Keys) -> Iterator[tuple[str, Path]]:
    """Return the address of `pumpcheck serve` with two workers, and the file of its log."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [keys.es384.jwk]}))
    config = tmp_path / "pumpcheck.toml"
    config.write_text(
        f'[server]\npublic_url = "{PUBLIC}"\nworkers = 2\n[store]\nurl = "sqlite:///{tmp_path}/store.db"\n'
        f'[[client_auth.issuers]]\niss = "{EHR}"\njwks = "{tmp_path}/keys.json"\n'
    )
    written, url = tmp_path / "log", f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "service.cli", "serve", "--config", str(config), "--port", str(port)]
    with written.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=os.environ)
    try:
        _wait_until_healthy(process, url)
        yield url, written
    finally:
        process.terminate()
        process.wait(30)


def _wait_until_healthy(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            assert requests.get(f"{url}/healthz", timeout=5).status_code == 200
            return
        except requests.ConnectionError:
            pass  # not listening yet
        try:
            raise AssertionError(f"the server ended with status {process.wait(0.1)}")
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError("the server does not answer")


@pytest.mark.server
def test_a_token_counts_once_over_two_workers(two_workers: tuple[str, Path], keys: Keys) -> None:
    """Of 40 calls with one token, over connections of their own to two worker processes, one is answered."""
    url, written = two_workers
    now = time.time()
    signed = token(keys.es384, claims(EHR, f"{PUBLIC}{DISCOVERY}", now))

    def call(_: int) -> tuple[int, bytes]:
        answer = requests.get(f"{url}{DISCOVERY}", headers=bearer(signed), timeout=30)
        return answer.status_code, answer.content

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(call, range(40)))
    assert sorted(status for status, _ in answers) == [200] + [401] * 39
    assert len({body for status, body in answers if status == 401}) == 1
    lines = written.read_text()
    assert lines.count('"reason": "replay"') == 39
    assert not any(part in lines for part in signed.split("."))
