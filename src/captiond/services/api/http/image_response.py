"""Serves an archived image, with conditional and range requests (RFC 9110)."""

import re
from collections.abc import AsyncIterator, Mapping
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.staticfiles import NotModifiedResponse
from starlette.types import Message, Receive, Scope, Send

from captiond.archive import StoredImage
from captiond.services.api.http.problem_types import RANGE_NOT_SATISFIABLE
from captiond.services.api.http.problems import Problem
from captiond.services.api.http.reserved_response import ReservedResponse

JPEG = "image/jpeg"
CHUNK_BYTES = 64 * 1024
# Archived images never change. `private`, because access rights may.
CACHE_CONTROL = "private, max-age=31536000, immutable"
BROWSER_HEADERS = {
    # Pages of other hosts and ports in the same site, such as dashboards, may embed images.
    "Cross-Origin-Resource-Policy": "same-site",
    # A browser that shows the image alone centres it with inline styles.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox",
}
# RFC 9110 section 14.1.1. 18 digits exceed the size of any file and fit into 64 bits.
RANGE = r"(?:(\d{1,18})-(\d{0,18})|-\d{1,18})"
RANGES = re.compile(rf"bytes=[ \t]*{RANGE}(?:[ \t]*,[ \t]*{RANGE})*[ \t]*", re.ASCII | re.IGNORECASE)


class ImageFileResponse(FileResponse):
    """Ignores an invalid Range header, and returns a problem document for an unsatisfiable one."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_valid_range(Headers(scope=scope).get("range", "")):
            scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"range"]}
        replaced = False

        async def send_or_replace(message: Message) -> None:
            nonlocal replaced
            if (
                message["type"] == "http.response.start"
                and message["status"] == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
            ):
                replaced = True
                headers = {"Content-Range": Headers(raw=message["headers"])["content-range"]}
                problem = Problem(RANGE_NOT_SATISFIABLE, RANGE_NOT_SATISFIABLE.example, headers=headers)
                await problem.response()(scope, receive, send)
            elif not replaced:
                await send(message)

        await super().__call__(scope, receive, send_or_replace)


class ImageContentResponse(ReservedResponse, StreamingResponse):
    """Sends a JPEG in memory: the range that the request has, or the whole.

    The whole too if it has several ranges, as RFC 9110 section 14.2 allows. Raises Problem for an unsatisfiable range.
    """

    def __init__(self, jpeg: bytes, headers: Mapping[str, str], request_headers: Headers) -> None:
        headers = {**headers, "Accept-Ranges": "bytes"}
        status, start, end = HTTPStatus.OK, 0, len(jpeg)
        if requested := _find_single_range(headers, request_headers, len(jpeg)):
            status, start, end = HTTPStatus.PARTIAL_CONTENT, requested.start, requested.stop
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(jpeg)}"
        headers["Content-Length"] = str(end - start)
        super().__init__(_split(jpeg, start, end), status, headers, JPEG)


async def _split(content: bytes, start: int, end: int) -> AsyncIterator[bytes]:
    """Yield chunks, so that the buffer of a slow connection holds no second copy."""
    for position in range(start, end, CHUNK_BYTES):
        yield content[position : min(position + CHUNK_BYTES, end)]


def image_response(image: StoredImage, file: Path, request_headers: Headers) -> Response:
    """Return the file, or 304 if the client's copy is current."""
    headers = image_headers(image, image.sha256.hex(), f"{image.id}.jpg")
    if is_not_modified(headers, request_headers):
        return NotModifiedResponse(Headers(headers))
    return ImageFileResponse(file, headers=headers, media_type=JPEG)


def image_headers(image: StoredImage, tag: str, filename: str) -> dict[str, str]:
    """Return the headers of a representation of the image. `tag` identifies its content."""
    return {
        "ETag": f'"{tag}"',
        "Last-Modified": format_datetime(image.stored_at.replace(microsecond=0), usegmt=True),
        "Cache-Control": CACHE_CONTROL,
        "Content-Disposition": f'inline; filename="{filename}"',
        **BROWSER_HEADERS,
    }


def is_not_modified(headers: dict[str, str], request_headers: Headers) -> bool:
    """Evaluate If-None-Match, or If-Modified-Since in its absence (RFC 9110 section 13.2.2)."""
    if (tags := request_headers.get("if-none-match")) is not None:
        etags = {tag.strip().removeprefix("W/") for tag in tags.split(",")}
        return "*" in etags or headers["ETag"] in etags
    try:
        since = parsedate_to_datetime(request_headers["if-modified-since"])
    except (KeyError, ValueError, OverflowError):
        return False
    return since.tzinfo is not None and parsedate_to_datetime(headers["Last-Modified"]) <= since


def _find_single_range(headers: Mapping[str, str], request_headers: Headers, size_bytes: int) -> range | None:
    """Return the offsets of the only range, or None for the whole. Raises Problem for an unsatisfiable range."""
    requested = request_headers.get("range", "")
    condition = request_headers.get("if-range")
    if condition not in (None, headers["ETag"], headers["Last-Modified"]):
        return None
    if "," in requested or not _is_valid_range(requested):
        return None
    first, last = requested.partition("=")[2].strip().split("-")
    start = int(first) if first else max(size_bytes - int(last), 0)
    if start >= size_bytes:
        content_range = {"Content-Range": f"bytes */{size_bytes}"}
        raise Problem(RANGE_NOT_SATISFIABLE, RANGE_NOT_SATISFIABLE.example, headers=content_range)
    return range(start, min(int(last) + 1, size_bytes) if first and last else size_bytes)


def _is_valid_range(text: str) -> bool:
    """Return whether this is a list of byte ranges whose ends do not precede their starts."""
    if not RANGES.fullmatch(text):
        return False
    return all(int(first or 0) <= int(last or first or 0) for first, last in re.findall(RANGE, text))
