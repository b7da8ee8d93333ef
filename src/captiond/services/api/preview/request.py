"""Reads and describes the body of a preview."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from starlette.requests import Request

from captiond.image import ReceivedImage
from captiond.imaging import MAX_SIDE_PX
from captiond.services.api.http.json_body import parse_json, read_body
from captiond.services.api.http.problem_types import MALFORMED_BODY
from captiond.services.api.http.problems import CLOSE, FieldError, Problem
from captiond.services.api.upload.fields import parse_fields
from captiond.services.api.upload.formats import JSON
from captiond.services.api.upload.multipart import parse_parameters
from captiond.services.api.upload.schema import FIELD_SCHEMAS

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
    values = parse_json(await read_body(request))
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
