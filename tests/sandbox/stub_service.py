"""A CDS service for tests of the sandbox's page: says what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.serving import make_server

SERVICE_ID = "stub-order-sign"
PREFETCH = {
    "patient": "Patient/{{context.patientId}}",
    "coverage": "Coverage?patient={{context.patientId}}&status=active",
    "scores": "Observation?patient={{context.patientId}}&_sort=-date&_count=20",
    "unsupported": "Observation?patient={{context.patientId}}&no-such-parameter=1",
    "unfilled": "Encounter/{{context.noSuchField}}",
}


@dataclass
class StubService:
    """What the stub answers, and what it heard.

    Attributes:
        url: base address.
        answer: body of the answer to order-sign.
        status: HTTP status of that answer.
        requests: bodies of the order-sign calls, in their order.
        feedback: bodies of the feedback calls, in their order.
    """

    url: str = ""
    answer: Any = field(default_factory=lambda: {"cards": []})
    status: int = 200
    requests: list[dict[str, Any]] = field(default_factory=list)
    feedback: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def running_stub() -> Iterator[StubService]:
    """Run a stub on a free port of the loopback interface."""
    stub = StubService()
    app = Flask(__name__)

    @app.after_request
    def _allow_browsers(response: Response) -> Response:
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
        response.headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
        return response

    @app.get("/cds-services")
    def _discovery() -> Response:
        service = {"hook": "order-sign", "id": SERVICE_ID, "title": "Stub", "description": "For tests"}
        return jsonify({"services": [service | {"prefetch": PREFETCH}, {"hook": "patient-view", "id": "other"}]})

    @app.post(f"/cds-services/{SERVICE_ID}")
    def _order_sign() -> tuple[Response, int]:
        stub.requests.append(request.get_json())
        return jsonify(stub.answer), stub.status

    @app.post(f"/cds-services/{SERVICE_ID}/feedback")
    def _feedback() -> Response:
        stub.feedback.append(request.get_json())
        return jsonify({})

    with serving(app) as stub.url:
        yield stub


@contextmanager
def serving(app: Flask, port: int = 0) -> Iterator[str]:
    """Serve a WSGI application on the loopback interface and yield its base address."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
