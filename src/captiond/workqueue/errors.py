"""Errors of the queue. Each derives from QueueError."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError


class QueueError(Exception):
    """Base class of the errors of this package."""


class QueueUnavailable(QueueError):
    """Redis is unreachable or refused a command; the last command may or may not have taken effect."""

    summary = "Redis is unavailable"

    def __init__(self, reason: str) -> None:
        # Some messages of redis-py end with a full stop, before which others add theirs.
        super().__init__(f"{self.summary}: {reason.removesuffix('.')}")
        self.reason = reason


class QueueTimeout(QueueUnavailable):
    """Redis accepts connections but does not reply; the last command may or may not take effect."""

    summary = "Redis did not reply in time"


class UnsafeServer(QueueUnavailable):
    """The server does not meet the durability requirements; nothing was sent to it."""

    summary = "Redis does not meet the durability requirements"

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))


class OtherDeployment(QueueUnavailable):
    """The queues belong to another deployment."""

    summary = "Redis belongs to another deployment"


class NotReplicated(QueueUnavailable):
    """Too few replicas confirmed a write in time; the message may or may not be in the queue."""

    summary = "replication not confirmed"

    def __init__(self, confirmed: int, required: int) -> None:
        super().__init__(f"{confirmed} of {required} replicas confirmed the write; repeat the request unchanged")


@contextmanager
def translate_redis_errors() -> Iterator[None]:
    """Raise QueueUnavailable in place of RedisError."""
    try:
        yield
    except RedisTimeoutError as error:
        raise QueueTimeout(str(error)) from error
    except RedisError as error:
        raise QueueUnavailable(str(error)) from error


class QueueFull(QueueError):
    """The queue has used up its budget of messages or bytes."""

    def __init__(self, queue: str) -> None:
        super().__init__(f"queue {queue} is full")
        self.queue = queue


class IdConflict(QueueError):
    """A message with this id and another digest exists."""

    def __init__(self, message_id: str) -> None:
        super().__init__(f"id {message_id} belongs to another message")
        self.message_id = message_id


class MalformedMessage(QueueError):
    """A message that cannot be decoded. A retry will not help."""


class UnsupportedVersion(QueueError):
    """A later release wrote the message; a worker of that release can read it."""

    def __init__(self, version: int, newest_supported: int) -> None:
        super().__init__(
            f"message format {version} is newer than {newest_supported}; "
            "upgrade the workers, then run `captiond dead retry`"
        )
        self.version = version


class DeliveriesExhausted(QueueError):
    """A message reached the delivery limit before a worker settled it.

    Likely causes: its handler crashes the worker, or leases expire.
    """

    def __init__(self, deliveries: int) -> None:
        super().__init__(f"no worker settled the message in {deliveries} deliveries")
        self.deliveries = deliveries


class DependencyUnavailable(QueueError):
    """A database, disk or other dependency is down: the worker requeues its messages uncounted and backs off."""
