"""Where every message is. What it reads moves meanwhile, so what looks wrong must be looked at again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import redis

from captiond.workqueue.errors import asking_redis
from captiond.workqueue.streams.keys import Keys
from captiond.workqueue.streams.scripts import PEEK, run_one

# The server copies the bodies of a page to leave them out.
PAGE = 20
JOBS_AT_ONCE = 1000


@dataclass(slots=True)
class Location:
    """What is known of one id: the state it should be in, None where that was forgotten, and where it lies."""

    state: str | None
    places: list[str] = field(default_factory=list)


class Inventory:
    """Counts the messages of a line of queues, one by one."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    def locate_all(self, queues: Sequence[str]) -> dict[str, Location]:
        """Tell of every known id where it is; the queues in the order of travel, so that none slips by unseen.

        Raises QueueUnavailable.
        """
        with asking_redis():
            found = {message_id: Location(state) for message_id, state in self._jobs()}
            for queue in queues:
                for stream, place in (
                    (self._keys.stream(queue), f"queue {queue}"),
                    (self._keys.dead(queue), f"dead letters of {queue}"),
                ):
                    for message_id in self._ids(stream):
                        found.setdefault(message_id, Location(None)).places.append(place)
        return found

    def _jobs(self) -> Iterator[tuple[str, str]]:
        prefix, cursor = self._keys.job(""), 0
        while True:
            scanned = self._client.scan(cursor, match=f"{prefix}*", count=JOBS_AT_ONCE)
            cursor, keys = cast("tuple[int, Sequence[bytes]]", scanned)
            with self._client.pipeline(transaction=False) as asking:
                for key in keys:
                    asking.hget(key.decode(), "state")
                states = cast("Sequence[bytes | None]", asking.execute())
            for key, state in zip(keys, states, strict=True):
                if state is not None:
                    yield key.decode().removeprefix(prefix), state.decode()
            if not cursor:
                return

    def _ids(self, stream: str) -> Iterator[str]:
        start = "-"
        while True:
            reply = run_one(self._client, PEEK.call([stream], start, "+", PAGE))
            rows = cast("Sequence[tuple[bytes, Sequence[bytes], int]]", reply)
            for _, flat, _ in rows:
                fields = dict(zip(flat[::2], flat[1::2], strict=True))
                if message_id := fields.get(b"id"):
                    yield message_id.decode(errors="replace")
            if len(rows) < PAGE:
                return
            start = f"({rows[-1][0].decode()}"
