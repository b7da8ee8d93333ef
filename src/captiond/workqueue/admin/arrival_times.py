"""Theoretical arrival times (TAT) of GCRA (ITU-T I.371), by which processes limit the rates of clients together."""

from collections.abc import Mapping
from typing import cast

import redis

from captiond.workqueue.errors import translate_redis_errors
from captiond.workqueue.streams.keys import Keys
from captiond.workqueue.streams.scripts import ADVANCE_ARRIVAL_TIMES, run_one

# Redis serves nobody else while a script runs.
_KEYS_PER_CALL = 500


class ArrivalTimes:
    """One time per name, never before now. A time that has passed needs no memory."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    def advance(self, seconds: Mapping[str, float]) -> dict[str, float]:
        """Move each time by seconds, above 0. Returns the seconds from now to each. Raises QueueUnavailable.

        After a lost reply, the client may move them again by the same seconds.
        """
        left: dict[str, float] = {}
        names = list(seconds)
        with translate_redis_errors():
            for start in range(0, len(names), _KEYS_PER_CALL):
                left |= self._advance({name: seconds[name] for name in names[start : start + _KEYS_PER_CALL]})
        return left

    def _advance(self, seconds: Mapping[str, float]) -> dict[str, float]:
        added = [f"{each * 1000:.3f}" for each in seconds.values()]
        call = ADVANCE_ARRIVAL_TIMES.call([self._keys.arrival_time(name) for name in seconds], *added)
        left = cast("list[int]", run_one(self._client, call))
        return {name: milliseconds / 1000 for name, milliseconds in zip(seconds, left, strict=True)}
