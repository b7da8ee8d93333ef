r"""Reads fields of an image from the path of its file, with a regular expression.

    (?P<camera>[^/]+)/.*_(?P<captured_at>\d{14})\.jpg

The group `camera` is the name of the camera, and `captured_at` the time of capture. The groups `captured_date` and
`captured_time` are for paths with separate date and time. Every other named group is a label.

A time is a sequence of digits: year, month, day, hour, minute, second and the fraction of a second. Any characters may
separate them. It is the local time of the camera.
"""

import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Protocol
from unicodedata import normalize

import regex  # type: ignore[import-untyped] # it has no types

from captiond.image import (
    LABEL_NAME,
    MAX_CAMERA_CHARACTERS,
    MAX_LABEL_CHARACTERS,
    MAX_LABELS,
    NO_LABELS,
    Labels,
    is_capture_time,
)
from captiond.names import normalize_name

_CAMERA, _TIME, _DATE_PART, _TIME_PART = "camera", "captured_at", "captured_date", "captured_time"
_NO_LABELS = frozenset({_CAMERA, _TIME, _DATE_PART, _TIME_PART})
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f]+")
_DIGITS = re.compile(r"(\d{8})(\d{6})(\d*)", re.ASCII)
# Some patterns take exponential time. A useful pattern takes a thousandth of this limit on a path.
_MATCH_SECONDS = 0.25

logger = logging.getLogger(__name__)


class InvalidPattern(ValueError):
    """The pattern is not a regular expression, or its groups are not fields. The message states the fault."""


@dataclass(frozen=True, slots=True)
class PathFields:
    """Fields from a path. `captured_at` is in UTC."""

    captured_at: datetime | None = None
    camera: str | None = None
    labels: Labels = NO_LABELS


class _Search(Protocol):
    def __call__(self, path: str, *, timeout: float) -> re.Match[str] | None: ...


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A compiled pattern."""

    text: str
    _search: _Search

    def search(self, path: str) -> re.Match[str] | None:
        """Find the pattern in a path. After a timeout, log a warning and return None."""
        try:
            return self._search(path, timeout=_MATCH_SECONDS)
        except TimeoutError:
            logger.warning("the pattern %r took more than %g s path=%r", self.text, _MATCH_SECONDS, path)
            return None


def compile_pattern(pattern: str) -> PathPattern:
    """Compile a pattern, and check the names of its groups. Raises InvalidPattern."""
    try:
        compiled = regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError) as error:
        raise InvalidPattern(f"not a regular expression: {error}") from error
    groups = set(compiled.groupindex)
    labels = groups - _NO_LABELS
    if not groups:
        raise InvalidPattern("no named group; write for example (?P<camera>[^/]+)")
    for name in sorted(labels):
        if not LABEL_NAME.fullmatch(name):
            raise InvalidPattern(
                f"{name!r} is not a label name: use a-z, 0-9 and _, start with a letter, at most 32 characters"
            )
    if len(labels) > MAX_LABELS:
        raise InvalidPattern(f"{len(labels)} labels; the limit is {MAX_LABELS}")
    if len(groups & {_DATE_PART, _TIME_PART}) == 1 or (_TIME in groups and _DATE_PART in groups):
        raise InvalidPattern(f"use either the group {_TIME}, or both {_DATE_PART} and {_TIME_PART}")
    return PathPattern(pattern, compiled.search)


def read_path(pattern: PathPattern | None, path: str, zone: tzinfo) -> PathFields:
    """Read the fields of a path with `/` between its parts. Without a match, there are no fields.

    `pattern` comes from `compile_pattern`. A group that is blank or did not match gives no field, nor does an invalid
    time. Values become NFC and are cut to the limits of the API. Bytes that are not UTF-8 become U+FFFD, and control
    characters become spaces.
    """
    found = pattern.search(path) if pattern else None
    if found is None:
        return PathFields()
    texts = {name: printable(normalize("NFC", text)) for name, text in found.groupdict("").items()}
    labels = {name: text[:MAX_LABEL_CHARACTERS] for name, text in texts.items() if text and name not in _NO_LABELS}
    time = texts.get(_TIME) or texts.get(_DATE_PART, "") + texts.get(_TIME_PART, "")
    camera = normalize_name(texts.get(_CAMERA, "")[:MAX_CAMERA_CHARACTERS])
    return PathFields(_read_time(time, zone), camera or None, Labels(labels))


def printable(text: str) -> str:
    """Replace what a field must not contain: control characters, and the surrogates of `os.fsdecode`."""
    decoded = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return _UNPRINTABLE.sub(" ", decoded).strip()


def _read_time(text: str, zone: tzinfo) -> datetime | None:
    found = _DIGITS.fullmatch(re.sub(r"\D+", "", text, flags=re.ASCII))
    if found is None:
        return None
    date, time, fraction = found.groups()
    try:
        local = datetime.fromisoformat(f"{date}T{time}.{fraction[:6]:0<6}").replace(tzinfo=zone)
    except ValueError:
        return None
    return local.astimezone(UTC) if is_capture_time(local) else None
