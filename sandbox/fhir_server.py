"""FHIR R4 server in memory: read, search, create, update, delete, batch and transaction under one base.

It is the sandbox EHR's record. Everything but the CapabilityStatement asks for a bearer token of its own issuing.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from sandbox.access_tokens import READ_AND_WRITE, Grant, TokenIssuer
from sandbox.fhir_errors import FhirError, http_error
from sandbox.fhir_search import OFFSET_PARAMETER, Query, matching, parse_query, references, search_parameters
from sandbox.fhir_store import Resource, ResourceStore, Version
from sandbox.fhir_validation import check_id, check_resource

FHIR_JSON = "application/fhir+json"
_READABLE_TYPES = {FHIR_JSON, "application/json", "text/json"}
_ACCEPTABLE_TYPES = [FHIR_JSON, "application/json"]
_ALLOWED_HEADERS = "Accept, Authorization, Content-Type, If-Match, If-None-Exist, Prefer, X-Requested-With"
_EXPOSED_HEADERS = "Content-Location, ETag, Last-Modified, Location"
_PATIENT_ELEMENTS = ("subject", "patient", "beneficiary", "for")
_OPEN_GRANT = Grant(READ_AND_WRITE, None, None)
_TRANSACTION_ORDER = ("DELETE", "POST", "PUT", "GET")


def create_fhir_blueprint(
    store: ResourceStore, tokens: TokenIssuer, base_url: Callable[[], str], require_token: bool = True
) -> Blueprint:
    """Return the FHIR server as a Flask blueprint, to be registered under the path of its base.

    Args:
        store: the resources.
        tokens: issuer of the bearer tokens that it demands.
        base_url: returns the public base URL, without a slash at the end.
        require_token: False opens every resource to everybody.
    """
    fhir = Blueprint("fhir", __name__)
    interactions = _Interactions(store, base_url)

    @fhir.before_request
    def _check_accept() -> None:
        wanted = request.args.get("_format", "json")
        if "json" not in wanted or (
            request.method != "OPTIONS"
            and request.accept_mimetypes.provided
            and not request.accept_mimetypes.best_match(_ACCEPTABLE_TYPES)
        ):
            raise FhirError(406, "not-supported", "This server speaks FHIR JSON only.")

    @fhir.after_request
    def _allow_browsers(response: Response) -> Response:
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Allow-Headers"] = _ALLOWED_HEADERS
        response.headers["Access-Control-Allow-Methods"] = "GET, POST, PUT, DELETE, OPTIONS"
        response.headers["Access-Control-Expose-Headers"] = _EXPOSED_HEADERS
        response.headers["Cache-Control"] = "no-store"
        return response

    @fhir.errorhandler(FhirError)
    def _fhir_error(error: FhirError) -> Response:
        response = _fhir_response(error.outcome(), error.status)
        if error.status == HTTPStatus.UNAUTHORIZED:
            response.headers["WWW-Authenticate"] = 'Bearer realm="sandbox FHIR server"'
        return response

    @fhir.errorhandler(HTTPException)
    def _http_error(error: HTTPException) -> Response:
        status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
        return _fhir_response(http_error(status, error.description or error.name).outcome(), status)

    def grant() -> Grant:
        return _grant(tokens) if require_token else _OPEN_GRANT

    @fhir.get("/metadata")
    def _metadata() -> Response:
        return _fhir_response(capability_statement(base_url()))

    @fhir.post("/")
    @fhir.post("")
    def _bundle() -> Response:
        return _fhir_response(interactions.bundle(_body(), grant()))

    @fhir.get("/<resource_type>")
    def _search(resource_type: str) -> Response:
        pairs = parse_qsl(request.query_string.decode(), keep_blank_values=True)
        return _fhir_response(interactions.search(resource_type, pairs, grant()))

    @fhir.post("/<resource_type>/_search")
    def _search_by_post(resource_type: str) -> Response:
        pairs = parse_qsl(request.query_string.decode(), keep_blank_values=True)
        pairs += list(request.form.items(multi=True))
        return _fhir_response(interactions.search(resource_type, pairs, grant()))

    @fhir.post("/<resource_type>")
    def _create(resource_type: str) -> Response:
        if "If-None-Exist" in request.headers:
            raise FhirError(400, "not-supported", "Conditional create (If-None-Exist) is not supported.")
        version = interactions.create(resource_type, _body(), grant())
        return _version_response(version, HTTPStatus.CREATED, base_url())

    @fhir.get("/<resource_type>/<resource_id>")
    def _read(resource_type: str, resource_id: str) -> Response:
        return _resource_response(interactions.read(resource_type, resource_id, grant()))

    @fhir.get("/<resource_type>/<resource_id>/_history/<version>")
    def _read_version(resource_type: str, resource_id: str, version: str) -> Response:
        return _resource_response(interactions.read(resource_type, resource_id, grant(), version))

    @fhir.put("/<resource_type>/<resource_id>")
    def _update(resource_type: str, resource_id: str) -> Response:
        if_match = request.headers.get("If-Match")
        version, created = interactions.update(resource_type, resource_id, _body(), grant(), if_match)
        return _version_response(version, HTTPStatus.CREATED if created else HTTPStatus.OK, base_url())

    @fhir.delete("/<resource_type>/<resource_id>")
    def _delete(resource_type: str, resource_id: str) -> Response:
        interactions.delete(resource_type, resource_id, grant())
        return Response(status=HTTPStatus.NO_CONTENT)

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]

    @fhir.route("/", methods=["GET"])
    @fhir.route("/<path:path>", methods=methods)
    def _unknown(path: str = "") -> Response:
        raise FhirError(404, "not-supported", f"This server has no interaction {request.method} at /{path}.")

    return fhir


@dataclass(frozen=True, slots=True)
class _Interactions:
    """What FHIR calls interactions, freed of HTTP: each takes what the bearer was granted and raises FhirError."""

    store: ResourceStore
    base_url: Callable[[], str]

    def read(self, resource_type: str, resource_id: str, grant: Grant, version: str | None = None) -> Resource:
        _check_type(resource_type)
        resource = (
            self.store.read(resource_type, resource_id)
            if version is None
            else self.store.read_version(resource_type, resource_id, version)
        )
        if not _visible(resource, grant):
            raise FhirError(403, "forbidden", "The access token is for another patient.")
        return resource

    def search(self, resource_type: str, pairs: Iterable[tuple[str, str]], grant: Grant) -> Resource:
        _check_type(resource_type)
        query = parse_query(resource_type, pairs, self.base_url())
        visible = (resource for resource in self.store.all(resource_type) if _visible(resource, grant))
        found = matching(visible, query)
        page = found[query.offset : query.offset + query.count]
        included = self._included(page, query, grant)
        return _searchset(resource_type, query, len(found), page, included, self.base_url())

    def create(self, resource_type: str, resource: Any, grant: Grant) -> Version:
        _check_type(resource_type)
        _check_write(grant)
        check_resource(resource, resource_type)
        return self.store.create(resource)

    def update(
        self, resource_type: str, resource_id: str, resource: Any, grant: Grant, if_match: str | None = None
    ) -> tuple[Version, bool]:
        _check_type(resource_type)
        _check_write(grant)
        check_id(resource_id)
        check_resource(resource, resource_type)
        if resource.get("id") != resource_id:
            raise FhirError(
                400, "invalid", f"The body's id is {resource.get('id')!r}, the address says {resource_id!r}.", "id"
            )
        with self.store.transaction():
            created = not self.store.exists(resource_type, resource_id)
            if if_match is not None:
                self._check_version(resource_type, resource_id, if_match)
            return self.store.put(resource), created

    def delete(self, resource_type: str, resource_id: str, grant: Grant) -> None:
        _check_type(resource_type)
        _check_write(grant)
        self.store.delete(resource_type, resource_id)

    def bundle(self, bundle: Any, grant: Grant) -> Resource:
        kind = bundle.get("type") if isinstance(bundle, dict) else None
        if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
            raise FhirError(400, "structure", "Only a Bundle may be posted to the base.", "resourceType")
        if kind not in ("batch", "transaction"):
            raise FhirError(400, "invalid", f"Bundle.type must be batch or transaction, not {kind!r}.", "Bundle.type")
        _check_write(grant)
        entries = [_Entry.of(entry, number) for number, entry in enumerate(bundle.get("entry", []))]
        answers = self._batch(entries, grant) if kind == "batch" else self._transaction(entries, grant)
        answer: Resource = {"resourceType": "Bundle", "id": str(uuid.uuid4()), "type": f"{kind}-response"}
        return answer | ({"entry": answers} if answers else {})

    def _batch(self, entries: list[_Entry], grant: Grant) -> list[dict[str, Any]]:
        answers = []
        for entry in entries:
            try:
                answers.append(self._carry_out(entry, grant))
            except FhirError as error:
                status = f"{error.status} {HTTPStatus(error.status).phrase}"
                answers.append({"response": {"status": status, "outcome": error.outcome()}})
        return answers

    def _transaction(self, entries: list[_Entry], grant: Grant) -> list[dict[str, Any]]:
        new_references = {}
        for entry in entries:
            if entry.method == "POST" and entry.full_url:
                new_id = self.store.new_id()
                entry.new_id = new_id
                new_references[entry.full_url] = f"{entry.url}/{new_id}"
                new_references[entry.full_url.removeprefix(f"{self.base_url()}/")] = f"{entry.url}/{new_id}"
        for entry in entries:
            entry.resource = _with_references(entry.resource, new_references)
        answers: dict[int, dict[str, Any]] = {}
        with self.store.transaction():
            for entry in sorted(entries, key=lambda entry: _TRANSACTION_ORDER.index(entry.method)):
                try:
                    answers[entry.number] = self._carry_out(entry, grant)
                except FhirError as error:
                    where = f"Bundle.entry[{entry.number}]"
                    raise FhirError(error.status, error.code, f"{where}: {error.diagnostics}", where) from None
        return [answers[entry.number] for entry in entries]

    def _carry_out(self, entry: _Entry, grant: Grant) -> dict[str, Any]:
        address = urlsplit(entry.url)
        resource_type, _, resource_id = address.path.partition("/")
        match entry.method:
            case "GET" if resource_id:
                return _answer(HTTPStatus.OK, resource=self.read(resource_type, resource_id, grant))
            case "GET":
                pairs = parse_qsl(address.query, keep_blank_values=True)
                return _answer(HTTPStatus.OK, resource=self.search(resource_type, pairs, grant))
            case "POST" if entry.new_id:
                version, _ = self.update(
                    resource_type, entry.new_id, {**(entry.resource or {}), "id": entry.new_id}, grant
                )
                return _answer(HTTPStatus.CREATED, version=version)
            case "POST":
                return _answer(HTTPStatus.CREATED, version=self.create(resource_type, entry.resource, grant))
            case "PUT":
                version, created = self.update(resource_type, resource_id, entry.resource, grant)
                return _answer(HTTPStatus.CREATED if created else HTTPStatus.OK, version=version)
            case _:
                self.delete(resource_type, resource_id, grant)
                return _answer(HTTPStatus.NO_CONTENT)

    def _check_version(self, resource_type: str, resource_id: str, if_match: str) -> None:
        current = self.store.read(resource_type, resource_id)["meta"]["versionId"]
        if if_match.removeprefix("W/").strip('"') != current:
            raise FhirError(412, "conflict", f"{resource_type}/{resource_id} is at version {current} by now.")

    def _included(self, page: list[Resource], query: Query, grant: Grant) -> list[Resource]:
        shown = {_reference(resource) for resource in page}
        included: dict[str, Resource] = {}
        for parameter, target in query.includes:
            for resource in page:
                for reference in references(resource, parameter, self.base_url()):
                    resource_type, _, resource_id = reference.partition("/")
                    if reference in shown or (target and resource_type != target):
                        continue
                    if resource_type in search_parameters() and self.store.exists(resource_type, resource_id):
                        found = self.store.read(resource_type, resource_id)
                        if _visible(found, grant):
                            included[reference] = found
        return list(included.values())


@dataclass(slots=True)
class _Entry:
    """One entry of a batch or transaction; ``new_id`` is what a transaction will call what it creates."""

    number: int
    method: str
    url: str
    full_url: str | None
    resource: Any
    new_id: str | None = None

    @classmethod
    def of(cls, entry: Any, number: int) -> _Entry:
        where = f"Bundle.entry[{number}].request"
        asked = entry.get("request") if isinstance(entry, dict) else None
        if not isinstance(asked, dict) or not isinstance(asked.get("url"), str):
            raise FhirError(400, "required", f"{where} must have a method and a url.", where)
        method = asked.get("method")
        if method not in _TRANSACTION_ORDER:
            raise FhirError(400, "not-supported", f"{where}.method {method!r} is not supported.", f"{where}.method")
        if method != "GET" and "?" in asked["url"]:
            raise FhirError(400, "not-supported", f"{where}.url: conditional writes are not supported.", f"{where}.url")
        return cls(number, method, asked["url"].lstrip("/"), entry.get("fullUrl"), entry.get("resource"))


def capability_statement(base_url: str) -> Resource:
    """Return the CapabilityStatement: what this server can do."""
    interactions = ("read", "vread", "update", "delete", "create", "search-type")
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-24",
        "kind": "instance",
        "software": {"name": "PumpCheck sandbox EHR"},
        "implementation": {"description": "Made-up patients, held in memory", "url": base_url},
        "fhirVersion": "4.0.1",
        "format": [FHIR_JSON, "json"],
        "rest": [
            {
                "mode": "server",
                "security": {"cors": True, "description": "Bearer token of this server's own issuing"},
                "resource": [
                    {
                        "type": resource_type,
                        "interaction": [{"code": code} for code in interactions],
                        "versioning": "versioned",
                        "updateCreate": True,
                        "searchInclude": [
                            f"{resource_type}:{name}" for name, row in sorted(rows.items()) if row.type == "reference"
                        ]
                        or ["none"],
                        "searchParam": [{"name": name, "type": row.type} for name, row in sorted(rows.items())],
                    }
                    for resource_type, rows in sorted(search_parameters().items())
                ],
                "interaction": [{"code": "transaction"}, {"code": "batch"}],
            }
        ],
    }


def _grant(tokens: TokenIssuer) -> Grant:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    found = tokens.grant(token.strip()) if scheme.lower() == "bearer" else None
    if found is None:
        raise FhirError(401, "login", "Send Authorization: Bearer with a valid access token of this server.")
    return found


def _body() -> Any:
    if request.mimetype not in _READABLE_TYPES:
        raise FhirError(415, "not-supported", f"Send {FHIR_JSON}, not {request.mimetype or 'a body without a type'}.")
    try:
        return json.loads(request.get_data())
    except (ValueError, RecursionError) as error:
        raise FhirError(400, "structure", f"The body is not JSON: {error}.") from None


def _check_type(resource_type: str) -> None:
    if resource_type not in search_parameters():
        known = ", ".join(sorted(search_parameters()))
        raise FhirError(404, "not-supported", f"This server holds no {resource_type}, only {known}.")


def _check_write(grant: Grant) -> None:
    if not grant.may_write:
        raise FhirError(403, "forbidden", f"The access token's scope {grant.scope} allows reading only.")


def _visible(resource: Resource, grant: Grant) -> bool:
    if grant.patient is None:
        return True
    if resource["resourceType"] == "Patient":
        return bool(resource["id"] == grant.patient)
    owners = [resource[name]["reference"] for name in _PATIENT_ELEMENTS if "reference" in resource.get(name, {})]
    return not owners or f"Patient/{grant.patient}" in owners


def _searchset(
    resource_type: str, query: Query, total: int, page: list[Resource], included: list[Resource], base_url: str
) -> Resource:
    def link(relation: str, offset: int) -> dict[str, str]:
        pairs = [*query.parameters, *([(OFFSET_PARAMETER, str(offset))] if offset else [])]
        text = urlencode(pairs)
        return {"relation": relation, "url": f"{base_url}/{resource_type}{'?' if text else ''}{text}"}

    links = [link("self", query.offset)]
    if query.count and query.offset:
        links.append(link("previous", max(0, query.offset - query.count)))
    if query.count and query.offset + query.count < total:
        links.append(link("next", query.offset + query.count))
    entries = [(resource, "match") for resource in page] + [(resource, "include") for resource in included]
    bundle: Resource = {
        "resourceType": "Bundle",
        "id": str(uuid.uuid4()),
        "type": "searchset",
        "total": total,
        "link": links,
    }
    if entries:
        bundle["entry"] = [
            {"fullUrl": f"{base_url}/{_reference(resource)}", "resource": resource, "search": {"mode": mode}}
            for resource, mode in entries
        ]
    return bundle


def _with_references(value: Any, new_references: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        changed = {name: _with_references(inner, new_references) for name, inner in value.items()}
        if value.get("reference") in new_references:
            changed["reference"] = new_references[value["reference"]]
        return changed
    if isinstance(value, list):
        return [_with_references(item, new_references) for item in value]
    return value


def _answer(status: HTTPStatus, version: Version | None = None, resource: Resource | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    response = {"status": f"{status.value} {status.phrase}"}
    if version is not None and version.resource is not None:
        resource = version.resource
        response["location"] = f"{_reference(resource)}/_history/{version.number}"
        response["etag"] = f'W/"{version.number}"'
    if resource is not None:
        answer["resource"] = resource
    return answer | {"response": response}


def _reference(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def _version_response(version: Version, status: HTTPStatus, base_url: str) -> Response:
    assert version.resource is not None
    response = _resource_response(version.resource, status)
    response.headers["Location"] = f"{base_url}/{_reference(version.resource)}/_history/{version.number}"
    return response


def _resource_response(resource: Resource, status: HTTPStatus = HTTPStatus.OK) -> Response:
    response = _fhir_response(resource, status)
    meta = resource["meta"]
    response.headers["ETag"] = f'W/"{meta["versionId"]}"'
    updated = datetime.fromisoformat(meta["lastUpdated"]).astimezone(UTC)
    response.headers["Last-Modified"] = format_datetime(updated, usegmt=True)
    return response


def _fhir_response(resource: Resource, status: int = HTTPStatus.OK) -> Response:
    return Response(json.dumps(resource, ensure_ascii=False), status, content_type=f"{FHIR_JSON}; charset=utf-8")
