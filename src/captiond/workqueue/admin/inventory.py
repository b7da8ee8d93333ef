"""Locates every message. Messages move during the scan, so an apparent error must be checked with a second scan."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import redis

from captiond.workqueue.errors import translate_redis_errors
from captiond.workqueue.streams.keys import Keys
from captiond.workqueue.streams.scripts import peek

# Small, because the server copies each entry of a page in full.
PAGE = 20
JOBS_PER_SCAN = 1000


@dataclass(slots=True)
class Location:
    """The queues and dead-letter queues that hold a message, and its recorded state; None if that has expired."""

    state: str | None
    places: list[str] = field(default_factory=list)


class Inventory:
    """Locates the messages of several queues."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    def locate_all(self, queues: Sequence[str]) -> dict[str, Location]:
        """Return the location of every message by its id. Raises QueueUnavailable.

        Pass the queues in the order in which messages are forwarded. A message that moves during the scan is then found
        at least once.
        """
        with translate_redis_errors():
            found = {message_id: Location(state) for message_id, state in self._jobs()}
            for queue in queues:
                for stream, place in (
                    (self._keys.stream(queue), f"queue {queue}"),
                    (self._keys.dead_letters(queue), f"dead-letter queue of {queue}"),
                ):
                    for message_id in self._ids(stream):
                        found.setdefault(message_id, Location(None)).places.append(place)
        return found

    def _jobs(self) -> Iterator[tuple[str, str]]:
        prefix, cursor = self._keys.job(""), 0
        while True:
            scanned = self._client.scan(cursor, match=f"{prefix}*", count=JOBS_PER_SCAN)
            cursor, keys = cast("tuple[int, Sequence[bytes]]", scanned)
            with self._client.pipeline(transaction=False) as pipeline:
                for key in keys:
                    pipeline.hget(key.decode(), "state")
                states = cast("Sequence[bytes | None]", pipeline.execute())
            for key, state in zip(keys, states, strict=True):
                if state is not None:
                    yield key.decode().removeprefix(prefix), state.decode()
            if not cursor:
                return

    def _ids(self, stream: str) -> Iterator[str]:
        start = "-"
        while True:
            peeked = peek(self._client, stream, start, "+", PAGE)
            for entry in peeked:
                if message_id := entry.fields.get(b"id"):
                    yield message_id.decode(errors="replace")
            if len(peeked) < PAGE:
                return
            start = f"({peeked[-1].entry}"
