"""What was sent and accepted, and how long it took."""

import threading
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from captiond.simulator.sending import Protocol, Reply

_MAX_REFUSALS = 100
"""Maximum number of kinds of refusals; further kinds are counted together."""


class Result(NamedTuple):
    """Images of a protocol that were sent, accepted and refused, and percentiles of the latency."""

    protocol: Protocol
    sent: int
    accepted: int
    refused: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


class Report:
    """Counts replies. Several threads may add to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latencies: dict[Protocol, array[float]] = defaultdict(lambda: array("f"))
        self._accepted: Counter[Protocol] = Counter()
        self._refusals: Counter[tuple[Protocol, str]] = Counter()
        self.seconds = 0.0

    def add(self, protocol: Protocol, reply: Reply, seconds: float) -> None:
        """Count an image."""
        with self._lock:
            self._latencies[protocol].append(seconds)
            if reply.is_accepted:
                self._accepted[protocol] += 1
            else:
                kind = (protocol, reply.text)
                is_counted = kind in self._refusals or len(self._refusals) < _MAX_REFUSALS
                self._refusals[kind if is_counted else (protocol, "other")] += 1

    @property
    def sent(self) -> int:
        """Images that were sent."""
        return sum(map(len, self._latencies.values()))

    @property
    def accepted(self) -> int:
        """Images that were accepted."""
        return self._accepted.total()

    @property
    def rate(self) -> float:
        """Images per second that were accepted."""
        return self.accepted / self.seconds if self.seconds else 0.0

    def results(self) -> Iterator[Result]:
        """One per protocol, by name."""
        for protocol, latencies in sorted(self._latencies.items()):
            accepted, ordered = self._accepted[protocol], sorted(latencies)
            times = (_percentile_ms(ordered, share) for share in (0.5, 0.95, 0.99, 1.0))
            yield Result(protocol, len(latencies), accepted, len(latencies) - accepted, *times)

    def refusals(self) -> Iterator[tuple[str, str, int]]:
        """Protocol, reply and number of the images that were not accepted, the most frequent first."""
        for (protocol, text), number in self._refusals.most_common():
            yield protocol, text, number


def _percentile_ms(ordered: Sequence[float], share: float) -> float:
    return round(1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)], 3)
