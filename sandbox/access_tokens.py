"""Bearer tokens that the sandbox's FHIR server hands out and demands."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

READ_ONE_PATIENT = "patient/*.read"
READ_AND_WRITE = "user/*.*"


@dataclass(frozen=True, slots=True)
class Grant:
    """What the bearer of a token may do.

    Attributes:
        scope: SMART scope, ``patient/*.read`` or ``user/*.*``.
        patient: id of the only patient whose data may be read, or None for every patient.
        expires: seconds of the issuer's clock at which the token ends, or None for never.
    """

    scope: str
    patient: str | None
    expires: float | None

    @property
    def may_write(self) -> bool:
        """Whether resources may be created, changed and deleted."""
        return self.scope == READ_AND_WRITE


class TokenIssuer:
    """Hands out random opaque tokens and remembers what each one grants.

    Args:
        clock: returns seconds that only ever grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._grants: dict[str, Grant] = {}

    def issue(self, scope: str, patient: str | None = None, lifetime_s: int | None = None) -> str:
        """Return a new token."""
        token = secrets.token_urlsafe(24)
        now = self._clock()
        expires = None if lifetime_s is None else now + lifetime_s
        with self._lock:
            self._grants = {key: grant for key, grant in self._grants.items() if not _ended(grant, now)}
            self._grants[token] = Grant(scope, patient, expires)
        return token

    def grant(self, token: str) -> Grant | None:
        """Return what a token grants, or None if it is unknown or has ended."""
        found = self._grants.get(token)
        return None if found is None or _ended(found, self._clock()) else found


def _ended(grant: Grant, now: float) -> bool:
    return grant.expires is not None and grant.expires <= now
