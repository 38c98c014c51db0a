"""Whether a resource that somebody wants to store is FHIR: structure, types, required codes, kinds of reference."""

from __future__ import annotations

import re
from typing import Any

from pydantic import ValidationError

from sandbox.fhir_errors import FhirError

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_HINTS = {
    "extra_forbidden": "FHIR R4 has no such element here",
    "missing": "this element is required",
}


def check_resource(resource: Any, resource_type: str) -> None:
    """Return if the resource may be stored.

    The models are those of FHIR R4B, which for the types that this server holds reads every R4 resource.

    Raises:
        FhirError: 400 if it is no resource of this type, 422 if an element is wrong; names the element.
    """
    if not isinstance(resource, dict) or "resourceType" not in resource:
        raise FhirError(400, "structure", "The body is not a FHIR resource: resourceType is missing.", "resourceType")
    if resource["resourceType"] != resource_type:
        raise FhirError(
            400,
            "invalid",
            f"The body is a {resource['resourceType']}, but the address says {resource_type}.",
            "resourceType",
        )
    # Loading the models takes half a second: only who writes pays for it.
    from fhir.resources.R4B import get_fhir_model_class

    model = get_fhir_model_class(resource_type)
    try:
        model.model_validate(resource)
    except ValidationError as error:
        raise _unprocessable(resource_type, error) from None
    _check_codes(model, resource, resource_type)


def check_id(resource_id: str) -> None:
    """Return if the text can be a resource's id.

    Raises:
        FhirError: 400 otherwise.
    """
    if not _ID.fullmatch(resource_id):
        raise FhirError(400, "invalid", f"{resource_id!r} is not a FHIR id: letters, digits, - and ., up to 64.", "id")


def _unprocessable(resource_type: str, error: ValidationError) -> FhirError:
    first = error.errors()[0]
    expression = _expression(resource_type, first["loc"])
    message = _HINTS.get(first["type"], first["msg"].removeprefix("Value error, "))
    return FhirError(422, "structure", f"{expression}: {message}.", expression)


def _expression(resource_type: str, location: tuple[int | str, ...]) -> str:
    text = resource_type
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text


def _check_codes(model: Any, resource: dict[str, Any], resource_type: str) -> None:
    for name, field in model.model_fields.items():
        facts = field.json_schema_extra or {}
        element = field.alias or name
        value = resource.get(element)
        codes = facts.get("enum_values")
        if codes and isinstance(value, str) and value not in codes:
            raise FhirError(
                422,
                "code-invalid",
                f"{resource_type}.{element}: {value!r} is none of {', '.join(codes)}.",
                f"{resource_type}.{element}",
            )
        targets = facts.get("enum_reference_types")
        for reference in value if isinstance(value, list) else [value]:
            text = reference.get("reference", "") if isinstance(reference, dict) else ""
            target = text.partition("/")[0] if re.match(r"[A-Z][A-Za-z]+/", text) else None
            if targets and target and target not in targets and "Resource" not in targets:
                raise FhirError(
                    422,
                    "invalid",
                    f"{resource_type}.{element}: a {target} may not stand here, only {', '.join(targets)}.",
                    f"{resource_type}.{element}",
                )
