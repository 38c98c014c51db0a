"""Form answers under a criterion's own id: a yes/no that speaks for that criterion alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import date

from fhir_mappings.chart import Chart
from fhir_mappings.readings import FACT_PREFIX, form_answers
from fhir_mappings.resources import reference_of, references
from fhir_mappings.roles import author_role
from fhir_mappings.times import when
from policies.values import ANSWER, Evidence, Flag, Statement


def criterion_answers(chart: Chart, criteria: Collection[str], evidence_date: date) -> dict[str, Flag]:
    """Return the answers given under the ids of these criteria, up to the evidence date.

    An answer that is no boolean is a warning on the chart, once.
    """
    found: dict[str, list[Statement]] = defaultdict(list)
    for form in chart.of_type("QuestionnaireResponse"):
        authored = when(form.get("authored"))
        if authored is not None and not authored.possibly_by(evidence_date):
            continue
        for given in form_answers(form):
            if given.link_id not in criteria or given.link_id.startswith(FACT_PREFIX):
                continue
            value = given.answer.get("valueBoolean")
            if not isinstance(value, bool):
                _warn(chart, f"{reference_of(form)}: the answer to `{given.link_id}` is no yes or no.")
                continue
            member = "author" if list(references(form.get("author"))) else "source"
            late = authored is not None and not authored.surely_by(evidence_date)
            summary = f"Form answer: {'yes' if value else 'no'}"
            evidence = Evidence(reference_of(form), authored.text if authored else "", summary)
            found[given.link_id].append(
                Statement(
                    value,
                    authored.first if authored else None,
                    author_role(chart, form, member),
                    (evidence,),
                    "Its date may lie after the evidence date." if late else "",
                    ANSWER,
                )
            )
    return {leaf: Flag(tuple(statements)) for leaf, statements in found.items()}


def _warn(chart: Chart, text: str) -> None:
    if text not in chart.warnings:
        chart.warnings.append(text)
