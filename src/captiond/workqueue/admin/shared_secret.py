"""A random value that all processes of a deployment share, and that is nowhere but in Redis and in their memory."""

from typing import cast

import redis

from captiond.workqueue.errors import translate_redis_errors
from captiond.workqueue.streams.keys import Keys


class SharedSecret:
    """The value in Redis."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._key = keys.session_secret

    def agree(self, proposed: bytes) -> bytes:
        """Return the value; if there is none, store the proposed one. Raises QueueUnavailable.

        Processes that propose their current value keep it when Redis has lost it.
        """
        with translate_redis_errors():
            found = cast("bytes | None", self._client.get(self._key))
            if found is None:
                self._client.set(self._key, proposed, nx=True)
                found = cast("bytes | None", self._client.get(self._key))
        return found or proposed
