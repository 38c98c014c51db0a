"""FHIR search: each kind of parameter, paging, sorting, including, and what is refused."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from sandbox.fhir_search import search_parameters
from sandbox.fhir_store import ResourceStore

LOINC = "http://loinc.org"


def observation(number: int, **elements: Any) -> dict[str, Any]:
    """Return an Observation of patient p1 with id o1, o2 ..."""
    return {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": "pain"}], "text": "Pain score"},
        "subject": {"reference": "Patient/p1"},
    } | elements


@pytest.fixture
def fhir(open_fhir: FlaskClient, store: ResourceStore) -> FlaskClient:
    """Return a FHIR server that holds five Observations, two patients and a coverage."""
    category = [{"coding": [{"code": "survey"}]}]
    store.load(
        [
            {"resourceType": "Patient", "id": "p1", "name": [{"family": "Test", "given": ["Anna"]}], "active": True},
            {"resourceType": "Patient", "id": "p2", "name": [{"text": "Probe, Berta"}], "birthDate": "1960-05"},
            {"resourceType": "Practitioner", "id": "doc"},
            observation(1, effectiveDateTime="2026-01-10T08:00:00Z", category=category),
            observation(
                2, effectiveDateTime="2026-01-20", status="amended", performer=[{"reference": "Practitioner/doc"}]
            ),
            observation(3, effectivePeriod={"start": "2026-02-01", "end": "2026-02-10"}, issued="2026-02-10T10:00:00Z"),
            observation(4, effectiveDateTime="2026-03", code={"coding": [{"code": "local"}], "text": "Spasms"}),
            observation(
                5, subject={"reference": "http://localhost/fhir/Patient/p2"}, encounter={"reference": "Encounter/e1"}
            ),
            {
                "resourceType": "Coverage",
                "id": "c1",
                "status": "active",
                "beneficiary": {"reference": "Patient/p1"},
                "payor": [{"reference": "Organization/payer"}],
                "class": [{"type": {"coding": [{"code": "plan"}]}, "value": "P-1"}],
            },
            {"resourceType": "Organization", "id": "payer", "name": "Example Payer", "alias": ["Sample"]},
        ]
    )
    return open_fhir


def found(fhir: FlaskClient, query: str) -> list[str]:
    """Return the ids of the matches of a search, in their order."""
    answer = fhir.get(f"/fhir/{query}")
    assert answer.status_code == 200, answer.get_json()
    return [
        entry["resource"]["id"] for entry in answer.get_json().get("entry", []) if entry["search"]["mode"] == "match"
    ]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("Observation?code=pain", ["o1", "o2", "o3", "o5"]),
        ("Observation?code=http://loinc.org|pain", ["o1", "o2", "o3", "o5"]),
        ("Observation?code=http://loinc.org|", ["o1", "o2", "o3", "o5"]),
        ("Observation?code=|local", ["o4"]),
        ("Observation?code=|pain", []),
        ("Observation?code=http://other.example|pain", []),
        ("Observation?code=pain,local", ["o1", "o2", "o3", "o4", "o5"]),
        ("Observation?code:not=pain", ["o4"]),
        ("Observation?code:text=spas", ["o4"]),
        ("Observation?status=amended", ["o2"]),
        ("Observation?status=http://hl7.org/fhir/observation-status|amended", ["o2"]),
        ("Observation?category=survey", ["o1"]),
        ("Observation?category:missing=false", ["o1"]),
        ("Patient?active=true", ["p1"]),
        ("Coverage?class-type=plan", ["c1"]),
        ("Observation?_id=o3,o4", ["o3", "o4"]),
        ("Observation?patient=p2&status=final", ["o5"]),
    ],
)
def test_tokens_match_by_code_and_system(fhir: FlaskClient, query: str, ids: list[str]) -> None:
    """A code is found alone, with its system, without a system, and in a list of alternatives."""
    assert found(fhir, query) == ids


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("Observation?patient=p1", ["o1", "o2", "o3", "o4"]),
        ("Observation?patient=Patient/p1", ["o1", "o2", "o3", "o4"]),
        ("Observation?patient=http://localhost/fhir/Patient/p1", ["o1", "o2", "o3", "o4"]),
        ("Observation?patient=p2", ["o5"]),
        ("Observation?subject=Patient/p2", ["o5"]),
        ("Observation?subject=p2", ["o5"]),
        ("Observation?subject:Patient=p2", ["o5"]),
        ("Observation?subject:Practitioner=p2", []),
        ("Observation?subject=Group/p2", []),
        ("Observation?performer=Practitioner/doc", ["o2"]),
        ("Observation?encounter=e1", ["o5"]),
        ("Coverage?beneficiary=Patient/p1", ["c1"]),
        ("Coverage?patient=p1&payor=Organization/payer", ["c1"]),
        ("Coverage?patient=p2", []),
    ],
)
def test_references_match_by_id_type_and_address(fhir: FlaskClient, query: str, ids: list[str]) -> None:
    """A reference is found by bare id, by type and id, and by its absolute address on this server."""
    assert found(fhir, query) == ids


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        ("2026-01-10", ["o1"]),
        ("eq2026-01", ["o1", "o2"]),
        ("ne2026-01", ["o3", "o4"]),
        ("2026", ["o1", "o2", "o3", "o4"]),
        ("2026-03-15", []),
        ("gt2026-01-20", ["o3", "o4"]),
        ("ge2026-01-20", ["o2", "o3", "o4"]),
        ("lt2026-01-20", ["o1"]),
        ("le2026-01-20", ["o1", "o2"]),
        ("ge2026-02-10", ["o3", "o4"]),
        ("lt2026-02-01", ["o1", "o2"]),
        ("sa2026-02-01", ["o4"]),
        ("eb2026-02-01", ["o1", "o2"]),
        ("gt2026-01-10T09:30:00%2B01:30", ["o2", "o3", "o4"]),
        ("ge2026-01-10T09:30:00%2B01:30", ["o1", "o2", "o3", "o4"]),
        ("ge2026-01-10T09:30:00+01:30", ["o1", "o2", "o3", "o4"]),
        ("2026-01-10T08:00Z", ["o1"]),
    ],
)
def test_dates_compare_as_intervals(fhir: FlaskClient, value: str, ids: list[str]) -> None:
    """A date of any precision, and a period, lies before, within or after the date that is asked for."""
    assert found(fhir, f"Observation?patient=p1&date={value}") == ids


def test_two_dates_bound_a_span(fhir: FlaskClient) -> None:
    """A parameter given twice has to hold twice."""
    assert found(fhir, "Observation?date=ge2026-01-15&date=lt2026-02-15") == ["o2", "o3"]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("Patient?name=test", ["p1"]),
        ("Patient?name=berta", []),
        ("Patient?name:contains=berta", ["p2"]),
        ("Patient?family:exact=Test", ["p1"]),
        ("Patient?family:exact=test", []),
        ("Organization?name=sam", ["payer"]),
        ("Patient?birthdate=1960", ["p2"]),
        ("Coverage?class-value=P-1", ["c1"]),
    ],
)
def test_strings_match_from_their_beginning(fhir: FlaskClient, query: str, ids: list[str]) -> None:
    """A text is found by its beginning without regard to case, unless a modifier says otherwise."""
    assert found(fhir, query) == ids


@pytest.mark.parametrize(
    ("sort", "ids"),
    [
        ("date", ["o1", "o2", "o3", "o4", "o5"]),
        ("-date", ["o4", "o3", "o2", "o1", "o5"]),
        ("status,-date", ["o2", "o4", "o3", "o1", "o5"]),
        ("-_id", ["o5", "o4", "o3", "o2", "o1"]),
    ],
)
def test_sorting_puts_what_lacks_the_element_last(fhir: FlaskClient, sort: str, ids: list[str]) -> None:
    """Matches come in the asked order, several keys one after the other, undated ones at the end."""
    assert found(fhir, f"Observation?_sort={sort}") == ids


def test_next_links_lead_through_all_pages(fhir: FlaskClient) -> None:
    """Following `next` yields every match once; the first page says how many there are."""
    url, pages, totals = "/fhir/Observation?_sort=date&_count=2", [], set()
    while url:
        bundle = fhir.get(url).get_json()
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        pages.append([entry["resource"]["id"] for entry in bundle["entry"]])
        totals.add(bundle["total"])
        address = urlsplit(links["next"]) if "next" in links else None
        url = f"{address.path}?{address.query}" if address else ""

    assert pages == [["o1", "o2"], ["o3", "o4"], ["o5"]]
    assert totals == {5}


def test_the_second_page_leads_back(fhir: FlaskClient) -> None:
    """`previous` of the second page is the first one."""
    first = fhir.get("/fhir/Observation?_count=3").get_json()
    second = fhir.get(first["link"][1]["url"]).get_json()

    assert {link["relation"] for link in second["link"]} == {"self", "previous"}
    assert fhir.get(second["link"][1]["url"]).get_json()["entry"] == first["entry"]


def test_count_zero_gives_the_number_alone(fhir: FlaskClient) -> None:
    """`_count=0` answers how many there are, without any of them."""
    bundle = fhir.get("/fhir/Observation?patient=p1&_count=0").get_json()

    assert bundle["total"] == 4
    assert "entry" not in bundle


def test_an_empty_search_is_a_bundle_without_entries(fhir: FlaskClient) -> None:
    """Nothing found is an answer, not an error, and holds no empty list."""
    bundle = fhir.get("/fhir/Observation?patient=nobody").get_json()

    assert bundle["total"] == 0
    assert "entry" not in bundle


@pytest.mark.parametrize(
    ("query", "included"),
    [
        ("Observation?_id=o2&_include=Observation:performer", ["doc"]),
        ("Observation?_id=o2&_include=Observation:performer&_include=Observation:subject", ["doc", "p1"]),
        ("Observation?_id=o2&_include=Observation:performer:Organization", []),
        ("Coverage?_include=Coverage:payor", ["payer"]),
        ("Observation?_id=o5&_include=Observation:encounter", []),
    ],
)
def test_includes_bring_what_matches_refer_to(fhir: FlaskClient, query: str, included: list[str]) -> None:
    """`_include` adds the targets of a reference, marked as included, where they exist."""
    entries = fhir.get(f"/fhir/{query}").get_json()["entry"]

    assert [entry["resource"]["id"] for entry in entries if entry["search"]["mode"] == "include"] == included


def test_search_by_post_takes_the_form_and_the_address(fhir: FlaskClient) -> None:
    """POST _search with a form finds what GET with the same parameters finds."""
    bundle = fhir.post("/fhir/Observation/_search?status=final", data={"patient": "p1", "_sort": "-date"}).get_json()

    assert [entry["resource"]["id"] for entry in bundle["entry"]] == ["o4", "o3", "o1"]
    assert bundle["link"][0]["url"] == "http://localhost/fhir/Observation?status=final&patient=p1&_sort=-date"


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("Observation?colour=red", "colour"),
        ("Observation?patient.name=x", "patient.name"),
        ("Observation?_has:Provenance:target:agent=x", "_has"),
        ("Observation?_sort=colour", "_sort=colour"),
        ("Observation?_include=Observation:colour", "Observation:colour"),
        ("Observation?_include=Patient:organization", "Patient:organization"),
        ("Observation?date=yesterday", "yesterday"),
        ("Observation?date=ge2026-02-30", "2026-02-30"),
        ("Observation?_count=many", "many"),
        ("Observation?code:in=http://x", ":in"),
        ("Observation?date:exact=2026", ":exact"),
        ("Observation?code:missing=perhaps", "perhaps"),
        ("Observation?status=", "status"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(fhir: FlaskClient, query: str, named: str) -> None:
    """A parameter, modifier or value that the server does not know is a 400 that names it, never ignored."""
    answer = fhir.get(f"/fhir/{query}")

    assert answer.status_code == 400
    assert answer.get_json()["resourceType"] == "OperationOutcome"
    assert named in answer.get_json()["issue"][0]["diagnostics"]


def test_the_unknown_parameter_comes_with_the_known_ones(fhir: FlaskClient) -> None:
    """Who mistypes a parameter reads which ones there are."""
    diagnostics = fhir.get("/fhir/Coverage?payer=x").get_json()["issue"][0]["diagnostics"]

    assert diagnostics.startswith("Unknown search parameter payer for Coverage. Known parameters: ")
    assert "payor" in diagnostics


@pytest.mark.parametrize("resource_type", sorted(search_parameters()))
def test_every_parameter_of_every_type_can_be_searched(fhir: FlaskClient, resource_type: str) -> None:
    """Each parameter in the table works on its type, and finds nothing where nothing is."""
    values = {"date": "2001-01-01", "reference": "Patient/none", "token": "none", "string": "none", "uri": "urn:none"}
    for name, parameter in search_parameters()[resource_type].items():
        assert found(fhir, f"{resource_type}?{name}={values[parameter.type]}") == [], name
