"""Reads of the EHR's FHIR server: allowed servers only, within the scope, in parallel, within a time budget."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field, replace
from urllib.parse import urljoin, urlsplit

import requests

from fhir_mappings.chart import Located
from service.fhir_json import JsonError, parse
from service.hook_requests import Access
from service.prefetched import Found, State, found_in

PARALLEL = 8
MAX_PAGES = 50
MAX_RESPONSE_BYTES = 32 * 1024 * 1024
CHUNK = 64 * 1024
ACCEPT = "application/fhir+json, application/json;q=0.9"


@dataclass(frozen=True, slots=True)
class FhirReader:
    """Reads one EHR's FHIR server with the token of one call.

    `budget_s` bounds all reads of the reader together, in seconds from `begun`.
    """

    access: Access
    budget_s: float
    begun: float = field(default_factory=time.monotonic)

    def read_all(self, queries: Mapping[str, str], started: Mapping[str, Found] | None = None) -> dict[str, Found]:
        """Return what each query found; `started` holds first pages whose next page is still to be read."""
        deadline = self.begun + self.budget_s
        begun = started or {}
        pool = ThreadPoolExecutor(max_workers=PARALLEL)
        try:
            futures = {
                pool.submit(self._read, key, query, begun.get(key), deadline): key for key, query in queries.items()
            }
            done, late = wait_for(futures, timeout=max(0, deadline - time.monotonic()))
            found = {futures[future]: future.result() for future in done}
            found |= {futures[future]: Found(State.FAILED, warnings=(self._late(futures[future]),)) for future in late}
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return found

    def _late(self, key: str) -> str:
        return f"{key}: the FHIR server did not answer within {self.budget_s:g} s."

    def _read(self, key: str, query: str, begun: Found | None, deadline: float) -> Found:
        if not scope_allows(self.access.scope, query.partition("?")[0].partition("/")[0]):
            return Found(State.REFUSED, warnings=(f"{key}: the token's scope does not allow reading it.",))
        resources: list[Located] = list(begun.resources) if begun else []
        warnings: list[str] = []
        url = self._page_url(begun.next_url) if begun and begun.next_url else f"{self.access.server}/{query}"
        for _ in range(MAX_PAGES):
            if not url:
                warnings.append(f"{key}: the next page lies on another server and was not read.")
                return Found(State.FAILED, tuple(resources), warnings=tuple(warnings))
            page = self._get(key, url, deadline)
            resources += page.resources
            warnings += page.warnings
            if page.state is not State.PAGED:
                state = State.DATA if page.state is State.EMPTY and resources else page.state
                return Found(state, tuple(resources), warnings=tuple(warnings))
            url = self._page_url(page.next_url)
        warnings.append(f"{key}: more than {MAX_PAGES} pages; the rest was not read.")
        return Found(State.FAILED, tuple(resources), warnings=tuple(warnings))

    def _page_url(self, next_url: str) -> str:
        """Return the next page's address, empty where it leaves the server's base."""
        url = urljoin(f"{self.access.server}/", next_url)
        return url if is_below(url, self.access.server) else ""

    def _get(self, key: str, url: str, deadline: float) -> Found:
        left = deadline - time.monotonic()
        if left <= 0:
            return Found(State.FAILED, warnings=(self._late(key),))
        headers = {"Authorization": f"Bearer {self.access.token}", "Accept": ACCEPT}
        try:
            with requests.get(url, headers=headers, timeout=left, allow_redirects=False, stream=True) as response:
                return self._answer(key, response, deadline)
        except requests.Timeout:
            return Found(State.FAILED, warnings=(self._late(key),))
        except requests.RequestException:
            return Found(State.FAILED, warnings=(f"{key}: the FHIR server could not be reached.",))

    def _answer(self, key: str, response: requests.Response, deadline: float) -> Found:
        if response.status_code != 200:
            refused = response.status_code in (401, 403)
            text = f"{key}: the FHIR server answered {response.status_code}."
            return Found(State.REFUSED if refused else State.FAILED, warnings=(text,))
        body = bytearray()
        for chunk in response.iter_content(CHUNK):
            body += chunk
            if len(body) > MAX_RESPONSE_BYTES:
                return Found(State.FAILED, warnings=(f"{key}: the FHIR server's answer is too large.",))
            if time.monotonic() > deadline:
                return Found(State.FAILED, warnings=(self._late(key),))
        try:
            found = found_in(parse(bytes(body)), key)
        except JsonError:
            return Found(State.FAILED, warnings=(f"{key}: the FHIR server's answer is no JSON.",))
        return replace(found, state=State.FAILED) if found.state is State.REFUSED else found


def is_below(url: str, base: str) -> bool:
    """Return whether an address lies on the same server and below the same path."""
    one, other = urlsplit(url), urlsplit(base)
    same_server = (one.scheme, one.netloc) == (other.scheme, other.netloc)
    path = other.path.rstrip("/")
    return same_server and (one.path == path or one.path.startswith(f"{path}/")) and ".." not in one.path.split("/")


def is_allowed(server: str, allowed: Sequence[str]) -> bool:
    """Return whether a FHIR server is on the site's list."""
    return server.rstrip("/") in {one.rstrip("/") for one in allowed}


def scope_allows(scope: str, resource_type: str) -> bool:
    """Return whether SMART scopes (v1 `.read`, v2 `.rs`) allow reading and searching a type."""
    for part in scope.split():
        level, slash, rest = part.partition("/")
        kind, dot, permission = rest.partition("?")[0].partition(".")
        if not slash or not dot or level not in ("patient", "user", "system") or kind not in ("*", resource_type):
            continue
        if permission in ("read", "*") or {"r", "s"} <= set(permission):
            return True
    return False
