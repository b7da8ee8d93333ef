"""What a handler may say of a delivery; anything it raises is a failure of the message."""

from dataclasses import dataclass

from captiond.workqueue.message import Message


@dataclass(frozen=True, slots=True)
class HandOff:
    """Done here: the successor goes to the next queue, in the same step."""

    successor: Message
    state: str


@dataclass(frozen=True, slots=True)
class Finish:
    """Done for good."""

    state: str


@dataclass(frozen=True, slots=True)
class Bury:
    """Never to be tried again: to the dead letters. `error` is raised or was caught; its traceback is kept."""

    error: Exception


Outcome = HandOff | Finish | Bury


class Unavailable(Exception):
    """Something outside the message is away (database, disk): everything in hand is given back, uncounted."""
