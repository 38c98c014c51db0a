"""Charts and requests that are not of our making are answered, whatever they hold."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from service.check import check
from service.engine import Engine
from tests.service.requests_made import HOOK

DATA = Path(__file__).resolve().parents[1] / "data"
INDEX = json.loads((DATA / "foreign" / "index.json").read_text(encoding="utf-8"))
AS_OF = date.fromisoformat(INDEX["asOf"])
REQUESTS = sorted((DATA / "requests").glob("*.json"))


@pytest.mark.parametrize("entry", INDEX["charts"], ids=lambda entry: entry["file"])
def test_a_foreign_chart_is_answered(entry: dict[str, object], engine: Engine) -> None:
    """Every policy answers an order in scope, every other order stays silent, nothing crashes."""
    body = gzip.decompress((DATA / "foreign" / str(entry["file"])).read_bytes())
    decision = check(engine, body, AS_OF, policies=engine.library.ids)
    assert decision.concerns_us == (entry["expected"] == "in-scope")
    answered = {one.policy.id for answer in decision.answers for one in answer.determinations}
    assert answered == (set(engine.library.ids) if decision.concerns_us else set())


@pytest.mark.parametrize("file", REQUESTS, ids=lambda file: file.stem)
def test_a_foreign_request_is_answered(file: Path, client: FlaskClient) -> None:
    """Requests in the manner of other clients get 200 and cards, or silence where no pump is ordered."""
    request = json.loads(file.read_text(encoding="utf-8"))
    response = client.post(HOOK, json=request)
    assert response.status_code == 200, response.get_data(as_text=True)
    assert bool(response.get_json()["cards"]) == ("pump" in file.stem)
