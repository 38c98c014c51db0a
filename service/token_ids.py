"""Which token ids (`jti`) were used already, known to every worker process."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Protocol

from service.config import ConfigError

SQLITE = "sqlite:///"
BUSY_S = 5.0
SWEEP_EVERY_S = 60.0
# An id outlives its token by this much: a clock set back, or a check just before the end, must not let it in again.
KEPT_LONGER_S = 60.0

_TABLE = """
CREATE TABLE IF NOT EXISTS token_ids (
    issuer TEXT NOT NULL, jti TEXT NOT NULL, until REAL NOT NULL, PRIMARY KEY (issuer, jti)
) WITHOUT ROWID
"""
_INDEX = "CREATE INDEX IF NOT EXISTS token_ids_until ON token_ids (until)"
_USE = "INSERT INTO token_ids VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING jti"
_SWEEP = "DELETE FROM token_ids WHERE until < ?"


class TokenIds(Protocol):
    """The ids of tokens that were accepted."""

    def use_once(self, issuer: str, jti: str, until: float) -> bool:
        """Return True the first time an issuer's id is used. `until`: when its token ends, seconds since 1970."""
        ...


def token_ids(store_url: str, now: Callable[[], float] = time.time) -> TokenIds:
    """Return the token ids that belong to a store. Raises ConfigError where they cannot be kept."""
    if not store_url.startswith(SQLITE):
        raise ConfigError(
            f"`store.url`: the ids of used tokens can be kept only beside a store of the form {SQLITE}FILE so far, "
            'not with another kind of store. Name a file, or set `client_auth.mode = "off"` where nobody else can call.'
        )
    name = store_url.removeprefix(SQLITE)
    if not name or name.startswith(":") or "?" in name:
        raise ConfigError(f"`store.url`: write {SQLITE}FILE; every worker process must be able to open the file.")
    store = Path(name)
    kept = SqliteTokenIds(store.with_name(f"{store.stem}-token-ids.db"), now)
    kept.prepare()
    return kept


class SqliteTokenIds:
    """Token ids in a small SQLite file, shared by the worker processes of one machine."""

    def __init__(self, file: Path, now: Callable[[], float] = time.time) -> None:
        self._file = file
        self._now = now
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._swept_at = float("-inf")

    def prepare(self) -> None:
        """Make the file, and leave nothing open: workers are forked later. Raises ConfigError where it cannot be."""
        try:
            with closing(self._connect()) as connection:
                connection.execute(_TABLE)
                connection.execute(_INDEX)
        except sqlite3.Error as error:
            raise ConfigError(
                f"`store.url`: the ids of used tokens cannot be kept in {self._file} ({error}). "
                "Name a folder that exists and can be written to."
            ) from None

    def use_once(self, issuer: str, jti: str, until: float) -> bool:
        """Return True the first time an issuer's id is used. Raises sqlite3.Error where the file fails."""
        with self._lock:
            if self._connection is None:
                self._connection = self._connect()
            self._sweep(self._connection)
            return bool(self._connection.execute(_USE, (issuer, jti, until)).fetchall())

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _sweep(self, connection: sqlite3.Connection) -> None:
        now = self._now()
        if now - self._swept_at >= SWEEP_EVERY_S:
            connection.execute(_SWEEP, (now - KEPT_LONGER_S,))
            self._swept_at = now

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection
