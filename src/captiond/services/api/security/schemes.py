"""Describes access control in the OpenAPI document: the schemes, and the scopes of each operation."""

from typing import Any

from fastapi import FastAPI

from captiond.access import Scope
from captiond.services.api.http.problem_types import (
    MISSING_SCOPE,
    UNAUTHORIZED,
    UNAVAILABLE,
    WRONG_CAMERA,
    WRONG_NETWORK,
    ProblemType,
)
from captiond.services.api.http.problems import MEDIA_TYPE, problem_responses
from captiond.services.api.security.permissions import find_scopes

SCHEMES: dict[str, dict[str, str]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "an API key"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "an API key"},
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "an API key as the password; the user name is ignored",
    },
}
_PROBLEMS = (UNAUTHORIZED, MISSING_SCOPE, WRONG_NETWORK, UNAVAILABLE)


def install(app: FastAPI, *, is_required: bool) -> None:
    """Add the schemes to the document. Unless a key is required, the document allows requests without one."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        is_new = app.openapi_schema is None
        document = generate()
        if is_new:
            document.setdefault("components", {})["securitySchemes"] = SCHEMES
            for path, operations in document["paths"].items():
                for method, operation in operations.items():
                    _describe(method.upper(), path, operation, is_required=is_required)
        return document

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI documents this way to extend the document


def _describe(method: str, path: str, operation: dict[str, Any], *, is_required: bool) -> None:
    scopes = find_scopes(method, path)
    if scopes is None:
        operation["security"] = []
        return
    accepted = [[scope.value] for scope in sorted(scopes)] or [[]]
    operation["security"] = [] if is_required else [{}]
    operation["security"] += [{scheme: names} for names in accepted for scheme in SCHEMES]
    _add_problems(operation, (*_PROBLEMS, WRONG_CAMERA) if Scope.UPLOAD in scopes else _PROBLEMS)
    operation["responses"] = dict(sorted(operation["responses"].items()))


def _add_problems(operation: dict[str, Any], types: tuple[ProblemType, ...]) -> None:
    """Add problems to those that the operation has for the same status."""
    for type_ in types:
        [(status, described)] = problem_responses(type_).items()
        described["content"][MEDIA_TYPE]["schema"] = {"$ref": "#/components/schemas/ProblemBody"}
        del described["model"]
        present = operation["responses"].setdefault(str(status), described)
        examples = present["content"][MEDIA_TYPE]["examples"]
        if type_.name not in examples:
            present["description"] += f"; {type_.title}"
            examples.update(described["content"][MEDIA_TYPE]["examples"])
