"""The event of a camera, in the form common to both protocols."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from hashlib import sha256
from unicodedata import normalize
from uuid import NAMESPACE_URL, UUID, uuid5

from captiond.image import MAX_CAMERA_CHARACTERS, MAX_LABEL_CHARACTERS, MAX_LABELS, Labels, is_capture_time
from captiond.operations.description import shorten

# Changing this namespace would give the picture of a repeated event another id.
EVENT_NAMESPACE = uuid5(NAMESPACE_URL, "captiond:camera-event")
EVENT_ID = "event_id"
PICTURE = "picture"
# What firmware writes for "not recognised".
_NO_VALUE = frozenset({"", "unknown", "-1", "null", "none"})
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]+")
_SURROGATES = re.compile("[\ud800-\udfff]")
# ISO 8601 with the deviations of firmware: a space for `T` or, in a query string, for `+`; no seconds; no separators.
_TIME = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)[T ]?(\d\d):?(\d\d)(?::?(\d\d)(?:[.,:]?(\d{1,9}))?)?\s?(?:([Zz])|([+ -])(\d\d):?(\d\d))?",
    re.ASCII,
)
# Roles of the main picture, by preference. Without them, the main picture has a role outside the second list.
_OVERVIEWS = ("detection", "normal", "background", "scene", "global", "panorama")
_DETAILS = ("vehicle", "picture", "feature", "face", "pilot", "copilot", "cutout", "plate")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of an event. `role` is the part of the scene that it shows, such as `detection` or `plate`."""

    role: str
    jpeg: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CameraEvent:
    """An event. `captured_at` is in UTC, `labels` has no label `picture`, the first picture is the main one.

    `is_heartbeat` marks a periodic sign of life, which needs no log line.
    """

    source: str
    camera: str | None
    captured_at: datetime | None
    labels: Labels
    pictures: tuple[Picture, ...]
    is_heartbeat: bool = False

    def image_id(self, role: str, jpeg_sha256: bytes) -> UUID:
        """Return the id of a picture's image: equal for a repeated event, different for any other event."""
        event = [self.source, self.labels.get("device", ""), self.labels[EVENT_ID]]
        return uuid5(EVENT_NAMESPACE, json.dumps([*event, role, jpeg_sha256.hex()]))

    def labels_with(self, role: str) -> Labels:
        """Return the labels of a picture's image."""
        return Labels({**self.labels, PICTURE: cut(role, MAX_LABEL_CHARACTERS)})


@dataclass(frozen=True, slots=True)
class FieldNames:
    """The names that devices use for the fields of an event, in the order of preference.

    `labels` begins with `event_id`. Labels beyond the limit are omitted.
    """

    labels: Mapping[str, Sequence[str]]
    camera: Sequence[str]
    time: Sequence[str]

    def read(
        self, source: str, fields: Mapping[str, str], pictures: Iterable[Picture], zone: tzinfo, camera: str | None
    ) -> CameraEvent:
        """Create the event from its fields by lower-case name. `camera` replaces the name that the device sends.

        `zone` applies to times without offset. An invalid time becomes the label `time`.
        """
        found = {label: _find(fields, names) for label, names in self.labels.items()}
        if not found["speed"].strip("0."):
            found["speed"] = ""  # what cameras without radar send
        time = _find(fields, self.time)
        captured_at = parse_time(time, zone)
        if time and captured_at is None:
            found = {"time": time, **found}
        name = cut(camera or _find(fields, self.camera), MAX_CAMERA_CHARACTERS) or None
        if not found[EVENT_ID]:
            # A repeated event has the same fields. Counters of attempts are no labels.
            found[EVENT_ID] = sha256(json.dumps([found, time, name]).encode()).hexdigest()[:32]
        labels = {label: value for label, value in found.items() if value}
        first = list(labels.items())[: MAX_LABELS - 1]  # `picture` is one more
        return CameraEvent(source, name, captured_at, Labels(first), _main_first(pictures))


def parse_time(text: str, zone: tzinfo) -> datetime | None:
    """Return a time in UTC, or None for an invalid time. `zone` applies to a time without offset."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, zulu, sign, hours, minutes = found.groups()
    microsecond = f"{fraction or '':0<6}"[:6]
    offset = f"{'-' if sign == '-' else '+'}{hours}:{minutes}" if hours else "+00:00" if zulu else ""
    try:
        time = datetime.fromisoformat(f"{year}-{month}-{day}T{hour}:{minute}:{second or '00'}.{microsecond}{offset}")
    except ValueError:
        return None
    time = time if time.tzinfo else time.replace(tzinfo=zone)
    return time.astimezone(UTC) if is_capture_time(time) else None


def cut(text: str, max_characters: int) -> str:
    """Convert a text to one storable line. An ellipsis marks a cut."""
    # The normal form may be shorter or longer, but no text needs more than this.
    text = _SURROGATES.sub("\ufffd", _CONTROLS.sub(" ", text[: 4 * max_characters]))
    return shorten(normalize("NFC", text).strip(), max_characters)


def _find(fields: Mapping[str, str], names: Iterable[str]) -> str:
    """Return the first value that is neither empty nor a placeholder, as a storable text."""
    values = (cut(fields.get(name, ""), MAX_LABEL_CHARACTERS) for name in names)
    return next((value for value in values if value.lower() not in _NO_VALUE), "")


def _main_first(pictures: Iterable[Picture]) -> tuple[Picture, ...]:
    ranks = {role: rank for rank, role in enumerate((*_OVERVIEWS, "", *_DETAILS))}
    return tuple(sorted(pictures, key=lambda picture: ranks.get(picture.role, ranks[""])))
