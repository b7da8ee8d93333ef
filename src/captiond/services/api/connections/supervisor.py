"""Enforces the limits of all connections."""

from collections.abc import Collection

from captiond.services.api.connections.limits import ConnectionLimits
from captiond.services.api.connections.protocol import BoundedProtocol
from captiond.services.api.connections.refusal_log import RefusalLog


def enforce_limits(
    connections: Collection[BoundedProtocol], limits: ConnectionLimits, refusals: RefusalLog, now: float
) -> None:
    """End connections that are too slow, log refusals. Call it once per second with the time of the event loop."""
    for connection in connections:
        connection.enforce_timeouts(now)
    excess_bytes = sum(connection.unsent_bytes for connection in connections) - limits.max_unsent_bytes
    if excess_bytes > 0:
        _end_largest(connections, excess_bytes)
    refusals.write(now)


def _end_largest(connections: Collection[BoundedProtocol], excess_bytes: int) -> None:
    """End the connections whose clients leave the most bytes unread, until the excess is gone."""
    for connection in sorted(connections, key=lambda connection: connection.unsent_bytes, reverse=True):
        if excess_bytes <= 0:
            return
        excess_bytes -= connection.unsent_bytes
        connection.end_slow_client()
