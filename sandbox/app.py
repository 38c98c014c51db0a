"""The sandbox as one web application: the record under /fhir, the page at /, and what the page asks of its EHR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, jsonify, request, send_from_directory

from sandbox.access_tokens import READ_AND_WRITE, READ_ONE_PATIENT, TokenIssuer
from sandbox.clinic import CLINICIAN, PAYERS, coverage_terms, payer_label, person
from sandbox.fhir_errors import FhirError
from sandbox.fhir_server import create_fhir_blueprint
from sandbox.fhir_store import Resource, ResourceStore
from sandbox.orders import OrderForm, catalogue, draft_orders, suggested_form
from sandbox.patients import build_all, build_chart, stories
from sandbox.patients.builder import reference
from sandbox.terms import concept, label

FHIR_PATH = "/fhir"
HOOK_TOKEN_LIFETIME_S = 300
_SERVICE_CLIENT_ID = "pumpcheck"
_SYSTEM_NAMES = {"cpt": "CPT", "HCPCSReleaseCodeSets": "HCPCS", "rxnorm": "RxNorm"}


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """What the sandbox is told when it starts.

    Attributes:
        today: the day from which every chart is computed.
        public_url: address of the page, without a slash at the end.
        service_url: base address of the CDS service, without a slash at the end.
        require_token: whether the FHIR server demands a bearer token.
    """

    today: date
    public_url: str
    service_url: str
    require_token: bool = True

    @property
    def fhir_url(self) -> str:
        """Base URL of the FHIR server."""
        return f"{self.public_url}{FHIR_PATH}"


def create_app(settings: SandboxSettings) -> Flask:
    """Return the sandbox as a WSGI application with freshly built charts."""
    store = ResourceStore()
    store.load(build_all(settings.today))
    tokens = TokenIssuer()
    app = Flask(__name__, static_folder=None)
    app.register_blueprint(
        create_fhir_blueprint(store, tokens, lambda: settings.fhir_url, settings.require_token), url_prefix=FHIR_PATH
    )
    app.register_blueprint(_page_blueprint(settings, store, tokens))
    return app


def _page_blueprint(settings: SandboxSettings, store: ResourceStore, tokens: TokenIssuer) -> Blueprint:
    page = Blueprint("page", __name__, static_folder="static")
    session_token = tokens.issue(READ_AND_WRITE)
    policy = _content_security_policy(settings.service_url)

    @page.after_request
    def _secure(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        return response

    @page.errorhandler(FhirError)
    def _refused(error: FhirError) -> tuple[Response, int]:
        return jsonify(error.outcome()), error.status

    def check_session() -> None:
        if request.headers.get("Authorization") != f"Bearer {session_token}":
            raise FhirError(401, "login", "Reload the page: its session has ended.")

    @page.get("/")
    def _index() -> Response:
        return send_from_directory(page.static_folder or "", "index.html")

    @page.get("/page-config.json")
    def _config() -> Response:
        return jsonify(page_config(settings, session_token))

    @page.post("/token")
    def _token() -> Response:
        check_session()
        return jsonify(hook_authorization(tokens, _text(request.get_json(), "patient")))

    @page.post("/drafts")
    def _drafts() -> Response:
        check_session()
        body = request.get_json()
        return jsonify({"orders": draft_orders(*_filled_in(store, body), settings.today, f"draft-{store.new_id()}")})

    @page.post("/reset")
    def _reset() -> Response:
        check_session()
        store.load(build_all(settings.today))
        return jsonify({})

    return page


def hook_authorization(tokens: TokenIssuer, patient_id: str) -> dict[str, Any]:
    """Return the ``fhirAuthorization`` of one hook call: a new token that reads one patient for five minutes."""
    return {
        "access_token": tokens.issue(READ_ONE_PATIENT, patient_id, HOOK_TOKEN_LIFETIME_S),
        "token_type": "Bearer",
        "expires_in": HOOK_TOKEN_LIFETIME_S,
        "scope": READ_ONE_PATIENT,
        "subject": _SERVICE_CLIENT_ID,
        "patient": patient_id,
    }


def page_config(settings: SandboxSettings, session_token: str) -> dict[str, Any]:
    """Return everything that the page must know before it reads the first chart."""
    return {
        "today": settings.today.isoformat(),
        "fhirServer": settings.fhir_url,
        "serviceUrl": settings.service_url,
        "accessToken": session_token,
        "user": person(CLINICIAN),
        "patients": _patients(settings.today),
        "payers": [{"id": payer, "label": payer_label(payer), "coverage": coverage_terms(payer)} for payer in PAYERS],
        "orders": [_order_choice(name, row) for name, row in catalogue()["orders"].items()],
        "drugs": [{"id": name, "label": label("drugs", name)} for name in catalogue()["drugs"]],
        "purposes": [{"id": name, "label": label("purposes", name)} for name in catalogue()["purposes"]],
        "terms": {
            "pain": _coding("scores", "pain-score"),
            "spasms": _coding("scores", "penn-spasm-frequency"),
            "tone": [_coding("scores", "ashworth"), _coding("scores", "modified-ashworth")],
            "trial": _coding("purposes", "intrathecal-trial"),
        },
    }


def _patients(today: date) -> list[dict[str, Any]]:
    listed = []
    for story in stories():
        chart = build_chart(story.id, today)
        suggestions = [(suggestion, suggested_form(chart, suggestion)) for suggestion in story.orders]
        listed.append(
            {
                "id": story.id,
                "name": chart.resources[0]["name"][0]["text"],
                "payer": payer_label(story.payer),
                "kind": story.kind,
                "story": story.story,
                "orders": [
                    {
                        "title": suggestion["title"],
                        "items": list(form.items),
                        "purpose": form.purpose,
                        "drug": form.drug,
                        "reason": reference(dict(form.reason))["reference"] if form.reason else None,
                        "on": form.on.isoformat() if form.on else None,
                    }
                    for suggestion, form in suggestions
                ],
            }
        )
    return listed


def _order_choice(name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    coding = concept(*row["concept"])["coding"][0]
    system = _SYSTEM_NAMES[coding["system"].rpartition("/")[2]]
    chosen = {key: row[key] for key in ("purpose", "drug", "route") if key in row}
    return {"id": name, "label": row["label"], "code": f"{system} {coding['code']}", "type": row["resource"], **chosen}


def _coding(group: str, name: str) -> dict[str, str]:
    coding: dict[str, str] = concept(group, name)["coding"][0]
    return coding


def _filled_in(store: ResourceStore, body: Any) -> tuple[str, OrderForm]:
    patient_id = _text(body, "patient")
    items = body.get("items")
    known = catalogue()["orders"]
    if not isinstance(items, list) or not items or not all(item in known for item in items):
        raise FhirError(400, "invalid", f"items must name one or more of {', '.join(known)}.", "items")
    for name, choices in (("drug", catalogue()["drugs"]), ("purpose", catalogue()["purposes"])):
        if body.get(name) and body[name] not in choices:
            raise FhirError(400, "invalid", f"{name} must be one of {', '.join(choices)}.", name)
    kind, _, resource_id = (body.get("reason") or "").partition("/")
    return patient_id, OrderForm(
        items=items,
        purpose=body.get("purpose") or None,
        drug=body.get("drug") or None,
        reason=store.read(kind, resource_id) if kind else None,
        on=_date(body.get("on")),
        text=body.get("text") or "",
        insurance=_coverages(store, patient_id),
    )


def _coverages(store: ResourceStore, patient_id: str) -> list[Resource]:
    mine = [
        coverage
        for coverage in store.all("Coverage")
        if coverage["beneficiary"]["reference"] == f"Patient/{patient_id}" and coverage["status"] == "active"
    ]
    return sorted(mine, key=lambda coverage: coverage.get("order", 1))


def _text(body: Any, name: str) -> str:
    value = body.get(name) if isinstance(body, dict) else None
    if not isinstance(value, str) or not value:
        raise FhirError(400, "required", f"{name} is missing.", name)
    return value


def _date(value: str | None) -> date | None:
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        raise FhirError(400, "invalid", f"on must be a date such as 2026-01-31, not {value!r}.", "on") from None


def _content_security_policy(service_url: str) -> str:
    parts = urlsplit(service_url)
    service = f"{parts.scheme}://{parts.netloc}"
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' data: {service}",
            f"connect-src 'self' {service}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )
