"""The server that `make bench` measures: the application, and beside it the floor, under the same gunicorn worker."""

from __future__ import annotations

import sys
from typing import Any

from flask import Response, request
from gunicorn.app.base import BaseApplication

from service.app import card_list, create_app
from service.config import Config
from service.engine import Engine
from service.fhir_json import dump, parse
from service.hook_requests import HookRequest
from service.pipeline import Decision

FLOOR = "/floor"


def card_json(engine: Engine, call: HookRequest, decision: Decision) -> bytes:
    """Return the response body of a decision."""
    return dump({"cards": card_list(engine, call, decision)})


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, port: int) -> None:
        self._port = port
        super().__init__()

    def load_config(self) -> None:
        """Use one worker with the threads that `pumpcheck serve` uses."""
        options = {"workers": 1, "worker_class": "gthread", "threads": 4, "loglevel": "error"}
        for name, value in {"bind": f"127.0.0.1:{self._port}", **options}.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Return the application with the floor beside it."""
        config = Config.model_validate({"client_auth": {"mode": "off"}})
        app = create_app(config, Engine.build(config))
        constant = dump({"cards": []})

        @app.post(FLOOR)
        def floor() -> Response:
            parse(request.get_data())
            return Response(constant, mimetype="application/json")

        return app


if __name__ == "__main__":
    _Server(int(sys.argv[1])).run()
