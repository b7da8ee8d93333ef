"""Runs the deliveries of each webhook one after the other, and different webhooks in parallel.

A batch waits for them for a short time only. What has not ended then is postponed, while it continues here: its
outcome is kept until then, so that a slow receiver neither delays other webhooks nor gets a second request.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
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

# Returns None if no attempt is possible now, neither of this event nor of the next ones.
Attempt = Callable[[Event], Outcome | None]


class Lanes:
    """A lane per webhook. One thread may call `run`. Its `attempt` raises nothing."""

    def __init__(self, wait_seconds: float = WAIT_SECONDS) -> None:
        self._wait_seconds = wait_seconds
        self._threads = ThreadPoolExecutor(MAX_WEBHOOKS, "webhook")
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._running: dict[UUID, Future[None]] = {}
        self._outcomes: dict[UUID, Outcome] = {}

    def run(self, events: Mapping[UUID, Sequence[Event]], attempt: Attempt) -> dict[UUID, Outcome]:
        """Attempt the events of each webhook, unless its lane is busy. Returns the outcomes so far, by event."""
        self._running = {key: future for key, future in self._running.items() if not future.done()}
        ids = [event.id for each in events.values() for event in each]
        kept = self._take(ids)
        started = {
            webhook_id: self._threads.submit(self._run, [event for event in each if event.id not in kept], attempt)
            for webhook_id, each in events.items()
            if webhook_id not in self._running
        }
        self._running |= started
        wait(started.values(), self._wait_seconds)
        return kept | self._take(ids)

    @property
    def is_closing(self) -> bool:
        return self._stopping.is_set()

    def close(self) -> None:
        """Wait for the attempts that run, and start no other."""
        self._stopping.set()
        self._threads.shutdown(cancel_futures=True)

    def _take(self, ids: Sequence[UUID]) -> dict[UUID, Outcome]:
        with self._lock:
            return {key: self._outcomes.pop(key) for key in ids if key in self._outcomes}

    def _run(self, events: Sequence[Event], attempt: Attempt) -> None:
        ends_at = time.monotonic() + MAX_LANE_SECONDS
        for event in events:
            if self.is_closing or time.monotonic() > ends_at:
                return
            outcome = attempt(event)
            if outcome is None:
                return
            with self._lock:
                self._outcomes[event.id] = outcome
                if len(self._outcomes) > MAX_KEPT:
                    del self._outcomes[next(iter(self._outcomes))]
