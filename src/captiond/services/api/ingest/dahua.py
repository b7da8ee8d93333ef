"""Reads the notifications of Dahua's ITSAPI: JSON with pictures in base64.

Written from public descriptions and from notifications that users published. A picture is an object with `Content`,
such as `NormalPic`, `VehiclePic` or `CutoutPic`. A notification without one, such as a heartbeat, is no event to
archive.
"""

import base64
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import tzinfo

from captiond.services.api.ingest.documents import MalformedDocument, Value, collect_fields
from captiond.services.api.ingest.event import CameraEvent, FieldNames, Picture

SOURCE = "dahua"
NAMES = FieldNames(
    labels={
        "event_id": ("uuid", "eventid", "snapinfo/uuid"),
        "event": ("eventtype", "event", "snapinfo/event", "active"),
        "plate": ("plate/platenumber", "platenumber"),
        "plate_confidence": ("plate/confidence",),
        "speed": ("vehicle/speed", "snapinfo/speed", "speed"),
        "direction": ("snapinfo/direction", "direction"),
        "lane": ("snapinfo/lanno", "snapinfo/lane", "lanno", "lane"),
        "vehicle_type": ("vehicle/vehicletype", "vehicletype"),
        "vehicle_colour": ("vehicle/vehiclecolor", "vehiclecolor"),
        "vehicle_brand": ("vehicle/vehiclesign", "vehiclesign"),
        "plate_colour": ("plate/platecolor", "platecolor"),
        "plate_type": ("plate/platetype", "platetype"),
        "country": ("plate/region", "region"),
        "trigger": ("snapinfo/triggersource", "triggersource"),
        "device": ("snapinfo/deviceid", "deviceid"),
    },
    camera=("snapinfo/snapaddress", "snapaddress", "devicename", "snapinfo/deviceid", "deviceid"),
    time=("snapinfo/accuratetime", "accuratetime", "snapinfo/snaptime", "snaptime"),
)
_CONTENT = "content"
_DATA_URL = re.compile(r"data:[\w/+.-]{0,40}(?:;[\w=-]{1,40})*,", re.ASCII)
_ROLES = {"platepic": "plate", "cutoutpic": "cutout", "": "picture"}


def parse_notification(document: Value, zone: tzinfo, camera: str | None = None) -> CameraEvent:
    """Create an event, without pictures for a heartbeat. Raises MalformedDocument for invalid base64.

    `camera` replaces the name that the device sends. `zone` is that of times without offset.
    """
    fields = collect_fields(document)
    event = NAMES.read(SOURCE, fields, _read_pictures(document), zone, camera)
    return replace(event, is_heartbeat="active" in fields)


def _read_pictures(document: Value) -> Iterator[Picture]:
    stack = [("", document)]
    while stack:
        name, value = stack.pop()
        match value:
            case dict():
                children = {key.lower(): child for key, child in value.items()}
                content = children.pop(_CONTENT, "")
                if isinstance(content, str) and content:
                    yield Picture(_to_role(name), _decode(content, name))
                stack += reversed(children.items())
            case list():
                stack += [(name, child) for child in reversed(value)]


def _to_role(name: str) -> str:
    """Return `normal` for `normalpic`."""
    return _ROLES.get(name) or re.sub(r"(?:pic|picture|image)$", "", name) or "picture"


def _decode(content: str, name: str) -> bytes:
    data_url = _DATA_URL.match(content)
    text = content[data_url.end() :] if data_url else content
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError as error:
        raise MalformedDocument(f"has invalid base64 in the picture {name[:64]!r}") from error
