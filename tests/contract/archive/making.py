"""Records to keep. The archive never looks into a JPEG, so any bytes will do for one."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

from captiond.archive import Record

MORNING = datetime(2026, 3, 1, 7, 59, 58, 123456, tzinfo=UTC)


def make_record(
    description: str = "Съешь же ещё этих мягких французских булок 🥐",
    *,
    id_: UUID | None = None,
    received_at: datetime = MORNING,
    jpeg: bytes = b"\xff\xd8 a picture \xff\xd9",
) -> Record:
    id_ = id_ or uuid4()
    return Record(
        id=id_,
        received_at=received_at,
        description=description,
        width=640,
        height=512,
        jpeg=jpeg,
        upload_sha256=hashlib.sha256(b"upload" + id_.bytes).digest(),
    )


def with_jpeg(record: Record, jpeg: bytes) -> Record:
    """The same upload, captioned again with another result."""
    return replace(record, jpeg=jpeg)


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }
