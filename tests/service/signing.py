"""A CDS client's keys and tokens, signed with `cryptography` alone: what checks them is another library."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

Json = dict[str, Any]
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
CURVES: dict[str, ec.EllipticCurve] = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1()}
HASHES: dict[str, hashes.HashAlgorithm] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


def encoded(value: bytes | str) -> str:
    """Return base64url without padding."""
    raw = value.encode() if isinstance(value, str) else value
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _number(value: int, size: int) -> str:
    return encoded(value.to_bytes(size, "big"))


@dataclass(frozen=True)
class SigningKey:
    """A private key with its id and the algorithm it signs with."""

    kid: str
    alg: str
    private: PrivateKey

    @classmethod
    def new(cls, kid: str, alg: str, bits: int = 2048) -> SigningKey:
        """Return a fresh key."""
        if alg in CURVES:
            return cls(kid, alg, ec.generate_private_key(CURVES[alg]))
        return cls(kid, alg, rsa.generate_private_key(65537, bits))

    @property
    def jwk(self) -> Json:
        """The public half."""
        if isinstance(self.private, rsa.RSAPrivateKey):
            numbers = self.private.public_key().public_numbers()
            size = self.private.key_size // 8
            return {"kty": "RSA", "kid": self.kid, "n": _number(numbers.n, size), "e": _number(numbers.e, 3)}
        point, size = self.private.public_key().public_numbers(), self.private.key_size // 8
        curve = f"P-{self.private.key_size}"
        return {
            "kty": "EC",
            "kid": self.kid,
            "crv": curve,
            "x": _number(point.x, size),
            "y": _number(point.y, size),
        }

    def public_bytes(self, encoding: serialization.Encoding) -> bytes:
        """Return the public half as PEM or DER."""
        return self.private.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)

    def sign(self, signed: bytes, alg: str) -> bytes:
        """Return a JWS signature."""
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(signed, padding.PKCS1v15(), HASHES[alg[2:]])
        r, s = decode_dss_signature(self.private.sign(signed, ec.ECDSA(HASHES[alg[2:]])))
        size = self.private.key_size // 8
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def raw_token(key: SigningKey, head: str, claims: str, alg: str = "") -> str:
    """Return a token of any two texts, truly signed."""
    signed = f"{encoded(head)}.{encoded(claims)}"
    return f"{signed}.{encoded(key.sign(signed.encode(), alg or key.alg))}"


def token(key: SigningKey, claims: Json, **head: Any) -> str:
    """Return a signed token; a header member that is None is left out."""
    members = {"alg": key.alg, "kid": key.kid, "typ": "JWT", **head}
    members = {name: value for name, value in members.items() if value is not None}
    return raw_token(key, json.dumps(members), json.dumps(claims))


def claims(iss: str, aud: Any, now: float, /, **changed: Any) -> Json:
    """Return good claims with members changed; one that is None is left out."""
    members = {"iss": iss, "aud": aud, "iat": now, "exp": now + 300, "jti": uuid.uuid4().hex, **changed}
    return {name: value for name, value in members.items() if value is not None}
