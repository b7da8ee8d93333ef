"""What becomes of an event: delivered, retried, a dead letter or dropped."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest

from captiond.archive import StoredImage
from captiond.services.notifier import handler
from captiond.services.notifier.handler import (
    DONE,
    GIVE_UP,
    LANE_POSTPONE_SECONDS,
    MAX_DEAD_LETTERS,
    MAX_PAUSE_SECONDS,
    MIN_FAILURES,
    MIN_POSTPONE_SECONDS,
    NotifierService,
    Sources,
)
from captiond.services.notifier.lanes import Lanes
from captiond.services.notifier.results import Results
from captiond.webhooks import Delivery, DeliveryFailed, EventType, Networks, Sender, Webhook
from captiond.workqueue import Message
from captiond.workqueue.worker import Outcome, Postpone, Reject, Retry


@dataclass(frozen=True)
class Receivers(Sender):
    """Receivers by URL: each raises its failure, or waits for its gate, then answers 204. `urls` has the attempts."""

    networks: Networks = field(default_factory=Networks)
    failures: dict[str, DeliveryFailed] = field(default_factory=dict)
    gates: dict[str, threading.Event] = field(default_factory=dict)
    urls: list[str] = field(default_factory=list)

    def send(self, delivery: Delivery) -> int:
        self.urls.append(delivery.url)
        if gate := self.gates.get(delivery.url):
            assert gate.wait(30)
        if failure := self.failures.get(delivery.url):
            raise failure
        return 204


@dataclass(slots=True)
class Notifier:
    """A notifier without servers. `found` has the ids of the images of each query."""

    service: NotifierService
    receivers: Receivers
    webhooks: list[Webhook]
    disabled: list[tuple[str, str]]
    lost: list[int]
    found: list[list[UUID]]

    def handle(self, *messages: Message) -> list[Outcome]:
        return self.service.handle(messages)


@contextmanager
def notifying(*webhooks: Webhook, wait_seconds: float = 30.0, dead: int = 0) -> Iterator[Notifier]:
    receivers, known, disabled = Receivers(), list(webhooks), []
    lost: list[int] = []
    found: list[list[UUID]] = []

    def find_images(ids: list[UUID]) -> dict[UUID, StoredImage]:
        found.append(ids)
        return {}

    lanes = Lanes(wait_seconds)
    sources = Sources(
        lambda: known,
        find_images,
        lambda _: "no JPEG",
        lambda webhook, reason: disabled.append((webhook.name, reason)),
        lambda: dead,
        lost.append,
    )
    service = NotifierService(sources, receivers, Results(lambda _: None, lambda _: None), lanes)
    try:
        yield Notifier(service, receivers, known, disabled, lost, found)
    finally:
        lanes.close()


def webhook(name: str = "a", created_at: datetime | None = None) -> Webhook:
    return Webhook(
        id=uuid4(),
        name=name,
        url=f"https://{name}.example/hook",
        secrets=("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",),
        events=frozenset(EventType),
        created_at=created_at or datetime.now(UTC),
    )


def event(to: Webhook, age: timedelta = timedelta()) -> Message:
    at = int((datetime.now(UTC) - age).timestamp() * 1000)
    headers = {"subscriber": str(to.id), "message": str(uuid4()), "topic": "stored", "at": str(at)}
    return Message(uuid4(), {name: text.encode() for name, text in headers.items()}, b"")


def kinds(outcomes: Sequence[Outcome]) -> list[type[Outcome]]:
    return [type(outcome) for outcome in outcomes]


def wait_until_sent(notifier: Notifier, count: int) -> None:
    deadline = time.monotonic() + 30
    while len(notifier.receivers.urls) < count:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_failure_pauses_only_its_webhook() -> None:
    bad, good = webhook("bad"), webhook("good")
    with notifying(bad, good) as notifier:
        notifier.receivers.failures[bad.url] = DeliveryFailed("timeout", "no response within 10 s")

        outcomes = notifier.handle(event(bad), event(good), event(bad), event(good))

        assert kinds(outcomes) == [Retry, type(DONE), Postpone, type(DONE)]
        assert sorted(notifier.receivers.urls) == [bad.url, good.url, good.url]
        [after] = notifier.handle(event(bad))
        assert isinstance(after, Postpone)
        assert notifier.receivers.urls.count(bad.url) == 1


def test_rejected_request_pauses_nothing() -> None:
    one = webhook()
    with notifying(one) as notifier:
        notifier.receivers.failures[one.url] = DeliveryFailed("status", "status 400", 400)

        assert kinds(notifier.handle(event(one), event(one))) == [Retry, Retry]

        assert len(notifier.receivers.urls) == 2


def test_hanging_receiver_delays_no_other_and_gets_no_second_request() -> None:
    hanging, good = webhook("hanging"), webhook("good")
    with notifying(hanging, good, wait_seconds=0.05) as notifier:
        gate = notifier.receivers.gates[hanging.url] = threading.Event()
        late = event(hanging)

        # These calls return only if none waits for the receiver: its gate opens after them.
        first = notifier.handle(late, event(good))
        second = notifier.handle(event(hanging), late, event(good))

        assert kinds([first[0], *second[:2]]) == [Postpone] * 3
        assert notifier.receivers.urls.count(hanging.url) == 1
        gate.set()
        deadline = time.monotonic() + 30
        while (outcomes := notifier.handle(late)) != [DONE]:
            assert kinds(outcomes) == [Postpone]
            assert time.monotonic() < deadline
        assert notifier.receivers.urls.count(hanging.url) == 1


def test_late_failure_counts_as_an_attempt() -> None:
    one = webhook()
    with notifying(one, wait_seconds=0.05) as notifier:
        gate = notifier.receivers.gates[one.url] = threading.Event()
        notifier.receivers.failures[one.url] = DeliveryFailed("timeout", "no response within 10 s")
        late = event(one)
        assert kinds(notifier.handle(late)) == [Postpone]

        gate.set()
        deadline = time.monotonic() + 30
        while kinds(outcomes := notifier.handle(late)) == [Postpone]:
            assert time.monotonic() < deadline

        assert kinds(outcomes) == [Retry]
        assert len(notifier.receivers.urls) == 1


def test_events_that_wait_for_a_webhook_return_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    # Else a pause of the machine between two events shortens a delay.
    monkeypatch.setattr(handler, "time", SimpleNamespace(monotonic=lambda: 1000.0, time=time.time))
    one = webhook()
    with notifying(one, wait_seconds=0.05) as notifier:
        gate = notifier.receivers.gates[one.url] = threading.Event()

        notifier.handle(event(one))

        outcomes = notifier.handle(*(event(one) for _ in range(2000)))

        delays = [outcome.delay_seconds for outcome in outcomes if isinstance(outcome, Postpone)]
        gate.set()
        assert len(delays) == 2000
        assert delays == sorted(delays)
        assert all(0.09 < later - earlier < 0.11 for earlier, later in pairwise(delays[20:400]))
        assert (delays[0], round(delays[-1])) == (MIN_POSTPONE_SECONDS, MAX_PAUSE_SECONDS)


def test_attempted_event_returns_soon_for_its_outcome() -> None:
    one = webhook()
    with notifying(one, wait_seconds=0.05) as notifier:
        gate = notifier.receivers.gates[one.url] = threading.Event()
        late = event(one)
        first = notifier.handle(late, *(event(one) for _ in range(200)))

        again = notifier.handle(*(event(one) for _ in range(200)), late)

        gate.set()
        assert first == 201 * [Postpone(LANE_POSTPONE_SECONDS)]
        assert again[-1] == Postpone(LANE_POSTPONE_SECONDS)


def test_bodies_are_written_for_attempts_only() -> None:
    paused, busy = webhook("paused"), webhook("busy")
    with notifying(paused, busy, wait_seconds=0.05) as notifier:
        notifier.receivers.failures[paused.url] = DeliveryFailed("timeout", "no response within 10 s")
        gate = notifier.receivers.gates[busy.url] = threading.Event()
        notifier.handle(event(paused), event(busy))
        assert [len(ids) for ids in notifier.found] == [2]

        outcomes = notifier.handle(event(paused), event(busy))

        gate.set()
        assert kinds(outcomes) == [Postpone, Postpone]
        assert len(notifier.found) == 1


def test_closed_lanes_start_no_further_attempt() -> None:
    one = webhook()
    with notifying(one, wait_seconds=0.05) as notifier:
        gate = notifier.receivers.gates[one.url] = threading.Event()
        notifier.handle(event(one), event(one))
        wait_until_sent(notifier, 1)
        closing = threading.Thread(target=notifier.service.lanes.close)
        closing.start()
        while not notifier.service.lanes.is_closing:
            time.sleep(0.005)
        gate.set()
        closing.join(30)

        assert notifier.receivers.urls == [one.url]


def test_gone_receiver_is_disabled() -> None:
    one = webhook()
    with notifying(one) as notifier:
        notifier.receivers.failures[one.url] = DeliveryFailed("status", "status 410", 410)

        assert kinds(notifier.handle(event(one), event(one))) == [Reject, Reject]

        assert notifier.disabled == [("a", "the receiver answered 410 Gone")]
        assert len(notifier.receivers.urls) == 1


@pytest.mark.parametrize(
    ("failures", "succeeded_before", "is_disabled"),
    [(MIN_FAILURES, timedelta(), False), (0, 2 * GIVE_UP, False), (MIN_FAILURES, 2 * GIVE_UP, True)],
    ids=["success within a day", "the notifier was down", "failures for a day"],
)
def test_old_event_is_attempted_and_then_a_dead_letter(
    *, failures: int, succeeded_before: timedelta, is_disabled: bool
) -> None:
    now = datetime.now(UTC)
    one = replace(webhook(created_at=now - 3 * GIVE_UP), failures=failures, succeeded_at=now - succeeded_before)
    with notifying(one) as notifier:
        notifier.receivers.failures[one.url] = DeliveryFailed("status", "status 503", 503)

        [outcome] = notifier.handle(event(one, GIVE_UP))

        assert isinstance(outcome, Reject)
        assert str(outcome.error) == "status 503"
        assert bool(notifier.disabled) is is_disabled


def test_old_event_does_not_end_without_its_own_attempt() -> None:
    one = webhook()
    with notifying(one) as notifier:
        notifier.receivers.failures[one.url] = DeliveryFailed("status", "status 503", 503)

        assert kinds(notifier.handle(event(one, GIVE_UP), event(one, GIVE_UP))) == [Reject, Postpone]

        assert len(notifier.receivers.urls) == 1


def test_success_whose_result_is_not_stored_yet_counts() -> None:
    one = replace(webhook(created_at=datetime.now(UTC) - 2 * GIVE_UP), failures=MIN_FAILURES)
    with notifying(one) as notifier:
        notifier.handle(event(one))
        notifier.receivers.failures[one.url] = DeliveryFailed("status", "status 503", 503)

        assert kinds(notifier.handle(event(one, GIVE_UP))) == [Reject]

        assert notifier.disabled == []


@pytest.mark.parametrize(
    ("dead", "ends", "lost"), [(MAX_DEAD_LETTERS - 1, Reject, []), (MAX_DEAD_LETTERS, type(DONE), [2])]
)
def test_dead_letters_have_a_limit(dead: int, ends: type[Outcome], lost: list[int]) -> None:
    one = webhook()
    with notifying(one, dead=dead) as notifier:
        notifier.receivers.failures[one.url] = DeliveryFailed("status", "status 400", 400)

        outcomes = notifier.handle(event(one, GIVE_UP), event(one), Message(UUID(int=1), {}, b""))

        assert kinds(outcomes) == [ends, Retry, ends]
        assert notifier.lost == lost


def test_redriven_old_event_is_delivered() -> None:
    one = webhook()
    with notifying(one) as notifier:
        assert notifier.handle(event(one, 2 * GIVE_UP)) == [DONE]


def test_events_of_a_deleted_webhook_are_dropped() -> None:
    with notifying() as notifier:
        assert notifier.handle(event(webhook())) == [DONE]

        assert notifier.receivers.urls == []


def test_undecodable_message_is_rejected_alone() -> None:
    one = webhook()
    with notifying(one) as notifier:
        assert kinds(notifier.handle(Message(UUID(int=1), {}, b""), event(one))) == [Reject, type(DONE)]


def test_unexpected_error_is_a_failed_attempt() -> None:
    one = replace(webhook(), secrets=("no base64",))
    with notifying(one) as notifier:
        assert kinds(notifier.handle(event(one), event(one, GIVE_UP))) == [Retry, Reject]
