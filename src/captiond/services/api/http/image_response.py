"""An archived image as a response: conditional and in ranges (RFC 9110)."""

import re
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse
from starlette.types import Message, Receive, Scope, Send

from captiond.archive import StoredImage
from captiond.services.api.http.problems import Kind, Problem

# An archived image never changes; `private`, since who may see it can.
CACHE_CONTROL = "private, max-age=31536000, immutable"
# RFC 9110 section 14.1.1; 18 digits are beyond any file.
RANGE = r"(?:(\d{1,18})-(\d{0,18})|-\d{1,18})"
RANGES = re.compile(rf"bytes=[ \t]*{RANGE}(?:[ \t]*,[ \t]*{RANGE})*[ \t]*", re.ASCII | re.IGNORECASE)
RANGE_NOT_SATISFIABLE = Kind(
    "range-not-satisfiable",
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    "The range lies outside the image",
    "The Content-Range header says how many bytes there are.",
)


class ImageFileResponse(FileResponse):
    """Serves a file in ranges; what is no range is ignored, an unsatisfiable one answered with a problem document."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_range(Headers(scope=scope).get("range", "")):
            scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"range"]}
        refused = False

        async def watch(message: Message) -> None:
            nonlocal refused
            if (
                message["type"] == "http.response.start"
                and message["status"] == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
            ):
                refused = True
                headers = {"Content-Range": Headers(raw=message["headers"])["content-range"]}
                problem = Problem(RANGE_NOT_SATISFIABLE, RANGE_NOT_SATISFIABLE.example, headers=headers)
                await problem.response()(scope, receive, send)
            elif not refused:
                await send(message)

        await super().__call__(scope, receive, watch)


def image_response(image: StoredImage, file: Path, request_headers: Headers) -> Response:
    """Answer with the file, or with 304 when the client has it already."""
    headers = {
        "ETag": f'"{image.sha256.hex()}"',
        "Last-Modified": format_datetime(image.stored_at.replace(microsecond=0), usegmt=True),
        "Cache-Control": CACHE_CONTROL,
    }
    if _is_not_modified(headers, request_headers):
        return NotModifiedResponse(Headers(headers))
    return ImageFileResponse(file, headers=headers, media_type="image/jpeg")


def _is_not_modified(headers: dict[str, str], request_headers: Headers) -> bool:
    """Compare as RFC 9110 section 13.2.2 orders it: the entity tag where one is sent, else the time."""
    if (tags := request_headers.get("if-none-match")) is not None:
        known = {tag.strip().removeprefix("W/") for tag in tags.split(",")}
        return "*" in known or headers["ETag"] in known
    try:
        seen = parsedate_to_datetime(request_headers["if-modified-since"])
    except (KeyError, ValueError):
        return False
    return seen.tzinfo is not None and parsedate_to_datetime(headers["Last-Modified"]) <= seen


def _is_range(text: str) -> bool:
    """Tell whether this is a set of ranges of bytes, none of them backwards."""
    if not RANGES.fullmatch(text):
        return False
    return all(int(first or 0) <= int(last or first or 0) for first, last in re.findall(RANGE, text))
