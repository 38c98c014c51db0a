"""Order-sign requests under the keys of our own prefetch templates."""

from __future__ import annotations

import re
from typing import Any

from service.engine import Engine
from tests.builder import Builder, Json

HOOK = "/cds-services/pumpcheck-order-sign"


def order_sign(builder: Builder, engine: Engine, *, without: tuple[str, ...] = (), **members: Any) -> Json:
    """Return a request whose prefetch answers every template from the builder's chart; keys in `without` are absent."""
    request = builder.request(**members)
    prefetch: Json = {"patient": builder.patient}
    for key, query in engine.queries.items():
        if key != "patient":
            prefetch[key] = searchset([one for one in builder.resources if _answers(query.template, one)])
    request["prefetch"] = {key: value for key, value in prefetch.items() if key not in without}
    return request


def searchset(resources: list[Json]) -> Json | None:
    """Return a searchset Bundle, None (nothing found) for no resources."""
    if not resources:
        return None
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources]}


def _answers(template: str, resource: Json) -> bool:
    if resource["resourceType"] != template.partition("?")[0]:
        return False
    codes = re.search(r"[?&]code=([^&]*)", template)
    if codes is None:
        return True
    own = {coding.get("code") for coding in resource.get("code", {}).get("coding", [])}
    return bool(own & set(codes.group(1).split(",")))
