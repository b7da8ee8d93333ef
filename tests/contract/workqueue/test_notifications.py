"""Notifications of subscribers, which the scripts add in the step that settles a message."""

from collections.abc import Iterator
from contextlib import suppress
from uuid import UUID

import pytest
from redis.exceptions import ResponseError
from tests.contract.workqueue.queues import FIRST, Queues, a_message, fast_options

from captiond.workqueue import Broker, Message, Route
from captiond.workqueue.message import Delivery
from captiond.workqueue.streams.consumer import Consumer
from captiond.workqueue.worker import Acknowledge, Outcome, Reject, Retry, StopSignal, Worker
from captiond.workqueue.worker.options import RetryPolicy

NOTICES = "notices"
ROUTE = Route(FIRST, None, NOTICES)
STORED = Acknowledge("stored", ("stored", "damaged"))


@pytest.fixture
def broker(queues: Queues) -> Iterator[Broker]:
    """The queues of notifications."""
    with Broker(queues.server.url, notifications=True) as broker:
        yield broker


def settle(queues: Queues, outcome: Outcome, count: int = 1) -> list[Message]:
    """Send messages and settle each with this outcome, in one call."""
    messages = [a_message() for _ in range(count)]
    queues.send(*messages)
    consumer = queues.broker.consumer("test", ROUTE)
    consumer.create_group()
    deliveries = queues.receive(consumer, count)
    consumer.settle([(delivery, outcome) for delivery in deliveries])
    consumer.settle([(delivery, outcome) for delivery in deliveries])  # a repetition notifies nobody
    return messages


def receive(broker: Broker) -> tuple[Consumer, list[Delivery]]:
    consumer = broker.consumer("test", Route(NOTICES))
    consumer.create_group()
    return consumer, consumer.receive(100, 0)


def test_each_subscriber_of_a_topic_gets_a_message_of_its_own(queues: Queues, broker: Broker) -> None:
    queues.broker.subscribers.set("both", ["stored", "damaged"])
    queues.broker.subscribers.set("one", ["stored"])
    queues.broker.subscribers.set("other", ["failed", "store", "stored-later"])

    [first, second] = settle(queues, STORED, 2)
    _, deliveries = receive(broker)

    notices = [delivery.decode() for delivery in deliveries]
    found = [tuple(notice.headers[name].decode() for name in ("message", "topic", "subscriber")) for notice in notices]
    expected = [("stored", "both"), ("stored", "one"), ("damaged", "both")]
    assert sorted(found) == sorted((str(message.id), *each) for message in (first, second) for each in expected)
    assert len({notice.id for notice in notices}) == 6
    assert all(notice.id.version == 8 and notice.id.variant == UUID(int=0x8 << 60).variant for notice in notices)
    assert all(notice.payload == b"" and notice.headers["at"].isdigit() for notice in notices)


def test_rejected_message_notifies_of_its_state(queues: Queues, broker: Broker) -> None:
    queues.broker.subscribers.set("one", ["failed"])

    [message] = settle(queues, Reject(RuntimeError("broken")))
    _, [delivery] = receive(broker)

    headers = delivery.decode().headers
    assert (headers["message"], headers["topic"]) == (str(message.id).encode(), b"failed")


def test_nothing_is_added_without_subscribers_or_topics(queues: Queues, broker: Broker) -> None:
    settle(queues, STORED)
    queues.broker.subscribers.set("one", ["stored"])
    settle(queues, Acknowledge("stored"))
    queues.broker.subscribers.remove("one")
    settle(queues, STORED)

    assert queues.broker.subscribers.read() == {}
    assert broker.monitor.stats(NOTICES).depth == 0
    assert broker.monitor.totals([NOTICES]).accepted == 0


def test_notifications_have_counters_of_their_own_and_leave_nothing(queues: Queues, broker: Broker) -> None:
    queues.broker.subscribers.set("one", ["stored"])
    settle(queues, STORED)
    before = queues.broker.monitor.totals([FIRST])

    consumer, deliveries = receive(broker)
    used_bytes = broker.monitor.stats(NOTICES).queued_bytes
    consumer.settle([(delivery, Acknowledge("")) for delivery in deliveries])

    assert used_bytes == deliveries[0].size_bytes > 0
    assert queues.broker.monitor.totals([FIRST]) == before
    totals = broker.monitor.totals([NOTICES])
    assert (totals.accepted, totals.acknowledged, totals.unaccounted, totals.queued_bytes) == (1, 1, 0, 0)
    keys = {str(key).rpartition(":")[2].strip("'") for key in queues.client.keys("*:notifications:*")}
    assert keys == {NOTICES, "bytes", "totals"}


def test_dead_letter_of_a_notification_can_be_redriven(queues: Queues, broker: Broker) -> None:
    queues.broker.subscribers.set("one", ["stored"])
    settle(queues, STORED)
    consumer, [delivery] = receive(broker)
    consumer.settle([(delivery, Reject(RuntimeError("gone")))])

    [letter] = broker.dead_letters(NOTICES)
    assert queues.broker.notification_dead_letters(NOTICES).redrive(letter, "queued")

    [again] = consumer.receive(1, 0)
    assert again.decode() == delivery.decode()
    assert broker.monitor.totals([NOTICES]).unaccounted == 0


def test_full_queue_counts_what_it_refuses(queues: Queues, broker: Broker) -> None:
    queues.broker.subscribers.set("one", ["stored"])
    stream = queues.keys.of_family("notifications").stream(NOTICES)
    queues.client.eval(f"for i = 1, 99999 do redis.call('XADD', '{stream}', '*', 'v', '1') end", 0)

    settle(queues, STORED, 3)

    assert queues.client.xlen(stream) == 100_000
    totals = broker.monitor.totals([NOTICES])
    assert (totals.accepted, totals.counted["overflowed"]) == (1, 2)


@pytest.mark.parametrize("key", ["subscribers", "notifications:notices"])
def test_key_of_a_wrong_type_stops_no_settlement(queues: Queues, key: str) -> None:
    queues.broker.subscribers.set("one", ["stored", "failed"])
    name = f"{{captiond:0}}:{key}"
    queues.client.delete(name)
    queues.client.set(name, "text")

    for outcome in (STORED, Reject(RuntimeError("broken"))):
        with suppress(ResponseError):
            settle(queues, outcome)

    totals = queues.broker.monitor.totals([FIRST])
    assert (totals.acknowledged, totals.rejected, totals.unaccounted) == (1, 1, 0)


def test_retry_repeats_one_message_of_a_batch(queues: Queues) -> None:
    good, bad = a_message(b"good"), a_message(b"bad")
    queues.send(good, bad)
    handled: list[bytes] = []
    stop = StopSignal()

    def handle(messages: list[Message]) -> list[Outcome]:
        handled.extend(message.payload for message in messages)
        stop_after = handled.count(b"bad") == 2
        if stop_after:
            stop.set()
        return [
            Acknowledge("done") if message.payload == b"good" else Retry(RuntimeError("no")) for message in messages
        ]

    policy = RetryPolicy(max_failures=2, base_seconds=0.01, cap_seconds=0.01)
    consumer = queues.broker.consumer("test", Route(FIRST))
    Worker(consumer, handle, fast_options(retry_policy=policy), lambda _: None).run(stop)  # type: ignore[arg-type]

    assert sorted(handled) == [b"bad", b"bad", b"good"]
    [letter] = queues.broker.dead_letters(FIRST)
    assert (letter.id, letter.error) == (str(bad.id), "RuntimeError: no")
