"""Enforces the limits of all connections."""

from collections.abc import Collection

from captiond.operations.rejection_log import RejectionLog
from captiond.services.api.connections.limits import ConnectionLimits
from captiond.services.api.connections.protocol import BoundedProtocol

# After a longer gap between two checks, the server was busy, and requests may wait in the buffers of the kernel.
MAX_GAP_SECONDS = 3


class Supervisor:
    """Ends connections that are too slow and logs rejections. Call `check` once per second."""

    def __init__(self, limits: ConnectionLimits, rejections: RejectionLog) -> None:
        self._max_unsent_bytes = limits.max_unsent_bytes
        self._rejections = rejections
        self._checked_at: float | None = None

    def check(self, connections: Collection[BoundedProtocol], now: float) -> None:
        """`now` is the time of the event loop in seconds."""
        was_busy = self._checked_at is not None and now - self._checked_at > MAX_GAP_SECONDS
        self._checked_at = now
        for connection in connections:
            if was_busy:
                connection.restart_clock(now)
            else:
                connection.enforce_timeouts(now)
        excess_bytes = sum(connection.unsent_bytes for connection in connections) - self._max_unsent_bytes
        if excess_bytes > 0:
            _end_largest(connections, excess_bytes)
        self._rejections.write()


def _end_largest(connections: Collection[BoundedProtocol], excess_bytes: int) -> None:
    """End the connections whose clients leave the most bytes unread, until the excess is gone."""
    for connection in sorted(connections, key=lambda connection: connection.unsent_bytes, reverse=True):
        if excess_bytes <= 0:
            return
        excess_bytes -= connection.unsent_bytes
        connection.end_slow_client()
