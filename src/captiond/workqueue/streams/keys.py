"""The names of everything the queues keep in Redis; one hash tag, so that a script may touch all of it in a cluster."""

from dataclasses import dataclass

# The consumer group of every queue.
GROUP = "workers"


@dataclass(frozen=True, slots=True)
class Keys:
    """Key names under one prefix."""

    prefix: str = "captiond"

    def stream(self, queue: str) -> str:
        return f"{self._tagged}:{queue}"

    def parked(self, queue: str) -> str:
        return f"{self._tagged}:{queue}:parked"

    def dead(self, queue: str) -> str:
        return f"{self._tagged}:{queue}:dead"

    def job(self, message_id: str) -> str:
        return f"{self._tagged}:job:{message_id}"

    def payload(self, message_id: str) -> str:
        """Bytes of a message, put once; they stay until it is finished or dropped."""
        return f"{self._tagged}:body:{message_id}"

    @property
    def bytes(self) -> str:
        """Hash of the bytes held per stream."""
        return f"{self._tagged}:bytes"

    @property
    def totals(self) -> str:
        """Hash of what has ever been counted: accepted, finished, dropped, redelivered, leases_lost, fenced."""
        return f"{self._tagged}:totals"

    @property
    def rehearsal(self) -> list[str]:
        """Three keys for trying things out; they never stay."""
        return [f"{self._tagged}:rehearsal:{number}" for number in range(3)]

    @property
    def events(self) -> str:
        """Stream of state changes, trimmed: news, not truth."""
        return f"{self._tagged}:events"

    @property
    def _tagged(self) -> str:
        return f"{{{self.prefix}:0}}"
