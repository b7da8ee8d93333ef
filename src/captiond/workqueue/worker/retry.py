"""When to try again: pure functions of the counts."""

from dataclasses import dataclass

from captiond.backoff import backoff_seconds


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Failures are what a handler raised; deliveries also count what killed its worker."""

    max_failures: int = 5
    max_deliveries: int = 10
    suspect_deliveries: int = 3
    base_seconds: float = 1.0
    cap_seconds: float = 300.0

    def exhausted(self, deliveries: int) -> bool:
        """Tell whether a message was handed out too often to be tried once more."""
        return deliveries > self.max_deliveries

    def suspicious(self, deliveries: int) -> bool:
        """Tell whether a message may be what killed the workers that had it before."""
        return deliveries >= self.suspect_deliveries

    def delay_seconds(self, failures: int) -> float:
        """Draw the wait after that many failures: full jitter under 1, 4, 16, 64 … 300 s."""
        return backoff_seconds(failures, self.base_seconds, self.cap_seconds, factor=4)
