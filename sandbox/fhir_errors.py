"""The one error of the sandbox's FHIR server, and how it looks on the wire."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

_UNSUPPORTED_METHODS = {HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_ACCEPTABLE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE}


class FhirError(Exception):
    """Raised where a FHIR interaction cannot be carried out; answered as an OperationOutcome.

    Args:
        status: HTTP status code of the answer.
        code: FHIR issue type, such as ``not-found`` or ``invalid``.
        diagnostics: what is wrong and how to mend it, for the person who reads the answer.
        expression: FHIRPath of the element at fault, where there is one.
    """

    def __init__(self, status: int, code: str, diagnostics: str, expression: str | None = None) -> None:
        super().__init__(diagnostics)
        self.status = status
        self.code = code
        self.diagnostics = diagnostics
        self.expression = expression

    def outcome(self) -> dict[str, Any]:
        """Return the error as an OperationOutcome."""
        return operation_outcome("error", self.code, self.diagnostics, self.expression)


def http_error(status: int, diagnostics: str) -> FhirError:
    """Return the FhirError for an HTTP error that Flask itself found."""
    if status == HTTPStatus.NOT_FOUND:
        code = "not-found"
    elif status in _UNSUPPORTED_METHODS:
        code = "not-supported"
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        code = "exception"
    else:
        code = "invalid"
    return FhirError(status, code, diagnostics)


def operation_outcome(severity: str, code: str, diagnostics: str, expression: str | None = None) -> dict[str, Any]:
    """Return an OperationOutcome with one issue."""
    issue: dict[str, Any] = {"severity": severity, "code": code, "diagnostics": diagnostics}
    if expression:
        issue["expression"] = [expression]
    return {"resourceType": "OperationOutcome", "issue": [issue]}
