"""A small builder of synthetic charts: every resource is plainly made up and dated relative to `today`.

chart = Builder(date(2026, 6, 1))
chart.condition("icd-10-cm", "M96.1")
chart.finding("psych-interference", False, days_ago=20)
chart.order("62362", reason=("icd-10-cm", "M96.1"))
bundle = chart.bundle()
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

SYSTEMS = {
    "cpt": "http://www.ama-assn.org/go/cpt",
    "hcpcs": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
    "icd-10-cm": "http://hl7.org/fhir/sid/icd-10-cm",
    "snomed": "http://snomed.info/sct",
    "loinc": "http://loinc.org",
    "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "sopt": "https://nahdo.org/sopt",
    "nucc": "http://nucc.org/provider-taxonomy",
    "finding": "https://pumpcheck.example.org/fhir/CodeSystem/finding",
    "therapy-outcome": "https://pumpcheck.example.org/fhir/CodeSystem/therapy-outcome",
    "trial-method": "https://pumpcheck.example.org/fhir/CodeSystem/trial-method",
    "ashworth-grade": "https://pumpcheck.example.org/fhir/CodeSystem/ashworth-grade",
    "order-purpose": "https://pumpcheck.example.org/fhir/CodeSystem/order-purpose",
}
CLINICAL_STATUS = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION_STATUS = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
ALLERGY_STATUS = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
COVERAGE_CLASS = "http://terminology.hl7.org/CodeSystem/coverage-class"
HOSPITAL_OFFSET = "-05:00"

Json = dict[str, Any]


def concept(system: str, code: str, text: str = "", display: str = "") -> Json:
    """Return a CodeableConcept; `system` is a key of SYSTEMS or a URI."""
    coding: Json = {"system": SYSTEMS.get(system, system), "code": code}
    if display:
        coding["display"] = display
    return {"coding": [coding], **({"text": text} if text else {})}


class Builder:
    """Collects the resources of one made-up patient."""

    def __init__(self, today: date = date(2026, 6, 1), *, birth: str = "1970-05-05", patient_id: str = "p1") -> None:
        self.today = today
        self.patient_id = patient_id
        self.resources: list[Json] = []
        self.orders: list[Json] = []
        self._count = 0
        self.patient: Json = {
            "resourceType": "Patient",
            "id": patient_id,
            "name": [{"family": "Test", "given": ["Chart"]}],
        }
        if birth:
            self.patient["birthDate"] = birth

    # dates

    def day(self, days_ago: int = 0) -> str:
        """Return the ISO day so many days before today."""
        return (self.today - timedelta(days=days_ago)).isoformat()

    def moment(self, days_ago: int = 0, hours: float = 9.0) -> str:
        """Return a dateTime so many days before today, `hours` after that midnight, at the hospital's offset."""
        start = datetime(self.today.year, self.today.month, self.today.day, tzinfo=UTC) - timedelta(days=days_ago)
        return (start + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S") + HOSPITAL_OFFSET

    # resources

    def add(self, resource_type: str, **members: Any) -> Json:
        """Add a resource about the patient; members that are None are left out. Returns it."""
        self._count += 1
        subject = "patient" if resource_type in ("AllergyIntolerance", "Device", "Consent") else "subject"
        subject = "beneficiary" if resource_type == "Coverage" else subject
        resource: Json = {"resourceType": resource_type, "id": f"r{self._count}"}
        resource[subject] = {"reference": f"Patient/{self.patient_id}"}
        resource.update({name: value for name, value in members.items() if value is not None})
        self.resources.append(resource)
        return resource

    def practitioner(self, taxonomy: str = "", title: str = "") -> str:
        """Add a Practitioner with a NUCC taxonomy code or a title and return the reference."""
        self._count += 1
        resource: Json = {"resourceType": "Practitioner", "id": f"pr{self._count}"}
        if taxonomy or title:
            resource["qualification"] = [{"code": concept("nucc", taxonomy) if taxonomy else {"text": title}}]
        self.resources.append(resource)
        return f"Practitioner/pr{self._count}"

    def coverage(
        self, payor: str, *, plan: str = "", sopt: str = "", order: int | None = None, status: str = "active",
        start: str | None = None, end: str | None = None,
    ) -> Json:  # fmt: skip
        """Add a Coverage by payor display, plan name and SOPT type."""
        period = {key: value for key, value in (("start", start), ("end", end)) if value}
        return self.add(
            "Coverage",
            status=status,
            payor=[{"display": payor}],
            type=concept("sopt", sopt) if sopt else None,
            order=order,
            period=period or None,
            **({"class": [{"type": concept(COVERAGE_CLASS, "plan"), "value": "1", "name": plan}]} if plan else {}),
        )  # fmt: skip

    def condition(
        self,
        system: str,
        code: str,
        *,
        clinical: str | None = "active",
        verification: str | None = "confirmed",
        **members: Any,
    ) -> Json:
        """Add a Condition."""
        return self.add(
            "Condition",
            code=concept(system, code),
            clinicalStatus=concept(CLINICAL_STATUS, clinical) if clinical else None,
            verificationStatus=concept(VERIFICATION_STATUS, verification) if verification else None,
            **members,
        )

    def observation(self, system: str, code: str, *, days_ago: int = 10, at: str | None = None, **members: Any) -> Json:
        """Add a final Observation, dated `days_ago` at 9 o'clock unless `at` gives a FHIR dateTime."""
        status = members.pop("status", "final")
        if "effectivePeriod" not in members:
            members["effectiveDateTime"] = at or self.moment(days_ago)
        return self.add("Observation", status=status, code=concept(system, code), **members)

    def nrs(self, score: float, *, days_ago: int = 10, at: str | None = None, **members: Any) -> Json:
        """Add a pain score 0-10."""
        return self.observation("loinc", "72514-3", days_ago=days_ago, at=at, valueInteger=score, **members)

    def finding(
        self,
        code: str,
        value: bool = True,
        *,
        days_ago: int = 20,
        at: str | None = None,
        by: str | None = None,
        **members: Any,
    ) -> Json:
        """Add a yes/no local finding; `by` is a reference to its author."""
        performer = [{"reference": by}] if by else None
        return self.observation(
            "finding", code, days_ago=days_ago, at=at, valueBoolean=value, performer=performer, **members
        )

    def outcome(self, therapy: str, outcome: str, *, start_days_ago: int | None = None, end_days_ago: int = 10) -> Json:
        """Add an `outcome-<therapy>` finding with its period."""
        time: Json = {"at": self.moment(end_days_ago)}
        if start_days_ago is not None:
            time = {"effectivePeriod": {"start": self.day(start_days_ago), "end": self.day(end_days_ago)}}
        value = concept("therapy-outcome", outcome)
        return self.observation("finding", f"outcome-{therapy}", valueCodeableConcept=value, **time)

    def medication(
        self, rxnorm: str, *, start_days_ago: int, end_days_ago: int | None = None, status: str = "stopped",
        as_needed: bool | None = False, reason: tuple[str, str] | None = None, text: str = "", **members: Any,
    ) -> Json:  # fmt: skip
        """Add a MedicationRequest by RxNorm code with its dosing period, schedule and stop reason."""
        period = {"start": self.day(start_days_ago)}
        if end_days_ago is not None:
            period["end"] = self.day(end_days_ago)
        dosage: Json = {"timing": {"repeat": {"frequency": 3, "period": 1, "periodUnit": "d", "boundsPeriod": period}}}
        if as_needed is not None:
            dosage["asNeededBoolean"] = as_needed
        return self.add(
            "MedicationRequest",
            status=status,
            intent="order",
            medicationCodeableConcept=concept("rxnorm", rxnorm, text),
            statusReason=concept(*reason) if reason else None,
            authoredOn=self.day(start_days_ago),
            dosageInstruction=[dosage],
            **members,
        )

    def procedure(
        self, system: str, code: str, *, status: str = "completed", start: str, end: str | None = None, **members: Any
    ) -> Json:
        """Add a Procedure; with an end it bears a performedPeriod, else a performedDateTime."""
        time = {"performedPeriod": {"start": start, "end": end}} if end else {"performedDateTime": start}
        return self.add("Procedure", status=status, code=concept(system, code), **time, **members)

    def form(
        self, answers: dict[str, Any], *, days_ago: int = 20, status: str = "completed", author: str | None = None
    ) -> Json:
        """Add a QuestionnaireResponse: linkId -> answer (bool, int, or a ready answer object)."""

        def answer(value: Any) -> Json:
            if isinstance(value, bool):
                return {"valueBoolean": value}
            return {"valueInteger": value} if isinstance(value, int) else value

        return self.add(
            "QuestionnaireResponse",
            status=status,
            authored=self.moment(days_ago),
            author={"reference": author} if author else None,
            item=[{"linkId": link_id, "answer": [answer(value)]} for link_id, value in answers.items()],
        )

    # orders

    def order(
        self, code: str | None, *, system: str | None = None, reason: tuple[str, str] | None = None, text: str = "",
        resource_type: str = "ServiceRequest", status: str = "draft", **members: Any,
    ) -> Json:  # fmt: skip
        """Add a draft order by CPT or HCPCS code (the system is told by the code's first character)."""
        self._count += 1
        resource: Json = {
            "resourceType": resource_type, "id": f"o{self._count}", "status": status, "intent": "order",
            "subject": {"reference": f"Patient/{self.patient_id}"}, "authoredOn": self.day(0),
        }  # fmt: skip
        if code is not None:
            member = {"DeviceRequest": "codeCodeableConcept", "MedicationRequest": "medicationCodeableConcept"}
            chosen = system or ("hcpcs" if code[0].isalpha() else "cpt")
            resource[member.get(resource_type, "code")] = concept(chosen, code, text)
        elif text:
            resource["code"] = {"text": text}
        if reason:
            resource["reasonCode"] = [concept(*reason)]
        resource.update({name: value for name, value in members.items() if value is not None})
        self.orders.append(resource)
        return resource

    # output

    def bundle(self) -> Json:
        """Return the chart with its draft orders as a collection Bundle."""
        everything = [self.patient, *self.resources, *self.orders]
        return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in everything]}

    def request(self, **members: Any) -> Json:
        """Return an order-sign request whose prefetch holds the whole chart."""
        prefetch: dict[str, Any] = {"patient": self.patient}
        for resource in self.resources:
            prefetch.setdefault(resource["resourceType"], []).append(resource)
        searchsets = {
            key: {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in value]}
            for key, value in prefetch.items()
            if key != "patient"
        }
        draft = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in self.orders]}
        return {
            "hook": "order-sign",
            "hookInstance": "7b9f0a54-5a43-4b50-9c2f-2f3f1f3a9a01",
            "context": {
                "userId": "Practitioner/user1", "patientId": self.patient_id, "draftOrders": draft,
            },
            "prefetch": {"patient": self.patient, **searchsets},
            **members,
        }  # fmt: skip
