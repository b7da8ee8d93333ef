"""What pages of the list are asked by: times, and the cursor, which is where a page ended as text that fits a URL."""

import re
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from captiond.archive import StoredImage
from captiond.image import from_microseconds, to_microseconds


def parse_cursor(text: str) -> tuple[datetime, UUID]:
    """Read a cursor. Raises ValueError."""
    at, _, image_id = text.partition("_")
    try:
        return from_microseconds(at.encode()), UUID(image_id)
    except (ValueError, OverflowError) as error:
        raise ValueError("is no cursor; take it from the Link header of the page before") from error


def write_cursor(last: StoredImage) -> str:
    """Write the cursor of the page that ended with this image."""
    received_at, image_id = last.cursor
    return f"{to_microseconds(received_at).decode()}_{image_id}"


def _readable(text: str) -> str:
    parse_cursor(text)
    return text


CURSOR_PATTERN = "^[0-9]{1,17}_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
CursorText = Annotated[
    str, AfterValidator(_readable), Field(max_length=80, json_schema_extra={"pattern": CURSOR_PATTERN})
]


def _utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is outside the years 1 to 9999 in UTC") from error


DATE_FIRST = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]")


def _not_a_number(text: str) -> str:
    if not DATE_FIRST.match(text):
        raise ValueError("must be a time with its zone, such as 2026-11-23T22:31:00Z")
    return text


# Pydantic would take a number for seconds since 1970.
Instant = Annotated[AwareDatetime, BeforeValidator(_not_a_number), AfterValidator(_utc)]
