"""The limits of one connection, and of all connections together."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Sizes are bytes, times seconds, and `min_body_rate` is bytes per second.

    `linger_…` limits what is read and discarded after a response that was sent before the end of the request.
    """

    max_connections: int = 2000
    max_head_bytes: int = 32 << 10
    head_timeout: float = 20
    min_body_rate: int = 1 << 10
    max_body_seconds: float = 300
    write_timeout: float = 30
    max_unsent_bytes: int = 128 << 20
    linger_seconds: float = 30
    linger_bytes: int = 256 << 20
