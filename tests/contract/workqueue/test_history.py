"""Samples of the counters on each kind of server."""

import json
import time
from threading import Thread

import pytest
from tests.contract.workqueue.queues import FIRST, Queues, a_message

from captiond.workqueue.admin import DAY, HOUR, counted
from captiond.workqueue.errors import QueueUnavailable
from captiond.workqueue.worker import Reject


def read_samples(queues: Queues, name: str) -> dict[int, list[object]]:
    """Return the stored samples by interval."""
    stored = queues.client.hgetall(queues.keys.samples(name))
    return {int(interval): json.loads(text) for interval, text in stored.items()}


def put_sample(queues: Queues, name: str, interval: int, milliseconds: int, **counters: int) -> None:
    flat = [text for counter, count in counters.items() for text in (counter, str(count))]
    queues.client.hset(queues.keys.samples(name), str(interval), json.dumps([milliseconds, *flat]))


def server_minute(queues: Queues) -> int:
    """Return the current minute, with at least 10 s left."""
    while True:
        seconds, _ = queues.client.time()
        if int(seconds) % 60 < 50:
            return int(seconds) // 60
        time.sleep(1)


def test_history_counts_what_was_accepted_and_rejected_since_the_sample(queues: Queues) -> None:
    server_minute(queues)
    queues.send(a_message())
    queues.broker.history.sample()
    queues.send(a_message(), a_message())
    consumer = queues.consumer()
    [delivery] = queues.receive(consumer, 1)
    consumer.settle([(delivery, Reject(RuntimeError("it broke")))])
    queues.broker.monitor.count({"blurred": 2})

    hour, day = queues.broker.history.read(HOUR), queues.broker.history.read(DAY)

    expected = {"accepted": 2, "rejected": 1, counted("blurred"): 2}
    assert [period.points[-1].changes for period in (hour, day)] == [expected, expected]
    assert [period.changes for period in (hour, day)] == [expected, expected]
    assert (len(hour.points), len(day.points), hour.step_seconds, day.step_seconds) == (60, 144, 60, 600)
    assert all(point.changes is None for point in hour.points[:-1])
    assert queues.broker.monitor.totals([FIRST]).rejected == 1


def test_only_the_first_sample_of_an_interval_is_stored(queues: Queues) -> None:
    queues.client.delete(queues.keys.samples("hour"), queues.keys.samples("day"))
    server_minute(queues)
    queues.broker.history.sample()
    before = read_samples(queues, "hour"), read_samples(queues, "day")
    queues.send(a_message())

    threads = [Thread(target=queues.broker.history.sample) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (read_samples(queues, "hour"), read_samples(queues, "day")) == before
    assert [len(samples) for samples in before] == [1, 1]


def test_sampling_deletes_expired_samples_and_those_of_the_future(queues: Queues) -> None:
    queues.client.delete(queues.keys.samples("hour"))
    minute = server_minute(queues)
    for interval in (*range(minute - 1000, minute), minute + 1, minute + 10_000):
        put_sample(queues, "hour", interval, interval * 60_000, accepted=1)

    queues.broker.history.sample()

    assert sorted(read_samples(queues, "hour")) == list(range(minute - 60, minute + 1))
    assert 0 < queues.client.ttl(queues.keys.samples("hour")) <= 61 * 60
    assert 0 < queues.client.ttl(queues.keys.samples("day")) <= 145 * 600


def test_history_has_the_gap_of_a_stopped_server(queues: Queues) -> None:
    queues.client.delete(queues.keys.samples("hour"), queues.keys.totals)
    minute = server_minute(queues)
    for ago, accepted in ((9, 0), (8, 3), (5, 4), (4, 9)):
        put_sample(queues, "hour", minute - ago, (minute - ago) * 60_000, accepted=accepted, created=1)
    queues.client.hset(queues.keys.totals, mapping={"accepted": 9, "created": 1})

    period = queues.broker.history.read(HOUR)

    changes = [None if point.changes is None else point.changes["accepted"] for point in period.points[-10:]]
    assert changes == [3, None, None, None, 5, None, None, None, None, None]
    assert period.changes == {"accepted": 9}


def test_history_of_an_unavailable_server_raises_queue_unavailable(own_queues: Queues) -> None:
    own_queues.server.stop()

    with pytest.raises(QueueUnavailable):
        own_queues.broker.history.sample()
    with pytest.raises(QueueUnavailable):
        own_queues.broker.history.read(DAY)
