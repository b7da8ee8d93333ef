"""Server-sent events (WHATWG HTML, section 9.2), resumed after a broken connection."""

import json
from collections.abc import Iterator, Mapping
from typing import cast

import httpx

from captiond.client.errors import Unavailable, UnexpectedResponse
from captiond.client.exchange import Emit, Iteration, Operation, Pause, Read, Retries, fetch
from captiond.client.requests import Request
from captiond.client.values import Event, parse_value

PATH = "/api/events"
MAX_EVENT_BYTES = 1 << 20
# A stream that ends at once, again and again, must not be a busy loop.
RECONNECT_SECONDS = 1.0


class EventParser:
    """Splits a stream into events. Comments and events of other kinds are skipped.

    `last_event_id` is the id of the last block, also of one without an event: where to resume.
    """

    def __init__(self, last_event_id: str | None = None) -> None:
        self.last_event_id = last_event_id
        self._buffer = b""

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Return the events that are complete. Raises UnexpectedResponse."""
        self._buffer += chunk
        *blocks, self._buffer = self._buffer.replace(b"\r\n", b"\n").split(b"\n\n")
        if len(self._buffer) > MAX_EVENT_BYTES:
            raise UnexpectedResponse(f"an event has more than {MAX_EVENT_BYTES} bytes")
        for block in blocks:
            fields = _parse_fields(block.decode(errors="replace"))
            self.last_event_id = fields.get("id", self.last_event_id)
            if fields.get("event") == "status":
                yield _to_event(fields)


def follow(last_event_id: str | None, *, fields: bool, retries: Retries) -> Iteration[Event]:
    """Emit events forever. Raises Unavailable after the retries, ProblemError, UnexpectedResponse."""
    parameters = [("fields", "true")] if fields else []
    failures = 0
    while True:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_event_id} if last_event_id else {})
        yield from fetch(Request("GET", PATH, parameters, headers), retries, _check)
        parser = EventParser(last_event_id)
        failures += 1
        try:
            while chunk := cast("bytes", (yield Read())):
                failures = 0
                for event in parser.feed(chunk):
                    yield Emit(event)
        except httpx.HTTPError:
            pass  # resumes after the last event
        last_event_id = parser.last_event_id
        # A stream without a byte is what the server sends while Redis is unavailable.
        if failures:
            failure = Unavailable("the stream of events ends at once; Redis may be unavailable")
            if failures >= retries.max_attempts:
                raise failure
            retries.on_failure(failure, failures)
        yield Pause(retries.pause_after(failures) if failures else RECONNECT_SECONDS)


def _check(response: httpx.Response) -> Operation[None]:
    """Check the kind of response without reading it."""
    yield from ()
    kind = response.headers.get("Content-Type", "")
    if not kind.startswith("text/event-stream"):
        raise UnexpectedResponse(f"the response has the type {kind!r} instead of text/event-stream")


def _parse_fields(block: str) -> Mapping[str, str]:
    lines = [line.partition(":")[::2] for line in block.split("\n") if not line.startswith(":")]
    return {name: value.removeprefix(" ") for name, value in lines}


def _to_event(fields: Mapping[str, str]) -> Event:
    try:
        document = json.loads(fields["data"])
        return parse_value(Event, {**document, "event_id": fields["id"]})
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise UnexpectedResponse(f"an event has another format: {error}") from error
