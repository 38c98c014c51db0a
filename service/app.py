"""The Flask application: discovery and the CDS services."""

from __future__ import annotations

import logging
import time
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from cds_cards.cards import CardSettings, Procedure, cards, unknown_payer_card
from fhir_mappings.chart import relative
from fhir_mappings.orders import may_concern
from fhir_mappings.resources import reference_of, references
from service.client_auth import ClientVerifier, require_client
from service.clock import Today, real_today
from service.config import Config
from service.cors import allow_origins
from service.engine import Engine
from service.errors import BadRequest, MissingData, ServiceError, operation_outcome
from service.fhir_client import FhirReader, is_allowed
from service.fhir_json import JsonError, dump, parse, without_empty
from service.hook_requests import HookRequest, hook_request
from service.pipeline import Decision, Records, decide
from service.records import read_records

SERVICES = {"order-sign": "pumpcheck-order-sign", "order-select": "pumpcheck-order-select"}
"""The hooks that are answered, each by a service id of its own."""
TITLES = {
    "order-sign": "PumpCheck: intrathecal drug pump and trial",
    "order-select": "PumpCheck: intrathecal drug pump and trial, while ordering",
}
JSON = "application/json"
log = logging.getLogger("pumpcheck")


def create_app(
    config: Config,
    engine: Engine | None = None,
    today: Today = real_today,
    clients: ClientVerifier | None = None,
) -> Flask:
    """Return the application. `engine` and `clients` are given where they were built already, `today` by tests."""
    ready = engine or Engine.build(config)
    app = Flask("pumpcheck")
    app.config["MAX_CONTENT_LENGTH"] = config.server.max_body_bytes
    allow_origins(app, config.server.cors_origins)
    require_client(app, clients or ClientVerifier.build(config))
    app.register_error_handler(ServiceError, _service_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)
    discovery = dump({"services": [_service_entry(ready, hook) for hook in SERVICES]})

    @app.get("/cds-services")
    def services() -> Response:
        """Answer discovery."""
        return Response(discovery, mimetype=JSON)

    @app.post(f"/cds-services/{SERVICES['order-sign']}")
    def order_sign() -> Response:
        """Answer the order-sign hook."""
        return _called(ready, "order-sign", today)

    @app.post(f"/cds-services/{SERVICES['order-select']}")
    def order_select() -> Response:
        """Answer the order-select hook."""
        return _called(ready, "order-select", today)

    @app.get("/healthz")
    def health() -> Response:
        """Say that the process answers."""
        return _json({"status": "ok"})

    return app


def _called(engine: Engine, hook: str, today: Today) -> Response:
    begun = time.perf_counter()
    call = hook_request(_body(), hook)
    decision = answer(engine, call, today)
    response = _json({"cards": card_list(engine, call, decision)})
    _log_call(call, decision, begun)
    return response


def answer(engine: Engine, call: HookRequest, today: Today) -> Decision:
    """Return the decision for one call.

    Raises MissingData where no Coverage could be read, or no order be recognised for want of its reason.
    """
    day = today()
    if not may_concern(call.orders, engine.sets):
        return Decision(day, False)
    records = read_records(call, engine.queries, _reader(engine, call))
    selections = call.selections if call.hook == "order-select" else None
    decision = decide(engine, records, day, selections=selections)
    if not decision.concerns_us and _hangs_on_unread_reason(engine, call, records):
        raise MissingData(
            "The order's reason could not be read, and without it the order cannot be told from another: prefetch key "
            "`conditions` is missing or failed, and the FHIR server gave none.",
            "prefetch.conditions",
        )
    if decision.coverage_unread and not decision.answers:
        raise MissingData(
            "The patient's Coverage could not be read: prefetch key `coverages` is missing or failed, and the FHIR "
            "server gave none.",
            "prefetch.coverages",
        )
    return decision


def _hangs_on_unread_reason(engine: Engine, call: HookRequest, records: Records) -> bool:
    """Return whether an order that may be a trial refers to a Condition that could not be read."""
    if "Condition" not in records.unread:
        return False
    known = {reference_of(one.resource) for one in (*records.resources, *call.orders)}
    return any(
        relative(target).startswith("Condition/") and relative(target) not in known
        for order in call.orders
        if may_concern((order,), engine.sets)
        for target in references(order.resource.get("reasonReference"))
    )


def _reader(engine: Engine, call: HookRequest) -> FhirReader | None:
    if call.access is None or not is_allowed(call.access.server, engine.config.fhir.allowed_servers):
        return None
    return FhirReader(call.access, engine.config.fhir.time_budget_s)


def card_list(engine: Engine, call: HookRequest, decision: Decision) -> list[Any]:
    """Return the cards of a decision."""
    early = call.hook == "order-select"
    settings = CardSettings("silent" if early else engine.config.cards.when_complete, call.server, only_gaps=early)
    made = cards(
        (Procedure(one.payer, one.determinations, one.notes) for one in decision.answers),
        settings,
        [*_unread(decision), *decision.warnings],
    )
    if decision.unknown_payers and decision.shows_unknown_payers and not early:
        made.append(unknown_payer_card(decision.unknown_payers, engine.payers.labels))
    return [without_empty(card) for card in made]


def _unread(decision: Decision) -> list[str]:
    if not decision.unread:
        return []
    return [f"Could not be read: {', '.join(decision.unread)}. Criteria that need them are left to review."]


def _service_entry(engine: Engine, hook: str) -> dict[str, Any]:
    return {
        "hook": hook,
        "id": SERVICES[hook],
        "title": TITLES[hook],
        "description": (
            "Before an order for an intrathecal drug pump or its trial is signed: which criteria of the payer's "
            "policy the chart documents, which it does not, and how to close the gap."
        ),
        "usageRequirements": (
            "FHIR R4. Works from prefetch alone; with fhirServer and fhirAuthorization it reads what prefetch lacks. "
            "Without the patient's Coverage it answers 412."
        ),
        "prefetch": {key: query.template for key, query in engine.queries.items()},
    }


def _body() -> Any:
    try:
        return parse(request.get_data())
    except JsonError as error:
        raise BadRequest(f"The body is {error}." if str(error).startswith("not ") else f"The body: {error}.") from None


def _json(value: Any, status: int = 200) -> Response:
    response = Response(dump(value), status, mimetype=JSON)
    response.headers["Cache-Control"] = "no-store"
    return response


def _service_error(error: ServiceError) -> Response:
    log.warning("refused", extra={"fields": {"status": error.status, "field": error.field}})
    return _json(error.outcome(), error.status)


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    texts = {
        404: "There is no such service; GET /cds-services lists them.",
        405: "This address is called by another method.",
        413: "The body is larger than this service takes.",
    }
    response = _json(operation_outcome("processing", texts.get(status, error.name)), status)
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def _unexpected(error: Exception) -> Response:
    log.error("failed", exc_info=error, extra={"fields": {"status": 500}})
    return _json(operation_outcome("exception", "An error of PumpCheck's own; it was logged."), 500)


def _log_call(call: HookRequest, decision: Decision, begun: float) -> None:
    fields = {
        "hookInstance": call.instance,
        "concerns": decision.concerns_us,
        "answers": [
            {"policy": one.policy.id, "version": one.policy.version, "determination": one.kind.value}
            for given in decision.answers
            for one in given.determinations
        ],
        "ms": round((time.perf_counter() - begun) * 1000, 1),
    }
    log.info(call.hook, extra={"fields": fields})
