"""Parses large bodies in a thread, so that the event loop serves other requests meanwhile."""

import asyncio
import base64
from collections.abc import Callable
from typing import TypeVar

# Decoding a piece takes 8 ms, during which no other Python thread runs. A multiple of 4, as base64 requires.
PIECE_BYTES = 1 << 20

T = TypeVar("T")


async def parse_body(content: bytes, parse: Callable[[bytes], T]) -> T:
    """Parse a body, in a thread if it is large: for a small one, the thread would cost more than it saves."""
    return parse(content) if len(content) <= PIECE_BYTES else await asyncio.to_thread(parse, content)


def decode_base64(text: bytes | str) -> bytes:
    """Decode base64 without white space. Raises ValueError."""
    pieces = (text[at : at + PIECE_BYTES] for at in range(0, len(text), PIECE_BYTES))
    return b"".join(base64.b64decode(piece, validate=True) for piece in pieces)
