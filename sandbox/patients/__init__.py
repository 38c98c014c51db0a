"""Made-up patients, each with a chart that tells one story; index.yaml says which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from sandbox.clinic import shared_resources
from sandbox.patients import cigna, hcsc, medicare, medicare_advantage, molina, others, unitedhealthcare
from sandbox.patients.builder import Chart, Resource

_CHARTS = (
    cigna.CHARTS
    | medicare_advantage.CHARTS
    | unitedhealthcare.CHARTS
    | hcsc.CHARTS
    | molina.CHARTS
    | medicare.CHARTS
    | others.CHARTS
)


@dataclass(frozen=True, slots=True)
class Story:
    """One entry of index.yaml.

    Attributes:
        id: of the Patient.
        payer: key of ``clinic.PAYERS``, of the primary coverage.
        kind: what the service is expected to say, in one word.
        story: one sentence, with what to look for.
        expected: determinations expected for the first suggested order.
        orders: suggested orders, each as in index.yaml.
    """

    id: str
    payer: str
    kind: str
    story: str
    expected: tuple[Mapping[str, Any], ...]
    orders: tuple[Mapping[str, Any], ...]


@cache
def stories() -> tuple[Story, ...]:
    """Return every entry of index.yaml, in its order."""
    text = files("sandbox.patients").joinpath("index.yaml").read_text(encoding="utf-8")
    return tuple(
        Story(
            id=entry["id"],
            payer=entry["payer"],
            kind=entry["kind"],
            story=entry["story"],
            expected=tuple(entry["expected"]),
            orders=tuple(entry["orders"]),
        )
        for entry in yaml.safe_load(text)
    )


def build_chart(patient_id: str, today: date) -> Chart:
    """Return one patient's chart as it stands on a day.

    Raises:
        KeyError: if there is no such patient.
    """
    return _CHARTS[patient_id](today)


def build_all(today: date) -> list[Resource]:
    """Return every resource of the sandbox as it stands on a day: the clinic, its people, payers and patients."""
    resources = shared_resources()
    for patient_id in _CHARTS:
        resources += build_chart(patient_id, today).resources
    return resources
