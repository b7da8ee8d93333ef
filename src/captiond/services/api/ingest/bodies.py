"""Reads the body of a request into a camera's event."""

from datetime import tzinfo
from functools import partial

from starlette.requests import Request

from captiond.services.api.http.digests import BodyDigest
from captiond.services.api.http.large_bodies import parse_body
from captiond.services.api.http.problem_types import MALFORMED_BODY, NOT_MULTIPART, TOO_LARGE
from captiond.services.api.http.problems import CLOSE, FieldError, Problem
from captiond.services.api.ingest.dahua import parse_notification
from captiond.services.api.ingest.documents import MAX_DOCUMENT_BYTES, MalformedDocument, Value, parse_document
from captiond.services.api.ingest.event import CameraEvent
from captiond.services.api.ingest.hikvision import PicturePart, has_fields, parse_event
from captiond.services.api.ingest.parts import ReceivedPart, max_form_bytes, read_parts
from captiond.services.api.upload.body import check_content_length, require_digest
from captiond.services.api.upload.formats import get_boundary, json_bytes, read_body
from captiond.services.api.upload.multipart import parse_parameters

# A form and its parts; a JSON document, one picture in base64, the decoded pictures.
FORM_COPIES = 2
JSON_COPIES = 3
# Parsing a hostile body takes 10 ms.
MAX_DOCUMENTS = 4
NOTIFICATIONS = frozenset({"application/json", "text/json", "text/plain", ""})  # firmware sends wrong types
DOCUMENTS = frozenset({"application/xml", "text/xml", "application/json", "text/json"})


def is_empty(request: Request) -> bool:
    """Return whether the request has no body, like the connection tests of cameras."""
    return "transfer-encoding" not in request.headers and request.headers.get("content-length", "0") == "0"


def event_memory_bytes(request: Request, max_image_bytes: int) -> int:
    """Return the maximum memory of the event: that of the largest event if there is no Content-Length."""
    if is_empty(request):
        return 0
    if request.headers.get("content-type", "").lower().startswith("multipart/"):
        max_bytes, copies = max_form_bytes(max_image_bytes), FORM_COPIES
    else:
        max_bytes, copies = json_bytes(2 * max_image_bytes), JSON_COPIES
    declared = request.headers.get("content-length", "")
    return copies * (min(int(declared), max_bytes) if declared.isdigit() else max_bytes)


async def read_hikvision_event(request: Request, max_image_bytes: int, zone: tzinfo) -> CameraEvent:
    """Read and parse an event of ISAPI. Raises Problem and ClientDisconnect."""
    media_type, parameters = parse_parameters(request.headers.get("content-type", ""))
    digest = BodyDigest(request.headers)
    if media_type.startswith("multipart/"):
        check_content_length(request, max_form_bytes(max_image_bytes), max_image_bytes)
        parts = await read_parts(get_boundary(parameters), request.stream(), digest, max_image_bytes)
        return _parse_parts(request, parts, zone)
    if media_type in DOCUMENTS:
        content = await _read_document(request, digest)
        document = _parse(content, parameters.get("charset", ""), "The body")
        return parse_event([document], [], request.query_params, zone)
    raise _wrong_type(media_type, "multipart/form-data, application/xml or application/json")


async def read_notification(request: Request, max_image_bytes: int, zone: tzinfo) -> CameraEvent:
    """Read and parse a notification of ITSAPI. Raises Problem and ClientDisconnect."""
    media_type, parameters = parse_parameters(request.headers.get("content-type", ""))
    if media_type not in NOTIFICATIONS:
        raise _wrong_type(media_type, "application/json")
    max_bytes, camera = json_bytes(2 * max_image_bytes), request.query_params.get("camera")
    check_content_length(request, max_bytes, max_image_bytes)
    content = await read_body(request.stream(), BodyDigest(request.headers), max_bytes, max_image_bytes)
    parse = partial(parse_notification, charset=parameters.get("charset", ""), zone=zone, camera=camera)
    try:
        return await parse_body(content, parse)
    except MalformedDocument as error:
        raise Problem(MALFORMED_BODY, f"The body {error}.") from error


def _parse_parts(request: Request, parts: list[ReceivedPart], zone: tzinfo) -> CameraEvent:
    found = [part for part in parts if part.is_document]
    if len(found) > MAX_DOCUMENTS:
        raise Problem(TOO_LARGE, f"The event has {len(found)} documents; the limit is {MAX_DOCUMENTS}.")
    documents = [_parse(part.content, part.charset, f"The part {part.label!r}") for part in found]
    pictures = [PicturePart(part.names, part.content) for part in parts if part.is_picture]
    if not documents and not has_fields(request.query_params):
        names = ", ".join(repr(part.label) for part in parts[:16]) or "none"
        detail = f"is missing: no part is an EventNotificationAlert in XML or JSON; the parts are: {names}"
        raise Problem.invalid([FieldError(field="event", detail=detail)])
    return parse_event(documents, pictures, request.query_params, zone)


async def _read_document(request: Request, digest: BodyDigest) -> bytes:
    """Read a body without pictures. Raises Problem and ClientDisconnect."""
    content = bytearray()
    async for chunk in request.stream():
        digest.update(chunk)
        content += chunk
        if len(content) > MAX_DOCUMENT_BYTES:
            raise Problem(TOO_LARGE, f"The body exceeds the limit of {MAX_DOCUMENT_BYTES} bytes.", headers=CLOSE)
    require_digest(digest)
    return bytes(content)


def _parse(content: bytes, charset: str, what: str) -> Value:
    try:
        return parse_document(content, charset)
    except MalformedDocument as error:
        raise Problem(MALFORMED_BODY, f"{what} {error}.") from error


def _wrong_type(media_type: str, expected: str) -> Problem:
    return Problem(NOT_MULTIPART, f"The Content-Type is {media_type[:64]!r}; send {expected}.", headers=CLOSE)
