"""Errors of the queue that callers see."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from redis.exceptions import RedisError


class QueueError(Exception):
    """Base class of the errors of this package."""


class QueueUnavailable(QueueError):
    """Redis is unreachable or refused a command; the last command may or may not have taken effect."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Redis is not available: {reason}")
        self.reason = reason


class UnsafeServer(QueueUnavailable):
    """The server does not meet the durability requirements; nothing was sent to it."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.reason = "; ".join(problems)
        QueueError.__init__(self, f"Redis does not meet the durability requirements: {self.reason}")


class NotReplicated(QueueUnavailable):
    """Too few replicas confirmed a write in time; the message may or may not be in the queue."""

    def __init__(self, confirmed: int, required: int) -> None:
        self.reason = f"{confirmed} of {required} replicas confirmed the write"
        QueueError.__init__(self, f"replication not confirmed: {self.reason}; repeat the request unchanged")


@contextmanager
def translate_redis_errors() -> Iterator[None]:
    """Raise QueueUnavailable in place of RedisError."""
    try:
        yield
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


class DeliveriesExhausted(QueueError):
    """A message was delivered too often without being settled: its workers crash, or lose their leases."""

    def __init__(self, deliveries: int) -> None:
        super().__init__(f"delivered {deliveries} times without being settled")
        self.deliveries = deliveries
