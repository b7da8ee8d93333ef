"""Large bodies are parsed in a thread."""

import asyncio
import base64
import threading

import pytest

from captiond.services.api.http.large_bodies import PIECE_BYTES, decode_base64, parse_body


def thread_of(size_bytes: int) -> threading.Thread:
    return asyncio.run(parse_body(bytes(size_bytes), lambda _: threading.current_thread()))


def test_large_body_is_parsed_outside_the_event_loop() -> None:
    assert thread_of(PIECE_BYTES) is threading.current_thread()
    assert thread_of(PIECE_BYTES + 1) is not threading.current_thread()


def test_error_of_a_large_body_reaches_the_caller() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        asyncio.run(parse_body(bytes(PIECE_BYTES + 1), int))


@pytest.mark.parametrize("size_bytes", [0, 1, 786_431, 786_432, 786_433, 2_000_000])
def test_base64_of_several_pieces_is_decoded(size_bytes: int) -> None:
    content = (bytes(range(251)) * 8000)[:size_bytes]

    assert decode_base64(base64.b64encode(content)) == content
    assert decode_base64(base64.b64encode(content).decode()) == content


def test_invalid_base64_is_an_error() -> None:
    with pytest.raises(ValueError, match="base64"):
        decode_base64("A" * PIECE_BYTES + "$AAA")
