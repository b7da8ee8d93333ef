"""The metadata of one image, without its bytes. Each service extends the value that it receives.

    ReceivedImage   API, FTP   id, time, description and checksum of the upload
    CaptionedImage  captioner  dimensions, method and damage
    StoredImage     archiver   path, size and checksum of the file (`captiond/archive/records.py`)

A field travels as one queue header, is stored in one column and is listed as one JSON field. To add one:

1. Declare it here, with a default for messages of older versions, which lack its header.
2. Declare the column of that name in `captiond/archive/sql/rows.py`, and add a migration.
3. Declare the JSON field of that name in `ListedImage` (`captiond/services/api/bodies/images.py`).

Then set it where the value is created. Three modules queue a `ReceivedImage`: `services/api/uploads.py`,
`services/api/ingest/archiving.py` and `services/ftp/receiver.py`, which calls `services/ftp/fields.py`. Three others
only fill a caption template with one: `services/api/preview/request.py`, `watch/fields.py` and `cli/caption.py`.
`services/captioner/handler.py` creates a `CaptionedImage`. `tests/unit/test_image.py` fails while class, column and
JSON field disagree.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from types import NoneType
from typing import Literal, NamedTuple, TypeAlias, TypeVar, cast, get_args
from uuid import NAMESPACE_URL, UUID, uuid5

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_DESCRIPTION_CHARACTERS = 200  # Unicode code points
MAX_CAMERA_CHARACTERS = 64
MAX_LABELS = 16
MAX_LABEL_CHARACTERS = 200
LABEL_NAME = re.compile("[a-z][a-z0-9_]{0,31}")
YEARS = range(1900, 9999)
"""The years of a time of capture, in UTC. The days around them exist in every time zone."""
YEAR_RULE = f"its year must be from {YEARS[0]} to {YEARS[-1]} in UTC"
UNCHECKED = "unchecked"
"""The damage of a photo whose compressed data were not checked."""

# Changing this namespace would give a repeated Idempotency-Key another id.
KEY_NAMESPACE = uuid5(NAMESPACE_URL, "captiond:idempotency-key")


class Labels(dict[str, str]):
    """Values of labels by name. Hashable, because nobody changes it."""

    def __hash__(self) -> int:  # type: ignore[override] # a dict has none
        return hash(frozenset(self.items()))


NO_LABELS = Labels()
Method: TypeAlias = Literal["lossless", "reencoded"]


# Without slots, so that `CaptionedImage(**vars(received), width=…)` copies every field.
@dataclass(frozen=True, kw_only=True)
class ReceivedImage:
    """Metadata of an accepted upload; `upload_sha256` holds the 32 bytes of its SHA-256.

    The client may state the time of capture, the name of the camera, and labels.
    """

    id: UUID
    received_at: datetime
    description: str
    upload_sha256: bytes = field(metadata={"header": "sha256"})
    captured_at: datetime | None = None
    camera: str | None = None
    labels: Labels = NO_LABELS


@dataclass(frozen=True, kw_only=True)
class CaptionedImage(ReceivedImage):
    """Metadata of a captioned upload. `width` and `height` are pixels and include the strip.

    `reencode_reason` is the reason why the photo was re-encoded; None if the caption was added losslessly.
    `damage` is the first fault in the compressed data of the photo; None if it is intact, UNCHECKED if unchecked.
    `caption` is the text in the strip; None if that is the description.
    """

    upload_sha256: bytes  # declared again, because its header in queue `captioned` has another name
    width: int
    height: int
    # The header has the name of earlier releases, which queues, databases and clients hold.
    reencode_reason: str | None = field(default=None, metadata={"header": "redraw_reason"})
    # The default is that of messages of earlier versions, which checked nothing.
    damage: str | None = UNCHECKED
    caption: str | None = None

    @property
    def method(self) -> Method:
        """How the caption was added."""
        return "lossless" if self.reencode_reason is None else "reencoded"

    @property
    def is_damaged(self) -> bool:
        """Whether a fault was found in the compressed data."""
        return self.damage not in {None, UNCHECKED}


AnyImage = TypeVar("AnyImage", bound=ReceivedImage)


def id_of_key(key: str) -> UUID:
    """Return the id of the image that was uploaded with an Idempotency-Key: a UUIDv5 (RFC 9562)."""
    return uuid5(KEY_NAMESPACE, key)


def encode_headers(image: ReceivedImage) -> dict[str, bytes]:
    """Encode every field but the id as a queue header. A field that has its default value gets none."""
    headers = {}
    for name, header, default, codec in _header_fields(type(image)):
        value = getattr(image, name)
        if value != default:
            headers[header] = codec.encode(value)
    return headers


def decode_headers(kind: type[AnyImage], image_id: UUID, headers: Mapping[str, bytes]) -> AnyImage:
    """Decode what `encode_headers` wrote. Raises KeyError (missing header), ValueError or OverflowError."""
    values = {
        name: codec.decode(headers[header])
        for name, header, default, codec in _header_fields(kind)
        if header in headers or default is MISSING
    }
    return cast("Callable[..., AnyImage]", kind)(id=image_id, **values)


def to_microseconds(time: datetime) -> bytes:
    """Encode a time as decimal microseconds since 1970, without loss."""
    return b"%d" % ((time - EPOCH) // timedelta(microseconds=1))


def from_microseconds(text: bytes) -> datetime:
    """Decode what `to_microseconds` wrote. Raises ValueError, OverflowError."""
    return EPOCH + timedelta(microseconds=int(text))


def is_capture_time(time: datetime) -> bool:
    """Return whether the year of a time with offset is one of YEARS in UTC."""
    try:
        return time.astimezone(UTC).year in YEARS
    except OverflowError:
        return False


def to_zone(time: datetime, zone: tzinfo) -> datetime:
    """Convert to a time zone. A time outside the years 1 to 9999 of the zone stays in UTC; old rows may have one."""
    try:
        return time.astimezone(zone)
    except OverflowError:
        return time.astimezone(UTC)


class _Codec(NamedTuple):
    encode: Callable[..., bytes]
    decode: Callable[[bytes], object]


_CODECS: dict[type, _Codec] = {
    str: _Codec(str.encode, bytes.decode),
    bytes: _Codec(bytes, bytes),
    int: _Codec(b"%d".__mod__, int),
    bool: _Codec(b"%d".__mod__, lambda text: text != b"0"),
    datetime: _Codec(to_microseconds, from_microseconds),
    Labels: _Codec(lambda labels: json.dumps(labels).encode(), lambda text: Labels(json.loads(text))),
}


class _HeaderField(NamedTuple):
    name: str
    header: str
    default: object
    codec: _Codec


def _header_fields(kind: type[ReceivedImage]) -> tuple[_HeaderField, ...]:
    return _describe_fields(kind)  # type: ignore[arg-type] # mypy takes the hash of its instances for that of a class


@cache
def _describe_fields(kind: type[ReceivedImage]) -> tuple[_HeaderField, ...]:
    return tuple(
        _HeaderField(spec.name, spec.metadata.get("header", spec.name), spec.default, _find_codec(spec))
        for spec in fields(kind)
        if spec.name != "id"
    )


def _find_codec(spec: "Field[object]") -> _Codec:
    """Find the codec of a field's type, or of the type beside None in a union."""
    kinds = set(get_args(spec.type) or (spec.type,))
    [kind] = kinds - {NoneType}
    codec = _CODECS[kind]
    if NoneType not in kinds or spec.default is None:
        return codec
    # A missing header stands for the default, so an empty one stands for None.
    return _Codec(
        lambda value: b"" if value is None else codec.encode(value), lambda text: codec.decode(text) if text else None
    )
