"""The made-up patients: valid FHIR on any day, complete in their index, and plainly made up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import fhirkit
import pytest
from fhir.resources.R4B import get_fhir_model_class

from sandbox.clinic import PAYERS, shared_resources
from sandbox.fhir_search import search_parameters
from sandbox.orders import catalogue, draft_orders, suggested_form
from sandbox.patients import build_all, build_chart, stories
from sandbox.patients.hcsc import DAY_IN_FORCE

from .conftest import TODAY

DAYS = [TODAY, date(2028, 2, 29), date(2031, 1, 1)]
EVERYTHING = build_all(TODAY)
DETERMINATIONS = {
    "no-policy-in-force", "out-of-scope", "external-criteria", "no-review-needed", "not-satisfied", "complete",
    "incomplete", "needs-review",
}  # fmt: skip
POLICIES = {"cigna-cmm-210", "cohere-ma-itp", "uhc-it-infusion", "hcsc-sur707-008", "molina-itp", "ncd-280-14"}


def references(value: Any) -> Iterator[str]:
    """Yield every reference within a resource."""
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def dates(value: Any) -> Iterator[str]:
    """Yield every text within a resource that is a date or begins with one."""
    if isinstance(value, str) and re.match(r"\d{4}-\d{2}-\d{2}", value):
        yield value[:10]
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from dates(inner)


def orders_of_every_suggestion() -> list[dict[str, Any]]:
    """Return the drafts of every suggested order of every patient."""
    found = []
    for story in stories():
        chart = build_chart(story.id, TODAY)
        for number, suggestion in enumerate(story.orders):
            found += draft_orders(story.id, suggested_form(chart, suggestion), TODAY, f"{story.id}-draft-{number}")
    return found


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_every_resource_is_valid_by_the_models_of_fhir_resources(day: date) -> None:
    """Charts built for any day satisfy fhir.resources, 29 February included."""
    for resource in build_all(day):
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)


@pytest.mark.parametrize("resources", [EVERYTHING, orders_of_every_suggestion()], ids=["charts", "drafts"])
def test_every_resource_is_valid_by_a_second_validator(resources: list[dict[str, Any]]) -> None:
    """Charts and drafts satisfy a validator that nobody here wrote, too."""
    problems = {resource["id"]: issues for resource in resources if (issues := fhirkit.validate(resource))}

    assert problems == {}


def test_every_reference_leads_to_a_resource() -> None:
    """Nothing in a chart or a draft points to what is not there."""
    drafts = orders_of_every_suggestion()
    there = {f"{resource['resourceType']}/{resource['id']}" for resource in [*EVERYTHING, *drafts]}

    assert {reference for resource in [*EVERYTHING, *drafts] for reference in references(resource)} <= there


def test_ids_are_unique_and_every_type_can_be_searched() -> None:
    """Two resources never share an id, and the FHIR server can search all that it is given."""
    ids = [(resource["resourceType"], resource["id"]) for resource in EVERYTHING]

    assert len(ids) == len(set(ids))
    assert {resource_type for resource_type, _ in ids} <= search_parameters().keys()


def test_every_value_that_is_there_says_something() -> None:
    """No element is null or empty."""

    def empty_paths(value: Any, path: str) -> Iterator[str]:
        if value is None or value == "" or value == [] or value == {}:
            yield path
        elif isinstance(value, dict):
            for name, inner in value.items():
                yield from empty_paths(inner, f"{path}.{name}")
        elif isinstance(value, list):
            for item in value:
                yield from empty_paths(item, path)

    assert [path for resource in EVERYTHING for path in empty_paths(resource, resource["id"])] == []


@pytest.mark.parametrize("story", stories(), ids=lambda story: story.id)
def test_a_chart_holds_nothing_of_the_future(story: Any) -> None:
    """Whatever the day, no chart speaks of a day after its own."""
    for day in DAYS:
        chart = build_chart(story.id, day)
        latest = max(found for resource in chart.resources for found in dates(resource))
        assert latest <= chart.today.isoformat() <= day.isoformat()


def test_charts_move_with_the_day() -> None:
    """What was 20 days ago is 20 days ago on any day; only the policy that ended keeps its own time."""
    early, late = (build_chart("cigna-permanent-complete", day) for day in DAYS[:2])
    trials = [
        next(each for each in chart.resources if each["resourceType"] == "Procedure" and "performedPeriod" in each)
        for chart in (early, late)
    ]
    ages = [
        (chart.today - date.fromisoformat(trial["performedPeriod"]["start"][:10])).days
        for chart, trial in zip((early, late), trials, strict=True)
    ]

    assert ages == [20, 20]
    assert {build_chart("hcsc-in-force-complete", day).today for day in DAYS} == {DAY_IN_FORCE}


def test_the_index_and_the_charts_are_the_same_patients() -> None:
    """Every chart has a story and every story a chart."""
    patients = [resource["id"] for resource in EVERYTHING if resource["resourceType"] == "Patient"]

    assert sorted(story.id for story in stories()) == sorted(patients)


@pytest.mark.parametrize("story", stories(), ids=lambda story: story.id)
def test_a_story_is_complete(story: Any) -> None:
    """Each story is one sentence that says what to look for, with known payer, policies, and orders that fit."""
    assert story.payer in PAYERS
    assert re.fullmatch(r"[A-Z][^.]*; look for [^.]*\.", story.story)
    assert story.kind in DETERMINATIONS | {"silent", "unknown-payer"}
    assert 1 <= len(story.orders) <= 2
    for expected in story.expected:
        assert expected["policy"] in POLICIES
        assert expected["determination"] in DETERMINATIONS
    if story.expected:
        assert story.kind in {expected["determination"] for expected in story.expected}
    else:
        assert story.kind in {"silent", "unknown-payer"}
    for suggestion in story.orders:
        assert set(suggestion["items"]) <= catalogue()["orders"].keys()
        assert suggestion.get("drug", "morphine") in catalogue()["drugs"]
        assert suggestion.get("purpose", "permanent-implant") in catalogue()["purposes"]


def test_the_stories_show_every_payer_and_every_kind_of_answer() -> None:
    """Whoever tries the sandbox meets each payer and each determination that an order can have."""
    kinds = {story.kind for story in stories()}
    policies = {expected["policy"] for story in stories() for expected in story.expected}

    assert len(stories()) >= 24
    assert kinds == DETERMINATIONS - {"out-of-scope"} | {"silent", "unknown-payer"}
    assert policies == POLICIES
    assert {story.payer for story in stories()} == set(PAYERS)


def test_patients_are_plainly_made_up() -> None:
    """No name could be a person's: the family is Test, and the given name says what the patient is for."""
    people = [each for each in EVERYTHING if each["resourceType"] in ("Patient", "Practitioner")]

    assert {person["name"][0]["family"] for person in people} == {"Test"}
    assert all("telecom" not in person for person in people)


def test_the_clinic_is_shared() -> None:
    """Payers and people stand once, each payer under the name that its coverage shows."""
    names = {each["id"]: each["name"] for each in shared_resources() if each["resourceType"] == "Organization"}

    for resource in EVERYTHING:
        if resource["resourceType"] == "Coverage":
            payor = resource["payor"][0]
            assert payor["display"] == names[payor["reference"].removeprefix("Organization/")]
