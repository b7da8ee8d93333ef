"""Delivers the messages of queue `webhooks`: a batch in parallel, those of one webhook one after the other.

A webhook that does not answer delays a batch by the wait of `Lanes`. Then it is paused. Messages that meet a pause or
earlier attempts are postponed: without an attempt there is no failure.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from uuid import UUID

from captiond.archive import ArchiveUnavailable, StoredImage
from captiond.services.notifier.events import Event, write_body
from captiond.services.notifier.lanes import Lanes
from captiond.services.notifier.results import Results
from captiond.webhooks import Delivery, DeliveryFailed, EventType, Sender, Webhook, sign
from captiond.workqueue import MalformedMessage, Message
from captiond.workqueue.errors import QueueUnavailable
from captiond.workqueue.worker import Acknowledge, DependencyUnavailable, Outcome, Postpone, Reject, Retry

# How old the copy of the webhooks in memory may be.
REFRESH_SECONDS = 2.0
# An event of this age becomes a dead letter after its next attempt, and a webhook without a success for so long, and
# with so many failures since, is disabled. The notifier may have been down all the time, so the time is not enough.
GIVE_UP = timedelta(hours=24)
MIN_FAILURES = 10
# Dead letters never expire, and a receiver can cause any number of them. Further events are lost.
MAX_DEAD_LETTERS = 10_000
MAX_PAUSE_SECONDS = 60.0
# The queue looks for due messages every second.
MIN_POSTPONE_SECONDS = 1.0
# An attempt in progress soon has an outcome, which a restart would lose: the event would be sent again.
LANE_POSTPONE_SECONDS = 3.0
# Before the first attempt has ended.
EXPECTED_ATTEMPT_SECONDS = 0.1
# Statuses of a receiver that cannot take more at the moment.
OVERLOADED = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
# No record of a message remains.
DONE = Acknowledge("")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the notifier reads, and what it changes. All may raise ArchiveUnavailable or QueueUnavailable."""

    load: Callable[[], list[Webhook]]
    find_images: Callable[[list[UUID]], Mapping[UUID, StoredImage]]
    find_error: Callable[[UUID], str | None]
    disable: Callable[[Webhook, str], None]
    count_dead: Callable[[], int]
    count_lost: Callable[[int], None]


@dataclass(slots=True)
class _Breaker:
    """Pauses a webhook after failed attempts, for 1, 2, 4 … 60 s, and spreads the events that wait for it."""

    failures: int = 0
    until: float = 0.0
    succeeded_at: datetime | None = None
    attempt_seconds: float = EXPECTED_ATTEMPT_SECONDS
    _free_at: float = 0.0

    @property
    def is_paused(self) -> bool:
        return time.monotonic() < self.until

    def record(self, *, failed: bool) -> None:
        self.failures = self.failures + 1 if failed else 0
        pause = min(2.0 ** min(self.failures - 1, 30), MAX_PAUSE_SECONDS) if failed else 0.0
        self.until = time.monotonic() + pause
        if not failed:
            self.succeeded_at = datetime.now(UTC)

    def postpone(self) -> Postpone:
        """Return when one more event may be attempted: after the pause and the events that were postponed before.

        Without this order, all of them would return at the same time, and all but a few in vain.
        """
        now = time.monotonic()
        latest = now + MAX_PAUSE_SECONDS
        self._free_at = min(max(self._free_at, self.until, now) + self.attempt_seconds, latest)
        return Postpone(max(self._free_at - now, MIN_POSTPONE_SECONDS))


@dataclass(slots=True)
class NotifierService:
    """Delivers events at least once. For one thread, except that `_attempt` runs in those of the lanes."""

    sources: Sources
    sender: Sender
    results: Results
    lanes: Lanes
    _webhooks: dict[UUID, Webhook] = field(default_factory=dict)
    _loaded_at: float = float("-inf")
    _breakers: dict[UUID, _Breaker] = field(default_factory=lambda: defaultdict(_Breaker))

    def handle(self, messages: Sequence[Message]) -> list[Outcome]:
        """Deliver a batch; return an outcome per message. Raises DependencyUnavailable."""
        decoded = [_decode(message) for message in messages]
        events = [event for event in decoded if isinstance(event, Event)]
        try:
            self._refresh({event.webhook_id for event in events})
            ready = [event for event in events if self._is_ready(event.webhook_id)]
            bodies = self._write_bodies(ready)
            is_full = self.sources.count_dead() >= MAX_DEAD_LETTERS
        except (ArchiveUnavailable, QueueUnavailable) as error:
            raise DependencyUnavailable(str(error)) from error
        by_webhook: dict[UUID, list[Event]] = defaultdict(list)
        for event in ready:
            by_webhook[event.webhook_id].append(event)
        # Only this thread changes the dictionary of breakers.
        breakers = {webhook_id: self._breakers[webhook_id] for webhook_id in by_webhook}
        self.lanes.run(by_webhook, lambda event: self._attempt(event, bodies[event.id], breakers[event.webhook_id]))
        finished, running = self.lanes.collect([event.id for event in events])
        ends = [
            Reject(each)
            if isinstance(each, MalformedMessage)
            else finished.get(each.id) or self._end_without_attempt(each, is_running=each.id in running)
            for each in decoded
        ]
        return self._drop_rejected(ends) if is_full else ends

    def _is_ready(self, webhook_id: UUID) -> bool:
        """Return whether the next attempt of a webhook may start. An event of a disabled one ends at once."""
        webhook = self._webhooks.get(webhook_id)
        if webhook is None or self.lanes.is_busy(webhook_id):
            return False
        return bool(webhook.disabled_reason) or not self._breakers[webhook_id].is_paused

    def _end_without_attempt(self, event: Event, *, is_running: bool) -> Outcome:
        if event.webhook_id not in self._webhooks:
            logger.info("dropped an event of a deleted webhook event=%s webhook=%s", event.id, event.webhook_id)
            return DONE
        return Postpone(LANE_POSTPONE_SECONDS) if is_running else self._breakers[event.webhook_id].postpone()

    def _refresh(self, needed: set[UUID]) -> None:
        """Read the webhooks again if the copy is old or lacks one, which may be new."""
        now = time.monotonic()
        if now - self._loaded_at > REFRESH_SECONDS or not needed <= self._webhooks.keys():
            self._webhooks = {webhook.id: webhook for webhook in self.sources.load()}
            self._loaded_at = now
            for webhook_id in self._breakers.keys() - self._webhooks.keys():
                del self._breakers[webhook_id]

    def _drop_rejected(self, outcomes: list[Outcome]) -> list[Outcome]:
        """Replace the ends that would become dead letters."""
        errors = [outcome.error for outcome in outcomes if isinstance(outcome, Reject)]
        if not errors:
            return outcomes
        template = (
            "lost %d events: queue webhooks has %d dead letters, the maximum; run `captiond dead`; last error: %s"
        )
        logger.error(template, len(errors), MAX_DEAD_LETTERS, errors[-1])
        try:
            self.sources.count_lost(len(errors))
        except QueueUnavailable as error:
            logger.warning("cannot count %d lost events: %s", len(errors), error)
        return [DONE if isinstance(outcome, Reject) else outcome for outcome in outcomes]

    def _write_bodies(self, events: list[Event]) -> dict[UUID, bytes]:
        stored = [event.image_id for event in events if event.type is not EventType.FAILED]
        images = self.sources.find_images(stored) if stored else {}
        return {
            event.id: write_body(event, images.get(event.image_id), self.sources.find_error(event.image_id))
            if event.type is EventType.FAILED
            else write_body(event, images.get(event.image_id))
            for event in events
        }

    def _attempt(self, event: Event, body: bytes, breaker: _Breaker) -> Outcome | None:
        """Attempt to deliver, in a thread of the webhook. Returns None if the webhook is paused."""
        try:
            return self._deliver(event, body, breaker)
        except Exception as error:  # noqa: BLE001 - any error is a failed attempt, which the worker logs
            return _retry(event, error)

    def _deliver(self, event: Event, body: bytes, breaker: _Breaker) -> Outcome | None:
        webhook = self._webhooks.get(event.webhook_id)
        if webhook is None:
            return DONE
        started_at = time.monotonic()
        if webhook.disabled_reason:
            return Reject(DeliveryFailed("paused", f"the webhook is disabled: {webhook.disabled_reason}"))
        if breaker.is_paused:
            return None
        signature = sign(str(event.id), int(time.time()), body, webhook.secrets)
        headers = {"Content-Type": "application/json", **signature}
        try:
            status = self.sender.send(Delivery(webhook.url, headers, body))
        except DeliveryFailed as error:
            return self._fail(webhook, event, error, breaker)
        finally:
            breaker.attempt_seconds = time.monotonic() - started_at
        breaker.record(failed=False)
        self.results.record(webhook.id, "delivered", f"status {status}")
        line = "delivered event=%s webhook=%s image=%s type=%s status=%d duration_ms=%.0f"
        milliseconds = (time.monotonic() - started_at) * 1000
        logger.info(line, event.id, webhook.id, event.image_id, event.type, status, milliseconds)
        return DONE

    def _fail(self, webhook: Webhook, event: Event, error: DeliveryFailed, breaker: _Breaker) -> Outcome:
        """Return whether to retry, and disable a webhook that is gone or has failed for long."""
        self.results.record(webhook.id, error.kind, str(error))
        if error.status is None or error.status in OVERLOADED or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            breaker.record(failed=True)
        if error.status == HTTPStatus.GONE:
            self._disable(webhook, "the receiver answered 410 Gone")
            return Reject(error)
        outcome = _retry(event, error)
        if isinstance(outcome, Reject) and _has_failed_for_long(webhook, breaker):
            self._disable(webhook, f"no success for 24 hours; last result: {error}")
        return outcome

    def _disable(self, webhook: Webhook, reason: str) -> None:
        try:
            self.sources.disable(webhook, reason)
        except (ArchiveUnavailable, QueueUnavailable) as error:
            logger.warning("cannot disable webhook=%s: %s", webhook.id, error)
            return
        self._webhooks[webhook.id] = replace(webhook, disabled_reason=reason)
        logger.error("disabled webhook=%s: %s", webhook.id, reason)


def _retry(event: Event, error: Exception) -> Outcome:
    """Return a retry, or for an old event its end."""
    return Retry(error) if datetime.now(UTC) - event.happened_at < GIVE_UP else Reject(error)


def _has_failed_for_long(webhook: Webhook, breaker: _Breaker) -> bool:
    """Return whether to disable a webhook. Its row lacks the last seconds, but `breaker` has a success of them."""
    times = (webhook.created_at, webhook.succeeded_at, breaker.succeeded_at)
    last = max(each for each in times if each)
    return webhook.failures >= MIN_FAILURES and datetime.now(UTC) - last >= GIVE_UP


def _decode(message: Message) -> Event | MalformedMessage:
    try:
        return Event.from_message(message)
    except MalformedMessage as error:
        return error
