"""The values of sealing: records in canonical form, seals and proofs. No SQL.

A seal is the root of a Merkle tree over records (RFC 9162). The hash of a seal is part of the next one, so that the
newest seal fixes all earlier ones.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from types import NoneType
from typing import Self
from uuid import UUID

from captiond.archive.records import StoredImage, Tombstone
from captiond.evidence import HASH_BYTES, FieldValue, canonical_json
from captiond.image import Labels
from captiond.times import rfc3339

SEAL_KIND = "captiond-seal"
"""The `typ` of signatures of seals."""
NO_PREVIOUS = bytes(HASH_BYTES)
# The record of an image. A field that is added here must be None in all earlier images, or their hashes change.
SEALED_FIELDS = (
    *("id", "received_at", "stored_at", "description", "captured_at", "camera", "labels", "caption"),
    *("path", "size_bytes", "sha256", "upload_sha256", "width", "height", "reencode_reason", "damage", "has_original"),
)
# The record of a deletion.
SEALED_DELETION_FIELDS = tuple(field.name for field in fields(Tombstone))
_VERSION = 1


class RecordKind(StrEnum):
    """What a sealed record describes. An image that is deleted after it was sealed has a record of each kind."""

    IMAGE = "image"
    DELETION = "deletion"


@dataclass(frozen=True, slots=True)
class Leaf:
    """A sealed record: its kind, the id of the image, and the hash of its canonical form as a leaf."""

    kind: RecordKind
    image_id: UUID
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """The statement of a seal. `size` is the number of records.

    `complete` is false if unsealed records remained, which the next seal contains.
    """

    number: int
    previous: bytes
    root: bytes
    size: int
    sealed_at: datetime
    complete: bool

    @property
    def statement(self) -> str:
        """The canonical JSON, which is hashed, signed and time-stamped."""
        values: dict[str, FieldValue] = {
            "complete": self.complete,
            "number": self.number,
            "previous": self.previous.hex(),
            "root": self.root.hex(),
            "sealed_at": rfc3339(self.sealed_at),
            "size": self.size,
            "version": _VERSION,
        }
        return canonical_json(values).decode()

    @classmethod
    def parse(cls, statement: str) -> Self:
        """Decode a statement. Raises ValueError if it does not have the canonical form."""
        try:
            values = json.loads(statement)
            seal = cls(
                number=values["number"],
                previous=bytes.fromhex(values["previous"]),
                root=bytes.fromhex(values["root"]),
                size=values["size"],
                sealed_at=datetime.fromisoformat(values["sealed_at"]),
                complete=values["complete"],
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no statement of a seal: {error!r}") from error
        if seal.statement != statement:
            raise ValueError("the statement is not in canonical form")
        return seal


@dataclass(frozen=True, slots=True)
class StoredSeal:
    """A seal as it is stored: its statement, its signature (compact JWS) and its time stamp (RFC 3161 response)."""

    number: int
    statement: str
    signature: str | None = None
    time_stamp: bytes | None = None

    @property
    def hash(self) -> bytes:
        """The SHA-256 of the statement: `previous` of the next seal, and what a time stamp covers."""
        return sha256(self.statement.encode()).digest()

    @property
    def seal(self) -> Seal:
        """The decoded statement. Raises ValueError."""
        return Seal.parse(self.statement)


@dataclass(frozen=True, slots=True)
class Proof:
    """Shows that a seal contains a record. `record` is its canonical JSON."""

    record: str
    leaf_index: int
    audit_path: tuple[bytes, ...]
    seal: StoredSeal


_ENCODERS: dict[type, Callable[..., FieldValue]] = {
    datetime: rfc3339,
    bytes: bytes.hex,
    UUID: str,
    Labels: lambda labels: dict(labels) or None,
    **dict.fromkeys((str, int, bool, NoneType), lambda value: value),
}


def write_image_record(image: StoredImage) -> bytes:
    """Return the canonical form of an image: times in RFC 3339, checksums in hexadecimal, without missing fields."""
    return _write_record(RecordKind.IMAGE, image, SEALED_FIELDS)


def write_deletion_record(tombstone: Tombstone) -> bytes:
    """Return the canonical form of a deletion, in the same way."""
    return _write_record(RecordKind.DELETION, tombstone, SEALED_DELETION_FIELDS)


def _write_record(kind: RecordKind, record: StoredImage | Tombstone, names: Sequence[str]) -> bytes:
    values = ((name, getattr(record, name)) for name in names)
    return canonical_json({"kind": kind, **{name: _ENCODERS[type(value)](value) for name, value in values}})
