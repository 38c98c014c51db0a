"""The trial that counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from fhir_mappings.times import Span
from policies.values import Evidence

if TYPE_CHECKING:
    from fhir_mappings.inquiry import Inquiry


@dataclass(frozen=True, slots=True)
class TrialDose:
    """One completed trial.

    `start`, `end`  its window (policy-reading §3); `timed`  whether the start bears a clock time
    `method`  `catheter` or `single-injection`; `drugs`  ingredients given, empty where unknown
    """

    reference: str
    period: Span
    start: datetime
    end: datetime
    timed: bool
    method: str
    drugs: frozenset[str]
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class TrialHistory:
    """The doses of the trial that counts (oldest first), and the groups of doses before it (latest first)."""

    latest: tuple[TrialDose, ...] = ()
    earlier: tuple[tuple[TrialDose, ...], ...] = ()

    def reference_instant(self) -> datetime | None:
        """Return the start of the trial that counts, None without one."""
        return self.latest[0].start if self.latest else None

    @property
    def day(self) -> date | None:
        """Return the day on which the trial that counts began."""
        return self.latest[0].start.date() if self.latest else None


def trial_history(inquiry: Inquiry) -> TrialHistory:
    """Return the completed trials on record up to the evidence date."""
    return TrialHistory()
