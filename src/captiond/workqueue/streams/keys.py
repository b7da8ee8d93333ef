"""Redis key names. All keys share one hash tag, so that one script may use any of them in a Redis Cluster.

Keys, hash fields and the consumer name `parked` hold durable state. They keep the names of earlier releases where the
code uses another term: `:parked` (delayed), `:dead` (dead-letter queue), `body:` (payload), `finished` (acknowledged).
"""

from dataclasses import dataclass

# The consumer group of every queue.
GROUP = "workers"
# The consumer that owns delayed messages; the scripts name it too.
DELAYED_CONSUMER = "parked"


@dataclass(frozen=True, slots=True)
class Keys:
    """Key names under one prefix."""

    prefix: str = "captiond"

    def stream(self, queue: str) -> str:
        return f"{self._tagged}:{queue}"

    def delayed(self, queue: str) -> str:
        """Sorted set: when each delayed entry is due, in ms since the epoch."""
        return f"{self._tagged}:{queue}:parked"

    def dead_letters(self, queue: str) -> str:
        """Stream: the dead-letter queue."""
        return f"{self._tagged}:{queue}:dead"

    def job(self, message_id: str) -> str:
        """Hash: state, digest and failures of one message."""
        return f"{self._tagged}:job:{message_id}"

    def payload(self, message_id: str) -> str:
        """String: written once, deleted when the message is acknowledged for good or its dead letter is deleted."""
        return f"{self._tagged}:body:{message_id}"

    @property
    def bytes(self) -> str:
        """Hash: bytes used per stream."""
        return f"{self._tagged}:bytes"

    @property
    def totals(self) -> str:
        """Hash: lifetime counters accepted, finished, dropped, redelivered, leases_lost, fenced."""
        return f"{self._tagged}:totals"

    @property
    def events(self) -> str:
        """Stream: the latest state changes, about 10,000."""
        return f"{self._tagged}:events"

    @property
    def probes(self) -> list[str]:
        """Three keys for the permission probe, which deletes them."""
        return [f"{self._tagged}:probe:{number}" for number in range(3)]

    @property
    def _tagged(self) -> str:
        return f"{{{self.prefix}:0}}"
