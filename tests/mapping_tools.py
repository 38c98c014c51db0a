"""What the tests of the mappings share: a chart from a builder, and one fact of it."""

from __future__ import annotations

from datetime import date
from functools import cache

from fhir_mappings.chart import Chart, Located, build_chart
from fhir_mappings.code_sets import ValueSets
from fhir_mappings.inquiry import Extractor, Inquiry, LookBack
from fhir_mappings.orders import Procedure
from policies.values import Fact
from tests.builder import Builder


@cache
def value_sets() -> ValueSets:
    """Return the shipped value sets."""
    return ValueSets.load()


def chart_of(builder: Builder, unread: frozenset[str] = frozenset()) -> Chart:
    """Return the builder's chart, orders left out."""
    resources = [builder.patient, *builder.resources]
    return build_chart([Located(one) for one in resources], builder.patient_id, value_sets(), unread)


def inquiry(
    builder: Builder,
    *,
    indication: str = "nonmalignant-pain",
    phase: str = "permanent",
    drugs: frozenset[str] = frozenset(),
    on: date | None = None,
    unread: frozenset[str] = frozenset(),
    look_back: LookBack | None = None,
) -> Inquiry:
    """Return an inquiry about the builder's chart on its today, for a procedure with these drugs on the order."""
    day = on or builder.today
    procedure = Procedure((), ((indication, phase),), day, drugs)
    return Inquiry(chart_of(builder, unread), procedure, indication, phase, day, day, look_back or LookBack())


def fact(extractor: Extractor, builder: Builder, **options: object) -> Fact:
    """Return one fact of the builder's chart."""
    return extractor(inquiry(builder, **options))  # type: ignore[arg-type]
