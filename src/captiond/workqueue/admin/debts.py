"""Debts that processes share: those of GCRA, with which they limit the rates of clients together."""

from collections.abc import Mapping
from typing import cast

import redis

from captiond.workqueue.errors import translate_redis_errors
from captiond.workqueue.streams.keys import Keys
from captiond.workqueue.streams.scripts import ADD_DEBTS, run_one

# Redis serves nobody else while a script runs.
_KEYS_PER_CALL = 500


class Debts:
    """Times by name, which shrink by a second per second. A debt that is paid needs no memory."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    def add(self, seconds: Mapping[str, float]) -> dict[str, float]:
        """Add seconds, above 0, to debts. Returns the seconds that are left of each. Raises QueueUnavailable.

        After a lost reply, the client may add the same seconds again.
        """
        left: dict[str, float] = {}
        names = list(seconds)
        with translate_redis_errors():
            for start in range(0, len(names), _KEYS_PER_CALL):
                left |= self._add({name: seconds[name] for name in names[start : start + _KEYS_PER_CALL]})
        return left

    def _add(self, seconds: Mapping[str, float]) -> dict[str, float]:
        added = [f"{each * 1000:.3f}" for each in seconds.values()]
        call = ADD_DEBTS.call([self._keys.debt(name) for name in seconds], *added)
        left = cast("list[int]", run_one(self._client, call))
        return {name: milliseconds / 1000 for name, milliseconds in zip(seconds, left, strict=True)}
