"""Serves an archived image, with conditional and range requests (RFC 9110)."""

import io
import os
import re
import stat
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path

from anyio import AsyncFile, wrap_file
from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse
from starlette.types import Message, Receive, Scope, Send

from captiond.archive import StoredImage
from captiond.services.api.http.problem_types import RANGE_NOT_SATISFIABLE
from captiond.services.api.http.problems import Problem
from captiond.services.api.http.reserved_response import ReservedResponse

JPEG = "image/jpeg"
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


class ImageContentResponse(ReservedResponse, ImageFileResponse):
    """Sends a JPEG in memory as if it were a file."""

    def __init__(self, jpeg: bytes, headers: Mapping[str, str]) -> None:
        status = os.stat_result((stat.S_IFREG, 0, 0, 0, 0, 0, len(jpeg), 0, 0, 0))
        super().__init__("", headers=headers, media_type=JPEG, stat_result=status)
        self._jpeg = jpeg

    @asynccontextmanager
    async def _open_file(self) -> AsyncIterator[AsyncFile[bytes]]:
        """Replace the file that FileResponse reads."""
        yield wrap_file(io.BytesIO(self._jpeg))


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


def _is_valid_range(text: str) -> bool:
    """Return whether this is a list of byte ranges whose ends do not precede their starts."""
    if not RANGES.fullmatch(text):
        return False
    return all(int(first or 0) <= int(last or first or 0) for first, last in re.findall(RANGE, text))
