"""Jobs, each the recorded state of one message.

A job expires after its message was acknowledged. To find out whether an image is stored, read the archive.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import cast

import redis

from captiond.workqueue.errors import translate_redis_errors
from captiond.workqueue.streams.keys import Keys
from captiond.workqueue.streams.scripts import SET_STATE, run

# Redis serves nobody else while a script runs.
MESSAGES_PER_CALL = 100


@dataclass(frozen=True, slots=True)
class Job:
    """The state of a message, and the error of its last failed attempt."""

    state: str
    error: str | None


class Jobs:
    """Reads and changes jobs by message id."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    def find(self, message_id: str) -> Job | None:
        """Return the job of a message, None if the id is unknown or has expired. Raises QueueUnavailable."""
        with translate_redis_errors():
            reply = self._client.hmget(self._keys.job(message_id), ["state", "error"])
        state, error = (value.decode() if value else None for value in cast("Sequence[bytes]", reply))
        return Job(state, error) if state else None

    def record_state(self, message_ids: Collection[str], state: str) -> None:
        """Record a state of messages whose jobs have not expired, and report it as events. Safe to repeat.

        A repeated upload of such a message then gets this state. Raises QueueUnavailable.
        """
        ids = list(message_ids)
        calls = [
            SET_STATE.call([self._keys.events, *map(self._keys.job, chunk)], state, *chunk)
            for chunk in (ids[start : start + MESSAGES_PER_CALL] for start in range(0, len(ids), MESSAGES_PER_CALL))
        ]
        with translate_redis_errors():
            run(self._client, calls)
