"""Reads and writes tables of photos: CSV with a header, also as spreadsheets export it."""

import codecs
import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TextIO

from captiond.image import LABEL_NAME, MAX_LABELS
from captiond.sending.csv_records import CsvError, Record, parse_records
from captiond.sending.photo import InvalidFields, Photo, check_fields

SEPARATORS = (",", ";", "\t")
REQUIRED = ("file", "description")
ERROR = "error"
_BYTE_ORDER_MARK = "\ufeff"
LABEL_PREFIX = "labels."
DEFAULT_ENCODING = "utf-8"
_FIELDS = (*REQUIRED, "captured_at", "camera")
_ALLOWED = f"{', '.join(_FIELDS)}, {LABEL_PREFIX}NAME and {ERROR}"
# The first line of files from Excel may name the separator.
_SEPARATOR_LINE = re.compile("sep=(.)(\r\n|\r|\n|$)", re.IGNORECASE)
_UTF_32_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class InvalidEncoding(ValueError):
    """Python has no encoding of this name."""


def decode_table(content: bytes, encoding: str = DEFAULT_ENCODING) -> str:
    """Decode a file, also UTF-8, UTF-16 and UTF-32 with a byte order mark. Raises CsvError, InvalidEncoding."""
    if content.startswith(codecs.BOM_UTF8):
        encoding = "utf-8-sig"
    elif content.startswith(_UTF_32_MARKS):  # before UTF-16, whose mark begins the same
        encoding = "utf-32"
    elif content.startswith(_UTF_16_MARKS):
        encoding = "utf-16"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        fix = "save the table as CSV UTF-8, or name its encoding, such as --encoding cp1251"
        raise CsvError(line, f"not {encoding.removesuffix('-sig').upper()}; {fix}") from error
    except (LookupError, ValueError) as error:
        raise InvalidEncoding(f"no encoding named {encoding!r}; use for example cp1251") from error


def parse_table(text: str, directory: Path) -> list[Photo]:
    """Return the photos of a table. Their files are relative to `directory`. Raises CsvError.

    The columns `file` and `description` are required. `captured_at`, `camera` and `labels.NAME` are optional, and
    `error` is ignored, so that a table of failures can be read.
    """
    first_line = 1
    separators: Sequence[str] = SEPARATORS
    if found := _SEPARATOR_LINE.match(text):
        first_line, separators = 2, found[1]
        text = text[found.end() :]
    names, separator = _find_header(text, separators, first_line)
    records = parse_records(text, separator, first_line)
    header = next(records)
    _check_names(header.line, names)
    photos = [_to_photo(record, names, directory) for record in records]
    _require_different_files(photos)
    return photos


def _find_header(text: str, separators: Iterable[str], first_line: int) -> tuple[list[str], str]:
    """Return the names of the columns and the separator."""
    for separator in separators:
        try:
            header = next(parse_records(text, separator, first_line), None)
        except CsvError:
            continue
        names = [_strip(name).lower() for name in header.fields] if header else []
        if set(REQUIRED) <= set(names):
            return names, separator
    if "\0" in text.partition("\n")[0]:
        raise CsvError(first_line, "U+0000 in the header; name the encoding of the table, such as --encoding utf-16-le")
    raise CsvError(
        first_line,
        "the header must have the columns file and description, separated by commas, semicolons or tabs; "
        "a first line such as sep=| names another separator",
    )


def _strip(text: str) -> str:
    """The text without white space and byte order marks at its ends, as in tables that were joined."""
    return text.strip().strip(_BYTE_ORDER_MARK).strip()


def _check_names(line: int, names: list[str]) -> None:
    labels = [name.removeprefix(LABEL_PREFIX) for name in names if name.startswith(LABEL_PREFIX)]
    for name in filter(None, names):
        if names.count(name) > 1:
            raise CsvError(line, f"two columns have the name {name!r}")
        if not name.startswith(LABEL_PREFIX) and name not in {*_FIELDS, ERROR}:
            raise CsvError(line, f"unknown column {name!r}; allowed are {_ALLOWED}")
    for label in labels:
        if not LABEL_NAME.fullmatch(label):
            rule = "use a-z, 0-9 and _, start with a letter, at most 32 characters"
            raise CsvError(line, f"{label!r} is not a label name: {rule}")
    if len(labels) > MAX_LABELS:
        raise CsvError(line, f"{len(labels)} columns of labels; the limit is {MAX_LABELS}")


def _to_photo(record: Record, names: list[str], directory: Path) -> Photo:
    if len(record.fields) != len(names):
        fields = "1 field" if len(record.fields) == 1 else f"{len(record.fields)} fields"
        fix = "; enclose a text with separators in quotes" if len(record.fields) > len(names) else ""
        raise CsvError(record.line, f"{fields}, but the header has {len(names)}{fix}")
    # A table that was joined to another one begins with a byte order mark.
    values = dict(zip(names, [record.fields[0].removeprefix(_BYTE_ORDER_MARK), *record.fields[1:]], strict=True))
    if any(text and not name for name, text in zip(names, record.fields, strict=True)):
        raise CsvError(record.line, "a text in a column without a name")
    file = _strip(values["file"])
    if not file:
        raise CsvError(record.line, "the file name is missing")
    if "\0" in file:
        raise CsvError(record.line, "the file name contains U+0000")
    labels = {
        name.removeprefix(LABEL_PREFIX): text for name, text in values.items() if name.startswith(LABEL_PREFIX) and text
    }
    photo = Photo(
        file=directory / file,
        description=values["description"],
        captured_at=values.get("captured_at", "").strip(),
        camera=values.get("camera", "").strip(),
        labels=labels,
        line=record.line,
    )
    try:
        check_fields(photo)
    except InvalidFields as error:
        raise CsvError(record.line, str(error)) from error
    return photo


def _require_different_files(photos: list[Photo]) -> None:
    lines: dict[Path, int | None] = {}
    for photo in photos:
        if (earlier := lines.setdefault(photo.file, photo.line)) != photo.line:
            raise CsvError(photo.line or 1, f"{photo.file} is also in line {earlier}")


class FailureTable:
    """Writes photos with their errors as a table that `parse_table` reads. File names are absolute."""

    def __init__(self, output: TextIO, photos: Iterable[Photo]) -> None:
        """Write the header. Its columns are the fields that any of `photos` has."""
        labels = sorted({name for photo in photos for name in photo.labels})
        self._labels = labels
        self._writer = csv.writer(output)
        self._writer.writerow([*_FIELDS, *(f"{LABEL_PREFIX}{name}" for name in labels), ERROR])

    def add(self, photo: Photo, error: str) -> None:
        """Write a photo."""
        labels = (photo.labels.get(name, "") for name in self._labels)
        fields = (photo.file.absolute(), photo.description, photo.captured_at, photo.camera)
        self._writer.writerow([*fields, *labels, error])
