"""What a fact is asked about: one chart, one procedure, two dates, the site's look-back settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from fhir_mappings.chart import Chart
from fhir_mappings.code_sets import ValueSets
from fhir_mappings.orders import Procedure
from policies.values import Evidence, Fact, Flag, Statement

if TYPE_CHECKING:
    from fhir_mappings.therapy_records import TherapyRecords
    from fhir_mappings.trial import TrialHistory


@dataclass(frozen=True, slots=True)
class LookBack:
    """How far the reading looks back, in days unless said. Sites may change them."""

    scores: int = 90
    baseline: int = 7
    titration: int = 14
    open_catheter: int = 14
    month_gap: int = 30
    week_gap: int = 7
    visit_gap: int = 14
    covered_percent: int = 80
    statement_months: int = 12


@dataclass(frozen=True)
class Inquiry:
    """One procedure of one patient, ready to be asked for facts.

    `indication`, `phase`  as the case is put; `evidence_date`  nothing after it counts
    `washington_medicaid`  the coverages in force that are Washington Medicaid
    """

    chart: Chart
    procedure: Procedure
    indication: str
    phase: str
    policy_date: date
    evidence_date: date
    look_back: LookBack = field(default_factory=LookBack)
    washington_medicaid: tuple[str, ...] = ()

    @property
    def sets(self) -> ValueSets:
        """Return the value sets."""
        return self.chart.sets

    @cached_property
    def trials(self) -> TrialHistory:
        """Return the trials on record, the one that counts first."""
        from fhir_mappings.trial import trial_history

        return trial_history(self)

    @cached_property
    def therapies(self) -> TherapyRecords:
        """Return what drugs were taken, which visits attended, and how it went."""
        from fhir_mappings.therapy_records import TherapyRecords

        return TherapyRecords(self)

    def unread(self, *types: str) -> tuple[str, ...]:
        """Return those of the resource types that could not be read."""
        return self.chart.could_not_read(*types)


Extractor = Callable[[Inquiry], Fact]


def record_flag(value: bool, evidence: tuple[Evidence, ...] = (), *, note: str = "", doubt: str = "") -> Fact:
    """Return a fact that coded data state, without an author."""
    return Fact(Flag((Statement(value, evidence=evidence, doubt=doubt),)), evidence, note)


def silent(inquiry: Inquiry, *types: str, note: str = "", evidence: tuple[Evidence, ...] = ()) -> Fact:
    """Return the fact of a chart that says nothing; `types` are the records that would have said it."""
    return Fact(None, evidence, note, unread=inquiry.unread(*types))
