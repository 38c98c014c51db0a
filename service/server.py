"""`pumpcheck serve`: the application under gunicorn."""

from __future__ import annotations

from typing import Any

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from service.app import create_app
from service.client_auth import ClientVerifier
from service.config import Config
from service.engine import Engine
from service.logs import log_to_stderr

THREADS = 4
KEEP_ALIVE_S = 75


class _Gunicorn(BaseApplication):
    def __init__(self, config: Config, engine: Engine, clients: ClientVerifier, host: str, port: int) -> None:
        self._service_config = config
        self._engine = engine
        self._clients = clients
        self._bind = f"{host}:{port}"
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn's options."""
        options: dict[str, Any] = {
            "bind": self._bind,
            "workers": self._service_config.server.workers,
            "worker_class": "gthread",
            "threads": THREADS,
            "keepalive": KEEP_ALIVE_S,
            "accesslog": None,
            "loglevel": "warning",
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Return the WSGI application."""
        return create_app(self._service_config, self._engine, clients=self._clients)


def serve(config: Config, host: str, port: int) -> int:
    """Answer until the process is ended. A wrong policy, value set or configuration stops the start."""
    log_to_stderr()
    _Gunicorn(config, Engine.build(config), ClientVerifier.build(config), host, port).run()
    return 0
