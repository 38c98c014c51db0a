"""Resources in memory, with their versions: safe to use from several threads."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.fhir_errors import FhirError

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one resource; ``resource`` is None where this version is a deletion."""

    number: int
    resource: Resource | None


class ResourceStore:
    """Holds every version of every resource.

    A stored resource is never changed in place, so that readers need no lock once they hold it.

    Args:
        now: returns the present instant; stamped into ``meta.lastUpdated``.
    """

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._lock = threading.RLock()
        self._versions: dict[tuple[str, str], tuple[Version, ...]] = {}

    def load(self, resources: Iterable[Resource]) -> None:
        """Forget everything and hold these resources, each as its first version."""
        with self._lock:
            self._versions = {}
            for resource in resources:
                self.put(resource)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Within this block all writes happen, or, if it raises, none; other threads wait."""
        with self._lock:
            before = dict(self._versions)
            try:
                yield
            except BaseException:
                self._versions = before
                raise

    def put(self, resource: Resource) -> Version:
        """Store a resource under its own type and id and return the new version."""
        key = (resource["resourceType"], resource["id"])
        with self._lock:
            versions = self._versions.get(key, ())
            number = len(versions) + 1
            stamped = _stamped(resource, number, self._now())
            version = Version(number, stamped)
            self._versions[key] = (*versions, version)
            return version

    def create(self, resource: Resource) -> Version:
        """Store a resource under a new id and return its first version."""
        return self.put({**resource, "id": self.new_id()})

    def new_id(self) -> str:
        """Return an id that nothing bears yet."""
        return secrets.token_hex(8)

    def delete(self, resource_type: str, resource_id: str) -> None:
        """Delete a resource; deleting what is not there is no error."""
        key = (resource_type, resource_id)
        with self._lock:
            versions = self._versions.get(key, ())
            if versions and versions[-1].resource is not None:
                self._versions[key] = (*versions, Version(len(versions) + 1, None))

    def exists(self, resource_type: str, resource_id: str) -> bool:
        """Return whether a current, undeleted resource bears this type and id."""
        versions = self._versions.get((resource_type, resource_id), ())
        return bool(versions) and versions[-1].resource is not None

    def read(self, resource_type: str, resource_id: str) -> Resource:
        """Return the current version.

        Raises:
            FhirError: 404 if it never was there, 410 if it was deleted.
        """
        versions = self._versions.get((resource_type, resource_id), ())
        if not versions:
            raise _not_found(f"{resource_type}/{resource_id}")
        resource = versions[-1].resource
        if resource is None:
            raise FhirError(410, "deleted", f"{resource_type}/{resource_id} was deleted.")
        return resource

    def read_version(self, resource_type: str, resource_id: str, number: str) -> Resource:
        """Return one past or present version.

        Raises:
            FhirError: 404 if there is no such version, 410 if that version is a deletion.
        """
        for version in self._versions.get((resource_type, resource_id), ()):
            if str(version.number) == number:
                if version.resource is None:
                    raise FhirError(410, "deleted", f"Version {number} deleted {resource_type}/{resource_id}.")
                return version.resource
        raise _not_found(f"{resource_type}/{resource_id}/_history/{number}")

    def all(self, resource_type: str) -> list[Resource]:
        """Return every current resource of a type, in the order in which they first came."""
        with self._lock:
            current = [versions[-1].resource for (kind, _), versions in self._versions.items() if kind == resource_type]
        return [resource for resource in current if resource is not None]


def _not_found(what: str) -> FhirError:
    return FhirError(404, "not-found", f"{what} is not on this server.")


def _stamped(resource: Resource, number: int, now: datetime) -> Resource:
    moment = now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    meta = {**resource.get("meta", {}), "versionId": str(number), "lastUpdated": moment}
    leading = {"resourceType": resource["resourceType"], "id": resource["id"], "meta": meta}
    return leading | {name: value for name, value in resource.items() if name not in leading}
