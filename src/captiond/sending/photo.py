"""A photo to send: its file and the fields of its upload."""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from unicodedata import normalize

from captiond.image import (
    MAX_CAMERA_CHARACTERS,
    MAX_DESCRIPTION_CHARACTERS,
    MAX_LABEL_CHARACTERS,
    YEAR_RULE,
    is_capture_time,
)
from captiond.operations.description import is_blank

# RFC 3339, as the API reads it.
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")
JPEG_START = b"\xff\xd8\xff"
_NO_LABELS: Mapping[str, str] = MappingProxyType({})


class InvalidFields(ValueError):
    """The API would refuse the fields. The message names the field and the fault."""


class UnusableFile(Exception):
    """The file cannot be sent. The message states the reason."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A file and the fields of its upload, as texts. `line` is that of the table, from 1."""

    file: Path
    description: str
    captured_at: str = ""
    camera: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: _NO_LABELS)
    line: int | None = None

    @property
    def time(self) -> datetime | None:
        """The time of capture. Raises ValueError unless `check_fields` has accepted it."""
        return datetime.fromisoformat(self.captured_at) if self.captured_at else None


def check_fields(photo: Photo) -> None:
    """Raise InvalidFields for what the API refuses, so that it is found before anything is sent."""
    if is_blank(photo.description):
        raise InvalidFields("the description is blank")
    _check_length("description", photo.description.replace("\r\n", "\n"), MAX_DESCRIPTION_CHARACTERS)
    _check_length("camera", photo.camera, MAX_CAMERA_CHARACTERS)
    if _CONTROLS.search(photo.camera):
        raise InvalidFields("camera contains a control character")
    for name, text in photo.labels.items():
        _check_length(f"labels.{name}", text, MAX_LABEL_CHARACTERS)
    _check_time(photo)


def _check_time(photo: Photo) -> None:
    try:
        time = photo.time
    except ValueError:
        time = None
    if photo.captured_at and (time is None or not _TIME.fullmatch(photo.captured_at)):
        raise InvalidFields(
            f"captured_at is {photo.captured_at[:64]!r}; it must be a time with its offset from UTC, "
            "such as 2026-11-26T10:45:01+03:00"
        )
    if time and not is_capture_time(time):
        raise InvalidFields(f"captured_at is {photo.captured_at[:64]!r}; {YEAR_RULE}")


def _check_length(name: str, text: str, limit: int) -> None:
    if "\0" in text:
        raise InvalidFields(f"{name} contains U+0000")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidFields(f"{name} is not Unicode text; use UTF-8")
    if (length := len(normalize("NFC", text))) > limit:
        raise InvalidFields(f"{name} has {length} characters; the limit is {limit}")


def check_file(file: Path, max_bytes: int) -> None:
    """Raise UnusableFile for a file that cannot be uploaded. Reads its first bytes only."""
    _read(file, max_bytes, len(JPEG_START))


def read_file(file: Path, max_bytes: int) -> bytes:
    """Read a JPEG. Raises UnusableFile."""
    return _read(file, max_bytes, max_bytes + 1)


def _read(file: Path, max_bytes: int, wanted_bytes: int) -> bytes:
    try:
        with open(file, "rb", opener=_open_without_waiting) as opened:
            status = os.fstat(opened.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UnusableFile("not a regular file")
            content = opened.read(wanted_bytes)
    except (OSError, ValueError) as error:  # ValueError: the name contains U+0000
        raise UnusableFile(getattr(error, "strerror", None) or str(error)) from error
    size_bytes = max(status.st_size, len(content))  # it may be growing
    if size_bytes > max_bytes:
        raise UnusableFile(f"{size_bytes} bytes; the limit is {max_bytes}, see CAPTIOND_MAX_UPLOAD_BYTES")
    if not content:
        raise UnusableFile("the file is empty")
    if not content.startswith(JPEG_START):
        start = content[: len(JPEG_START)].hex(" ")
        raise UnusableFile(f"not a JPEG: the file starts with {start}, a JPEG with {JPEG_START.hex(' ')}")
    return content


def _open_without_waiting(file: str, flags: int) -> int:
    """Open a file, also a pipe without a writer."""
    return os.open(file, flags | getattr(os, "O_NONBLOCK", 0))
