"""Query parameters of the list: times, and the cursor, which encodes the last image of a page."""

import re
from datetime import UTC, datetime
from typing import Annotated
from unicodedata import normalize
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field
from starlette.datastructures import URL

from captiond.archive.records import Cursor
from captiond.image import MAX_CAMERA_CHARACTERS, from_microseconds, to_microseconds
from captiond.names import normalize_name


def parse_cursor(text: str) -> Cursor:
    """Decode a cursor. Raises ValueError."""
    time, _, image_id = text.partition("_")
    try:
        return from_microseconds(time.encode()), UUID(image_id)
    except (ValueError, OverflowError) as error:
        raise ValueError("is not a cursor; use the value from the Link header of the previous page") from error


def write_cursor(cursor: Cursor) -> str:
    """Encode a cursor."""
    time, image_id = cursor
    return f"{to_microseconds(time).decode()}_{image_id}"


def make_link(url: URL, cursor: Cursor) -> dict[str, str]:
    """Return the header with the URL of the page after a cursor (RFC 8288)."""
    following = url.include_query_params(before=write_cursor(cursor))
    return {"Link": f'<{following.path}?{following.query}>; rel="next"'}


def _check_cursor(text: str) -> str:
    parse_cursor(text)
    return text


CURSOR_PATTERN = "^-?[0-9]{1,17}_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
CursorText = Annotated[
    str, AfterValidator(_check_cursor), Field(max_length=80, json_schema_extra={"pattern": CURSOR_PATTERN})
]


def _to_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is outside the years 1 to 9999 in UTC") from error


DATE_PREFIX = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]")


def _require_date(text: object) -> object:
    """Reject numbers, which Pydantic reads as seconds since 1970."""
    if not isinstance(text, str) or not DATE_PREFIX.match(text):
        raise ValueError("must be a time with an offset, such as 2026-11-23T22:31:00Z")
    return text


Instant = Annotated[AwareDatetime, BeforeValidator(_require_date), AfterValidator(_to_utc)]


def _compose(text: object) -> object:
    """Convert to NFC, as stored labels are."""
    return normalize("NFC", text) if isinstance(text, str) else text


def normalize_if_text(value: object) -> object:
    """Normalise a name before its length is checked."""
    return normalize_name(value) if isinstance(value, str) else value


CameraName = Annotated[str, Field(max_length=MAX_CAMERA_CHARACTERS), BeforeValidator(normalize_if_text)]

LabelText = Annotated[str, Field(max_length=240, pattern="^[a-z][a-z0-9_]{0,31}:"), BeforeValidator(_compose)]


def parse_label(text: str) -> tuple[str, str]:
    """Split `NAME:VALUE`."""
    name, _, value = text.partition(":")
    return name, value
