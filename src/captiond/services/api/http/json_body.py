"""Reads small JSON bodies."""

import json
from typing import Any

from starlette.requests import ClientDisconnect, Request

from captiond.services.api.http.problem_types import INCOMPLETE_BODY, MALFORMED_BODY, TOO_LARGE
from captiond.services.api.http.problems import CLOSE, Problem

# 1000 dead letters take about 60 KB, and the longest fields of a preview with every character escaped 64 KiB.
MAX_BODY_BYTES = 128 << 10


async def read_body(request: Request) -> bytes:
    """Read a body of at most MAX_BODY_BYTES. Raises Problem."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise Problem(TOO_LARGE, f"The body exceeds the limit of {MAX_BODY_BYTES} bytes.", headers=CLOSE)
    except ClientDisconnect as error:
        raise Problem(INCOMPLETE_BODY, INCOMPLETE_BODY.example) from error
    return bytes(body)


def parse_json(body: bytes) -> Any:  # noqa: ANN401 - as json.loads
    """Decode JSON. Raises Problem for invalid syntax or UTF-8, too long integers and too deep nesting."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Problem(MALFORMED_BODY, "The body is not valid JSON.") from error
