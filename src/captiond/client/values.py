"""The values that the client returns. Their fields have the names of the HTTP API; unknown fields are ignored."""

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from datetime import datetime
from typing import ClassVar, Protocol, TypeVar, cast

from captiond.client.errors import UnexpectedResponse
from captiond.times import rfc3339

# Statuses that do not change by themselves.
FINAL = frozenset({"stored", "failed", "deleted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """An accepted upload. `received_at` is the time of the first request with this id."""

    id: str
    received_at: datetime
    status: str
    description: str = ""
    captured_at: datetime | None = None
    camera: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    receipt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The status of an image: `queued`, `captioned`, `stored`, `failed` or `deleted`. A failed image has an error."""

    id: str
    status: str
    error: str | None = None

    @property
    def reason(self) -> str | None:
        """Why the image failed: its `error`."""
        return self.error

    @property
    def is_final(self) -> bool:
        """Whether the pipeline has processed the image."""
        return self.status in FINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An archived image. `width` and `height` (pixels), `bytes` and `sha256` (hex) describe the captioned JPEG."""

    id: str
    received_at: datetime
    stored_at: datetime
    description: str
    width: int
    height: int
    bytes: int
    sha256: str
    upload_sha256: str
    method: str
    reencode_reason: str | None = None
    damage: str | None = None
    caption: str | None = None
    captured_at: datetime | None = None
    camera: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A status change. `event_id` is the value of `last_event_id` with which `events` resumes after it.

    Resuming may repeat the last changes, and misses none: several changes at once may share an id.
    """

    event_id: str
    id: str
    status: str
    captured_at: datetime | None = None
    camera: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that could not be processed. `queue` and `entry` identify it; `id` is that of the image.

    Only `dead_letter` returns `traceback` and `fields`.
    """

    queue: str
    entry: str
    rejected_at: datetime
    error: str
    id: str | None = None
    deliveries: int = 0
    bytes: int = 0
    description: str | None = None
    camera: str | None = None
    traceback: str | None = None
    offloaded_bytes: int = 0
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterChanges:
    """How many dead letters were changed, no longer existed, or could not be changed. `error` is of the first such."""

    changed: int = 0
    missing: int = 0
    failed: int = 0
    error: str | None = None


class _Value(Protocol):
    """A dataclass of this module."""

    __dataclass_fields__: ClassVar[dict[str, Field[object]]]


T = TypeVar("T", bound="_Value")

_TIMES = {field.name for kind in (Accepted, Image, Event, DeadLetter) for field in fields(kind) if "_at" in field.name}


def parse_value(kind: type[T], document: object) -> T:
    """Make a value from a JSON object. Null means absent. Raises UnexpectedResponse."""
    try:
        given = cast("Mapping[str, object]", document)
        values = {name: _parse(name, given[name]) for name in kind.__dataclass_fields__ if given.get(name) is not None}
        return kind(**values)
    except (AttributeError, TypeError, ValueError) as error:
        raise UnexpectedResponse(f"the response has no {kind.__name__}: {error}") from error


def _parse(name: str, value: object) -> object:
    return datetime.fromisoformat(cast("str", value)) if name in _TIMES else value


def to_document(value: _Value) -> dict[str, object]:
    """Return the JSON object of a value, with the names and formats of the HTTP API."""
    names = value.__dataclass_fields__
    return {name: _format(cast("object", getattr(value, name))) for name in names}


def _format(value: object) -> object:
    if isinstance(value, datetime):
        return rfc3339(value)
    return dict(value) if isinstance(value, Mapping) else value
