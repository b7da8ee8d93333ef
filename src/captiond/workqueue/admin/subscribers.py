"""The subscribers of topics, whom the scripts notify that settle messages."""

from collections.abc import Collection, Mapping
from typing import cast

import redis

from captiond.workqueue.errors import translate_redis_errors
from captiond.workqueue.streams.keys import Keys


class Subscribers:
    """Subscribers by name. Every method raises QueueUnavailable."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._key = keys.subscribers

    def read(self) -> dict[str, frozenset[str]]:
        """Return the topics of each subscriber."""
        with translate_redis_errors():
            reply = cast("Mapping[bytes, bytes]", self._client.hgetall(self._key))
        return {name.decode(): frozenset(topics.decode().split()) for name, topics in reply.items()}

    def set(self, name: str, topics: Collection[str]) -> None:
        """Subscribe to these topics, in place of the earlier ones."""
        with translate_redis_errors():
            self._client.hset(self._key, name, " ".join(sorted(topics)))

    def remove(self, name: str) -> None:
        """End a subscription. Notifications that are queued remain."""
        with translate_redis_errors():
            self._client.hdel(self._key, name)
