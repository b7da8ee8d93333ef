"""The fields of an upload beside the image, from a form, a query string or a JSON object."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TypeVar
from unicodedata import normalize
from urllib.parse import parse_qsl

from starlette.requests import Request

from captiond.image import (
    LABEL_NAME,
    MAX_CAMERA_CHARACTERS,
    MAX_LABEL_CHARACTERS,
    MAX_LABELS,
    NO_LABELS,
    YEAR_RULE,
    Labels,
    is_capture_time,
)
from captiond.names import normalize_name
from captiond.services.api.http.json_members import RepeatedMember, unique_members
from captiond.services.api.http.problems import FieldError
from captiond.services.api.upload.text import InvalidText, check_description, require_storable

DESCRIPTION, CAPTURED_AT, CAMERA, LABELS = "description", "captured_at", "camera", "labels"
MAX_FIELD_BYTES = {
    DESCRIPTION: 16 << 10,  # more than 200 characters of 4 bytes, each decomposed into as many as NFC composes
    CAPTURED_AT: 64,
    CAMERA: 4 << 10,
    LABELS: 64 << 10,
}
# RFC 3339. In a query string, `+` stands for a space, and some clients do not encode it.
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d(?:\.\d{1,6})?)\d*(?:([Zz])|([+ -])(\d\d:\d\d))", re.ASCII)
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")
_ESCAPED = re.compile("[\udc80-\udcff]")
NOT_UTF8 = "must be UTF-8, percent-encoded"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class UploadFields:
    """Valid fields. `captured_at` is in UTC."""

    description: str
    captured_at: datetime | None = None
    camera: str | None = None
    labels: Labels = NO_LABELS

    def digest(self, upload_sha256: bytes) -> bytes:
        """Return a digest of the upload and its fields. Without optional fields it is that of earlier versions."""
        text = self.description
        if self.captured_at or self.camera or self.labels:
            optional = {"captured_at": self.captured_at and self.captured_at.isoformat(), "camera": self.camera}
            given = {name: value for name, value in {**optional, "labels": self.labels}.items() if value}
            text += f"\0{json.dumps(given, sort_keys=True)}"  # no description contains U+0000
        return sha256(upload_sha256 + text.encode()).digest()


def read_query(request: Request) -> list[tuple[str, str]]:
    """Return the names and values of the query string. Bytes that are not UTF-8 become lone surrogates."""
    query = request.scope["query_string"].decode("latin-1")
    return parse_qsl(query, keep_blank_values=True, errors="surrogateescape") if query else []


def select_query_fields(query: Iterable[tuple[str, str]], errors: list[FieldError]) -> dict[str, str]:
    """Return the fields of a query string. Adds repeated ones and those that are not UTF-8 to `errors`."""
    fields: dict[str, str] = {}
    repeated = set()
    for name, text in query:
        if name in MAX_FIELD_BYTES:
            repeated |= {name} & fields.keys()
            fields[name] = text
    errors += [FieldError(field=name, detail="must be sent once") for name in sorted(repeated)]
    for name in [name for name, text in fields.items() if not is_utf8(text)]:
        errors.append(FieldError(field=name, detail=NOT_UTF8))
        del fields[name]
    return fields


def is_utf8(text: str) -> bool:
    """Return whether a text of `read_query` was valid."""
    return not _ESCAPED.search(text)


def parse_fields(values: Mapping[str, object], errors: list[FieldError]) -> UploadFields:
    """Validate fields by name, texts or JSON values; adds every problem to `errors`. Other names are ignored."""

    def parse(name: str, parser: Callable[[object], T], default: T) -> T:
        try:
            return parser(values[name]) if values.get(name) not in (None, "") else default
        except InvalidText as error:
            errors.append(FieldError(field=name, detail=str(error)))
            return default

    if not values.get(DESCRIPTION) and not any(error.field == DESCRIPTION for error in errors):
        missing = values.get(DESCRIPTION) is None
        errors.append(FieldError(field=DESCRIPTION, detail="is missing" if missing else "must not be blank"))
    return UploadFields(
        description=parse(DESCRIPTION, lambda value: check_description(_require_text(value)), ""),
        captured_at=parse(CAPTURED_AT, _parse_time, None),
        camera=parse(CAMERA, _parse_camera, None),
        labels=parse(LABELS, _parse_labels, NO_LABELS),
    )


def _require_text(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidText("must be text")
    return value


def _parse_time(value: object) -> datetime | None:
    text = _require_text(value).strip()
    fault = f"is {text[:64]!r}; it must be a time with its offset from UTC, such as 2026-11-26T10:45:01+03:00"
    found = _TIME.fullmatch(text)
    if found is None:
        raise InvalidText(fault)
    date, time, zulu, sign, offset = found.groups()
    zone = "+00:00" if zulu else sign.replace(" ", "+") + offset
    try:
        parsed = datetime.fromisoformat(f"{date}T{time}{zone}")
    except ValueError as error:
        raise InvalidText(fault) from error
    if not is_capture_time(parsed):
        raise InvalidText(f"is {text[:64]!r}; {YEAR_RULE}")
    return parsed.astimezone(UTC)


def _parse_camera(value: object) -> str | None:
    camera = normalize_name(_require_text(value))
    if _CONTROLS.search(camera):
        raise InvalidText("must not contain control characters")
    if len(camera) > MAX_CAMERA_CHARACTERS:
        raise InvalidText(f"has {len(camera)} characters; the limit is {MAX_CAMERA_CHARACTERS}")
    return require_storable(camera) or None


def _parse_labels(value: object) -> Labels:
    """Read an object of texts, or its JSON."""
    if isinstance(value, str):
        try:
            value = json.loads(value, object_pairs_hook=unique_members)
        except RepeatedMember as error:
            raise InvalidText(f"has the name {error.name[:64]!r} twice") from error
        except (ValueError, RecursionError) as error:
            raise InvalidText('must be a JSON object, such as {"speed": "83"}') from error
    if not isinstance(value, dict):
        raise InvalidText('must be an object, such as {"speed": "83"}')
    if len(value) > MAX_LABELS:
        raise InvalidText(f"has {len(value)} labels; the limit is {MAX_LABELS}")
    return Labels({_check_label_name(name): _check_label(name, text) for name, text in sorted(value.items())})


def _check_label_name(name: str) -> str:
    if not LABEL_NAME.fullmatch(name):
        raise InvalidText(
            f"{name[:64]!r} is not a label name: use a-z, 0-9 and _, start with a letter, at most 32 characters"
        )
    return name


def _check_label(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidText(f"the label {name} must be text")
    text = normalize("NFC", value)
    if len(text) > MAX_LABEL_CHARACTERS:
        raise InvalidText(f"the label {name} has {len(text)} characters; the limit is {MAX_LABEL_CHARACTERS}")
    return require_storable(text)
