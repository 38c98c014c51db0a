"""Today. The only clock that a determination sees; tests and `--as-of` set it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

Today = Callable[[], date]


def real_today() -> date:
    """Return the machine's date."""
    return date.today()
