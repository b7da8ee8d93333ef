"""The values of the archive: records to store, stored images, and queries. No SQL and no file access."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import NamedTuple, TypeAlias, cast
from uuid import UUID

from captiond.image import CaptionedImage

Cursor: TypeAlias = tuple[datetime, UUID]
"""Time and `id` of the last image of a page. The list is ordered by this time."""

DESCRIPTION_LENGTH = 200  # code points, as in the HTTP contract
REENCODE_REASON_LENGTH = 200
DAMAGE_LENGTH = 200
CAPTION_LENGTH = 10_000  # far more than a template fills; MariaDB's TEXT holds 65,535 bytes
CAMERA_LENGTH = 64
LABEL_NAME_LENGTH = 32
LABEL_VALUE_LENGTH = 200
ACTOR_LENGTH = 255
REASON_LENGTH = 200
_Text: TypeAlias = tuple[str, str | None, int]  # name, text and the length of its column
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # PostgreSQL rejects U+0000, every database lone surrogates
_MAX_INTEGER = 2**31 - 1  # of a four-byte SQL INTEGER


@dataclass(frozen=True)
class Record:
    """A captioned image to store. `original` is the upload, if it is to be stored too."""

    image: CaptionedImage
    jpeg: bytes = field(repr=False)
    original: bytes | None = field(default=None, repr=False)

    @cached_property
    def path(self) -> str:
        """`YYYY/MM/DD/HHMM/<id>.jpg` in UTC. It depends on the message only, so that redelivery changes nothing."""
        return f"{self.image.received_at.astimezone(UTC):%Y/%m/%d/%H%M}/{self.image.id}.jpg"

    @cached_property
    def sha256(self) -> bytes:
        """The SHA-256 of the captioned JPEG."""
        return hashlib.sha256(self.jpeg).digest()

    @property
    def files(self) -> dict[str, bytes]:
        """The files to write, by path."""
        original = {} if self.original is None else {original_path(self.path): self.original}
        return {self.path: self.jpeg, **original}

    def rejection_reason(self) -> str | None:
        """The reason why this record cannot be stored, or None."""
        image = self.image
        if image.received_at.tzinfo is None:
            return "received_at has no time zone"
        texts = [("description", image.description, DESCRIPTION_LENGTH), ("caption", image.caption, CAPTION_LENGTH)]
        if reason := _find_unstorable([*texts, *_field_texts(image.camera, image.labels.items())]):
            return reason
        if not (0 < image.width <= _MAX_INTEGER and 0 < image.height <= _MAX_INTEGER):
            return f"{image.width} x {image.height} pixels are outside 1 to {_MAX_INTEGER}"
        if self.original is not None and hashlib.sha256(self.original).digest() != image.upload_sha256:
            return "the original does not match upload_sha256"
        return None

    def to_stored(self, stored_at: datetime) -> "StoredImage":
        """The row of this record."""
        reason, damage = self.image.reencode_reason, self.image.damage
        values = {
            **vars(self.image),
            "received_at": self.image.received_at.astimezone(UTC),
            "reencode_reason": reason and reason[:REENCODE_REASON_LENGTH],
            "damage": damage and damage[:DAMAGE_LENGTH],
        }
        return StoredImage(
            **values,
            stored_at=stored_at,
            path=self.path,
            size_bytes=len(self.jpeg),
            sha256=self.sha256,
            has_original=self.original is not None,
        )


@dataclass(frozen=True, kw_only=True)
class StoredImage(CaptionedImage):
    """An archived image. Every field is a column.

    `path` is relative to the images directory; `sha256` and `size_bytes` are those of the captioned JPEG. A `held`
    image cannot be deleted. No other field changes.
    """

    stored_at: datetime
    path: str
    size_bytes: int
    sha256: bytes
    has_original: bool
    held: bool = False

    @property
    def checksums(self) -> dict[str, bytes]:
        """The SHA-256 of each file of this image, by path."""
        original = {original_path(self.path): self.upload_sha256} if self.has_original else {}
        return {self.path: self.sha256, **original}


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Selects images with `since` <= `received_at` < `until`, older than `before`, whose description contains `text`.

    Matching ignores case. `damaged` selects damaged photos (True) or intact ones (False); unchecked photos match
    neither. `reencoded` selects photos that were re-encoded (True) or captioned losslessly (False). `labels` are pairs
    of name and value; an image must have all of them. `captured_since` <= `captured_at` < `captured_until` selects only
    images with a time of capture, and orders them by it. `ids`, if any, selects only these images, of at most some
    hundred.
    """

    limit: int
    before: Cursor | None = None
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    damaged: bool | None = None
    reencoded: bool | None = None
    camera: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    captured_since: datetime | None = None
    captured_until: datetime | None = None
    ids: tuple[UUID, ...] = ()

    @property
    def may_scan(self) -> bool:
        """Whether the database may have to read every row, because no index finds all matches in the list's order."""
        if self.ids:
            return False
        if self.text or self.damaged is False or self.reencoded is not None:
            return True
        has_camera = self.camera is not None
        filters = has_camera + len(self.labels) + (self.damaged is not None)
        if self.by_capture:  # its indexes contain no filter but the camera
            return filters > has_camera or self.since is not None or self.until is not None
        return filters > 1

    @property
    def can_match(self) -> bool:
        """Whether an image may match. Databases refuse texts that none can have, such as U+0000."""
        return (
            _find_unstorable([("text", self.text, DESCRIPTION_LENGTH), *_field_texts(self.camera, self.labels)]) is None
        )

    @property
    def by_capture(self) -> bool:
        """Whether the time of capture orders the list."""
        return self.captured_since is not None or self.captured_until is not None

    def cursor_after(self, last: StoredImage) -> Cursor:
        """The cursor of the page that ends with this image."""
        time = last.captured_at if self.by_capture else last.received_at
        return (cast("datetime", time), last.id)  # a list ordered by capture has only images with that time


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """What remains of a deleted image: times, checksums and size, and who deleted it when and why."""

    id: UUID
    received_at: datetime
    stored_at: datetime
    captured_at: datetime | None
    sha256: bytes
    upload_sha256: bytes
    size_bytes: int
    deleted_at: datetime
    deleted_by: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold: the image cannot be deleted until it is released."""

    image_id: UUID
    held_at: datetime
    held_by: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who deletes or holds images, and why. Raises ValueError for texts that cannot be stored."""

    name: str
    reason: str | None = None

    def __post_init__(self) -> None:
        for name, text, length in (("name", self.name, ACTOR_LENGTH), ("reason", self.reason, REASON_LENGTH)):
            if text is not None and (len(text) > length or _UNSTORABLE.search(text)):
                raise ValueError(f"the {name} exceeds {length} characters, or contains U+0000 or a lone surrogate")


@dataclass(frozen=True, slots=True)
class Expired:
    """Selects the images received before a cursor that have no hold.

    `camera` selects those of one camera; `except_cameras` excludes cameras.
    """

    before: Cursor
    camera: str | None = None
    except_cameras: tuple[str, ...] = ()

    def covers(self, image: "ExpiredImage") -> bool:
        """Whether it selects an image without a hold."""
        if self.camera is not None and image.camera != self.camera:
            return False
        return (image.received_at, image.id) < self.before and image.camera not in self.except_cameras


class ExpiredImage(NamedTuple):
    """An image that `Expired` selects. `size_bytes` includes the stored upload, counted as large as the image."""

    received_at: datetime
    id: UUID
    camera: str | None
    size_bytes: int


class PendingDeletion(NamedTuple):
    """A deleted image whose files may still exist."""

    image_id: UUID
    path: str
    sha256: bytes


class Neighbours(NamedTuple):
    """The ids of the images next to an image in a list; None at its ends."""

    newer: UUID | None
    older: UUID | None


def original_path(path: str) -> str:
    """The path of the stored upload, beside the captioned image."""
    return f"{path.removesuffix('.jpg')}.original.jpg"


def _field_texts(camera: str | None, labels: Iterable[tuple[str, str]]) -> Iterator[_Text]:
    yield "camera", camera, CAMERA_LENGTH
    for name, value in labels:
        yield f"label {name}", value, LABEL_VALUE_LENGTH
        yield f"label name {name}", name, LABEL_NAME_LENGTH


def _find_unstorable(texts: Iterable[_Text]) -> str | None:
    """Return which text no database can store, or None."""
    for name, text, length in texts:
        if text is not None and (len(text) > length or _UNSTORABLE.search(text)):
            return f"the {name} exceeds {length} characters, or contains U+0000 or a lone surrogate"
    return None


def fold(text: str) -> str:
    """Fold case and compose (NFC). Texts that differ in case only fold to the same text."""
    return unicodedata.normalize("NFC", text.casefold())
