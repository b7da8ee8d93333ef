"""Says in scripts' calls how deliveries end: handed on, finished, buried."""

import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from captiond.workqueue.message import Delivery, flat_fields, size_of
from captiond.workqueue.outcome import Acknowledge, Forward, Outcome, Reject
from captiond.workqueue.streams.keys import GROUP, Keys
from captiond.workqueue.streams.portions import portion
from captiond.workqueue.streams.scripts import BURY, SETTLE, Call, Value

DEAD_STATE = "failed"
# A traceback beyond this says nothing more and would only fill the server.
MAX_TRACEBACK_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class Route:
    """Where a consumer reads and where its successors go; `next_queue` is None at the end of the line."""

    queue: str
    next_queue: str | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """A call that ends the deliveries of these entries.

    It returns how many messages wait ahead, which counts where it hands on, and of each entry 1 or 0.
    """

    entries: Sequence[bytes]
    call: Call
    hands_on: bool


@dataclass(frozen=True, slots=True)
class _Ending:
    """What the script is told of one delivery; `size_bytes` is what that takes of the call."""

    delivery: Delivery
    arguments: Sequence[Value]
    size_bytes: int


class Settler:
    """Makes the calls of one consumer."""

    def __init__(self, keys: Keys, route: Route, consumer: str) -> None:
        self._keys = keys
        self._route = route
        self._consumer = consumer

    def settlements(self, settled: Sequence[tuple[Delivery, Outcome]]) -> list[Settlement]:
        """Make the calls that carry these outcomes out, in any order."""
        handed_on = [_hand_off(delivery, outcome) for delivery, outcome in settled if isinstance(outcome, Forward)]
        finished = [_finish(delivery, outcome) for delivery, outcome in settled if isinstance(outcome, Acknowledge)]
        buried = [(delivery, outcome.error) for delivery, outcome in settled if isinstance(outcome, Reject)]
        if handed_on and self._route.next_queue is None:
            raise ValueError(f"queue {self._route.queue} has no next queue")
        return [
            *(self._end(endings, self._route.next_queue) for endings in _portions(handed_on)),
            *(self._end(endings, None) for endings in _portions(finished)),
            *(self._bury(delivery, error) for delivery, error in buried),
        ]

    def _end(self, endings: Sequence[_Ending], next_queue: str | None) -> Settlement:
        keys = [
            *(self._keys.stream(self._route.queue), self._keys.bytes, self._keys.events),
            *(self._keys.parked(self._route.queue), self._keys.totals),
            *(self._keys.job(ending.delivery.id) for ending in endings),
            *(self._keys.payload(ending.delivery.id) for ending in endings),
            *([self._keys.stream(next_queue)] if next_queue else []),
        ]
        arguments = chain.from_iterable(ending.arguments for ending in endings)
        call = SETTLE.call(keys, GROUP, len(endings), *arguments)
        return Settlement([ending.delivery.entry for ending in endings], call, hands_on=next_queue is not None)

    def _bury(self, delivery: Delivery, error: Exception) -> Settlement:
        keys = [
            *(self._keys.stream(self._route.queue), self._keys.job(delivery.id), self._keys.bytes, self._keys.events),
            *(self._keys.parked(self._route.queue), self._keys.totals, self._keys.dead(self._route.queue)),
        ]
        about = (GROUP, delivery.entry, delivery.size_bytes, delivery.id, DEAD_STATE, describe(error))
        call = BURY.call(keys, *about, *self._death(delivery, error))
        return Settlement([delivery.entry], call, hands_on=False)

    def _death(self, delivery: Delivery, error: Exception) -> list[str]:
        trace = "".join(traceback.format_exception(error))[-MAX_TRACEBACK_CHARACTERS:]
        return [
            *("dead_queue", self._route.queue),
            *("dead_entry", delivery.entry.decode()),
            *("dead_deliveries", str(delivery.deliveries)),
            *("dead_consumer", self._consumer),
            *("dead_error", describe(error)),
            *("dead_traceback", trace),
        ]


def _hand_off(delivery: Delivery, outcome: Forward) -> _Ending:
    fields = flat_fields(delivery.id, outcome.headers)
    size_bytes = size_of(fields, delivery.payload)
    about = (*_about(delivery, outcome.state), size_bytes, len(fields))
    return _Ending(delivery, (*about, *fields), size_of(fields, None))


def _finish(delivery: Delivery, outcome: Acknowledge) -> _Ending:
    return _Ending(delivery, (*_about(delivery, outcome.state), 0, 0), 0)


def _about(delivery: Delivery, state: str) -> tuple[Value, ...]:
    return delivery.entry, delivery.size_bytes, delivery.id, state


def _portions(endings: list[_Ending]) -> Iterator[list[_Ending]]:
    while endings:
        count = portion(ending.size_bytes for ending in endings)
        yield endings[:count]
        endings = endings[count:]


def describe(error: Exception) -> str:
    """Say an error in one line: its class and its message."""
    return f"{type(error).__name__}: {error}".replace("\n", " ")[:500]
