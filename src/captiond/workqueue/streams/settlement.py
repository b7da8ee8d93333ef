"""Builds the script calls that settle deliveries.

To settle a delivery is to end it, by acknowledging, forwarding or rejecting the message (the term of AMQP 1.0).
"""

import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from captiond.workqueue.message import Delivery, flat_fields, size_of
from captiond.workqueue.outcome import Acknowledge, Forward, Outcome, Reject
from captiond.workqueue.streams.keys import COUNTED, GROUP, NOTIFICATIONS, Keys
from captiond.workqueue.streams.scripts import REJECT, SETTLE, Call, Value, count_for_one_call

REJECTED_STATE = "failed"
MAX_ERROR_CHARACTERS = 500
# Of a longer traceback only the end is stored, which names the cause; the beginning would only fill the server.
MAX_TRACEBACK_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class Route:
    """The queue that a consumer reads, and the queue it forwards to; None for the last queue.

    Subscribers get the topics of acknowledged and rejected messages through the queue `notifications`.
    """

    queue: str
    next_queue: str | None = None
    notifications: str | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """A call that settles the deliveries of these entries.

    It returns the depth of the next queue, which is valid if it forwards. Then it returns per entry 1, the entry of the
    dead letter, or 0 if the delivery was settled before.
    """

    entries: Sequence[bytes]
    call: Call
    forwards: bool


@dataclass(frozen=True, slots=True)
class _Item:
    """The script arguments of one delivery; `size_bytes` is their share of the call."""

    delivery: Delivery
    arguments: Sequence[Value]
    size_bytes: int


class SettlementBuilder:
    """Builds the settlement calls of one consumer."""

    def __init__(self, keys: Keys, route: Route, consumer: str) -> None:
        self._keys = keys
        self._route = route
        self._consumer = consumer
        self._notified: list[str] = []
        if route.notifications:
            family = keys.of_family(NOTIFICATIONS)
            self._notified = [keys.subscribers, family.stream(route.notifications), family.bytes, family.totals]

    def build(self, outcomes: Sequence[tuple[Delivery, Outcome]]) -> list[Settlement]:
        """Build the calls for these outcomes. Raises ValueError for Forward on the last queue."""
        forwarded = [_to_item(delivery, outcome) for delivery, outcome in outcomes if isinstance(outcome, Forward)]
        done = [_to_item(delivery, outcome) for delivery, outcome in outcomes if isinstance(outcome, Acknowledge)]
        rejected = [(delivery, outcome.error) for delivery, outcome in outcomes if isinstance(outcome, Reject)]
        if forwarded and self._route.next_queue is None:
            raise ValueError(f"queue {self._route.queue} has no next queue")
        return [
            *(self._settle(items, self._route.next_queue) for items in _split(forwarded)),
            *(self._settle(items, None) for items in _split(done)),
            *(self._reject(delivery, error) for delivery, error in rejected),
        ]

    def _settle(self, items: Sequence[_Item], next_queue: str | None) -> Settlement:
        keys = [
            *(self._keys.stream(self._route.queue), self._keys.bytes, self._keys.events),
            *(self._keys.delayed(self._route.queue), self._keys.totals),
            *(self._keys.job(item.delivery.id) for item in items),
            *(self._keys.payload(item.delivery.id) for item in items),
            *([self._keys.stream(next_queue)] if next_queue else self._notified),
        ]
        arguments = chain.from_iterable(item.arguments for item in items)
        call = SETTLE.call(keys, GROUP, len(items), *arguments)
        return Settlement([item.delivery.entry for item in items], call, forwards=next_queue is not None)

    def _reject(self, delivery: Delivery, error: Exception) -> Settlement:
        queue = self._route.queue
        keys = [
            *(self._keys.stream(queue), self._keys.job(delivery.id), self._keys.bytes, self._keys.events),
            *(self._keys.delayed(queue), self._keys.totals, self._keys.dead_letters(queue)),
            *self._notified,
        ]
        arguments = (GROUP, delivery.entry, delivery.size_bytes, delivery.id, REJECTED_STATE, describe(error))
        call = REJECT.call(keys, *arguments, *self._error_fields(delivery, error))
        return Settlement([delivery.entry], call, forwards=False)

    def _error_fields(self, delivery: Delivery, error: Exception) -> list[str]:
        trace = "".join(traceback.format_exception(error))[-MAX_TRACEBACK_CHARACTERS:]
        return [
            *("dead_queue", self._route.queue),
            *("dead_entry", delivery.entry.decode()),
            *("dead_deliveries", str(delivery.deliveries)),
            *("dead_consumer", self._consumer),
            *("dead_error", describe(error)),
            *("dead_traceback", trace),
        ]


def _to_item(delivery: Delivery, outcome: Forward | Acknowledge) -> _Item:
    fields = flat_fields(delivery.id, outcome.headers) if isinstance(outcome, Forward) else []
    next_size_bytes = size_of(fields, delivery.body) if fields else 0
    counter = COUNTED + outcome.counter if isinstance(outcome, Forward) and outcome.counter else ""
    topics = " ".join(outcome.topics) if isinstance(outcome, Acknowledge) else ""
    arguments = (delivery.entry, delivery.size_bytes, delivery.id, outcome.state, next_size_bytes, counter, topics)
    return _Item(delivery, (*arguments, len(fields), *fields), size_of(fields, None))


def _split(items: list[_Item]) -> Iterator[list[_Item]]:
    while items:
        count = count_for_one_call(item.size_bytes for item in items)
        yield items[:count]
        items = items[count:]


def describe(error: Exception) -> str:
    """Return class and message of an error as one line of at most 500 characters."""
    return f"{type(error).__name__}: {error}".replace("\n", " ")[:MAX_ERROR_CHARACTERS]
