"""Reads and describes the body of a preview."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from starlette.requests import ClientDisconnect, Request

from captiond.image import ReceivedImage
from captiond.imaging import MAX_SIDE_PX
from captiond.services.api.http.multipart import parse_parameters
from captiond.services.api.http.problem_types import INCOMPLETE_BODY, MALFORMED_BODY, TOO_LARGE
from captiond.services.api.http.problems import FieldError, Problem
from captiond.services.api.http.upload_body import CLOSE
from captiond.services.api.http.upload_fields import parse_fields
from captiond.services.api.http.upload_formats import JSON
from captiond.services.api.http.upload_schema import FIELD_SCHEMAS

# Twice the longest fields with every character escaped in JSON.
MAX_BODY_BYTES = 128 << 10
# The id of an image is unknown before its upload. Constant, so that the same request gives the same picture.
SAMPLE_ID = UUID("019ac000-0000-7000-8000-000000000000")
WIDTH = "width"


@dataclass(frozen=True, slots=True)
class PreviewRequest:
    """The image as its upload would create it, and the width in pixels at which viewers show it."""

    image: ReceivedImage
    width_px: int


async def read_preview(request: Request) -> PreviewRequest:
    """Read and validate the body. Raises Problem."""
    media_type, _ = parse_parameters(request.headers.get("content-type", ""))
    if media_type != JSON:
        raise Problem(MALFORMED_BODY, f"The Content-Type is {media_type[:64]!r}; send {JSON}.", headers=CLOSE)
    try:
        values = json.loads(await _read_body(request))
    except (ValueError, RecursionError) as error:
        raise Problem(MALFORMED_BODY, "The body is not valid JSON.") from error
    if not isinstance(values, dict):
        raise Problem(MALFORMED_BODY, f"The JSON body must be an object with `description` and `{WIDTH}`.")
    errors: list[FieldError] = []
    width_px = _parse_width(values.get(WIDTH), errors)
    fields = parse_fields(values, errors)
    if errors:
        raise Problem.invalid(errors)
    image = ReceivedImage(
        id=SAMPLE_ID,
        received_at=datetime.now(UTC),
        description=fields.description,
        upload_sha256=b"",
        captured_at=fields.captured_at,
        camera=fields.camera,
        labels=fields.labels,
    )
    return PreviewRequest(image, width_px)


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise Problem(TOO_LARGE, f"The body exceeds the limit of {MAX_BODY_BYTES} bytes.", headers=CLOSE)
    except ClientDisconnect as error:
        raise Problem(INCOMPLETE_BODY, INCOMPLETE_BODY.example) from error
    return bytes(body)


def _parse_width(value: object, errors: list[FieldError]) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_SIDE_PX:
        return value
    fault = "is missing" if value is None else f"must be an integer from 1 to {MAX_SIDE_PX}"
    errors.append(FieldError(field=WIDTH, detail=fault))
    return 1


_WIDTH_SCHEMA = {
    "type": "integer",
    "minimum": 1,
    "maximum": MAX_SIDE_PX,
    "description": "width of the photo in pixels as viewers show it, after its Exif orientation",
    "example": 640,
}
_PROPERTIES: dict[str, dict[str, Any]] = {**FIELD_SCHEMAS, WIDTH: _WIDTH_SCHEMA}
PREVIEW_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        JSON: {
            "schema": {"type": "object", "required": ["description", WIDTH], "properties": _PROPERTIES},
            "example": {name: schema["example"] for name, schema in _PROPERTIES.items()},
        }
    },
}
