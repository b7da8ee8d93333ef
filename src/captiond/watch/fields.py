"""The fields of a photo: from its path, from its sidecar, and the description from a template."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from pathlib import Path
from uuid import UUID

from captiond.image import (
    EPOCH,
    MAX_DESCRIPTION_CHARACTERS,
    NO_LABELS,
    YEAR_RULE,
    Labels,
    ReceivedImage,
    is_capture_time,
)
from captiond.operations.caption_template import DEFAULT_TEMPLATE, CaptionTemplate, InvalidTemplate
from captiond.operations.path_fields import PathPattern, printable, read_path
from captiond.watch.photo import FileTooLarge, read_version
from captiond.watch.tree import JSON, TEXT, PhotoVersion

MAX_SIDECAR_BYTES = 64 << 10
_UNKNOWN_ID = UUID(int=0)


class InvalidDescription(ValueError):
    """The template of the description is invalid. The message names the faulty part."""


class InvalidSidecar(Exception):
    """The sidecar cannot be parsed. The message names the fault."""


class MissingSidecar(Exception):
    """A photo lacks the required sidecar."""


class Sidecars(StrEnum):
    """Whether a photo has a sidecar."""

    OPTIONAL = "optional"
    REQUIRED = "required"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class _Sidecar:
    description: str | None = None
    captured_at: datetime | None = None
    camera: str | None = None
    labels: Labels = NO_LABELS


class FieldReader:
    """Reads the form fields of a photo. The fields of a sidecar take precedence over those of the path."""

    def __init__(
        self,
        template: str = DEFAULT_TEMPLATE,
        pattern: PathPattern | None = None,
        sidecars: Sidecars = Sidecars.OPTIONAL,
        zone: tzinfo = UTC,
    ) -> None:
        """Parse the template. Times without an offset are in `zone`. Raises InvalidDescription."""
        try:
            template.encode()
            self._template = CaptionTemplate(template, zone)
        except UnicodeEncodeError as error:
            raise InvalidDescription("not UTF-8") from error
        except InvalidTemplate as error:
            raise InvalidDescription(str(error)) from error
        self._pattern = pattern
        self._sidecars = sidecars
        self._zone = zone
        sample = ReceivedImage(
            id=_UNKNOWN_ID, received_at=EPOCH, description="x", upload_sha256=b"", captured_at=EPOCH, camera="x"
        )
        if str(_UNKNOWN_ID) in self._template.fill(sample):
            raise InvalidDescription("the field 'id' has no value before the upload")

    def read(self, root: Path, path: str, version: PhotoVersion) -> dict[str, str]:
        """Return the form fields.

        Raises MissingSidecar, InvalidSidecar, FileChanged, and OSError for a sidecar that cannot be read.
        """
        sidecar = self._read_sidecar(root / path, version)
        from_path = read_path(self._pattern, path, self._zone)
        image = ReceivedImage(
            id=_UNKNOWN_ID,
            # The time of the file, because a repeated upload must have the same fields.
            received_at=version.photo.time,
            description=sidecar.description or printable(Path(path).stem)[:MAX_DESCRIPTION_CHARACTERS] or "-",
            upload_sha256=b"",
            captured_at=sidecar.captured_at or from_path.captured_at,
            camera=sidecar.camera or from_path.camera,
            labels=Labels({**from_path.labels, **sidecar.labels}),
        )
        fields = {"description": self._template.fill(image)}
        if image.captured_at:
            fields["captured_at"] = image.captured_at.isoformat()
        if image.camera:
            fields["camera"] = image.camera
        if image.labels:
            fields["labels"] = json.dumps(image.labels)
        return fields

    def _read_sidecar(self, photo: Path, version: PhotoVersion) -> _Sidecar:
        """Read the JSON file or else the text file."""
        sidecars = dict(version.sidecars)
        for suffix, parse in ((JSON, self._parse_json), (TEXT, _parse_text)):
            if suffix in sidecars:
                try:
                    return parse(read_version(photo.with_suffix(suffix), sidecars[suffix], MAX_SIDECAR_BYTES))
                except FileTooLarge as error:
                    raise InvalidSidecar(f"sidecar: {error}") from error
        if self._sidecars is Sidecars.REQUIRED:
            raise MissingSidecar("the photo has no sidecar: no .txt or .json file of the same name is next to it")
        return _Sidecar()

    def _parse_json(self, content: bytes) -> _Sidecar:
        try:
            values = json.loads(_decode(content))
            json.dumps(values, ensure_ascii=False).encode()  # fails for lone surrogates, which no request can have
        except (ValueError, RecursionError) as error:
            raise InvalidSidecar("sidecar: not valid JSON") from error
        if not isinstance(values, dict):
            raise InvalidSidecar('sidecar: not a JSON object, such as {"description": "Camera 7"}')
        labels = values.get("labels") or {}
        if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
            raise InvalidSidecar('sidecar: `labels` must be an object of texts, such as {"speed": "83"}')
        time = _text(values, "captured_at")
        return _Sidecar(
            _text(values, "description"),
            self._parse_time(time) if time else None,
            _text(values, "camera"),
            Labels(labels),
        )

    def _parse_time(self, text: str) -> datetime:
        try:
            time = datetime.fromisoformat(text)
        except ValueError as error:
            raise InvalidSidecar(
                f"sidecar: `captured_at` is {text[:64]!r}; it must be a time such as 2026-11-26T10:45:01+03:00"
            ) from error
        time = time if time.tzinfo else time.replace(tzinfo=self._zone)
        if not is_capture_time(time):
            raise InvalidSidecar(f"sidecar: `captured_at` is {text[:64]!r}; {YEAR_RULE}")
        return time.astimezone(UTC)


def _text(values: dict[str, object], name: str) -> str | None:
    value = values.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidSidecar(f"sidecar: `{name}` must be a text")
    return value or None


def _parse_text(content: bytes) -> _Sidecar:
    return _Sidecar(_decode(content).strip())


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidSidecar("sidecar: not UTF-8") from error
