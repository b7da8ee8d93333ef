"""The problem of a service, recorded in Redis for the readiness check and the metrics of the API."""

import logging

import redis
from redis.exceptions import RedisError

from captiond.workqueue.streams.keys import Keys

# A problem that lasts is reported again within seconds. That of a process that ended expires.
EXPIRES_AFTER_SECONDS = 60

logger = logging.getLogger(__name__)


class ProblemReport:
    """Records the problem of one service. `Monitor.find_problem` reads it."""

    def __init__(self, client: redis.Redis, keys: Keys, service: str) -> None:
        self._client = client
        self._key = keys.problem(service)
        self._reported = False

    def report(self, problem: str | None) -> None:
        """Record a problem, or delete the one that this object recorded. Logs errors of Redis."""
        if problem is None and not self._reported:
            return
        try:
            if problem is None:
                self._client.delete(self._key)
            else:
                self._client.set(self._key, problem, ex=EXPIRES_AFTER_SECONDS)
        except RedisError as error:
            logger.warning("cannot record the problem %r in Redis: %s", problem, error)
        self._reported = problem is not None
