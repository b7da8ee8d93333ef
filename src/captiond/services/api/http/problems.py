"""Converts every error into an `application/problem+json` response (RFC 9457)."""

import logging
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from captiond.archive import ArchiveUnavailable, FileAltered, RecordAltered, SchemaMismatch, SearchBusy, SearchTimeout
from captiond.services.api.http.problem_types import (
    FILE_ALTERED,
    INTERNAL,
    INVALID_REQUEST,
    KEY_REUSED,
    QUEUE_FULL,
    RECORD_ALTERED,
    SEARCH_BUSY,
    SEARCH_TIMEOUT,
    UNAVAILABLE,
    ProblemType,
)
from captiond.services.api.http.rejections import find_rejection
from captiond.workqueue.errors import IdConflict, NotReplicated, QueueFull, QueueUnavailable, UnsafeServer

MEDIA_TYPE = "application/problem+json"
# The rest of a rejected body is not read, so the connection cannot be reused.
CLOSE = {"Connection": "close"}
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")

logger = logging.getLogger(__name__)


class FieldError(BaseModel):
    """An invalid form field, header or parameter."""

    field: str
    detail: str


class ProblemBody(BaseModel):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] | None = Field(default=None, description="every invalid field of the request")


class Problem(Exception):
    """Ends a request with a problem document. `logged` is false if the log has its cause already."""

    def __init__(
        self,
        problem_type: ProblemType,
        detail: str,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{problem_type.name}: {detail}")
        self.type = problem_type
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})
        self.logged = True

    @classmethod
    def invalid(cls, errors: Sequence[FieldError]) -> "Problem":
        """Report all invalid fields together."""
        return cls(INVALID_REQUEST, "; ".join(f"{error.field}: {error.detail}" for error in errors), errors)

    def response(self) -> JSONResponse:
        headers = dict(self.headers)
        if self.type.retry:
            headers.setdefault("Retry-After", str(1 + secrets.randbelow(5)))  # jitter
        body = ProblemBody(
            type=self.type.urn,
            title=self.type.title,
            status=self.type.status,
            detail=self.detail,
            errors=list(self.errors) or None,
        )
        return JSONResponse(body.model_dump(exclude_none=True), self.type.status, headers, MEDIA_TYPE)


def problem_responses(*types: ProblemType) -> dict[int | str, dict[str, Any]]:
    """Describe problems for OpenAPI, with an example of each."""
    responses: dict[int | str, dict[str, Any]] = {}
    for type_ in types:
        response = responses.setdefault(
            type_.status.value, {"model": ProblemBody, "description": "", "content": {MEDIA_TYPE: {"examples": {}}}}
        )
        response["description"] += ("; " if response["description"] else "") + type_.title
        if type_.retry:
            response["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}
        body = ProblemBody(type=type_.urn, title=type_.title, status=type_.status, detail=type_.example)
        response["content"][MEDIA_TYPE]["examples"][type_.name] = {"value": body.model_dump(exclude_none=True)}
    return responses


def install(app: FastAPI) -> None:
    """Return a problem document for every error of the app, and describe it in OpenAPI."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        for operation in (operation for path in document["paths"].values() for operation in path.values()):
            _move_schemas(operation["responses"].values())
            operation["responses"] = dict(sorted(operation["responses"].items()))
        return document

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI documents this way to extend the document
    for error_class in PROBLEMS:
        app.add_exception_handler(error_class, _respond)


def _move_schemas(responses: Iterable[dict[str, Any]]) -> None:
    """Move each problem's schema to its media type. FastAPI puts it under the media type of the success response."""
    for response in responses:
        if problem := response.get("content", {}).get(MEDIA_TYPE):
            misplaced = [content for content in response["content"].values() if content is not problem]
            for content in misplaced:
                problem.update(content)
            response["content"] = {MEDIA_TYPE: problem}


async def _respond(request: Request, error: Exception) -> JSONResponse:
    problem = next(PROBLEMS[kind](error) for kind in type(error).__mro__ if kind in PROBLEMS)
    if problem.type.status == HTTPStatus.METHOD_NOT_ALLOWED:
        problem.headers["Allow"] = ", ".join(_allowed_methods(request))
    # As sent, because a decoded path may contain control characters.
    path = request.scope["raw_path"].decode("ascii", "backslashreplace")
    is_internal = problem.type is INTERNAL
    if is_internal:
        # Starlette raises the error again, and uvicorn logs it with its traceback and notes.
        error.add_note(f"while handling {request.method} {path}")
    if rejection := find_rejection(request, problem.type.name, _describe(problem, error)):
        request.app.state.context.rejections.add(rejection)
    elif problem.type.status >= HTTPStatus.INTERNAL_SERVER_ERROR and problem.logged and not is_internal:
        logger.error(
            "request failed method=%s path=%s status=%d: %s",
            request.method,
            path,
            problem.type.status,
            error,
        )
    return problem.response()


def _describe(problem: Problem, error: Exception) -> str:
    """Return the detail for the log, which may name hosts and paths. An internal error is logged elsewhere."""
    has_cause = problem.type.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, Problem)
    return str(error) if has_cause else problem.detail


def _allowed_methods(request: Request) -> list[str]:
    """Return the methods that any route allows on this path. Starlette names those of the first matching route only."""
    return [
        method
        for method in METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in request.app.routes)
    ]


def _field_error(entry: Mapping[str, Any]) -> FieldError:
    return FieldError(
        field=".".join(str(part) for part in entry["loc"][1:]), detail=str(entry["msg"]).removeprefix("Value error, ")
    )


def _from_validation_error(error: RequestValidationError) -> Problem:
    return Problem.invalid([_field_error(entry) for entry in error.errors()])


def _from_http_exception(error: HTTPException) -> Problem:
    status = HTTPStatus(error.status_code)
    problem_type = ProblemType(status.phrase.lower().replace(" ", "-"), status, status.phrase, "")
    return Problem(problem_type, str(error.detail), headers=error.headers)


# The problem of each error class, unless a subclass has its own. The details are fixed, because the texts of the errors
# contain hosts, paths and messages of drivers. The log has those texts.
PROBLEMS: dict[type[Exception], Callable[..., Problem]] = {
    Problem: lambda problem: problem,
    RequestValidationError: _from_validation_error,
    HTTPException: _from_http_exception,
    IdConflict: lambda _: Problem(KEY_REUSED, KEY_REUSED.example),
    QueueFull: lambda _: Problem(QUEUE_FULL, QUEUE_FULL.example),
    QueueUnavailable: lambda _: Problem(UNAVAILABLE, UNAVAILABLE.example),
    UnsafeServer: lambda _: Problem(
        UNAVAILABLE, "Redis does not meet the durability requirements; the operator can run `captiond doctor`."
    ),
    NotReplicated: lambda _: Problem(
        UNAVAILABLE, "Too few Redis replicas confirmed the upload; repeat the request unchanged."
    ),
    ArchiveUnavailable: lambda _: Problem(UNAVAILABLE, "The archive is unavailable."),
    SchemaMismatch: lambda _: Problem(
        UNAVAILABLE, "The database schema does not match this version; the operator can run `captiond doctor`."
    ),
    SearchBusy: lambda _: Problem(SEARCH_BUSY, SEARCH_BUSY.example),
    SearchTimeout: lambda _: Problem(SEARCH_TIMEOUT, SEARCH_TIMEOUT.example),
    RecordAltered: lambda _: Problem(RECORD_ALTERED, RECORD_ALTERED.example),
    FileAltered: lambda _: Problem(FILE_ALTERED, FILE_ALTERED.example),
    Exception: lambda _: Problem(INTERNAL, INTERNAL.example),
}
