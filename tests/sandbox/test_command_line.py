"""`python -m sandbox`: what it starts, prints, writes and says when it cannot, and that it ends what it started."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from sandbox.__main__ import main
from sandbox.patients import stories
from sandbox.service_process import service_config

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 60

# Stands in for `pumpcheck serve`: answers every GET, keeps a copy of its configuration, and ends when told to.
STAND_IN = """
import http.server, pathlib, signal, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/end":
            self.server.running = False
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass

options = dict(zip(sys.argv[2::2], sys.argv[3::2]))
config = pathlib.Path(options["--config"])
pathlib.Path("seen.toml").write_text(config.read_text())
pathlib.Path("config-path").write_text(str(config))
signal.signal(signal.SIGINT, lambda *_: None)
with http.server.HTTPServer((options["--host"], int(options["--port"])), Handler) as server:
    server.running = True
    while server.running:
        server.handle_request()
sys.exit(3)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a working directory in which a stand-in is found instead of the service."""
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "__init__.py").touch()
    (tmp_path / "service" / "cli.py").write_text(STAND_IN)
    return tmp_path


@contextmanager
def running(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the sandbox on a free port and yield its process and the line that it prints."""
    command = [sys.executable, "-m", "sandbox", "--port", "0", *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline()
        finally:
            process.kill()


def addresses(line: str) -> list[str]:
    """Return the addresses in a line."""
    return re.findall(r"http://127\.0\.0\.1:\d+", line)


@pytest.mark.server
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_its_address_and_ends_when_told(folder: Path, number: signal.Signals) -> None:
    """The printed address shows the page; Ctrl-C and SIGTERM end the sandbox in good order."""
    with running(folder, "--service-url", "http://127.0.0.1:9/", "--today", "2027-02-03") as (process, line):
        page, service = addresses(line)
        config = requests.get(f"{page}/page-config.json", timeout=TIMEOUT_S).json()
        html = requests.get(f"{page}/", timeout=TIMEOUT_S).text
        process.send_signal(number)
        _, complaints = process.communicate(timeout=TIMEOUT_S)

    assert line.startswith(f"Sandbox EHR: open {page}/")
    assert "<title>Sandbox EHR</title>" in html
    assert (config["today"], config["serviceUrl"], service) == (
        "2027-02-03",
        "http://127.0.0.1:9",
        "http://127.0.0.1:9",
    )
    assert config["fhirServer"] == f"{page}/fhir"
    assert (process.returncode, complaints) == (0, "")


@pytest.mark.server
def test_it_starts_the_service_and_ends_it(folder: Path) -> None:
    """With --start-service the service runs with a configuration for this very page, and both end together."""
    with running(folder, "--start-service", "--service-port", "0") as (process, line):
        page, service = addresses(line)
        status = requests.get(f"{service}/cds-services", timeout=TIMEOUT_S).status_code
        config = tomllib.loads((folder / "seen.toml").read_text())
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=TIMEOUT_S)

    assert status == 200
    assert config["server"] == {
        "public_url": service,
        "cors_origins": [page, page.replace("127.0.0.1", "localhost")],
    }
    assert config["fhir"] == {"allowed_servers": [f"{page}/fhir"]}
    assert config["client_auth"] == {"mode": "off"}
    assert process.returncode == 0
    assert not Path((folder / "config-path").read_text()).exists()
    with pytest.raises(requests.ConnectionError):
        requests.get(service, timeout=TIMEOUT_S)


@pytest.mark.server
def test_a_service_that_ends_ends_the_sandbox(folder: Path) -> None:
    """When the service stops by itself, the sandbox says so and does not go on without it."""
    with running(folder, "--start-service", "--service-port", "0") as (process, line):
        requests.get(f"{addresses(line)[1]}/end", timeout=TIMEOUT_S)
        _, complaints = process.communicate(timeout=TIMEOUT_S)

    assert process.returncode == 1
    assert complaints == "sandbox: The service ended by itself with status 3.\n"


@pytest.mark.server
def test_a_service_that_does_not_start_is_reported(folder: Path) -> None:
    """When the service ends before it answers, the sandbox gives up and names its exit status."""
    (folder / "service" / "cli.py").write_text("raise SystemExit(2)")
    with running(folder, "--start-service", "--service-port", "0") as (process, line):
        _, complaints = process.communicate(timeout=TIMEOUT_S)

    assert (process.returncode, line) == (1, "")
    assert complaints == "sandbox: The service ended with status 2; its own message stands above.\n"


@pytest.mark.parametrize("option", ["--port", "--service-port"])
def test_a_taken_port_is_named(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Another program on the port: the message names the port and the option to choose another one."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        status = main(["--port", "0", "--start-service", option, port])

    assert status == 2
    assert capsys.readouterr().err == (
        f"sandbox: Cannot listen on 127.0.0.1 port {port}: Address already in use. Choose another port with {option}.\n"
    )


def test_a_day_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped day is named, with an example of a right one."""
    with pytest.raises(SystemExit, match="2"):
        main(["--today", "tomorrow"])

    assert "'tomorrow' is not a day such as 2026-01-31" in capsys.readouterr().err


def test_charts_can_be_written_as_bundles(tmp_path: Path) -> None:
    """Each patient becomes a file with the chart, what it refers to, and the first suggested order as a draft."""
    assert main(["--export", str(tmp_path / "charts"), "--today", "2026-11-24"]) == 0

    written = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "charts").iterdir()}
    assert written.keys() == {story.id for story in stories()}
    for patient, bundle in written.items():
        resources = [entry["resource"] for entry in bundle["entry"]]
        assert [each["id"] for each in resources if each["resourceType"] == "Patient"] == [patient]
        assert any(each.get("status") == "draft" for each in resources)
        assert any(each["resourceType"] == "Organization" for each in resources)


def test_the_service_may_be_called_from_either_name_of_the_page() -> None:
    """A page that is opened as localhost may call the service as well as one opened by number."""
    config = tomllib.loads(
        service_config("http://127.0.0.1:8000", "http://127.0.0.1:8080", "http://127.0.0.1:8080/fhir", Path("s.db"))
    )

    assert config["server"]["cors_origins"] == ["http://127.0.0.1:8080", "http://localhost:8080"]
    assert config["store"] == {"url": "sqlite:///s.db"}
    assert config["cards"] == {"when_complete": "info"}
