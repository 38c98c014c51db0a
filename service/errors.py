"""What the service answers when it cannot answer.

ServiceError            an HTTP status and an OperationOutcome
|- BadRequest     400   the request is wrong: names the field
`- MissingData    412   nothing useful can be said for want of data
"""

from __future__ import annotations

from typing import Any


class ServiceError(Exception):
    """An answer other than 200. `text` names what is wrong and never holds clinical data."""

    status = 500
    code = "exception"

    def __init__(self, text: str, field: str = "") -> None:
        self.text = text
        self.field = field
        super().__init__(text)

    def outcome(self) -> dict[str, Any]:
        """Return the OperationOutcome."""
        return operation_outcome(self.code, self.text, self.field)


class BadRequest(ServiceError):
    """The request is not what the hook asks for."""

    status = 400
    code = "invalid"


class MissingData(ServiceError):
    """Data without which nothing can be said could not be had (CDS Hooks 2.0, "Prefetch Template")."""

    status = 412
    code = "processing"


def operation_outcome(code: str, text: str, field: str = "") -> dict[str, Any]:
    """Return an R4 OperationOutcome with one error issue."""
    issue: dict[str, Any] = {"severity": "error", "code": code, "diagnostics": text}
    if field:
        issue["expression"] = [field]
    return {"resourceType": "OperationOutcome", "issue": [issue]}
