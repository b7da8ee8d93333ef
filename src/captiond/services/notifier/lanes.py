"""Runs the deliveries of each webhook one after the other, and different webhooks in parallel.

A batch waits for them for a short time only. What has not ended then is postponed, while it continues here: its
outcome is kept until then, so that a slow receiver neither delays other webhooks nor gets a second request.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from uuid import UUID

from captiond.archive.webhooks import MAX_WEBHOOKS
from captiond.services.notifier.events import Event
from captiond.workqueue.worker import Outcome

# For how long slow receivers delay a batch.
WAIT_SECONDS = 1.0
# A webhook starts no further attempt after this time, so that its other events are not postponed in vain for long.
MAX_LANE_SECONDS = 10.0
# Another notifier may get the event then, which does not need the outcome here.
MAX_KEPT = 10_000
# The event returns sooner. Later, another notifier may have attempted it: a failure here would add to its delay.
MAX_KEPT_SECONDS = 60.0

# Returns None if no attempt is possible now, neither of this event nor of the next ones.
Attempt = Callable[[Event], Outcome | None]


@dataclass(frozen=True, slots=True)
class _Lane:
    """The events of a webhook that a thread attempts."""

    ids: frozenset[UUID]
    future: Future[None]


@dataclass(frozen=True, slots=True)
class _Kept:
    """An outcome, and when the attempt ended."""

    at: float
    outcome: Outcome


class Lanes:
    """A lane per webhook. One thread may call its methods. Its `attempt` raises nothing."""

    def __init__(self, wait_seconds: float = WAIT_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._wait_seconds = wait_seconds
        self._clock = clock
        self._threads = ThreadPoolExecutor(MAX_WEBHOOKS, "webhook")
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._running: dict[UUID, _Lane] = {}
        self._outcomes: dict[UUID, _Kept] = {}

    def is_busy(self, webhook_id: UUID) -> bool:
        """Return whether attempts of a webhook are in progress."""
        return webhook_id in self._running and not self._running[webhook_id].future.done()

    def run(self, events: Mapping[UUID, Sequence[Event]], attempt: Attempt) -> None:
        """Attempt the events of each webhook whose lane is not busy, and wait for a short time."""
        self._running = {key: lane for key, lane in self._running.items() if not lane.future.done()}
        with self._lock:
            self._drop_old()
            kept = set(self._outcomes)
        started: dict[UUID, _Lane] = {}
        for webhook_id in events.keys() - self._running.keys():
            new = [event for event in events[webhook_id] if event.id not in kept]
            ids = frozenset(event.id for event in new)
            started[webhook_id] = _Lane(ids, self._threads.submit(self._run, new, attempt))
        self._running |= started
        wait([lane.future for lane in started.values()], self._wait_seconds)

    def collect(self, ids: Sequence[UUID]) -> tuple[dict[UUID, Outcome], set[UUID]]:
        """Return the outcomes of those events that have one, and which others are in a lane that runs."""
        # In this order: an event whose lane ends meanwhile is in one of both.
        running = {key for lane in self._running.values() if not lane.future.done() for key in lane.ids}
        with self._lock:
            self._drop_old()
            finished = {key: self._outcomes.pop(key).outcome for key in ids if key in self._outcomes}
        return finished, running.intersection(ids) - finished.keys()

    @property
    def is_closing(self) -> bool:
        return self._stopping.is_set()

    def close(self) -> None:
        """Wait for the attempts that run, and start no other."""
        self._stopping.set()
        self._threads.shutdown(cancel_futures=True)

    def _drop_old(self) -> None:
        """Drop outcomes that are too old or too many. They are in the order of their times."""
        oldest = self._clock() - MAX_KEPT_SECONDS
        while self._outcomes:
            first = next(iter(self._outcomes))
            if len(self._outcomes) <= MAX_KEPT and self._outcomes[first].at >= oldest:
                return
            del self._outcomes[first]

    def _run(self, events: Sequence[Event], attempt: Attempt) -> None:
        ends_at = time.monotonic() + MAX_LANE_SECONDS
        for event in events:
            if self.is_closing or time.monotonic() > ends_at:
                return
            outcome = attempt(event)
            if outcome is None:
                return
            with self._lock:
                self._outcomes[event.id] = _Kept(self._clock(), outcome)
                self._drop_old()
