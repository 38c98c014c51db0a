"""The public keys of CDS clients: JSON Web Key Sets from the configuration, a file, or an allow-listed `jku`."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import requests
from jose import jwk
from jose.backends.base import Key
from jose.utils import base64url_decode

from service.config import ConfigError, Issuer
from service.fhir_json import JsonError, parse

EC_ALGORITHMS = {"P-256": ("ES256",), "P-384": ("ES384",)}
RSA_ALGORITHMS = ("RS256", "RS384")
ALGORITHMS = frozenset({"ES256", "ES384", *RSA_ALGORITHMS})
MIN_RSA_BITS = 2048
PUBLIC_MEMBERS = {"EC": ("kty", "crv", "x", "y"), "RSA": ("kty", "n", "e")}
PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

MAX_SET_BYTES = 128 * 1024
CHUNK = 8 * 1024
FETCH_S = 4.0
RETRY_AFTER_S = 60.0
FRESH_FOR_S = 3600.0
USABLE_FOR_S = 24 * 3600.0
log = logging.getLogger("pumpcheck")

VerifyingKeys = Mapping[str, Key]
"""One public key, made ready for each algorithm that it may verify."""


class UnusableKeys(ValueError):
    """A key or a key set cannot be used; the message says why and quotes no key."""


@dataclass(frozen=True)
class KeySet:
    """The usable keys of a set by `kid`, and why each of the others is not used."""

    keys: Mapping[str, VerifyingKeys]
    unused: tuple[str, ...] = ()


class KeySource(Protocol):
    """Where the keys of one issuer come from."""

    def verifying_keys(self, kid: str) -> VerifyingKeys | None:
        """Return the issuer's key with this id, None where it has none."""
        ...


def key_set(document: Any) -> KeySet:
    """Return the usable keys of a JSON Web Key Set (RFC 7517 §5). Raises UnusableKeys where it is none."""
    keys = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(keys, list):
        raise UnusableKeys("is no JSON Web Key Set: it has no list `keys`")
    ids = Counter(one["kid"] for one in keys if isinstance(one, Mapping) and isinstance(one.get("kid"), str))
    usable, unused = {}, []
    for index, one in enumerate(keys):
        try:
            kid, ready = _ready(one)
            if ids[kid] > 1:
                raise UnusableKeys("shares its `kid` with another key")
            usable[kid] = ready
        except UnusableKeys as error:
            unused.append(f"keys[{index}] {error}")
    return KeySet(usable, tuple(unused))


def _ready(key: Any) -> tuple[str, VerifyingKeys]:
    if not isinstance(key, Mapping):
        raise UnusableKeys("is no object")
    kid = key.get("kid")
    if not isinstance(kid, str) or not kid:
        raise UnusableKeys("has no `kid`")
    if key.get("use", "sig") != "sig" or "verify" not in key.get("key_ops", ["verify"]):
        raise UnusableKeys("is not for signatures")
    possible = _algorithms(key)
    algorithms = [one for one in possible if key.get("alg", one) == one]
    if not algorithms:
        raise UnusableKeys(f"names an `alg` other than {', '.join(possible)}")
    # Only the public members: a private half that slipped in is never held.
    public = {name: key[name] for name in PUBLIC_MEMBERS[key["kty"]] if name in key}
    try:
        if public["kty"] == "RSA" and len(base64url_decode(public["n"].encode()).lstrip(b"\0")) * 8 < MIN_RSA_BITS:
            raise UnusableKeys(f"is shorter than {MIN_RSA_BITS} bits")
        return kid, {one: jwk.construct(public, one) for one in algorithms}
    except UnusableKeys:
        raise
    except Exception as error:  # whatever the library says of a malformed key
        raise UnusableKeys(f"is malformed ({type(error).__name__})") from None


def _algorithms(key: Mapping[str, Any]) -> tuple[str, ...]:
    if key.get("kty") == "RSA":
        return RSA_ALGORITHMS
    curve = key.get("crv")
    if key.get("kty") == "EC" and isinstance(curve, str) and curve in EC_ALGORITHMS:
        return EC_ALGORITHMS[curve]
    raise UnusableKeys("is neither an RSA key nor one on P-256 or P-384")


def key_source(issuer: Issuer, where: str, elapsed: Callable[[], float] = time.monotonic) -> KeySource:
    """Return where an issuer's keys come from. Raises ConfigError, which names the key below `where`."""
    if issuer.jku is not None:
        return FetchedKeys(issuer.jku, issuer.ca_file, elapsed)
    return _configured_keys(issuer.jwks, f"{where}.jwks")


@dataclass(frozen=True)
class ConfiguredKeys:
    """Keys that were exchanged out of band; they change with a restart."""

    known: KeySet

    def verifying_keys(self, kid: str) -> VerifyingKeys | None:
        """Return the key with this id, None where there is none."""
        return self.known.keys.get(kid)


def _configured_keys(jwks: str | dict[str, Any] | None, where: str) -> ConfiguredKeys:
    try:
        document: Any = parse(Path(jwks).read_bytes()) if isinstance(jwks, str) else jwks
        known = key_set(document)
    except OSError as error:
        raise ConfigError(f"`{where}`: {jwks} cannot be read ({error.strerror}).") from None
    except (JsonError, UnusableKeys) as error:
        raise ConfigError(f"`{where}`: {error}.") from None
    if any(PRIVATE_MEMBERS & one.keys() for one in document["keys"] if isinstance(one, dict)):
        raise ConfigError(f"`{where}` holds a private or secret key. Keep only the public half here.")
    if not known.keys:
        raise ConfigError(f"`{where}` holds no usable key: {'; '.join(known.unused) or 'it is empty'}.")
    _log_unused(where, known)
    return ConfiguredKeys(known)


@dataclass
class FetchedKeys:
    """Keys read from an issuer's `jku`, which the site has listed.

    They are read when first asked for, again after an hour, and when an unknown `kid` comes, but at most once a minute
    in each worker process. While the address fails the last set stays in use for a day. `elapsed` counts seconds.
    """

    jku: str
    ca_file: str | None = None
    elapsed: Callable[[], float] = time.monotonic
    _known: KeySet = KeySet({})
    _read_at: float | None = None
    _tried_at: float | None = None
    _reading: threading.Lock = field(default_factory=threading.Lock)

    def verifying_keys(self, kid: str) -> VerifyingKeys | None:
        """Return the key with this id, None where the set has none or could not be read."""
        found = self._usable(kid)
        if found is None or self._older_than(FRESH_FOR_S):
            # Whoever has a key that is only due for a new look need not wait for another thread's reading.
            self._refresh(wait=found is None)
            found = self._usable(kid)
        return found

    def _usable(self, kid: str) -> VerifyingKeys | None:
        return None if self._older_than(USABLE_FOR_S) else self._known.keys.get(kid)

    def _older_than(self, seconds: float) -> bool:
        return self._read_at is None or self.elapsed() - self._read_at > seconds

    def _refresh(self, wait: bool) -> None:
        if not self._reading.acquire(blocking=wait):
            return
        try:
            if self._tried_at is not None and self.elapsed() - self._tried_at < RETRY_AFTER_S:
                return
            self._tried_at = self.elapsed()
            self._known = key_set(parse(fetched(self.jku, self.ca_file)))
            self._read_at = self.elapsed()
            _log_unused(self.jku, self._known)
        except Exception as error:  # a key server's every failure costs a minute's wait and no more
            log.warning("keys not read", extra={"fields": {"jku": self.jku, "error": type(error).__name__}})
        finally:
            self._reading.release()


def fetched(url: str, ca_file: str | None) -> bytes:
    """Return what an https address holds. Raises UnusableKeys or the library's error.

    No redirects, at most MAX_SET_BYTES, at most about FETCH_S seconds.
    """
    deadline = time.monotonic() + FETCH_S
    headers = {"Accept": "application/jwk-set+json, application/json"}
    with requests.get(
        url, headers=headers, timeout=FETCH_S / 2, allow_redirects=False, stream=True, verify=ca_file or True
    ) as response:
        if response.status_code != 200:
            raise UnusableKeys(f"was answered with {response.status_code}")
        body = bytearray()
        # read1 returns what has arrived, so that a server that dribbles cannot outlast the deadline.
        while chunk := response.raw.read1(CHUNK, decode_content=True):
            body += chunk
            if len(body) > MAX_SET_BYTES:
                raise UnusableKeys(f"is larger than {MAX_SET_BYTES} bytes")
            if time.monotonic() > deadline:
                raise UnusableKeys(f"took longer than {FETCH_S:g} s")
    return bytes(body)


def _log_unused(where: str, known: KeySet) -> None:
    if known.unused:
        log.warning("keys not used", extra={"fields": {"where": where, "keys": list(known.unused)}})
