"""`make bench`: what the order-sign request costs, as ratios to a floor taken in the same run.

The floor is the same server parsing the same body and answering a constant. Times on a shared machine vary from run
to run; the ratios are what counts.
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from itertools import pairwise

from fhir_mappings.answers import criterion_answers
from fhir_mappings.chart import build_chart
from fhir_mappings.coverage import policies_for
from fhir_mappings.inquiry import Inquiry
from fhir_mappings.orders import evidence_date, may_concern, procedures
from fhir_mappings.registry import extract
from policies.determination import Case, determine
from service.config import Config
from service.engine import Engine
from service.fhir_json import dump, parse
from service.hook_requests import hook_request
from service.pipeline import decide
from service.records import read_records
from tests.bench_server import FLOOR, card_json
from tests.builder import Builder, Json

TODAY = date.today()
SIZES = {10: 300, 100: 300, 1_000: 100, 10_000: 20}
HOOK = "/cds-services/pumpcheck-order-sign"
HEADERS = {"Content-Type": "application/json"}
WARM_UP = 5


def chart(size: int) -> Json:
    """Return an order-sign request with about `size` prefetched resources, a chart with gaps among them."""
    builder = Builder(TODAY)
    builder.coverage("Cigna")
    builder.condition("icd-10-cm", "M96.1")
    builder.finding("further-treatment-indicated", False)
    builder.outcome("noninvasive-pain-control", "ineffective", start_days_ago=300, end_days_ago=20)
    builder.procedure("cpt", "62322", start=builder.moment(30, 8), reasonCode=[{"text": "intrathecal pump trial"}])
    for hours in (7.5, 9, 11, 13, 15, 17):
        builder.nrs(8 if hours < 8 else 3, at=builder.moment(30, hours))
    makers: list[Callable[[int], object]] = [
        lambda n: builder.nrs(n % 11, days_ago=100 + n % 900),
        lambda n: builder.observation(
            "loinc", "8867-4", days_ago=n % 900, valueQuantity={"value": 70 + n % 30, "unit": "/min"}
        ),
        lambda n: builder.condition("icd-10-cm", f"E11.{n % 10}"),
        lambda n: builder.medication("860975", start_days_ago=400 + n % 400, end_days_ago=300),
        lambda n: builder.procedure("cpt", "99213", start=builder.day(n % 900)),
    ]
    while len(builder.resources) < size:
        makers[len(builder.resources) % len(makers)](len(builder.resources))
    del builder.resources[max(size, 6) :]
    builder.order("62362", reason=("icd-10-cm", "M96.1"))
    request = builder.request()
    keys = {
        "Coverage": "coverages",
        "Condition": "conditions",
        "Procedure": "procedures",
        "MedicationRequest": "medicationRequests",
    }
    prefetch = {keys.get(key, key): value for key, value in request["prefetch"].items()}
    prefetch["scores"] = prefetch.pop("Observation", None)
    for key in Engine.build(Config()).queries:
        prefetch.setdefault(key, None)
    request["prefetch"] = prefetch
    return request


def measured(connection: http.client.HTTPConnection, path: str, body: bytes) -> float:
    """Return the milliseconds of one request."""
    begun = time.perf_counter()
    connection.request("POST", path, body, HEADERS)
    response = connection.getresponse()
    answer = response.read()
    taken = (time.perf_counter() - begun) * 1000
    if response.status != 200:
        raise SystemExit(f"{path} answered {response.status}: {answer[:300]!r}")
    return taken


def over_http(port: int) -> None:
    """Print the whole request at each size beside its floor."""
    print("\nWhole request over HTTP, one connection, milliseconds")
    columns = ("resources", "body kB", "floor p50", "floor p99", "hook p50", "hook p99", "p50 ratio", "p99 ratio")
    print(" ".join(f"{column:>9}" for column in columns))
    for size, rounds in SIZES.items():
        body = dump(chart(size))
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for _ in range(WARM_UP):
            measured(connection, FLOOR, body)
            measured(connection, HOOK, body)
        floor, hook = [], []
        for _ in range(rounds):
            floor.append(measured(connection, FLOOR, body))
            hook.append(measured(connection, HOOK, body))
        connection.close()
        times = (statistics.median(floor), _p99(floor), statistics.median(hook), _p99(hook))
        row = (*times, times[2] / times[0], times[3] / times[1])
        print(f"{size:>9} {len(body) / 1000:>9.0f} " + " ".join(f"{value:>9.2f}" for value in row))


def _p99(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]


def parts() -> None:
    """Print what each part of the request costs, in this process."""
    print("\nParts, milliseconds (median of one process, no HTTP)")
    names = ("JSON", "records", "chart", "orders", "facts", "evaluation", "rendering")
    print(f"{'resources':>9} " + " ".join(f"{name:>10}" for name in names) + f" {'sum / JSON':>11}")
    engine = Engine.build(Config())
    for size, rounds in SIZES.items():
        body = dump(chart(size))
        rows = [_parts_of(engine, body) for _ in range(max(5, rounds // 5))]
        medians = [statistics.median(column) for column in zip(*rows, strict=True)]
        print(f"{size:>9} " + " ".join(f"{value:>10.3f}" for value in medians) + f" {sum(medians) / medians[0]:>11.2f}")


def _parts_of(engine: Engine, body: bytes) -> list[float]:
    marks = [time.perf_counter()]
    call = hook_request(parse(body), "order-sign")
    marks.append(time.perf_counter())
    assert may_concern(call.orders, engine.sets)
    records = read_records(call, engine.queries, None)
    marks.append(time.perf_counter())
    built = build_chart(records.resources, records.patient_id, engine.sets, records.unread)
    marks.append(time.perf_counter())
    found, _ = procedures(records.orders, built, TODAY)
    applicable = policies_for(built, found[0].policy_date, engine.payers)
    marks.append(time.perf_counter())
    procedure, case = found[0], found[0].cases[0]
    day = evidence_date(procedure.service_date, TODAY)
    policy = engine.library.on(applicable.policies[0].policy, procedure.policy_date)
    inquiry = Inquiry(built, procedure, *case, procedure.policy_date, day, engine.look_back)
    facts = extract(engine.facts_of(policy), inquiry, engine.extractors)
    answers = criterion_answers(built, engine.criteria, day)
    marks.append(time.perf_counter())
    put = Case(*case, procedure.policy_date, day, procedure.references, procedure.codes, procedure.cautions_of(case[0]))
    determine(policy, put, facts, answers, engine.states, engine.settings)
    marks.append(time.perf_counter())
    decision = decide(engine, records, TODAY)
    rendering = time.perf_counter()
    card_json(engine, call, decision)
    return [
        *((after - before) * 1000 for before, after in pairwise(marks)),
        (time.perf_counter() - rendering) * 1000,
    ]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--port", type=int, default=8123)
    port = parser.parse_args().port
    server = subprocess.Popen([sys.executable, "-m", "tests.bench_server", str(port)])
    try:
        _await(port, server)
        over_http(port)
    finally:
        server.terminate()
        server.wait()
    parts()


def _await(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if server.poll() is not None:
            raise SystemExit("the server did not start")
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server did not answer")


if __name__ == "__main__":
    main()
