"""Outcomes that a handler returns per message. An exception counts as a failed attempt and leads to a retry."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from captiond.workqueue.message import validate_headers


@dataclass(frozen=True, slots=True)
class Forward:
    """Move the message to the next queue with these headers in place of its own, in one atomic step.

    Id and payload stay the same. Raises ValueError for invalid headers.
    """

    headers: Mapping[str, bytes] = field(repr=False)
    state: str

    def __post_init__(self) -> None:
        validate_headers(self.headers)


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Processing is complete: delete the message and its payload."""

    state: str


@dataclass(frozen=True, slots=True)
class Reject:
    """Move the message to the dead-letter queue without a retry, with `error` and its traceback."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Isolate:
    """Pass the message alone to the handler of suspects, after the other outcomes of its batch are settled."""


Outcome = Forward | Acknowledge | Reject | Isolate
