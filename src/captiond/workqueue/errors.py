"""What can go wrong with a queue as its callers see it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from redis.exceptions import RedisError


class QueueError(Exception):
    """Base of the package's errors."""


class QueueUnavailable(QueueError):
    """Redis cannot be reached or refuses to work; nothing is known about the last command."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Redis is not available: {reason}")
        self.reason = reason


class UnsafeServer(QueueUnavailable):
    """The server would not keep what it is given as it must be kept; nothing was given to it."""

    def __init__(self, found: Sequence[str]) -> None:
        self.reason = "; ".join(found)
        QueueError.__init__(self, f"Redis is not fit to keep images: {self.reason}")


@contextmanager
def asking_redis() -> Iterator[None]:
    """Raise QueueUnavailable for whatever the client raises."""
    try:
        yield
    except RedisError as error:
        raise QueueUnavailable(str(error)) from error


class QueueFull(QueueError):
    """The queue holds as much as it may."""

    def __init__(self, queue: str) -> None:
        super().__init__(f"queue {queue} is full")
        self.queue = queue


class IdConflict(QueueError):
    """The id is taken by a message with another digest."""

    def __init__(self, message_id: str) -> None:
        super().__init__(f"id {message_id} is taken by another message")
        self.message_id = message_id


class DeliveriesExhausted(QueueError):
    """A message was handed out again and again and never settled: it kills its workers, or they lose it."""

    def __init__(self, deliveries: int) -> None:
        super().__init__(f"handed out {deliveries} times and never settled")
        self.deliveries = deliveries
