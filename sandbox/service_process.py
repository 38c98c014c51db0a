"""The PumpCheck service as a child process, configured so that the sandbox's page may call it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import requests

START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 15.0
_POLL_S = 0.2


class ServiceDidNotStart(Exception):
    """Raised where the service ended, or did not answer in time; says which."""


def service_config(service_url: str, page_url: str, fhir_url: str, database: Path) -> str:
    """Return a configuration file, in TOML, for a service that serves this sandbox and nobody else.

    Args:
        service_url: public base address of the service.
        page_url: address of the sandbox's page.
        fhir_url: base URL of the sandbox's FHIR server.
        database: file in which the service keeps its store.
    """
    port = urlsplit(page_url).port
    origins = list(dict.fromkeys([page_url, f"http://localhost:{port}", f"http://127.0.0.1:{port}"]))
    # A JSON string, or an array of them, is also a TOML one.
    return "\n".join(
        [
            "[server]",
            f"public_url = {json.dumps(service_url)}",
            f"cors_origins = {json.dumps(origins)}",
            "",
            "[client_auth]",
            'mode = "off"',
            "",
            "[fhir]",
            f"allowed_servers = {json.dumps([fhir_url])}",
            "",
            "[store]",
            f"url = {json.dumps(f'sqlite:///{database}')}",
            "",
            "[cards]",
            'when_complete = "info"',
            "",
        ]
    )


class ServiceProcess:
    """Runs `pumpcheck serve` until told to stop.

    Args:
        config: text of the configuration file.
        port: port on 127.0.0.1.
        folder: folder for the configuration file.
    """

    def __init__(self, config: str, port: int, folder: Path) -> None:
        path = folder / "pumpcheck.toml"
        path.write_text(config, encoding="utf-8")
        command = [sys.executable, "-m", "service.cli", "serve", "--config", str(path)]
        command += ["--host", "127.0.0.1", "--port", str(port)]
        self._url = f"http://127.0.0.1:{port}/cds-services"
        self._process = subprocess.Popen(command)

    @property
    def exit_status(self) -> int | None:
        """Exit status of the service, or None while it runs."""
        return self._process.poll()

    def wait_until_ready(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Return as soon as the service answers its discovery request.

        Raises:
            ServiceDidNotStart: if it ended, or gave no answer in time.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            try:
                if requests.get(self._url, timeout=5).ok:
                    return
            except requests.RequestException:
                pass  # not listening yet
            try:
                status = self._process.wait(_POLL_S)
            except subprocess.TimeoutExpired:
                continue
            raise ServiceDidNotStart(f"The service ended with status {status}; its own message stands above.")
        raise ServiceDidNotStart(f"The service gave no answer at {self._url} within {timeout_s:.0f} seconds.")

    def stop(self) -> None:
        """End the service, gently first."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
