"""Jobs, each the recorded state of one message.

A job expires after its message was acknowledged. To find out whether an image is stored, read the archive.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import redis

from captiond.workqueue.errors import translate_redis_errors
from captiond.workqueue.streams.keys import Keys


@dataclass(frozen=True, slots=True)
class Job:
    """The state of a message, and the error of its last failed attempt."""

    state: str
    error: str | None


class Jobs:
    """Reads jobs by message id."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    def find(self, message_id: str) -> Job | None:
        """Return the job of a message, None if the id is unknown or has expired. Raises QueueUnavailable."""
        with translate_redis_errors():
            reply = self._client.hmget(self._keys.job(message_id), ["state", "error"])
        state, error = (value.decode() if value else None for value in cast("Sequence[bytes]", reply))
        return Job(state, error) if state else None
