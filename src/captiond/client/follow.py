"""Server-sent events (WHATWG HTML, section 9.2), resumed after a broken connection."""

import json
from collections.abc import Iterator
from typing import cast

import httpx

from captiond.client.errors import UnexpectedResponse
from captiond.client.exchange import Emit, Iteration, Operation, Pause, Read, Retries, fetch
from captiond.client.requests import Request
from captiond.client.values import Event, parse_value

PATH = "/api/events"
MAX_EVENT_BYTES = 1 << 20
# A stream that ends at once, again and again, must not be a busy loop.
RECONNECT_SECONDS = 1.0


class EventParser:
    """Splits a stream into events. Comments and events of other kinds are skipped."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Return the events that are complete. Raises UnexpectedResponse."""
        self._buffer += chunk
        *blocks, self._buffer = self._buffer.replace(b"\r\n", b"\n").split(b"\n\n")
        if len(self._buffer) > MAX_EVENT_BYTES:
            raise UnexpectedResponse(f"an event has more than {MAX_EVENT_BYTES} bytes")
        for block in blocks:
            if event := _parse_event(block.decode(errors="replace")):
                yield event


def follow(last_event_id: str | None, *, fields: bool, retries: Retries) -> Iteration[Event]:
    """Emit events forever. Raises Unavailable after the retries, ProblemError, UnexpectedResponse."""
    parameters = [("fields", "true")] if fields else []
    while True:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_event_id} if last_event_id else {})
        yield from fetch(Request("GET", PATH, parameters, headers), retries, _check)
        parser = EventParser()
        try:
            while chunk := cast("bytes", (yield Read())):
                for event in parser.feed(chunk):
                    last_event_id = event.event_id
                    yield Emit(event)
        except httpx.HTTPError:
            pass  # resumes after the last event
        yield Pause(RECONNECT_SECONDS)


def _check(response: httpx.Response) -> Operation[None]:
    """Check the kind of response without reading it."""
    yield from ()
    kind = response.headers.get("Content-Type", "")
    if not kind.startswith("text/event-stream"):
        raise UnexpectedResponse(f"the response has the type {kind!r} instead of text/event-stream")


def _parse_event(block: str) -> Event | None:
    lines = [line.partition(":")[::2] for line in block.split("\n") if not line.startswith(":")]
    values = {name: value.removeprefix(" ") for name, value in lines}
    if values.get("event") != "status":
        return None
    try:
        document = json.loads(values["data"])
        return parse_value(Event, {**document, "event_id": values["id"]})
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise UnexpectedResponse(f"an event has another format: {error}") from error
