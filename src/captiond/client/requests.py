"""Requests of the API: uploads, filters and their defaults."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, TypeAlias, TypedDict

from captiond.client.errors import InvalidValue

Source: TypeAlias = Path | bytes | BinaryIO
Time: TypeAlias = datetime | str
Parameters: TypeAlias = Sequence[tuple[str, str]]

IMAGES = "/api/images"


class Filters(TypedDict, total=False):
    """The filters of `GET /api/images`; an image must match all. A time is RFC 3339 or an aware datetime."""

    search: str | None  # text in the description
    received_from: Time | None
    received_to: Time | None
    captured_from: Time | None
    captured_to: Time | None
    camera: str | None
    labels: Mapping[str, str] | None
    damaged: bool | None
    reencoded: bool | None


# Where the API has another name.
_FILTER_NAMES = {"search": "q", "received_from": "from", "received_to": "to"}


@dataclass(frozen=True, slots=True)
class Request:
    """A request. `path` is below the URL of the server. `max_seconds` may shorten the timeout of the client."""

    method: str
    path: str
    parameters: Parameters = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    json: object = None
    data: Mapping[str, str] | None = None
    jpeg: bytes | None = field(default=None, repr=False)
    max_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """The optional fields of an upload. Without `idempotency_key`, the key is the digest of content and fields."""

    description: str
    captured_at: Time | None = None
    camera: str | None = None
    labels: Mapping[str, str] | None = None
    idempotency_key: str | None = None

    def to_request(self, jpeg: bytes) -> Request:
        """Return the request. Raises ValueError for a time without offset."""
        optional = {
            "captured_at": None if self.captured_at is None else format_time(self.captured_at),
            "camera": self.camera,
            "labels": json.dumps(dict(self.labels), ensure_ascii=False, sort_keys=True) if self.labels else None,
        }
        form = {"description": self.description, **{name: text for name, text in optional.items() if text}}
        key = self.idempotency_key or make_key(jpeg, form)
        return Request("POST", IMAGES, headers={"Idempotency-Key": key}, data=form, jpeg=jpeg)


def check_text(name: str, text: str) -> str:
    """Return a text that can be sent. Raises InvalidValue, such as for an argument of bytes that are not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidValue(f"{name}: {text!r} is not Unicode text; use UTF-8") from error
    return text


def make_key(jpeg: bytes, form: Mapping[str, str]) -> str:
    """Return the same Idempotency-Key for the same content and fields."""
    fields = json.dumps(dict(form), sort_keys=True).encode()
    return f"client-{sha256(sha256(jpeg).digest() + fields).hexdigest()}"


def read_source(source: Source) -> bytes:
    """Read a source as a whole. Raises OSError."""
    if isinstance(source, bytes):
        return source
    return source.read_bytes() if isinstance(source, Path) else source.read()


def format_time(time: Time) -> str:
    """Return a time in RFC 3339 format. Raises ValueError for a datetime without offset."""
    if isinstance(time, str):
        return time
    if time.utcoffset() is None:
        raise ValueError(f"the time {time.isoformat()} has no offset from UTC; use for example datetime.now(UTC)")
    return time.isoformat()


def make_parameters(filters: Filters) -> list[tuple[str, str]]:
    """Return the query parameters of filters. Raises ValueError for a time without offset."""
    return list(_parameters(filters))


def _parameters(filters: Filters) -> Iterator[tuple[str, str]]:
    for name, value in filters.items():
        if isinstance(value, Mapping):
            yield from (("label", f"{label}:{text}") for label, text in value.items())
        elif isinstance(value, bool):
            yield name, str(value).lower()
        elif isinstance(value, str | datetime):
            yield _FILTER_NAMES.get(name, name), format_time(value)
