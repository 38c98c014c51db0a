"""`python -m sandbox`: a small EHR on this machine whose made-up patients' orders call the service when signed."""

from __future__ import annotations

import argparse
import json
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from sandbox.app import SandboxSettings, create_app
from sandbox.clinic import shared_resources
from sandbox.orders import draft_orders, suggested_form
from sandbox.patients import build_chart, stories
from sandbox.service_process import ServiceDidNotStart, ServiceProcess, service_config

_EVERY_ADDRESS = {"0.0.0.0", "::"}
_WATCH_S = 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sandbox until it is told to end, and return the exit status.

    Returns:
        0 after Ctrl-C or SIGTERM, 1 if the service did not start or ended by itself, 2 if a port is taken.
    """
    options = _parser().parse_args(arguments)
    if options.export:
        export_bundles(options.export, options.today)
        return 0
    stop = threading.Event()
    try:
        with ExitStack() as running:
            for number in (signal.SIGINT, signal.SIGTERM):
                running.callback(signal.signal, number, signal.signal(number, lambda *_: stop.set()))
            return _run(options, stop, running)
    except (_PortTaken, ServiceDidNotStart) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 2 if isinstance(error, _PortTaken) else 1


def export_bundles(folder: Path, today: date) -> list[Path]:
    """Write a FHIR Bundle for each patient, chart and first suggested order, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for story in stories():
        chart = build_chart(story.id, today)
        orders = draft_orders(story.id, suggested_form(chart, story.orders[0]), today)
        entries = [{"resource": resource} for resource in [*shared_resources(), *chart.resources, *orders]]
        path = folder / f"{story.id}.json"
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
        path.write_text(json.dumps(bundle, indent=2, ensure_ascii=False), encoding="utf-8")
        written.append(path)
    return written


class _PortTaken(Exception):
    """Raised where another program listens on the port."""


class _QuietHandler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keep the terminal for what somebody has to act on."""


def _run(options: argparse.Namespace, stop: threading.Event, running: ExitStack) -> int:
    listener = running.enter_context(_listener(options.host, options.port, "--port"))
    port = listener.getsockname()[1]
    host = "127.0.0.1" if options.host in _EVERY_ADDRESS else options.host
    service_port = _free_port(options.service_port) if options.start_service else options.service_port
    settings = SandboxSettings(
        today=options.today,
        public_url=f"http://{host}:{port}",
        service_url=(options.service_url or f"http://127.0.0.1:{service_port}").rstrip("/"),
        require_token=not options.open_fhir,
    )
    app = create_app(settings)
    running.enter_context(_serving(make_server(options.host, port, app, True, 1, _QuietHandler, fd=listener.fileno())))
    service = None
    if options.start_service:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="pumpcheck-sandbox-")))
        config = service_config(settings.service_url, settings.public_url, settings.fhir_url, folder / "pumpcheck.db")
        service = ServiceProcess(config, service_port, folder)
        running.callback(service.stop)
        service.wait_until_ready()
    print(f"Sandbox EHR: open {settings.public_url}/ (service at {settings.service_url}; Ctrl-C ends)", flush=True)
    while not stop.wait(_WATCH_S):
        if service is not None and service.exit_status is not None:
            raise ServiceDidNotStart(f"The service ended by itself with status {service.exit_status}.")
    return 0


@contextmanager
def _listener(host: str, port: int, option: str) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen()
        except OSError as error:
            raise _PortTaken(
                f"Cannot listen on {host} port {port}: {error.strerror}. Choose another port with {option}."
            ) from None
        yield listener


@contextmanager
def _serving(server: BaseWSGIServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, name="sandbox", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _free_port(port: int) -> int:
    # Asked before the service starts, so that a taken port is named at once and in plain words.
    with _listener("127.0.0.1", port, "--service-port") as probe:
        found: int = probe.getsockname()[1]
        return found


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day such as 2026-01-31") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description="A small EHR with made-up patients that calls PumpCheck over HTTP."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="port of the page; 0 takes a free one (%(default)s)")
    parser.add_argument("--service-url", help="base address of the CDS service (http://127.0.0.1:SERVICE_PORT)")
    parser.add_argument("--start-service", action="store_true", help="also run PumpCheck, and end it with the sandbox")
    parser.add_argument(
        "--service-port", type=int, default=8000, help="port of that service; 0 takes a free one (%(default)s)"
    )
    parser.add_argument(
        "--today",
        type=_day,
        default=date.today(),
        metavar="YYYY-MM-DD",
        help="day from which the charts are computed (today; the service keeps its own clock)",
    )
    parser.add_argument("--open-fhir", action="store_true", help="let anybody read the FHIR server without a token")
    parser.add_argument(
        "--export", type=Path, metavar="FOLDER", help="write each patient and order as a FHIR Bundle, and end"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
