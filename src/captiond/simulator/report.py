"""What was sent and accepted, and how long it took."""

import threading
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from captiond.simulator.sending import Protocol, Reply

_MAX_REFUSALS = 100
"""Maximum number of kinds of refusals; further kinds are counted together."""


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

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Per protocol: images sent, accepted and refused, and percentiles 50, 95, 99 and 100 of the latency in ms."""
        for protocol, latencies in sorted(self._latencies.items()):
            accepted = self._accepted[protocol]
            counts = (len(latencies), accepted, len(latencies) - accepted)
            yield protocol, *(f"{count:,}" for count in counts), *_percentiles(latencies)

    def refusals(self) -> Iterator[tuple[str, str, int]]:
        """Protocol, reply and number of the images that were not accepted, the most frequent first."""
        for (protocol, text), number in self._refusals.most_common():
            yield protocol, text, number


def _percentiles(latencies: Sequence[float]) -> Iterator[str]:
    ordered = sorted(latencies)
    for share in (0.5, 0.95, 0.99, 1.0):
        yield f"{1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)]:,.1f}"
