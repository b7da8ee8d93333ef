"""Redis key names.

Each key starts with `{prefix:0}`. Redis Cluster hashes only the text in braces, the hash tag, so all keys are in one
slot and one script may use any of them.

Keys, hash fields and the consumer name `parked` hold durable state, so they keep the names of earlier releases where
the code uses another term: `:parked` (delayed), `:dead` (dead-letter queue), `body:` (payload), `finished`
(acknowledged), `leases_lost` (leases expired).
"""

from dataclasses import dataclass

# The consumer group of every queue.
GROUP = "workers"
# The consumer that owns delayed messages; the scripts name it too.
DELAYED_CONSUMER = "parked"
# The family of the queues of notifications.
NOTIFICATIONS = "notifications"
# Prefix of the counters that handlers name, in the hash of totals.
COUNTED = "counted:"


@dataclass(frozen=True, slots=True)
class Keys:
    """Key names under one prefix. A family of queues has its own jobs, events, bytes and counters."""

    prefix: str = "captiond"
    family: str = ""

    def of_family(self, family: str) -> "Keys":
        """Return the keys of another family, in the same slot."""
        return Keys(self.prefix, f":{family}")

    def stream(self, queue: str) -> str:
        return f"{self._tagged}:{queue}"

    def delayed(self, queue: str) -> str:
        """Sorted set: when each delayed entry is due, in ms since the epoch."""
        return f"{self._tagged}:{queue}:parked"

    def dead_letters(self, queue: str) -> str:
        """Stream: the dead-letter queue."""
        return f"{self._tagged}:{queue}:dead"

    def job(self, message_id: str) -> str:
        """Hash: the recorded state of one message. It expires `keep_ms` after the message was acknowledged.

        Fields: `state`; `digest`, `note` and `keep_ms` of the first upload; `repeats`, the number of repeated uploads;
        `failures` and `error` of failed attempts; `dead`, the dead letter as `key entry`;
        `offloaded`, the size of a payload that is stored outside of Redis.
        """
        return f"{self._tagged}:job:{message_id}"

    def payload(self, message_id: str) -> str:
        """String: written once, deleted when the message is acknowledged without forwarding, or as a dead letter."""
        return f"{self._tagged}:body:{message_id}"

    @property
    def bytes(self) -> str:
        """Hash: used bytes. One field per queue and dead-letter queue, named by its key."""
        return f"{self._tagged}:bytes"

    @property
    def totals(self) -> str:
        """Hash: lifetime counters.

        Fields: `accepted`, `finished`, `rejected`, `dropped`, `redelivered`, `leases_lost`, `fenced`, and
        `counted:NAME` for each counter of `Forward` and `Monitor.count`; `created`, the time of the first message in
        seconds, which changes if the data were deleted; `adopted`, archived messages that the data lack.
        """
        return f"{self._tagged}:totals"

    def samples(self, resolution: str) -> str:
        """Hash: samples of the totals, by the number of their interval since the epoch. It expires."""
        return f"{self._tagged}:samples:{resolution}"

    def report(self, name: str) -> str:
        """String: the last report of a command, which never expires."""
        return f"{self._tagged}:report:{name}"

    @property
    def events(self) -> str:
        """Stream: about the latest 10,000 state changes. Fields of an entry: state by message id."""
        return f"{self._tagged}:events"

    @property
    def subscribers(self) -> str:
        """Hash: the topics of each subscriber, separated by spaces."""
        return f"{self._tagged}:subscribers"

    def arrival_time(self, name: str) -> str:
        """String: the theoretical arrival time of a client, in ms since the epoch. It expires then."""
        return f"{self._tagged}:debt:{name}"  # the name of earlier versions

    def problem(self, service: str) -> str:
        """String: the current problem of a service. It expires."""
        return f"{self._tagged}:problem:{service}"

    @property
    def deployment(self) -> str:
        """String: the id of the deployment whose queues these are. Missing in new queues and after FLUSHALL."""
        return f"{self._tagged}:deployment"

    @property
    def session_secret(self) -> str:
        """String: random bytes that all API processes share, and that sign the sessions of the web page."""
        return f"{self._tagged}:session-secret"

    @property
    def probes(self) -> list[str]:
        """Three keys for the permission probe, which deletes them."""
        return [f"{self._tagged}:probe:{number}" for number in range(3)]

    @property
    def _tagged(self) -> str:
        return f"{{{self.prefix}:0}}{self.family}"
