"""Reads the events of Hikvision's ISAPI: a document in XML or JSON, and pictures that it names.

Written from public descriptions of `EventNotificationAlert` and from requests that users published. Names of parts,
namespaces and the order of parts vary by firmware. Pictures are recognised by their first bytes, and their roles by
`pictureInfo`, which refers to a part by `fileName`, `pId` or `contentID`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo

from captiond.services.api.ingest.documents import Value, collect_fields
from captiond.services.api.ingest.event import CameraEvent, FieldNames, Picture

SOURCE = "hikvision"
NAMES = FieldNames(
    labels={
        "event_id": ("uuid", "eventuuid"),
        "event": ("eventtype",),
        "plate": ("anpr/licenseplate", "licenseplate", "plateno", "originallicenseplate"),
        "plate_confidence": ("anpr/confidencelevel", "confidencelevel"),
        "speed": ("vehicleinfo/speed", "anpr/speed", "speed"),
        "direction": ("anpr/direction", "direction"),
        "lane": ("anpr/line", "line", "laneno", "lane"),
        "vehicle_type": ("anpr/vehicletype", "vehicletype"),
        "vehicle_colour": ("vehicleinfo/color", "vehiclecolor"),
        "plate_colour": ("platecolor",),
        "plate_type": ("platetype",),
        "country": ("anpr/country", "country"),
        "list_type": ("listtype", "vehiclelistname"),
        "channel": ("channelid", "dynchannelid"),
        "device": ("deviceuuid", "deviceid", "macaddress", "ipaddress"),
    },
    camera=("channelname", "devicename", "deviceid", "macaddress", "ipaddress"),
    time=("datetime",),
)
# Some firmware sends the fields in the query string. One of these names identifies such a request.
_QUERY_NAMES = frozenset({"eventtype", "licenseplate", "datetime"})
_REFERENCES = ("filename", "pid", "contentid")
_EXTENSION = re.compile(r"\.(?:jpe?g|png|bmp)$", re.IGNORECASE)
_KIND = re.compile(r"[_ -]?(?:picture|pic|image|img|photo)s?$", re.IGNORECASE)
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")
_SYNONYMS = {"license_plate": "plate", "licenseplate": "plate", "plate_number": "plate", "": "picture"}


@dataclass(frozen=True, slots=True)
class PicturePart:
    """A picture of a form, with the `name`, `filename` and `content_id` of its part. A missing value is empty."""

    labels: tuple[str, ...]
    content: bytes = field(repr=False)


def has_fields(query: Mapping[str, str]) -> bool:
    """Return whether a query string describes an event."""
    return any(name.lower() in _QUERY_NAMES for name in query)


def parse_event(
    documents: Sequence[Value], pictures: Iterable[PicturePart], query: Mapping[str, str], zone: tzinfo
) -> CameraEvent:
    """Create an event from its documents, else from the query string, in which `camera` names the camera.

    `zone` applies to times without offset.
    """
    given = {name.lower(): value for name, value in query.items()}
    camera = given.pop("camera", None)
    fields: dict[str, str] = {}
    for document in documents:
        fields = {**collect_fields(document), **fields}
    fields = {**given, **fields}
    roles = {reference: role for document in documents for reference, role in _read_references(document)}
    found = [Picture(_find_role(part, roles), part.content) for part in pictures]
    event = NAMES.read(SOURCE, fields, found, zone, camera)
    return replace(event, is_heartbeat=_is_heartbeat(fields))


def _is_heartbeat(fields: Mapping[str, str]) -> bool:
    """Return whether this is a heartbeat. Older firmware sends the end of a video loss instead, every few seconds."""
    name, state = (fields.get(field, "").lower() for field in ("eventtype", "eventstate"))
    return name == "heartbeat" or (name, state) == ("videoloss", "inactive")


def _read_references(document: Value) -> Iterator[tuple[str, str]]:
    """Yield how each `pictureInfo` refers to a part, and the role of the picture."""
    stack = [document]
    while stack:
        match stack.pop():
            case dict() as value:
                stack += value.values()
                texts = {name.lower(): text for name, text in value.items() if isinstance(text, str)}
                references = [_stem(texts[name]) for name in _REFERENCES if texts.get(name)]
                if references:
                    role = _to_role(texts.get("type") or references[0])
                    yield from ((reference, role) for reference in references)
            case list() as values:
                stack += values


def _find_role(part: PicturePart, roles: Mapping[str, str]) -> str:
    stems = [_stem(label) for label in part.labels if label]
    known = next((roles[stem] for stem in stems if stem in roles), None)
    return known or _to_role(next((stem for stem in stems if _KIND.search(stem)), ""))


def _stem(name: str) -> str:
    """Return the name of a file without folder, extension and the brackets of a Content-ID."""
    return _EXTENSION.sub("", re.split(r"[/\\]", name.strip("<> "))[-1])


def _to_role(kind: str) -> str:
    """Return `plate` for `licensePlatePicture`, `background` for `background_image`."""
    words = _WORDS.sub("_", _KIND.sub("", kind)).strip("_").lower()
    return _SYNONYMS.get(words, words)
