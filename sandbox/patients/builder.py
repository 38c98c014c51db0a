"""A small builder of charts: each method adds one kind of entry, dated in days before the chart's own day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sandbox.clinic import CLINIC, coverage_terms, person
from sandbox.terms import concept, grade

Resource = dict[str, Any]

_CONDITION = "http://terminology.hl7.org/CodeSystem/condition-"
_ALLERGY = "http://terminology.hl7.org/CodeSystem/allergyintolerance-"
_UCUM = "http://unitsofmeasure.org"


class Chart:
    """One made-up patient's chart in the making.

    Days are counted backwards from the chart's own day: ``days_ago=30`` is thirty days before it.

    Args:
        patient_id: id of the Patient; every other id begins with it.
        today: the chart's own day, from which every date is computed.
        age: in whole years.
        gender: ``female`` or ``male``.
    """

    def __init__(self, patient_id: str, today: date, age: int = 54, gender: str = "female") -> None:
        self.patient_id = patient_id
        self.today = today
        self.resources: list[Resource] = []
        self._subject = {"reference": f"Patient/{patient_id}"}
        given = "-".join(part.upper() if part in _ACRONYMS else part.capitalize() for part in patient_id.split("-"))
        self.resources.append(
            {
                "resourceType": "Patient",
                "id": patient_id,
                "active": True,
                "identifier": [{"system": "https://pumpcheck.example.org/fhir/mrn", "value": patient_id.upper()}],
                "name": [{"use": "official", "family": "Test", "given": [given], "text": f"Test, {given}"}],
                "gender": gender,
                "birthDate": _birthday(today, age).isoformat(),
                "address": [{"city": "Springfield", "state": "IL", "country": "US"}],
                "generalPractitioner": [person("primary-care")],
            }
        )
        self.encounter = self._add(
            "Encounter",
            status="in-progress",
            **{"class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}},
            subject=self._subject,
            participant=[{"individual": person("pain-physician")}],
            period={"start": self.moment(0, 0)},
            serviceProvider={"reference": f"Organization/{CLINIC}"},
        )

    def day(self, days_ago: int) -> str:
        """Return the FHIR date of the day so many days ago."""
        return (self.today - timedelta(days=days_ago)).isoformat()

    def moment(self, days_ago: int, hour: float) -> str:
        """Return the FHIR instant so many days ago at an hour of the clock; hours beyond 24 run into the next day."""
        midnight = datetime.combine(self.today - timedelta(days=days_ago), time(), UTC)
        return (midnight + timedelta(hours=hour)).isoformat().replace("+00:00", "Z")

    def covered_by(self, payer: str, order: int = 1) -> Resource:
        """Add a Coverage that began three years ago and has no end; ``order`` 1 is the primary one."""
        return self._add(
            "Coverage",
            status="active",
            **coverage_terms(payer),
            beneficiary=self._subject,
            subscriberId=f"TEST-{self.patient_id.upper()}",
            period={"start": self.day(1095)},
            order=order,
        )

    def problem(self, name: str, days_ago: int = 700) -> Resource:
        """Add an active, confirmed problem."""
        return self._add(
            "Condition",
            clinicalStatus={"coding": [{"system": f"{_CONDITION}clinical", "code": "active"}]},
            verificationStatus={"coding": [{"system": f"{_CONDITION}ver-status", "code": "confirmed"}]},
            category=[{"coding": [{"system": f"{_CONDITION}category", "code": "problem-list-item"}]}],
            code=concept("problems", name),
            subject=self._subject,
            onsetDateTime=self.day(days_ago),
            recordedDate=self.day(days_ago),
        )

    def no_known_allergy(self, days_ago: int = 90) -> Resource:
        """Add the statement that no allergy is known."""
        return self._add(
            "AllergyIntolerance",
            clinicalStatus={"coding": [{"system": f"{_ALLERGY}clinical", "code": "active"}]},
            verificationStatus={"coding": [{"system": f"{_ALLERGY}verification", "code": "confirmed"}]},
            code=concept("allergies", "none-known"),
            patient=self._subject,
            recordedDate=self.day(days_ago),
        )

    def says(self, days_ago: int, by: str = "pain-physician", **findings: bool) -> list[Resource]:
        """Add dated statements of a clinician, each true or false; underscores in the names stand for hyphens."""
        return [
            self._observation(
                concept("findings", name.replace("_", "-")),
                "survey",
                by,
                effectiveDateTime=self.moment(days_ago, 15),
                valueBoolean=value,
            )
            for name, value in findings.items()
        ]

    def outcome(self, therapy: str, result: str, began: int, ended: int, of: Resource | None = None) -> Resource:
        """Add how a course of treatment went, from ``began`` to ``ended`` days ago."""
        return self._observation(
            concept("therapies", f"outcome-{therapy}"),
            "survey",
            "pain-physician",
            **({"focus": [reference(of)]} if of else {}),
            effectivePeriod={"start": self.day(began), "end": self.day(ended)},
            valueCodeableConcept=concept("outcomes", result),
        )

    def pain(self, days_ago: int, readings: dict[float, float]) -> None:
        """Add 0–10 pain scores of one day, each under its hour of the clock."""
        for hour, score in readings.items():
            self._observation(
                concept("scores", "pain-score"),
                "survey",
                "pain-physician",
                effectiveDateTime=self.moment(days_ago, hour),
                valueQuantity=_quantity(score, "{score}"),
            )

    def spasms(self, days_ago: int, readings: dict[float, int]) -> None:
        """Add Penn spasm frequencies of one day, each under its hour of the clock."""
        for hour, score in readings.items():
            self._observation(
                concept("scores", "penn-spasm-frequency"),
                "exam",
                "physical-therapist",
                effectiveDateTime=self.moment(days_ago, hour),
                valueInteger=score,
            )

    def tone(self, days_ago: int, hour: float, grades: dict[str, str], scale: str = "modified-ashworth") -> None:
        """Add one session of Ashworth grades, a grade for each muscle group."""
        for muscles, value in grades.items():
            self._observation(
                concept("scores", scale),
                "exam",
                "physical-therapist",
                effectiveDateTime=self.moment(days_ago, hour),
                bodySite={"text": muscles},
                valueCodeableConcept=grade(value),
            )

    def measure(self, name: str, days_ago: int, value: float, unit: str, hour: float = 15) -> Resource:
        """Add a measured or estimated quantity, such as a disability index in per cent."""
        return self._observation(
            concept("scores", name),
            "survey",
            "pain-physician",
            effectiveDateTime=self.moment(days_ago, hour),
            valueQuantity=_quantity(value, unit),
        )

    def takes(
        self,
        drug: str,
        began: int,
        ended: int | None = None,
        stopped: str | None = None,
        times_a_day: int = 3,
        as_needed: bool = False,
    ) -> Resource:
        """Add an oral medication, from ``began`` to ``ended`` days ago; ``stopped`` is the reason for stopping."""
        bounds = {"start": self.day(began)} | ({} if ended is None else {"end": self.day(ended)})
        reason = {"statusReason": concept("stop-reasons", stopped)} if stopped else {}
        schedule = {"repeat": {"boundsPeriod": bounds, "frequency": times_a_day, "period": 1, "periodUnit": "d"}}
        return self._add(
            "MedicationRequest",
            status="active" if ended is None else "stopped",
            **reason,
            intent="order",
            medicationCodeableConcept=concept("drugs", drug),
            subject=self._subject,
            authoredOn=self.day(began),
            requester=person("pain-physician"),
            dosageInstruction=[
                {
                    "text": f"{times_a_day} times a day{', as needed' if as_needed else ''}",
                    "timing": schedule,
                    "asNeededBoolean": as_needed,
                    "route": concept("routes", "oral"),
                }
            ],
        )

    def visits(self, began: int, ended: int, every: int) -> list[Resource]:
        """Add completed visits of active exercise with a physical therapist, every so many days."""
        return [
            self._add(
                "Procedure",
                status="completed",
                code=concept("procedures", "therapeutic-exercise"),
                subject=self._subject,
                performedDateTime=self.moment(days_ago, 10),
                performer=[{"actor": person("physical-therapist")}],
            )
            for days_ago in range(began, ended - 1, -every)
        ]

    def psychological_evaluation(self, days_ago: int) -> Resource:
        """Add a completed evaluation by a psychologist."""
        return self._add(
            "Procedure",
            status="completed",
            code=concept("procedures", "psychological-evaluation"),
            subject=self._subject,
            performedDateTime=self.moment(days_ago, 11),
            performer=[{"actor": person("psychologist")}],
        )

    def surgery(self, days_ago: int) -> Resource:
        """Add a completed spine surgery."""
        return self._add(
            "Procedure",
            status="completed",
            code=concept("procedures", "spine-surgery"),
            subject=self._subject,
            performedDateTime=self.day(days_ago),
        )

    def trial(self, days_ago: int, drug: str, hours: float | None, reason: Resource) -> Resource:
        """Add a completed intrathecal trial that began at 08:00.

        Args:
            days_ago: day on which it began.
            drug: what was given, a drug of codes.yaml.
            hours: how long the catheter stayed, or None for a single injection.
            reason: Condition that it was done for.
        """
        start = self.moment(days_ago, 8)
        performed: Resource = (
            {"performedDateTime": start}
            if hours is None
            else {"performedPeriod": {"start": start, "end": self.moment(days_ago, 8 + hours)}}
        )
        given = concept("drugs", drug)
        used = {"coding": [given["coding"][-1]], "text": given["text"]}
        procedure = self._add(
            "Procedure",
            status="completed",
            category=concept("purposes", "intrathecal-trial"),
            code=concept("procedures", "single-injection" if hours is None else "catheter-infusion"),
            subject=self._subject,
            **performed,
            performer=[{"actor": person("pain-physician")}],
            reasonCode=[reason["code"]],
            reasonReference=[reference(reason)],
            usedCode=[used],
        )
        self._add(
            "MedicationAdministration",
            partOf=[reference(procedure)],
            status="completed",
            medicationCodeableConcept=given,
            subject=self._subject,
            effectiveDateTime=start,
            dosage={"text": f"Trial dose of {given['text'].lower()}", "route": concept("routes", "intrathecal")},
        )
        return procedure

    def implanted_pump(self, days_ago: int) -> Resource:
        """Add the implantation of a pump, and the pump itself, still in place."""
        self._add(
            "Procedure",
            status="completed",
            code=concept("procedures", "programmable-pump"),
            subject=self._subject,
            performedDateTime=self.day(days_ago),
            performer=[{"actor": person("pain-physician")}],
        )
        return self._add(
            "Device",
            status="active",
            deviceName=[{"name": "Intrathecal drug pump, programmable", "type": "user-friendly-name"}],
            type=concept("devices", "programmable-pump-system"),
            patient=self._subject,
            serialNumber=f"TEST-{self.patient_id.upper()}",
        )

    def pump_finding(self, name: str, value: bool, device: Resource, days_ago: int, note: str) -> Resource:
        """Add what was found about the implanted pump, with a note in words."""
        return self._observation(
            concept("findings", name),
            "exam",
            "pain-physician",
            focus=[reference(device)],
            effectiveDateTime=self.moment(days_ago, 14),
            valueBoolean=value,
            note=[{"text": note}],
        )

    def document(self, name: str, days_ago: int, title: str) -> Resource:
        """Add a document of a type; its content is out of reach, as in many charts."""
        return self._add(
            "DocumentReference",
            status="current",
            docStatus="final",
            type=concept("documents", name),
            subject=self._subject,
            date=self.moment(days_ago, 16),
            author=[person("pain-physician")],
            content=[{"attachment": {"contentType": "application/pdf", "title": title}}],
        )

    def answers(self, days_ago: int, by: str, answers: dict[str, bool]) -> Resource:
        """Add a completed form; each answer stands under its linkId."""
        return self._add(
            "QuestionnaireResponse",
            status="completed",
            subject=self._subject,
            authored=self.moment(days_ago, 15),
            author=person(by),
            item=[{"linkId": link_id, "answer": [{"valueBoolean": value}]} for link_id, value in answers.items()],
        )

    def _observation(self, code: Resource, category: str, by: str, **elements: Any) -> Resource:
        system = "http://terminology.hl7.org/CodeSystem/observation-category"
        effective = {name: value for name, value in elements.items() if name in ("focus", *_EFFECTIVE)}
        rest = {name: value for name, value in elements.items() if name not in effective}
        return self._add(
            "Observation",
            status="final",
            category=[{"coding": [{"system": system, "code": category}]}],
            code=code,
            subject=self._subject,
            **effective,
            performer=[person(by)],
            **rest,
        )

    def _add(self, resource_type: str, **elements: Any) -> Resource:
        number = sum(resource["resourceType"] == resource_type for resource in self.resources) + 1
        resource = {"resourceType": resource_type, "id": f"{self.patient_id}-{_SHORT[resource_type]}-{number}"}
        resource |= elements
        self.resources.append(resource)
        return resource


_ACRONYMS = {"uhc", "hcsc", "prn", "crps"}
_EFFECTIVE = ("effectiveDateTime", "effectivePeriod")
_SHORT = {
    "AllergyIntolerance": "allergy",
    "Condition": "problem",
    "Coverage": "coverage",
    "Device": "device",
    "DocumentReference": "document",
    "Encounter": "encounter",
    "MedicationAdministration": "given",
    "MedicationRequest": "medication",
    "Observation": "observation",
    "Procedure": "procedure",
    "QuestionnaireResponse": "form",
}


def reference(resource: Resource) -> dict[str, str]:
    """Return a FHIR Reference to a resource."""
    return {"reference": f"{resource['resourceType']}/{resource['id']}"}


def readings(hours: Iterable[float], scores: Sequence[float] | float) -> dict[float, Any]:
    """Return scores by hour of the clock: one for each hour, or the same one for all."""
    listed = list(hours)
    return dict(zip(listed, scores if isinstance(scores, Sequence) else [scores] * len(listed), strict=True))


def _birthday(today: date, age: int) -> date:
    # Some months past the birthday, and never 29 February.
    return (today - timedelta(days=200)).replace(day=1, year=(today - timedelta(days=200)).year - age)


def _quantity(value: float, unit: str) -> Resource:
    return {"value": value, "unit": unit.strip("{}"), "system": _UCUM, "code": unit}
