"""Cross-origin calls by browser-based CDS clients: only from the origins that the site lists, without credentials."""

from __future__ import annotations

from collections.abc import Collection

from flask import Flask, Response, request

METHODS = "GET, POST, OPTIONS"
HEADERS = "Authorization, Content-Type"
MAX_AGE_S = "600"


def allow_origins(app: Flask, origins: Collection[str]) -> None:
    """Let the listed origins call the application; every answer of theirs, errors included, carries the header."""
    allowed = frozenset(origin.rstrip("/") for origin in origins)

    @app.before_request
    def preflight() -> Response | None:
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return None
        return Response(status=204)

    @app.after_request
    def mark(response: Response) -> Response:
        origin = request.headers.get("Origin", "")
        if allowed:
            response.vary.add("Origin")
        if origin in allowed:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Allow-Methods"] = METHODS
            response.headers["Access-Control-Allow-Headers"] = HEADERS
            response.headers["Access-Control-Max-Age"] = MAX_AGE_S
        return response
