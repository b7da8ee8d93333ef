"""What a handler may say of a delivery; anything it raises is a failure of the message."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from captiond.workqueue.message import require_usable


@dataclass(frozen=True, slots=True)
class Forward:
    """Done here: the message goes to the next queue with these headers instead of its own, in the same step.

    Its id and its body stay. Raises ValueError for headers that a message cannot have.
    """

    headers: Mapping[str, bytes] = field(repr=False)
    state: str

    def __post_init__(self) -> None:
        require_usable(self.headers)


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Done for good."""

    state: str


@dataclass(frozen=True, slots=True)
class Reject:
    """Never to be tried again: to the dead letters. `error` is raised or was caught; its traceback is kept."""

    error: Exception


Outcome = Forward | Acknowledge | Reject


class DependencyUnavailable(Exception):
    """Something outside the message is away (database, disk): everything in hand is given back, uncounted."""
