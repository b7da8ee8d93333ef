"""Reads the fields of an image from the path under which a camera stores it on an FTP server."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from unicodedata import normalize

import regex  # type: ignore[import-untyped] # it has no types

from captiond.image import Labels, ReceivedImage
from captiond.operations.caption_template import CaptionTemplate

MAX_PATH_CHARACTERS = 255
# The limits of the API.
MAX_DESCRIPTION_CHARACTERS = 200
MAX_CAMERA_CHARACTERS = 64
MAX_LABELS = 16
MAX_LABEL_CHARACTERS = 200
# A pattern may need exponential time. No useful one takes a thousandth of this on a path.
MATCH_SECONDS = 0.05
CAMERA, CAPTURED_AT, CAPTURED_DATE, CAPTURED_TIME = "camera", "captured_at", "captured_date", "captured_time"

_LABEL_NAME = regex.compile("[a-z][a-z0-9_]{0,31}")
_CONTROLS = regex.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_SECOND_DIGITS = len("20261126104501")

logger = logging.getLogger(__name__)


class PathPattern:
    """A regular expression with named groups, which is searched in a path."""

    def __init__(self, pattern: str) -> None:
        """Compile the pattern. Raises ValueError, which names the faulty part."""
        try:
            self._pattern = regex.compile(pattern)
        except regex.error as error:
            raise ValueError(f"no regular expression: {error}") from error
        names = list(self._pattern.groupindex)
        for name in names:
            if not _LABEL_NAME.fullmatch(name):
                raise ValueError(f"no label can be named {name!r}: use a-z, 0-9 and _, a letter first")
        if not names:
            raise ValueError("the pattern has no named group, such as (?P<camera>[^/]+)")
        if len(set(names) - {CAMERA, CAPTURED_AT, CAPTURED_DATE, CAPTURED_TIME}) > MAX_LABELS:
            raise ValueError(f"more than {MAX_LABELS} groups for labels")

    def search(self, path: str) -> Mapping[str, str]:
        """Return the groups that matched, by name; none if the pattern is not found within MATCH_SECONDS."""
        try:
            found = self._pattern.search(path, timeout=MATCH_SECONDS)
        except TimeoutError:
            logger.warning("CAPTIOND_FTP_PATH_PATTERN took more than %g s path=%r", MATCH_SECONDS, path)
            return {}
        groups: dict[str, str | None] = found.groupdict() if found else {}
        return {name: text for name, text in groups.items() if text}


@dataclass(frozen=True, slots=True)
class PathFields:
    """How paths become fields. Times are local times of `zone`.

    The template has the fields of captions. Its labels are those of the image, and `path`, `file` and `user`.
    """

    pattern: PathPattern | None
    description: CaptionTemplate
    zone: tzinfo

    def fill(self, image: ReceivedImage, user: str, path: str) -> ReceivedImage:
        """Add the fields to an image. Longer texts are cut, because a camera cannot shorten them."""
        groups = dict(self.pattern.search(path)) if self.pattern else {}
        camera = groups.pop(CAMERA, "")
        split = groups.pop(CAPTURED_DATE, "") + groups.pop(CAPTURED_TIME, "")
        captured_at = self._parse_time(groups.pop(CAPTURED_AT, split))
        labels = Labels({name: _clean(text, MAX_LABEL_CHARACTERS) for name, text in sorted(groups.items())})
        image = replace(
            image, captured_at=captured_at, camera=_clean(camera, MAX_CAMERA_CHARACTERS) or None, labels=labels
        )
        file = path.rpartition("/")[2]
        source = {"path": path, "file": file, "user": user}
        text = self.description.fill(replace(image, labels=Labels({**source, **labels})))
        description = normalize("NFC", text).replace("\0", " ")[:MAX_DESCRIPTION_CHARACTERS]
        return replace(
            image, description=description if description.strip() else _clean(path, MAX_DESCRIPTION_CHARACTERS)
        )

    def _parse_time(self, text: str) -> datetime | None:
        """Read the digits of a text as year, month, day, hour, minute, second and fraction of a second."""
        digits = "".join(filter(str.isdecimal, text))
        if len(digits) < _SECOND_DIGITS:
            return None
        fraction = digits[_SECOND_DIGITS : _SECOND_DIGITS + 6].ljust(6, "0")
        try:
            local = datetime.strptime(digits[:_SECOND_DIGITS] + fraction, "%Y%m%d%H%M%S%f").replace(tzinfo=self.zone)
            return local.astimezone(UTC)
        except (ValueError, OverflowError):
            return None


def _clean(text: str, max_characters: int) -> str:
    """Convert to NFC, replace control characters by spaces, and cut."""
    return str(_CONTROLS.sub(" ", normalize("NFC", text)))[:max_characters].strip()
