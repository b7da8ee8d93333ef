"""Time limits after a request: for reading the response, and for discarding further input."""

from captiond.services.api.connections.limits import ConnectionLimits

# Discarding a request ends when the client sends nothing for this long.
LINGER_IDLE_SECONDS = 15


class UnreadResponse:
    """The time since which the client has read nothing of a response. Times are event loop times, in seconds."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._paused_since: float | None = None
        self._flushing_since: float | None = None

    def pause(self, now: float) -> None:
        """Start the time limit: the buffer of the connection is full."""
        self._paused_since = now

    def resume(self) -> None:
        """Stop the time limit: the client has read a part, so that the next 48 KiB fit into the buffer."""
        self._paused_since = None

    def flush(self, now: float) -> None:
        """Start the time limit for the rest of the buffer. Repeated calls change nothing."""
        if self._flushing_since is None:
            self._flushing_since = now

    def is_stalled(self, now: float) -> bool:
        """Return whether the client reads the next part, or the rest, too slowly."""
        since = [time for time in (self._paused_since, self._flushing_since) if time is not None]
        return bool(since) and now - min(since) > self._limits.write_timeout


class DiscardedRequest:
    """Unparsed input of the client: its bytes, and the time after the last response (lingering)."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._lingering_since: float | None = None
        self._received_at = 0.0
        self._bytes = 0

    def add(self, size_bytes: int, now: float) -> None:
        """Count received bytes."""
        self._received_at = now
        self._bytes += size_bytes

    @property
    def is_too_long(self) -> bool:
        """Whether the client sent more bytes than the limit."""
        return self._bytes > self._limits.linger_bytes

    def linger(self, now: float) -> None:
        """Start the time limit after the last response."""
        self._lingering_since = self._received_at = now

    @property
    def is_lingering(self) -> bool:
        """Whether the last response is sent."""
        return self._lingering_since is not None

    def has_timed_out(self, now: float) -> bool:
        """Return whether lingering took too long, or the client has sent nothing for too long."""
        return self._lingering_since is not None and (
            now - self._received_at > LINGER_IDLE_SECONDS or now - self._lingering_since > self._limits.linger_seconds
        )
