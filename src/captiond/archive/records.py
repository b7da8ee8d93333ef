"""The archive's values: what comes in, what is kept, what is asked. They know no SQL and no disk."""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TypeAlias
from uuid import UUID

Cursor: TypeAlias = tuple[datetime, UUID]
"""The `received_at` and `id` of the last image of a page."""

DESCRIPTION_LENGTH = 200  # code points, as the outside contract has it
REENCODE_REASON_LENGTH = 200
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_LARGEST_INTEGER = 2**31 - 1  # of a four-byte SQL INTEGER


@dataclass(frozen=True)
class Record:
    """One captioned image on its way into the archive; `upload_sha256` are 32 bytes."""

    id: UUID
    received_at: datetime
    description: str
    width: int
    height: int
    jpeg: bytes
    upload_sha256: bytes
    reencode_reason: str | None = None
    original: bytes | None = None
    """The upload, where it is to be kept beside the captioned image."""

    @cached_property
    def path(self) -> str:
        """`YYYY/MM/DD/HHMM/<id>.jpg` in UTC: the same for every delivery, one folder a minute."""
        return f"{self.received_at.astimezone(UTC):%Y/%m/%d/%H%M}/{self.id}.jpg"

    @cached_property
    def sha256(self) -> bytes:
        """The checksum of the JPEG."""
        return hashlib.sha256(self.jpeg).digest()

    @property
    def files(self) -> dict[str, bytes]:
        """What is written where."""
        original = {} if self.original is None else {original_path(self.path): self.original}
        return {self.path: self.jpeg, **original}

    def rejection_reason(self) -> str | None:
        """Why this record can never be kept, or None."""
        if self.received_at.tzinfo is None:
            return "received_at has no time zone"
        if not is_storable(self.description):
            return f"the description is longer than {DESCRIPTION_LENGTH} characters or holds U+0000 or a lone surrogate"
        if not (0 < self.width <= _LARGEST_INTEGER and 0 < self.height <= _LARGEST_INTEGER):
            return f"{self.width} x {self.height} pixels are no picture"
        if self.original is not None and hashlib.sha256(self.original).digest() != self.upload_sha256:
            return "the original does not match its checksum"
        return None


@dataclass(frozen=True, slots=True)
class StoredImage:
    """One archived image; `path` is relative to the images directory, the checksums are hex."""

    id: UUID
    received_at: datetime
    stored_at: datetime
    description: str
    path: str
    width: int
    height: int
    bytes: int
    sha256: str
    upload_sha256: str
    reencode_reason: str | None
    """Why the photo was encoded anew; None: it was not, and the upload can be had back from the image."""
    has_original: bool

    @property
    def cursor(self) -> Cursor:
        """Where the page after this image begins."""
        return (self.received_at, self.id)

    @property
    def checksums(self) -> dict[str, str]:
        """The files of this image and their SHA-256."""
        original = {original_path(self.path): self.upload_sha256} if self.has_original else {}
        return {self.path: self.sha256, **original}


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Images received in `since` <= t < `until`, older than `before`, with `text` in any case."""

    limit: int
    before: Cursor | None = None
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def original_path(path: str) -> str:
    """Where the upload of a captioned image is kept: beside it."""
    return f"{path.removesuffix('.jpg')}.original.jpg"


def is_storable(text: str) -> bool:
    """Whether every database can keep this text: PostgreSQL knows no U+0000, none a surrogate."""
    return len(text) <= DESCRIPTION_LENGTH and not _UNSTORABLE.search(text)
