"""Every error as application/problem+json (RFC 9457): the only table from what went wrong to a status."""

import logging
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from captiond.archive import ArchiveUnavailable
from captiond.workqueue.errors import IdConflict, QueueFull, QueueUnavailable

MEDIA_TYPE = "application/problem+json"
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem; `name` is the stable part of its type."""

    name: str
    status: HTTPStatus
    title: str
    example: str
    retry: bool = False

    @property
    def type(self) -> str:
        return f"urn:captiond:problem:{self.name}"


NOT_MULTIPART = Kind(
    "not-multipart",
    HTTPStatus.BAD_REQUEST,
    "The body is no multipart form",
    "Send multipart/form-data with the parts `image` and `description`.",
)
DIGEST_MISMATCH = Kind(
    "digest-mismatch",
    HTTPStatus.BAD_REQUEST,
    "The body does not match its digest",
    "The body does not match its content-digest.",
)
TOO_LARGE = Kind(
    "too-large",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "The image is too large",
    "An image may have 10485760 bytes at most.",
)
NOT_A_JPEG = Kind(
    "not-a-jpeg",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "The file is no JPEG",
    "The part `image` begins with 89 50 4e, a JPEG begins with ff d8 ff.",
)
INVALID_REQUEST = Kind(
    "invalid-request", HTTPStatus.UNPROCESSABLE_ENTITY, "The request is invalid", "description: must not be blank"
)
KEY_REUSED = Kind(
    "idempotency-key-reused",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "The Idempotency-Key belongs to another upload",
    "The same key came with another image or description before; send a new key.",
)
UNKNOWN_IMAGE = Kind("unknown-image", HTTPStatus.NOT_FOUND, "No such image", "No image with this id was accepted.")
IN_FLIGHT = Kind(
    "image-in-flight", HTTPStatus.NOT_FOUND, "The image is not stored yet", "It is queued; ask again soon.", retry=True
)
IMAGE_FAILED = Kind(
    "image-failed",
    HTTPStatus.NOT_FOUND,
    "The image could not be captioned or stored",
    "BadImage: image file is truncated",
)
ORIGINAL_GONE = Kind(
    "original-gone",
    HTTPStatus.NOT_FOUND,
    "The upload cannot be had back",
    "The photo was encoded anew (progressive), and its upload was not kept.",
)
FILE_MISSING = Kind(
    "file-missing",
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "The archive has lost the file",
    "Its row is there, its file is not; run `captiond verify`.",
)
QUEUE_FULL = Kind(
    "queue-full", HTTPStatus.SERVICE_UNAVAILABLE, "Too many images are waiting", "Try again later.", retry=True
)
UNAVAILABLE = Kind(
    "unavailable",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "A part of the service is away",
    "Redis is not available: connection refused",
    retry=True,
)
INTERNAL = Kind(
    "internal-error", HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong here", "The log says what happened."
)


class FieldError(BaseModel):
    """One wrong field or parameter."""

    field: str
    detail: str


class ProblemBody(BaseModel):
    """Problem details, RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] | None = Field(default=None, description="each wrong field of an invalid request")


class Problem(Exception):
    """Ends a request with a problem document."""

    def __init__(
        self, kind: Kind, detail: str, errors: Sequence[FieldError] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{kind.name}: {detail}")
        self.kind = kind
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})

    @classmethod
    def invalid(cls, errors: Sequence[FieldError]) -> "Problem":
        """Say every wrong field at once."""
        return cls(INVALID_REQUEST, "; ".join(f"{error.field}: {error.detail}" for error in errors), errors)

    def response(self) -> JSONResponse:
        headers = dict(self.headers)
        if self.kind.retry:
            headers.setdefault("Retry-After", str(1 + secrets.randbelow(5)))  # jitter: refused clients come back apart
        body = ProblemBody(
            type=self.kind.type,
            title=self.kind.title,
            status=self.kind.status,
            detail=self.detail,
            errors=list(self.errors) or None,
        )
        return JSONResponse(body.model_dump(exclude_none=True), self.kind.status, headers, MEDIA_TYPE)


def documented(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """Describe problems for OpenAPI, an example each."""
    responses: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        response = responses.setdefault(
            kind.status.value, {"model": ProblemBody, "description": "", "content": {MEDIA_TYPE: {"examples": {}}}}
        )
        response["description"] += ("; " if response["description"] else "") + kind.title
        if kind.retry:
            response["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}
        body = ProblemBody(type=kind.type, title=kind.title, status=kind.status, detail=kind.example)
        response["content"][MEDIA_TYPE]["examples"][kind.name] = {"value": body.model_dump(exclude_none=True)}
    return responses


def install(app: FastAPI) -> None:
    """Answer every error of the app with a problem document, and describe it so."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        for operation in (operation for path in document["paths"].values() for operation in path.values()):
            _move_schemas(operation["responses"].values())
        return document

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's own way to extend the document
    app.add_exception_handler(Problem, _answer)
    for error_class in (
        RequestValidationError,
        HTTPException,
        IdConflict,
        QueueFull,
        QueueUnavailable,
        ArchiveUnavailable,
        Exception,
    ):
        app.add_exception_handler(error_class, _answer)


def _move_schemas(responses: Iterable[dict[str, Any]]) -> None:
    """Put each problem's schema where it belongs: FastAPI writes it under the media type of the route's success."""
    for response in responses:
        if problem := response.get("content", {}).get(MEDIA_TYPE):
            misplaced = [content for content in response["content"].values() if content is not problem]
            for content in misplaced:
                problem.update(content)
            response["content"] = {MEDIA_TYPE: problem}


async def _answer(request: Request, error: Exception) -> JSONResponse:
    problem = _problem_of(error)
    if problem.kind.status == HTTPStatus.METHOD_NOT_ALLOWED:
        problem.headers["Allow"] = ", ".join(_allowed_methods(request))
    if problem.kind.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        unforeseen = error if problem.kind is INTERNAL else None
        logger.error("%s %s: %s", request.method, request.url.path, problem, exc_info=unforeseen)
    return problem.response()


def _problem_of(error: Exception) -> Problem:
    match error:
        case Problem():
            problem = error
        case RequestValidationError():
            problem = Problem.invalid([_field_error(fault) for fault in error.errors()])
        case HTTPException():
            status = HTTPStatus(error.status_code)
            kind = Kind(status.phrase.lower().replace(" ", "-"), status, status.phrase, "")
            problem = Problem(kind, str(error.detail), headers=error.headers)
        case IdConflict():
            problem = Problem(KEY_REUSED, KEY_REUSED.example)
        case QueueFull():
            problem = Problem(QUEUE_FULL, QUEUE_FULL.example)
        case QueueUnavailable() | ArchiveUnavailable():
            problem = Problem(UNAVAILABLE, str(error))
        case _:
            problem = Problem(INTERNAL, INTERNAL.example)
    return problem


def _allowed_methods(request: Request) -> list[str]:
    """Ask all routes; Starlette names the methods of the first with that path alone."""
    return [
        method
        for method in METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in request.app.routes)
    ]


def _field_error(fault: Mapping[str, Any]) -> FieldError:
    return FieldError(
        field=".".join(str(part) for part in fault["loc"][1:]), detail=str(fault["msg"]).removeprefix("Value error, ")
    )
