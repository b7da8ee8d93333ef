"""The dead letters of all queues, with the payloads that are on disk: selects, redrives and deletes them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import NamedTuple

from captiond.messages import Status
from captiond.operations.dead_letter_files import DeadLetterFiles, PayloadElsewhere
from captiond.pipeline import CAPTIONED, QUEUES, UPLOADS, WEBHOOKS
from captiond.workqueue.admin import DeadLetter, DeadLetters

STATE_AFTER_REDRIVE = {UPLOADS: Status.QUEUED, CAPTIONED: Status.CAPTIONED, WEBHOOKS: Status.QUEUED}
SCAN_ENTRIES = 1000
"""Dead letters that one page reads at most. Those of other reasons count."""


class Position(NamedTuple):
    """The place of a dead letter among those of all queues, in the order of their rejection."""

    milliseconds: int
    number: int
    queue: str

    @property
    def entry(self) -> str:
        return f"{self.milliseconds}-{self.number}"

    @classmethod
    def of(cls, letter: DeadLetter) -> "Position":
        milliseconds, _, number = letter.entry.partition("-")
        return cls(int(milliseconds), int(number), letter.queue)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which dead letters: of one queue or of all; with a text in the error, ignoring case; before a position."""

    queue: str | None = None
    reason: str | None = None
    before: Position | None = None

    def includes(self, letter: DeadLetter) -> bool:
        return self.reason is None or self.reason.casefold() in letter.error.casefold()


@dataclass(frozen=True, slots=True)
class Page:
    """Dead letters, the newest first. If `next` is a position, there may be older ones before it."""

    letters: tuple[DeadLetter, ...]
    next: Position | None


class DeadLetterQueues:
    """The dead letters of the pipeline and of queue `webhooks`. Every method raises QueueUnavailable."""

    def __init__(self, open_queue: Callable[[str], DeadLetters], files: DeadLetterFiles) -> None:
        self._queues: Mapping[str, DeadLetters] = {queue: open_queue(queue) for queue in (*QUEUES, WEBHOOKS)}
        self.files = files

    def __iter__(self) -> Iterator[DeadLetter]:
        """Iterate from the oldest to the newest, queue by queue."""
        for queue in self._queues.values():
            yield from queue

    def count(self, queue: str | None) -> int:
        """Count the dead letters of one queue or of all."""
        return sum(each.count() for name, each in self._queues.items() if queue in {None, name})

    def page(self, selection: Selection, limit: int) -> Page:
        """Return at most `limit` dead letters, the newest first.

        It reads at most SCAN_ENTRIES, so it may return fewer although there are more.
        """
        found: list[DeadLetter] = []
        last: Position | None = None
        # One more than the limits shows whether there are more.
        for number, letter in enumerate(islice(self._newest(selection, SCAN_ENTRIES + 1), SCAN_ENTRIES + 1)):
            if len(found) == limit or number == SCAN_ENTRIES:
                return Page(tuple(found), last)
            last = Position.of(letter)
            if selection.includes(letter):
                found.append(letter)
        return Page(tuple(found), None)

    def find(self, queue: str, entry: str) -> DeadLetter | None:
        """Find by queue and entry."""
        return self._queues[queue].find(entry)

    def find_by_id(self, message_id: str) -> DeadLetter | None:
        """Find by the id of the message."""
        return next(filter(None, (queue.find_by_id(message_id) for queue in self._queues.values())), None)

    def omitted_fields(self, letter: DeadLetter) -> dict[str, bytes]:
        """Return the payload, as `body`, and the large headers. Raises PayloadElsewhere, OSError."""
        omitted = self._queues[letter.queue].omitted_fields(letter)
        if payload := self.files.read(letter):
            omitted["body"] = payload
        return omitted

    def redrive(self, letter: DeadLetter) -> bool:
        """Return it to its queue; False if it no longer exists. Raises PayloadElsewhere, OSError."""
        queue = self._queues[letter.queue]
        try:
            payload = self.files.read(letter)
        except (PayloadElsewhere, FileNotFoundError):
            if queue.find(letter.entry) is None:  # another call has redriven it and deleted the file
                return False
            raise
        is_moved = queue.redrive(letter, STATE_AFTER_REDRIVE[letter.queue], payload)
        if payload:
            self.files.delete(letter)
        if not is_moved and not payload and (current := queue.find(letter.entry)) and current.offloaded_bytes:
            return self.redrive(current)  # an archiver has moved the payload to disk since `letter` was read
        return is_moved

    def delete(self, letter: DeadLetter) -> bool:
        """Delete it with its payload; False if it no longer exists. Raises OSError."""
        is_deleted = self._queues[letter.queue].delete(letter)
        self.files.delete(letter)  # an archiver may have moved the payload there since the dead letter was read
        return is_deleted

    def _newest(self, selection: Selection, count: int) -> Iterator[DeadLetter]:
        chosen = [
            queue.newest(_entry_before(name, selection.before), count)
            for name, queue in self._queues.items()
            if selection.queue in {None, name}
        ]
        return merge(*chosen, key=Position.of, reverse=True)


def _entry_before(queue: str, before: Position | None) -> str | None:
    """Return the entry before which a queue has the dead letters before a position."""
    if before is None:
        return None
    # Entries of two queues may be equal; then the names of the queues are compared.
    return f"{before.milliseconds}-{before.number + 1}" if queue < before.queue else before.entry
