"""How much of the current request has arrived, and since when."""

from enum import Enum, auto

from captiond.services.api.connections.limits import ConnectionLimits
from captiond.services.api.connections.refusal import Refusal
from captiond.services.api.http.problem_types import HEAD_TOO_LARGE, MALFORMED, TIMEOUT

# Chunk sizes, chunk extensions and trailers per byte of the body. A chunk of one byte has 5.
MAX_FRAMING_PER_BYTE = 16
# The body rate is measured in intervals of this length.
RATE_SECONDS = 10


class Phase(Enum):
    """What the connection waits for. `IDLE`: the first byte of another request."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()


class Progress:
    """Counts the bytes of one request after another, and limits their number and their time."""

    def __init__(self, limits: ConnectionLimits, now: float) -> None:
        self._limits = limits
        self.phase = Phase.HEAD
        # When the phase began, and when the current interval of the body rate did.
        self._since = self._interval_since = now
        self._body_bytes = self._interval_bytes = 0
        # Received bytes that belong neither to a complete head nor to a body.
        self.overhead_bytes = 0

    def receive(self, size_bytes: int, now: float) -> None:
        """Count bytes before they are parsed."""
        if self.phase is Phase.IDLE:
            self.begin_head(now)
            self.overhead_bytes = 0
        self.overhead_bytes += size_bytes

    def begin_head(self, now: float) -> None:
        self.phase = Phase.HEAD
        self._since = now

    def end_head(self, size_bytes: int, now: float) -> None:
        """Raises Refusal."""
        if size_bytes > self._limits.max_head_bytes:
            raise self._head_too_large()
        self.phase = Phase.BODY
        self.overhead_bytes -= size_bytes
        self._since = self._interval_since = now
        self._body_bytes = self._interval_bytes = 0

    def add_body(self, size_bytes: int) -> None:
        self._body_bytes += size_bytes
        self._interval_bytes += size_bytes
        self.overhead_bytes -= size_bytes

    @property
    def has_begun(self) -> bool:
        """Whether a byte of the request has arrived."""
        return self.phase is Phase.BODY or self.overhead_bytes > 0

    def check_overhead(self) -> None:
        """Limit an incomplete head, and the framing of a body. Raises Refusal."""
        limit = self._limits.max_head_bytes
        if self.phase is Phase.HEAD and self.overhead_bytes > limit:
            raise self._head_too_large()
        if self.phase is Phase.BODY and self.overhead_bytes > limit + MAX_FRAMING_PER_BYTE * self._body_bytes:
            raise Refusal(MALFORMED, f"Chunk extensions and trailers exceed the limit of {limit} bytes.")

    def restart(self, now: float) -> None:
        """Measure the head, or the rate of the body, from now on: until now, the server did not read."""
        if self.phase is Phase.HEAD:
            self._since = now
        self._interval_since, self._interval_bytes = now, 0

    def check_time(self, now: float) -> None:
        """Raise Refusal for a head or body that takes too long, or a body that is too slow."""
        limits, seconds = self._limits, now - self._since
        if self.phase is Phase.HEAD and seconds > limits.head_timeout:
            raise Refusal(TIMEOUT, f"Request line and headers took longer than {limits.head_timeout:g} s.")
        if self.phase is not Phase.BODY:
            return
        if seconds > limits.max_body_seconds:
            raise Refusal(TIMEOUT, f"The body took longer than {limits.max_body_seconds:g} s.")
        if now - self._interval_since >= RATE_SECONDS:
            if self._interval_bytes < limits.min_body_rate * (now - self._interval_since):
                raise Refusal(TIMEOUT, f"The body was slower than {limits.min_body_rate} bytes per second.")
            self._interval_since, self._interval_bytes = now, 0

    def _head_too_large(self) -> Refusal:
        limit = self._limits.max_head_bytes
        return Refusal(HEAD_TOO_LARGE, f"Request line and headers exceed the limit of {limit} bytes.")
