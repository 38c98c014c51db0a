"""What happens to a patient, told by calendar dates, for charts that a clinician can read."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from tests.builder import HOSPITAL_OFFSET, Builder, Json, concept

MORPHINE, GABAPENTIN, OXYCODONE, BACLOFEN, CYCLOBENZAPRINE = "7052", "25480", "7804", "1292", "21949"
INEFFECTIVE, NOT_TOLERATED, OWN_WISH = ("snomed", "182841002"), ("snomed", "407563006"), ("snomed", "182895007")
PSYCHOLOGIST = "103TC0700X"


def ago(chart: Builder, day: str) -> int:
    """Return how many days before the chart's today a day lies."""
    return (chart.today - date.fromisoformat(day)).days


def took(chart: Builder, drug: str, first: str, last: str | None, **members: Any) -> Json:
    """Add a drug taken from the first to the last day, on a fixed schedule unless said."""
    end = None if last is None else ago(chart, last)
    return chart.medication(drug, start_days_ago=ago(chart, first), end_days_ago=end, **members)


def attended(chart: Builder, cpt: str, first: str, last: str, every: int = 14) -> None:
    """Add completed visits from the first to the last day, so many days apart."""
    day, end = date.fromisoformat(first), date.fromisoformat(last)
    while day < end:
        chart.procedure("cpt", cpt, start=day.isoformat())
        day += timedelta(days=every)
    chart.procedure("cpt", cpt, start=last)


def turned_out(chart: Builder, therapy: str, outcome: str, first: str, last: str) -> Json:
    """Add the stated outcome of a therapy with its time."""
    return chart.outcome(therapy, outcome, start_days_ago=ago(chart, first), end_days_ago=ago(chart, last))


def local(moment: str) -> str:
    """Return a moment at the hospital as a FHIR dateTime; one that bears an offset, or no clock time, as it stands."""
    return f"{moment}:00{HOSPITAL_OFFSET}" if len(moment) == len("2026-05-10T08:00") else moment


def pain(chart: Builder, *scores: tuple[str, int]) -> None:
    """Add pain scores 0-10."""
    for moment, score in scores:
        chart.nrs(score, at=local(moment))


def spasms(chart: Builder, *scores: tuple[str, int]) -> None:
    """Add Penn spasm frequency scores 0-4."""
    for moment, score in scores:
        chart.observation("finding", "penn-spasm-frequency", at=local(moment), valueInteger=score)


def tone(chart: Builder, moment: str, scale: str = "modified-ashworth", **grades: str) -> None:
    """Add one session of Ashworth grades, muscle by muscle."""
    for muscle, grade in grades.items():
        value, site = concept("ashworth-grade", grade), {"text": muscle.replace("_", " ")}
        chart.observation("finding", scale, at=local(moment), valueCodeableConcept=value, bodySite=site)


def pump_drug(chart: Builder, drug: str) -> Json:
    """Add the order of the drug by the intrathecal route, beside the procedure's."""
    return chart.order(drug, system="rxnorm", resource_type="MedicationRequest", dosageInstruction=[{"route": ROUTE}])


def purpose(code: str) -> list[Json]:
    """Return an order's or procedure's category that says what it is for."""
    return [concept("order-purpose", code)]


def document(chart: Builder, loinc: str, days_ago: int = 30) -> Json:
    """Add a document of a type; nobody reads its content."""
    return chart.add("DocumentReference", status="current", type=concept("loinc", loinc), date=chart.moment(days_ago))


def without(chart: Builder, word: str) -> Builder:
    """Remove the resources whose code holds a word, and return the chart."""
    chart.resources = [one for one in chart.resources if word not in str(one.get("code"))]
    return chart


ROUTE = concept("snomed", "72607000")
