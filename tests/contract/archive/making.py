"""Records to store. The archive never decodes a JPEG, so any bytes will do."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

from captiond.archive import Record
from captiond.image import CaptionedImage

MORNING = datetime(2026, 3, 1, 7, 59, 58, 123456, tzinfo=UTC)


def make_record(
    description: str = "Съешь же ещё этих мягких французских булок 🥐",
    *,
    id_: UUID | None = None,
    received_at: datetime = MORNING,
    jpeg: bytes = b"\xff\xd8 a picture \xff\xd9",
) -> Record:
    id_ = id_ or uuid4()
    image = CaptionedImage(
        id=id_,
        received_at=received_at,
        description=description,
        width=640,
        height=512,
        upload_sha256=hashlib.sha256(b"upload" + id_.bytes).digest(),
    )
    return Record(image, jpeg)


def replace_image(record: Record, **changes: object) -> Record:
    """The record with other values of its image."""
    return replace(record, image=replace(record.image, **changes))  # type: ignore[arg-type] # each test knows its fields


def replace_jpeg(record: Record, jpeg: bytes) -> Record:
    """The same upload, captioned with another result."""
    return replace(record, jpeg=jpeg)


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }
