"""Crashes of workers and servers, and data loss: no message is lost or forwarded twice."""

import logging
import subprocess
import sys
from collections.abc import Sequence

import pytest
from redis.exceptions import ReadOnlyError, RedisError
from tests.contract.workqueue.queues import (
    FIRST,
    SECOND,
    SHORT_LEASE_SECONDS,
    Queues,
    RecordingHandler,
    a_message,
    drain,
    fast_options,
    running,
    wait_until,
)

from captiond.workqueue import Message, Route
from captiond.workqueue.worker import DependencyUnavailable, Outcome, Reject, StopSignal, Worker
from captiond.workqueue.worker.options import RetryPolicy

UNAVAILABLE = "Redis is unavailable"


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


def test_messages_of_a_killed_worker_are_handled_by_another(queues: Queues) -> None:
    queues.send(*(a_message(b"%d" % number) for number in range(5)))
    command = [
        sys.executable,
        "-m",
        "tests.contract.workqueue.slow_worker",
        queues.server.url,
        str(SHORT_LEASE_SECONDS),
        "25",
    ]
    with subprocess.Popen(command) as process:
        try:
            assert queues.client.blpop(["began"], timeout=30) == (b"began", b"3")
        finally:
            process.kill()
    handler = RecordingHandler(expected=5)

    worker = Worker(
        queues.consumer(), handler.forward, fast_options(lease_seconds=SHORT_LEASE_SECONDS), handler.heartbeats.append
    )
    with running(worker, handler.stop):
        pass

    assert sorted(queues.payloads(SECOND)) == [b"0", b"1", b"2", b"3", b"4"]
    assert queues.stats().depth == queues.stats().in_flight == 0


def test_idle_worker_resumes_after_a_server_restart(own_queues: Queues, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    own_queues.send(a_message(b"before"))
    handler = RecordingHandler(expected=4)
    worker = Worker(own_queues.consumer(), handler.forward, fast_options(), handler.heartbeats.append)

    with running(worker, handler.stop):
        wait_until(lambda: own_queues.stats(SECOND).depth == 1)
        own_queues.server.kill()
        wait_until(lambda: sum(UNAVAILABLE in str(reason) for reason in handler.heartbeats) > 3)
        own_queues.server.start()
        own_queues.send(*(a_message(b"after") for _ in range(3)))

    assert own_queues.payloads(SECOND) == [b"before", b"after", b"after", b"after"]
    assert [UNAVAILABLE in error for error in errors(caplog)] == [True]
    assert sum(record.getMessage().startswith("recovered outage_seconds=") for record in caplog.records) == 1
    assert handler.heartbeats[-1] is None


def test_batch_handled_during_an_outage_is_settled_after_it(
    own_queues: Queues, caplog: pytest.LogCaptureFixture
) -> None:
    own_queues.send(*(a_message(b"%d" % number) for number in range(6)))
    own_queues.add_entry({b"garbage": b""})
    handler = RecordingHandler(expected=6)

    def kill_the_server(messages: Sequence[Message]) -> list[Outcome]:
        if not handler.batches:
            own_queues.server.kill()
        return handler.forward(messages)

    worker = Worker(own_queues.consumer(), kill_the_server, fast_options(batch_size=7), handler.heartbeats.append)
    with running(worker, handler.stop):
        wait_until(lambda: any(UNAVAILABLE in str(reason) for reason in handler.heartbeats))
        own_queues.server.start()

    assert len(handler.seen) == 6
    assert sorted(own_queues.payloads(SECOND)) == [b"0", b"1", b"2", b"3", b"4", b"5"]
    assert (own_queues.stats().dead_letters, own_queues.stats().in_flight) == (1, 0)
    assert sum(UNAVAILABLE in error for error in errors(caplog)) == 1
    assert (
        own_queues.counted_bytes()[own_queues.keys.stream(SECOND)]
        == own_queues.actual_bytes()[own_queues.keys.stream(SECOND)]
    )


@pytest.mark.parametrize("error", [RuntimeError("it broke"), DependencyUnavailable("the disk is full")])
def test_failure_during_an_outage_is_recorded_after_it(own_queues: Queues, error: Exception) -> None:
    own_queues.send(a_message())
    handler = RecordingHandler(expected=2)

    def kill_the_server(messages: Sequence[Message]) -> list[Outcome]:
        outcomes = handler.forward(messages)
        if len(handler.batches) == 1:
            own_queues.server.kill()
            raise error
        return outcomes

    options = fast_options(retry_policy=RetryPolicy(base_seconds=0.01, max_deliveries=2))
    with running(Worker(own_queues.consumer(), kill_the_server, options, handler.heartbeats.append), handler.stop):
        wait_until(lambda: any(UNAVAILABLE in str(reason) for reason in handler.heartbeats))
        own_queues.server.start()

    assert own_queues.payloads(SECOND) == [b"payload"]
    assert own_queues.stats().in_flight == own_queues.stats().delayed == 0


def test_repeated_server_kills_forward_each_message_once(own_queues: Queues) -> None:
    messages = own_queues.send_many(300)
    handler = RecordingHandler(expected=300)
    options = fast_options(batch_size=4, lease_seconds=SHORT_LEASE_SECONDS)
    one, other = (Worker(own_queues.consumer(), handler.forward, options, handler.heartbeats.append) for _ in range(2))

    with running(one, handler.stop), running(other, handler.stop):
        for milestone in (50, 150, 250):
            handler.wait_for(milestone)
            own_queues.server.restart()

    drain(own_queues)

    passed = [fields[b"id"].decode() for fields in own_queues.entries(own_queues.keys.stream(SECOND))]
    assert sorted(passed) == sorted(str(message.id) for message in messages)
    assert own_queues.counted_bytes() == own_queues.actual_bytes()


def test_shutdown_during_an_outage_gives_up_after_the_retry_limit(own_queues: Queues) -> None:
    own_queues.send(a_message())
    handler = RecordingHandler(expected=1)

    def kill_the_server(messages: Sequence[Message]) -> list[Outcome]:
        own_queues.server.kill()
        return handler.forward(messages)

    options = fast_options(shutdown_retry_seconds=0.2)
    with running(Worker(own_queues.consumer(), kill_the_server, options, handler.heartbeats.append), handler.stop):
        pass

    own_queues.server.start()
    assert own_queues.payloads(SECOND) == []
    assert own_queues.stats().in_flight == 1


def test_worker_waits_for_a_server_that_starts_later(own_queues: Queues, caplog: pytest.LogCaptureFixture) -> None:
    own_queues.server.kill()
    handler = RecordingHandler(expected=1)
    consumer = own_queues.broker.consumer("test", Route(FIRST, SECOND))
    worker = Worker(consumer, handler.forward, fast_options(), handler.heartbeats.append)

    with running(worker, handler.stop):
        wait_until(lambda: bool(handler.heartbeats))
        own_queues.server.start()
        own_queues.send(a_message())

    assert own_queues.payloads(SECOND) == [b"payload"]
    assert len(errors(caplog)) == 1


def test_worker_recreates_the_group_after_data_loss_and_logs_an_error(
    queues: Queues, caplog: pytest.LogCaptureFixture
) -> None:
    queues.send(a_message())
    handler = RecordingHandler(expected=6)
    worker = Worker(queues.consumer(), handler.forward, fast_options(), handler.heartbeats.append)

    with running(worker, handler.stop):
        wait_until(lambda: queues.stats(SECOND).depth == 1)
        queues.client.flushall()
        queues.send(*(a_message() for _ in range(5)))

    assert queues.payloads(SECOND) == [b"payload"] * 5
    assert errors(caplog)


@pytest.mark.parametrize("ending", ["forwarded", "failed", "rejected", "unavailable"])
def test_worker_continues_after_data_loss_during_handling(queues: Queues, ending: str) -> None:
    queues.send(a_message(b"lost"))
    handler = RecordingHandler(expected=2)

    def lose_all(messages: Sequence[Message]) -> list[Outcome]:
        outcomes = handler.forward(messages)
        if len(handler.batches) > 1:
            return outcomes
        queues.client.flushall()
        queues.send(a_message(b"new"))
        if ending == "failed":
            raise RuntimeError("it broke")
        if ending == "unavailable":
            raise DependencyUnavailable("the disk is full")
        return [Reject(RuntimeError("it broke"))] if ending == "rejected" else outcomes

    worker = Worker(queues.consumer(), lose_all, fast_options(), handler.heartbeats.append)
    with running(worker, handler.stop):
        pass

    assert queues.payloads(SECOND) == [b"new"]
    assert (queues.stats().in_flight, queues.stats().delayed, queues.stats().dead_letters) == (0, 0, 0)


def test_worker_survives_script_flush_and_client_kill(queues: Queues) -> None:
    messages = queues.send_many(200)
    handler = RecordingHandler(expected=200)
    options = fast_options(batch_size=4, lease_seconds=SHORT_LEASE_SECONDS)
    client = queues.client

    with running(Worker(queues.consumer(), handler.forward, options, handler.heartbeats.append), handler.stop):
        for milestone in range(10, 200, 10):
            handler.wait_for(milestone)
            client.script_flush()
            client.client_kill_filter(_type="normal", skipme=True)

    drain(queues)

    passed = [fields[b"id"].decode() for fields in queues.entries(queues.keys.stream(SECOND))]
    assert sorted(passed) == sorted(str(message.id) for message in messages)
    assert queues.counted_bytes() == queues.actual_bytes()


def test_worker_stops_when_it_cannot_deregister(own_queues: Queues, caplog: pytest.LogCaptureFixture) -> None:
    stop = StopSignal()

    def stop_without_a_server(_: str | None) -> None:
        if not stop.is_set():
            own_queues.server.kill()
            stop.set()

    Worker(own_queues.consumer(), RecordingHandler(expected=1).acknowledge, fast_options(), stop_without_a_server).run(
        stop
    )

    assert any("deregister consumer=" in record.getMessage() for record in caplog.records)


def test_consumer_reconnects_after_its_server_became_a_replica(own_queues: Queues) -> None:
    own_queues.send(a_message())
    consumer = own_queues.consumer()
    [delivery] = own_queues.receive(consumer)
    consumer.renew([delivery.entry])
    own_queues.client.replicaof("127.0.0.1", "1")

    with pytest.raises(ReadOnlyError):
        consumer.renew([delivery.entry])
    consumer.disconnect()

    wait_until(
        lambda: len(own_queues.client.client_list(_type="normal")) == 2
    )  # this client and the shared client of the broker
    own_queues.client.replicaof("NO", "ONE")
    assert consumer.renew([delivery.entry]) == {delivery.entry}


def test_failed_renewal_reconnects(own_queues: Queues) -> None:
    own_queues.send(a_message())
    consumer = own_queues.consumer()
    [delivery] = own_queues.receive(consumer)
    own_queues.server.kill()
    with pytest.raises(RedisError):
        consumer.renew([delivery.entry])

    own_queues.server.start()

    assert consumer.renew([delivery.entry]) == {delivery.entry}
