"""Reads the notifications of Dahua's ITSAPI: JSON with pictures in base64.

Written from public descriptions and from notifications that users published. A picture is an object with `Content`,
such as `NormalPic`, `VehiclePic` or `CutoutPic`. A notification without a picture, such as a heartbeat, is not
archived.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import tzinfo

from captiond.services.api.http.large_bodies import decode_base64
from captiond.services.api.ingest.documents import MAX_VALUES, MalformedDocument, Value, collect_fields, parse_document
from captiond.services.api.ingest.event import CameraEvent, FieldNames, Picture

SOURCE = "dahua"
MAX_QUOTES = 4 * MAX_VALUES
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
# The text of a JSON string, with escaped slashes and line breaks, also as a data URL.
_LONG_BASE64 = re.compile(rb'"((?:data:[\w/+.;=-]{0,80},)?[A-Za-z0-9+/=\\\s]{1024,}+)"')
_ROLES = {"platepic": "plate", "cutoutpic": "cutout", "": "picture"}


def parse_notification(content: bytes, charset: str, zone: tzinfo, camera: str | None = None) -> CameraEvent:
    """Create an event, without pictures for a heartbeat. Raises MalformedDocument.

    `charset` is that of the Content-Type header. `camera` replaces the name that the device sends. `zone` applies to
    times without offset. The largest notification takes 0.3 s.
    """
    if content.count(b'"') > MAX_QUOTES:  # a search from each of them would take seconds
        raise MalformedDocument(f"has more than {MAX_QUOTES} quotation marks")
    # A parser would hold several copies of a picture, with four bytes per character if the text has an emoji.
    long = [found.span(1) for found in _LONG_BASE64.finditer(content)]
    document = parse_document(_cut_out(content, long), charset)
    fields = collect_fields(document)
    unused = {_name_place(number): span for number, span in enumerate(long)}

    def load(text: str) -> bytes:
        # Each place only once, because the sender may repeat its name in the document.
        span = unused.pop(text, None)
        return text.encode("utf-8", "replace") if span is None else content[slice(*span)]

    event = NAMES.read(SOURCE, fields, _read_pictures(document, load), zone, camera)
    return replace(event, is_heartbeat="active" in fields)


def _cut_out(content: bytes, spans: Sequence[tuple[int, int]]) -> bytes:
    """Replace long base64 by its number."""
    pieces, end = [], 0
    for number, (start, next_end) in enumerate(spans):
        pieces += [content[end:start], _name_place(number).encode()]
        end = next_end
    return b"".join([*pieces, content[end:]])


def _name_place(number: int) -> str:
    return f"picture {number}"


def _read_pictures(document: Value, load: Callable[[str], bytes]) -> Iterator[Picture]:
    stack = [("", document)]
    while stack:
        name, value = stack.pop()
        match value:
            case dict():
                children = {key.lower(): child for key, child in value.items()}
                content = children.pop(_CONTENT, "")
                if isinstance(content, str) and content:
                    yield Picture(_to_role(name), _decode(load(content), name))
                stack += reversed(children.items())
            case list():
                stack += [(name, child) for child in reversed(value)]


def _to_role(name: str) -> str:
    """Return `normal` for `normalpic`."""
    return _ROLES.get(name) or re.sub(r"(?:pic|picture|image)$", "", name) or "picture"


def _decode(content: bytes, name: str) -> bytes:
    encoded = content.partition(b",")[2] if content.startswith(b"data:") else content
    for escaped, character in ((b"\\/", b"/"), (b"\\r", b""), (b"\\n", b"")):
        encoded = encoded.replace(escaped, character)
    encoded = encoded.translate(None, b" \t\r\n")
    try:
        return decode_base64(encoded)
    except ValueError as error:
        raise MalformedDocument(f"has invalid base64 in the picture {name[:64]!r}") from error
