"""Outcomes that a handler returns per message. An exception counts as a failed attempt and leads to a retry."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from captiond.workqueue.message import validate_headers


@dataclass(frozen=True, slots=True)
class Forward:
    """Move the message to the next queue with these headers in place of its own, in one atomic step.

    Id and payload stay the same. The step also adds one to the lifetime counter `counter`, if that is given: a
    redelivered message counts once. Raises ValueError for invalid headers.
    """

    headers: Mapping[str, bytes] = field(repr=False)
    state: str
    counter: str | None = None

    def __post_init__(self) -> None:
        validate_headers(self.headers)


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Processing is complete: delete the message and its payload, and notify the subscribers of the topics.

    With an empty state no record of the message remains. A topic contains no space.
    """

    state: str
    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reject:
    """Move the message to the dead-letter queue without a retry, with `error` and its traceback."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Retry:
    """A failed attempt of this message alone. An exception of the handler would repeat the whole batch."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Postpone:
    """No attempt: return the message to the queue, and deliver it again after a delay.

    It counts neither as a failure nor as a delivery.
    """

    delay_seconds: float


@dataclass(frozen=True, slots=True)
class Isolate:
    """Pass the message alone to the handler of suspects, after the other outcomes of its batch are settled."""


Outcome = Forward | Acknowledge | Reject | Retry | Postpone | Isolate
