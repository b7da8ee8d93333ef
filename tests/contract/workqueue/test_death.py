"""Servers and workers that die in the middle, and servers that forget: nothing is lost, nothing is done twice."""

import logging
import subprocess
import sys
from collections.abc import Sequence

import pytest
from redis.exceptions import ReadOnlyError, RedisError
from tests.contract.workqueue.line import (
    FIRST,
    SECOND,
    SHORT_LEASE_SECONDS,
    Handling,
    Line,
    a_message,
    quick,
    running,
    until,
    work_off,
)

from captiond.workqueue import Message, Route
from captiond.workqueue.worker import DependencyUnavailable, Outcome, Reject, StopSignal, Worker
from captiond.workqueue.worker.retry import RetryPolicy

AWAY = "Redis is not available"


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


def test_what_a_killed_worker_had_in_hand_is_handled_by_another_once(line: Line) -> None:
    line.send(*(a_message(b"%d" % number) for number in range(5)))
    command = [
        sys.executable,
        "-m",
        "tests.contract.workqueue.slow_worker",
        line.server.url,
        str(SHORT_LEASE_SECONDS),
        "25",
    ]
    with subprocess.Popen(command) as process:
        try:
            assert line.client.blpop(["began"], timeout=30) == (b"began", b"3")
        finally:
            process.kill()
    handling = Handling(expected=5)

    worker = Worker(line.join(), handling.pass_on, quick(lease_seconds=SHORT_LEASE_SECONDS), handling.health.append)
    with running(worker, handling.stop):
        pass

    assert sorted(line.bodies(SECOND)) == [b"0", b"1", b"2", b"3", b"4"]
    assert line.stats().depth == line.stats().in_flight == 0


def test_a_server_killed_and_restarted_under_an_idle_worker_is_worked_for_again(
    own_line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    own_line.send(a_message(b"before"))
    handling = Handling(expected=4)
    worker = Worker(own_line.join(), handling.pass_on, quick(), handling.health.append)

    with running(worker, handling.stop):
        until(lambda: own_line.stats(SECOND).depth == 1)
        own_line.server.kill()
        until(lambda: sum(AWAY in str(reason) for reason in handling.health) > 3)
        own_line.server.start()
        own_line.send(*(a_message(b"after") for _ in range(3)))

    assert own_line.bodies(SECOND) == [b"before", b"after", b"after", b"after"]
    assert [AWAY in error for error in errors(caplog)] == [True]
    assert sum(record.getMessage().startswith("back after") for record in caplog.records) == 1
    assert handling.health[-1] is None


def test_work_done_while_the_server_was_dead_is_settled_when_it_is_back(
    own_line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    own_line.send(*(a_message(b"%d" % number) for number in range(6)))
    own_line.insert({b"garbage": b""})
    handling = Handling(expected=6)

    def outlive_the_server(messages: Sequence[Message]) -> list[Outcome]:
        if not handling.batches:
            own_line.server.kill()
        return handling.pass_on(messages)

    worker = Worker(own_line.join(), outlive_the_server, quick(batch_size=7), handling.health.append)
    with running(worker, handling.stop):
        until(lambda: any(AWAY in str(reason) for reason in handling.health))
        own_line.server.start()

    assert len(handling.seen) == 6
    assert sorted(own_line.bodies(SECOND)) == [b"0", b"1", b"2", b"3", b"4", b"5"]
    assert (own_line.stats().dead_letters, own_line.stats().in_flight) == (1, 0)
    assert sum(AWAY in error for error in errors(caplog)) == 1
    assert own_line.held_bytes()[own_line.keys.stream(SECOND)] == own_line.stored_bytes()[own_line.keys.stream(SECOND)]


@pytest.mark.parametrize("error", [RuntimeError("it broke"), DependencyUnavailable("the disk is full")])
def test_what_goes_wrong_while_the_server_is_dead_is_told_when_it_is_back(own_line: Line, error: Exception) -> None:
    own_line.send(a_message())
    handling = Handling(expected=2)

    def outlive_the_server(messages: Sequence[Message]) -> list[Outcome]:
        outcomes = handling.pass_on(messages)
        if len(handling.batches) == 1:
            own_line.server.kill()
            raise error
        return outcomes

    options = quick(policy=RetryPolicy(base_seconds=0.01, max_deliveries=2))
    with running(Worker(own_line.join(), outlive_the_server, options, handling.health.append), handling.stop):
        until(lambda: any(AWAY in str(reason) for reason in handling.health))
        own_line.server.start()

    assert own_line.bodies(SECOND) == [b"body"]
    assert own_line.stats().in_flight == own_line.stats().delayed == 0


def test_a_server_killed_again_and_again_loses_and_doubles_nothing(own_line: Line) -> None:
    messages = own_line.send_many(300)
    handling = Handling(expected=300)
    options = quick(batch_size=4, lease_seconds=SHORT_LEASE_SECONDS)
    one, other = (Worker(own_line.join(), handling.pass_on, options, handling.health.append) for _ in range(2))

    with running(one, handling.stop), running(other, handling.stop):
        for milestone in (50, 150, 250):
            handling.wait_for(milestone)
            own_line.server.restart()

    work_off(own_line)

    passed = [fields[b"id"].decode() for fields in own_line.entries(own_line.keys.stream(SECOND))]
    assert sorted(passed) == sorted(str(message.id) for message in messages)
    assert own_line.held_bytes() == own_line.stored_bytes()


def test_a_worker_told_to_stop_while_the_server_is_dead_gives_up_after_its_grace(own_line: Line) -> None:
    own_line.send(a_message())
    handling = Handling(expected=1)

    def lose_the_server(messages: Sequence[Message]) -> list[Outcome]:
        own_line.server.kill()
        return handling.pass_on(messages)

    options = quick(settle_grace_seconds=0.2)
    with running(Worker(own_line.join(), lose_the_server, options, handling.health.append), handling.stop):
        pass

    own_line.server.start()
    assert own_line.bodies(SECOND) == []
    assert own_line.stats().in_flight == 1


def test_a_worker_started_before_its_server_waits_for_it(own_line: Line, caplog: pytest.LogCaptureFixture) -> None:
    own_line.server.kill()
    handling = Handling(expected=1)
    consumer = own_line.broker.consumer("test", Route(FIRST, SECOND))
    worker = Worker(consumer, handling.pass_on, quick(), handling.health.append)

    with running(worker, handling.stop):
        until(lambda: bool(handling.health))
        own_line.server.start()
        own_line.send(a_message())

    assert own_line.bodies(SECOND) == [b"body"]
    assert len(errors(caplog)) == 1


def test_a_server_that_lost_its_data_is_worked_for_again_with_a_loud_word(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    line.send(a_message())
    handling = Handling(expected=6)
    worker = Worker(line.join(), handling.pass_on, quick(), handling.health.append)

    with running(worker, handling.stop):
        until(lambda: line.stats(SECOND).depth == 1)
        line.client.flushall()
        line.send(*(a_message() for _ in range(5)))

    assert line.bodies(SECOND) == [b"body"] * 5
    assert errors(caplog)


@pytest.mark.parametrize("ending", ["passed", "failed", "buried", "unavailable"])
def test_a_server_that_loses_its_data_while_a_message_is_handled_stops_nobody(line: Line, ending: str) -> None:
    line.send(a_message(b"lost"))
    handling = Handling(expected=2)

    def lose_all(messages: Sequence[Message]) -> list[Outcome]:
        outcomes = handling.pass_on(messages)
        if len(handling.batches) > 1:
            return outcomes
        line.client.flushall()
        line.send(a_message(b"new"))
        if ending == "failed":
            raise RuntimeError("it broke")
        if ending == "unavailable":
            raise DependencyUnavailable("the disk is full")
        return [Reject(RuntimeError("it broke"))] if ending == "buried" else outcomes

    worker = Worker(line.join(), lose_all, quick(), handling.health.append)
    with running(worker, handling.stop):
        pass

    assert line.bodies(SECOND) == [b"new"]
    assert (line.stats().in_flight, line.stats().delayed, line.stats().dead_letters) == (0, 0, 0)


def test_forgotten_scripts_and_cut_connections_stop_nobody(line: Line) -> None:
    messages = line.send_many(200)
    handling = Handling(expected=200)
    options = quick(batch_size=4, lease_seconds=SHORT_LEASE_SECONDS)
    client = line.client

    with running(Worker(line.join(), handling.pass_on, options, handling.health.append), handling.stop):
        for milestone in range(10, 200, 10):
            handling.wait_for(milestone)
            client.script_flush()
            client.client_kill_filter(_type="normal", skipme=True)

    work_off(line)

    passed = [fields[b"id"].decode() for fields in line.entries(line.keys.stream(SECOND))]
    assert sorted(passed) == sorted(str(message.id) for message in messages)
    assert line.held_bytes() == line.stored_bytes()


def test_a_worker_leaves_even_if_nobody_hears_it(own_line: Line, caplog: pytest.LogCaptureFixture) -> None:
    stop = StopSignal()

    def stop_without_a_server(_: str | None) -> None:
        if not stop.is_set():
            own_line.server.kill()
            stop.set()

    Worker(own_line.join(), Handling(expected=1).finish, quick(), stop_without_a_server).run(stop)

    assert any("left without signing off" in record.getMessage() for record in caplog.records)


def test_a_server_that_became_a_replica_is_left_so_that_the_next_try_may_find_another(own_line: Line) -> None:
    own_line.send(a_message())
    consumer = own_line.join()
    [delivery] = own_line.take(consumer)
    consumer.renew([delivery.entry])
    own_line.client.replicaof("127.0.0.1", "1")

    with pytest.raises(ReadOnlyError):
        consumer.renew([delivery.entry])
    consumer.disconnect()

    until(lambda: len(own_line.client.client_list(_type="normal")) == 2)  # who asks, and what the broker looks with
    own_line.client.replicaof("NO", "ONE")
    assert consumer.renew([delivery.entry]) == {delivery.entry}


def test_a_renewal_that_fails_is_tried_on_a_new_connection(own_line: Line) -> None:
    own_line.send(a_message())
    consumer = own_line.join()
    [delivery] = own_line.take(consumer)
    own_line.server.kill()
    with pytest.raises(RedisError):
        consumer.renew([delivery.entry])

    own_line.server.start()

    assert consumer.renew([delivery.entry]) == {delivery.entry}
