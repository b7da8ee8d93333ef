"""The loop: receive, handle, settle; and what it does with messages that cannot be handled."""

import logging
import threading
from collections import Counter
from collections.abc import Sequence
from uuid import uuid4

import pytest
from tests.contract.workqueue.line import (
    FIRST,
    SECOND,
    SOON_SECONDS,
    Handling,
    Line,
    a_message,
    quick,
    running,
)

from captiond.workqueue import Message
from captiond.workqueue.message import FORMAT_VERSION
from captiond.workqueue.streams.keys import GROUP
from captiond.workqueue.worker import Acknowledge, DependencyUnavailable, Forward, Outcome, Reject, StopSignal, Worker
from captiond.workqueue.worker.retry import RetryPolicy


def settled(line: Line) -> bool:
    """Nothing waits, is in hand or is parked."""
    stats = line.stats()
    return stats.depth == stats.in_flight == stats.delayed == 0


def test_messages_travel_the_line(line: Line) -> None:
    messages = [a_message(b"%d" % number) for number in range(20)]
    line.send(*messages)
    first, second = Handling(expected=20), Handling(expected=20)

    Worker(line.join(FIRST), first.pass_on, quick(), first.health.append).run(first.stop)
    Worker(line.join(SECOND), second.finish, quick(), second.health.append).run(second.stop)

    assert Counter(first.seen) == Counter(second.seen) == Counter(message.id for message in messages)
    assert line.held_bytes() == {}
    assert [line.stats(queue).depth for queue in (FIRST, SECOND)] == [0, 0]


def test_two_workers_hand_each_of_2000_messages_on_exactly_once(line: Line) -> None:
    messages = line.send_many(2000)
    handling = Handling(expected=2000)
    options = quick(batch_size=16)
    one = Worker(line.join(), handling.pass_on, options, handling.health.append)
    other = Worker(line.join(), handling.pass_on, options, handling.health.append)

    with running(one, handling.stop), running(other, handling.stop):
        pass

    passed = [fields[b"id"].decode() for fields in line.entries(line.keys.stream(SECOND))]
    assert sorted(passed) == sorted(str(message.id) for message in messages)
    assert settled(line)
    assert line.held_bytes() == line.stored_bytes()


def test_a_worker_told_to_stop_finishes_the_batch_in_hand_and_leaves(line: Line) -> None:
    line.send(*(a_message() for _ in range(10)))
    stop, began = StopSignal(), threading.Event()

    def handle(messages: Sequence[Message]) -> list[Outcome]:
        began.set()
        assert stop.wait(10)
        return [Acknowledge("done") for _ in messages]

    worker = Worker(line.join(), handle, quick(batch_size=4), lambda _: None)
    with running(worker, stop):
        assert began.wait(10)
        stop.set()

    assert (line.stats().depth, line.stats().in_flight) == (6, 0)
    assert line.client.xinfo_consumers(line.keys.stream(FIRST), GROUP) == []


def test_a_worker_that_is_stopped_before_it_starts_takes_nothing(line: Line) -> None:
    line.send(a_message())
    handling = Handling(expected=1)
    handling.stop.set()

    Worker(line.join(), handling.finish, quick(), handling.health.append).run(handling.stop)

    assert handling.batches == []
    assert line.stats().depth == 1


def test_an_idle_worker_says_that_it_is_well(line: Line) -> None:
    stop, health = StopSignal(), list[str | None]()

    def report(reason: str | None) -> None:
        health.append(reason)
        if len(health) == 3:
            stop.set()

    Worker(line.join(), Handling(expected=1).finish, quick(), report).run(stop)

    assert health == [None, None, None]


def test_a_message_that_fails_is_tried_again(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    line.send(a_message())
    handling = Handling(expected=2)

    def fail_once(messages: Sequence[Message]) -> list[Outcome]:
        outcomes = handling.finish(messages)
        if len(handling.batches) == 1:
            raise RuntimeError("not this time")
        return outcomes

    Worker(line.join(), fail_once, quick(), handling.health.append).run(handling.stop)

    [warning] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "failed, next try in" in warning.getMessage()
    assert warning.exc_info is not None
    assert settled(line)
    assert line.stats().dead_letters == 0


def test_a_message_that_fails_too_often_is_a_dead_letter_and_its_neighbours_are_handled(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    guilty = a_message(b"guilty")
    innocent = [a_message(b"innocent") for _ in range(5)]
    line.send(*innocent[:2], guilty, *innocent[2:])
    handling = Handling(expected=6 + 6 + 1)  # together, each alone, and the guilty one again

    def handle(messages: Sequence[Message]) -> list[Outcome]:
        outcomes = handling.pass_on(messages)
        if guilty in messages:
            raise RuntimeError("it broke")
        return outcomes

    Worker(line.join(), handle, quick(), handling.health.append).run(handling.stop)

    assert line.bodies(SECOND) == [b"innocent"] * 5
    [letter] = line.broker.dead_letters(FIRST)
    assert (letter.id, letter.error, letter.deliveries) == (str(guilty.id), "RuntimeError: it broke", 2)
    assert 'raise RuntimeError("it broke")' in letter.traceback
    assert settled(line)
    assert line.held_bytes() == line.stored_bytes()
    assert sum("goes to the dead letters" in record.getMessage() for record in caplog.records) == 1
    assert not any(handling.health)


def test_a_handler_may_bury_a_message_at_once(line: Line) -> None:
    line.send(a_message())
    handling = Handling(expected=1)

    def bury(messages: Sequence[Message]) -> list[Outcome]:
        handling.note(messages)
        return [Reject(ValueError("no image")) for _ in messages]

    Worker(line.join(), bury, quick(), handling.health.append).run(handling.stop)

    [letter] = line.broker.dead_letters(FIRST)
    assert letter.error == "ValueError: no image"
    assert settled(line)


def test_a_handler_that_does_not_answer_for_each_message_has_failed(line: Line) -> None:
    line.send(a_message(), a_message())
    handling = Handling(expected=2 + 1 + 1 + 1 + 1)

    def answer_for_none(messages: Sequence[Message]) -> list[Outcome]:
        handling.note(messages)
        return []

    Worker(line.join(), answer_for_none, quick(), handling.health.append).run(handling.stop)

    letters = list(line.broker.dead_letters(FIRST))
    assert [letter.error.split(":")[0] for letter in letters] == ["ValueError", "ValueError"]
    assert settled(line)


def test_what_is_no_message_goes_to_the_dead_letters_and_stops_nobody(line: Line) -> None:
    line.insert({b"garbage": b"\xff"})
    line.insert({b"v": b"0", b"id": str(uuid4()).encode(), b"body": b"from the future"})
    line.insert({b"name %d" % number: b"" for number in range(9000)})
    line.send(a_message(b"good"))
    handling = Handling(expected=1)

    Worker(line.join(), handling.pass_on, quick(), handling.health.append).run(handling.stop)

    assert line.bodies(SECOND) == [b"good"]
    letters = list(line.broker.dead_letters(FIRST))
    assert [letter.error.split(":")[0] for letter in letters] == ["MalformedMessage"] * 3
    assert settled(line)


def test_message_of_a_newer_format_is_retried(line: Line) -> None:
    line.send(a_message(b"ours"))
    line.insert({b"v": b"%d" % (FORMAT_VERSION + 1), b"id": str(uuid4()).encode(), b"anything": b"at all"})
    handling = Handling(expected=1)
    options = quick(policy=RetryPolicy(base_seconds=3600, cap_seconds=3600))

    with running(Worker(line.join(), handling.pass_on, options, handling.health.append), handling.stop):
        pass

    assert line.bodies(SECOND) == [b"ours"]
    assert (line.stats().delayed, line.stats().dead_letters) == (1, 0)


def test_message_of_a_newer_format_becomes_a_dead_letter_that_can_be_redriven(line: Line) -> None:
    message_id = str(uuid4())
    fields = {b"v": b"%d" % (FORMAT_VERSION + 1), b"id": message_id.encode(), b"anything": b"at all"}
    line.insert(fields)
    stop = StopSignal()
    letters = line.broker.dead_letters(FIRST)

    def report(_: str | None) -> None:
        if list(letters):
            stop.set()

    Worker(line.join(), Handling(expected=1).pass_on, quick(), report).run(stop)

    [letter] = letters
    assert letter.error == "UnsupportedVersion: message format 3 is newer than 2; upgrade the workers, then redrive it"
    assert letters.redrive(letter, "queued")
    assert line.entries(line.keys.stream(FIRST)) == [fields]


def test_a_batch_of_nothing_but_garbage_is_no_batch(line: Line) -> None:
    line.insert({b"garbage": b"\xff"})
    stop = StopSignal()
    handling = Handling(expected=1)

    def report(_: str | None) -> None:
        stop.set()

    Worker(line.join(), handling.finish, quick(), report).run(stop)

    assert handling.batches == []
    assert line.stats().dead_letters == 1


def test_a_message_that_kills_its_workers_is_buried_unseen(line: Line) -> None:
    line.send(a_message(b"deadly"), a_message(b"harmless"))
    policy = RetryPolicy(max_deliveries=3)
    deliveries = line.take(line.join(), 2)
    for _ in range(2):
        line.lapse(deliveries[0])
        deliveries[0] = line.join().claim(1, 30)[0]
    line.lapse(*deliveries)
    handling = Handling(expected=1)

    Worker(line.join(), handling.pass_on, quick(policy=policy), handling.health.append).run(handling.stop)

    assert [message.payload for batch in handling.batches for message in batch] == [b"harmless"]
    [letter] = line.broker.dead_letters(FIRST)
    assert letter.error == "DeliveriesExhausted: handed out 4 times and never settled"
    assert settled(line)


def test_while_something_is_unavailable_all_in_hand_is_given_back_uncounted(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    line.send(*(a_message() for _ in range(8)))
    line.insert({b"garbage": b"\xff"})
    outages = 5
    handling = Handling(expected=8 * outages + 8)

    def handle(messages: Sequence[Message]) -> list[Outcome]:
        outcomes = handling.pass_on(messages)
        if len(handling.batches) <= outages:
            raise DependencyUnavailable("the database is away")
        return outcomes

    options = quick(batch_size=9, policy=RetryPolicy(max_failures=1, max_deliveries=1))
    Worker(line.join(), handle, options, handling.health.append).run(handling.stop)

    assert len(line.bodies(SECOND)) == 8
    assert settled(line)
    [letter] = line.broker.dead_letters(FIRST)
    assert letter.error.startswith("MalformedMessage")
    assert handling.health == ["the database is away"] * outages + [None]
    about = [record.getMessage() for record in caplog.records if record.levelno in {logging.INFO, logging.ERROR}]
    assert [message for message in about if "database" in message] == ["the database is away; waiting until it is back"]
    assert sum(message.startswith("back after") for message in about) == 1


def test_a_message_found_guilty_before_something_was_unavailable_is_not_counted(line: Line) -> None:
    line.send(a_message(b"guilty"), a_message(b"innocent"))
    handling = Handling(expected=2 + 1 + 1 + 2)

    def handle(messages: Sequence[Message]) -> list[Outcome]:
        outcomes = handling.pass_on(messages)
        if len(handling.batches) == 3:
            raise DependencyUnavailable("the disk is full")
        if len(handling.batches) < 3:
            raise RuntimeError("it broke")
        return outcomes

    options = quick(policy=RetryPolicy(max_failures=1))
    Worker(line.join(), handle, options, handling.health.append).run(handling.stop)

    assert sorted(line.bodies(SECOND)) == [b"guilty", b"innocent"]
    assert line.stats().dead_letters == 0


def test_a_lease_is_kept_over_a_handler_that_takes_longer(line: Line) -> None:
    line.send(a_message())
    handling, other = Handling(expected=1), Handling(expected=1)
    lease_seconds = 0.8
    began = threading.Event()
    sweeps = 0
    rival = line.join()

    def take_long(messages: Sequence[Message]) -> list[Outcome]:
        began.set()
        assert enough.wait(20)
        return handling.pass_on(messages)

    enough = threading.Event()
    options = quick(lease_seconds=lease_seconds)
    with running(Worker(line.join(), take_long, options, handling.health.append), handling.stop):
        assert began.wait(10)
        while sweeps < 15:
            sweeps += 1
            assert rival.claim(1, lease_seconds) == []
            assert not other.stop.wait(lease_seconds / 5)
        enough.set()

    assert len(handling.seen) == 1
    assert len(line.bodies(SECOND)) == 1


def test_a_worker_that_lost_its_lease_hands_nothing_on(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    message = a_message()
    line.send(message)
    handling = Handling(expected=1)
    rival = line.join()

    def be_overtaken(messages: Sequence[Message]) -> list[Outcome]:
        [pending] = line.client.xpending_range(line.keys.stream(FIRST), GROUP, "-", "+", 1)
        line.client.xclaim(line.keys.stream(FIRST), GROUP, rival.name, 0, [pending["message_id"]], idle=10**6)
        [stolen] = rival.claim(1, 30)
        assert rival.settle([(stolen, Forward(message.headers, "passed"))]) == [True]
        return handling.pass_on(messages)

    Worker(line.join(), be_overtaken, quick(), handling.health.append).run(handling.stop)

    assert len(line.bodies(SECOND)) == 1
    assert any("was settled before" in record.getMessage() for record in caplog.records)


def test_a_failure_of_a_worker_that_lost_its_lease_does_not_count(line: Line) -> None:
    message = a_message()
    line.send(message)
    handling = Handling(expected=1)
    rival = line.join()

    def be_overtaken_and_fail(messages: Sequence[Message]) -> list[Outcome]:
        [pending] = line.client.xpending_range(line.keys.stream(FIRST), GROUP, "-", "+", 1)
        line.client.xclaim(line.keys.stream(FIRST), GROUP, rival.name, 0, [pending["message_id"]], justid=True)
        handling.note(messages)
        raise RuntimeError("it broke")

    options = quick(policy=RetryPolicy(max_failures=1))
    Worker(line.join(), be_overtaken_and_fail, options, handling.health.append).run(handling.stop)

    assert (line.stats().in_flight, line.stats().delayed, line.stats().dead_letters) == (1, 0, 0)


def test_new_messages_are_taken_while_others_are_parked(line: Line) -> None:
    line.send(a_message(b"parked"))
    consumer = line.join()
    consumer.fail(line.take(consumer)[0], RuntimeError("it broke"), 3600, max_failures=5)
    line.send(*(a_message(b"new") for _ in range(20)))
    handling = Handling(expected=20)

    Worker(line.join(), handling.pass_on, quick(), handling.health.append).run(handling.stop)

    assert line.bodies(SECOND) == [b"new"] * 20
    assert line.stats().delayed == 1


def test_parked_messages_are_taken_batch_by_batch(line: Line) -> None:
    line.send(*(a_message() for _ in range(10)))
    consumer = line.join()
    consumer.release(line.take(consumer, 10))
    handling = Handling(expected=10)

    Worker(line.join(), handling.pass_on, quick(batch_size=4), handling.health.append).run(handling.stop)

    assert [len(batch) for batch in handling.batches] == [4, 4, 2]
    assert consumer.receive(1, SOON_SECONDS) == []


def test_a_queue_at_the_end_of_the_line_hands_nothing_on(line: Line) -> None:
    consumer = line.join(SECOND)
    line.insert(dict.fromkeys([b"body"], b""), SECOND)
    [delivery] = line.take(consumer)

    with pytest.raises(ValueError, match="queue second has no next queue"):
        consumer.settle([(delivery, Forward({}, "passed"))])
