"""The secret with which all API processes sign the sessions of the page. It is not in the database (decision 75)."""

import logging
import secrets
from collections.abc import Callable

from captiond.access.sessions import SECRET_BYTES
from captiond.backoff import Outage
from captiond.periodic import PeriodicThread
from captiond.workqueue.errors import QueueError

REFRESH_SECONDS = 5.0
# A Redis that does not answer must not delay the shutdown by the timeouts of the connection.
JOIN_SECONDS = 1.0

logger = logging.getLogger(__name__)


class SessionSecret:
    """The secret of this process: random until `agree` has returned that of the deployment.

    `agree` returns the stored secret, and stores the given one if there is none. It may raise QueueError. Without it,
    the secret is that of this process only.
    """

    def __init__(self, agree: Callable[[bytes], bytes] = bytes) -> None:
        self._agree = agree
        self._outage = Outage(logger)
        self.value = secrets.token_bytes(SECRET_BYTES)

    def refresh(self) -> None:
        """Agree with the other processes. While Redis is unavailable, this process keeps its secret."""
        try:
            self.value = self._agree(self.value)
        except QueueError as error:
            self._outage.record_failure(f"cannot read the secret of sessions: {error}")
        else:
            self._outage.record_success()

    def keep_fresh(self) -> PeriodicThread:
        """Refresh at once and regularly, in a thread that ends with the context.

        If Redis loses the secret, a process stores it again, so that sessions continue.
        """
        self.refresh()
        return PeriodicThread("session secret", self.refresh, REFRESH_SECONDS, join_seconds=JOIN_SECONDS)
