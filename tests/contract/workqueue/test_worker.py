"""The worker loop: receive, handle, then acknowledge, forward, retry or reject."""

import logging
import threading
from collections import Counter
from collections.abc import Sequence
from uuid import uuid4

import pytest
from tests.contract.workqueue.queues import (
    FIRST,
    SECOND,
    SOON_SECONDS,
    Queues,
    RecordingHandler,
    a_message,
    fast_options,
    running,
)

from captiond.workqueue import Message
from captiond.workqueue.message import FORMAT_VERSION
from captiond.workqueue.streams.keys import GROUP
from captiond.workqueue.worker import (
    Acknowledge,
    DependencyUnavailable,
    Forward,
    Outcome,
    Postpone,
    Reject,
    StopSignal,
    Worker,
)
from captiond.workqueue.worker.options import RetryPolicy


def is_drained(queues: Queues) -> bool:
    """Tell whether no message is waiting, in flight or delayed."""
    stats = queues.stats()
    return stats.depth == stats.in_flight == stats.delayed == 0


def test_messages_travel_through_both_queues(queues: Queues) -> None:
    messages = [a_message(b"%d" % number) for number in range(20)]
    queues.send(*messages)
    first, second = RecordingHandler(expected=20), RecordingHandler(expected=20)

    Worker(queues.consumer(FIRST), first.forward, fast_options(), first.heartbeats.append).run(first.stop)
    Worker(queues.consumer(SECOND), second.acknowledge, fast_options(), second.heartbeats.append).run(second.stop)

    assert Counter(first.seen) == Counter(second.seen) == Counter(message.id for message in messages)
    assert queues.counted_bytes() == {}
    assert [queues.stats(queue).depth for queue in (FIRST, SECOND)] == [0, 0]


def test_two_workers_forward_each_of_2000_messages_once(queues: Queues) -> None:
    messages = queues.send_many(2000)
    handler = RecordingHandler(expected=2000)
    options = fast_options(batch_size=16)
    one = Worker(queues.consumer(), handler.forward, options, handler.heartbeats.append)
    other = Worker(queues.consumer(), handler.forward, options, handler.heartbeats.append)

    with running(one, handler.stop), running(other, handler.stop):
        pass

    passed = [fields[b"id"].decode() for fields in queues.entries(queues.keys.stream(SECOND))]
    assert sorted(passed) == sorted(str(message.id) for message in messages)
    assert is_drained(queues)
    assert queues.counted_bytes() == queues.actual_bytes()


def test_worker_finishes_its_batch_and_deregisters_at_shutdown(queues: Queues) -> None:
    queues.send(*(a_message() for _ in range(10)))
    stop, began = StopSignal(), threading.Event()

    def handle(messages: Sequence[Message]) -> list[Outcome]:
        began.set()
        assert stop.wait(10)
        return [Acknowledge("done") for _ in messages]

    worker = Worker(queues.consumer(), handle, fast_options(batch_size=4), lambda _: None)
    with running(worker, stop):
        assert began.wait(10)
        stop.set()

    assert (queues.stats().depth, queues.stats().in_flight) == (6, 0)
    assert queues.client.xinfo_consumers(queues.keys.stream(FIRST), GROUP) == []


def test_worker_stopped_before_its_start_receives_nothing(queues: Queues) -> None:
    queues.send(a_message())
    handler = RecordingHandler(expected=1)
    handler.stop.set()

    Worker(queues.consumer(), handler.acknowledge, fast_options(), handler.heartbeats.append).run(handler.stop)

    assert handler.batches == []
    assert queues.stats().depth == 1


def test_idle_worker_reports_healthy_heartbeats(queues: Queues) -> None:
    stop, heartbeats = StopSignal(), list[str | None]()

    def report(reason: str | None) -> None:
        heartbeats.append(reason)
        if len(heartbeats) == 3:
            stop.set()

    Worker(queues.consumer(), RecordingHandler(expected=1).acknowledge, fast_options(), report).run(stop)

    assert heartbeats == [None, None, None]


def test_busy_worker_repeats_its_heartbeat(queues: Queues) -> None:
    queues.send(a_message())
    handler = RecordingHandler(expected=1)
    reported = threading.Event()

    def report(_: str | None) -> None:
        if handler.batches:
            reported.set()

    def wait_for_a_report(messages: Sequence[Message]) -> list[Outcome]:
        outcomes = handler.forward(messages)
        assert reported.wait(10)
        return outcomes

    options = fast_options(heartbeat_seconds=SOON_SECONDS)
    Worker(queues.consumer(), wait_for_a_report, options, report).run(handler.stop)

    assert queues.payloads(SECOND) == [b"payload"]


def test_failed_message_is_retried(queues: Queues, caplog: pytest.LogCaptureFixture) -> None:
    queues.send(a_message())
    handler = RecordingHandler(expected=2)

    def fail_once(messages: Sequence[Message]) -> list[Outcome]:
        outcomes = handler.acknowledge(messages)
        if len(handler.batches) == 1:
            raise RuntimeError("not this time")
        return outcomes

    Worker(queues.consumer(), fail_once, fast_options(), handler.heartbeats.append).run(handler.stop)

    [warning] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "attempt failed message=" in warning.getMessage()
    assert warning.exc_info is not None
    assert is_drained(queues)
    assert queues.stats().dead_letters == 0


def test_postponed_message_is_delivered_again_without_a_failure(
    queues: Queues, caplog: pytest.LogCaptureFixture
) -> None:
    queues.send(a_message(b"postponed"), a_message(b"other"))
    handler = RecordingHandler(expected=4)

    def postpone_twice(messages: Sequence[Message]) -> list[Outcome]:
        outcomes = handler.acknowledge(messages)
        if len(handler.batches) <= 2:
            return [Postpone(0) if message.payload == b"postponed" else Acknowledge("done") for message in messages]
        return outcomes

    options = fast_options(retry_policy=RetryPolicy(max_failures=1, max_deliveries=1, suspect_deliveries=2))
    Worker(queues.consumer(), postpone_twice, options, handler.heartbeats.append).run(handler.stop)

    assert is_drained(queues)
    assert queues.stats().dead_letters == 0
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_message_at_the_failure_limit_becomes_a_dead_letter_alone(
    queues: Queues, caplog: pytest.LogCaptureFixture
) -> None:
    failing = a_message(b"failing")
    good = [a_message(b"good") for _ in range(5)]
    queues.send(*good[:2], failing, *good[2:])
    handler = RecordingHandler(expected=6 + 6 + 1)  # together, each alone, and the failing one again

    def handle(messages: Sequence[Message]) -> list[Outcome]:
        outcomes = handler.forward(messages)
        if failing in messages:
            raise RuntimeError("it broke")
        return outcomes

    Worker(queues.consumer(), handle, fast_options(), handler.heartbeats.append).run(handler.stop)

    assert queues.payloads(SECOND) == [b"good"] * 5
    [letter] = queues.broker.dead_letters(FIRST)
    assert (letter.id, letter.error, letter.deliveries) == (str(failing.id), "RuntimeError: it broke", 2)
    assert 'raise RuntimeError("it broke")' in letter.traceback
    assert is_drained(queues)
    assert queues.counted_bytes() == queues.actual_bytes()
    assert sum("moved to the dead-letter queue" in record.getMessage() for record in caplog.records) == 1
    assert not any(handler.heartbeats)


def test_rejected_message_becomes_a_dead_letter_without_retry(queues: Queues, caplog: pytest.LogCaptureFixture) -> None:
    queues.send(a_message())
    handler = RecordingHandler(expected=1)

    def reject(messages: Sequence[Message]) -> list[Outcome]:
        handler.note(messages)
        return [Reject(ValueError("no image")) for _ in messages]

    Worker(queues.consumer(), reject, fast_options(), handler.heartbeats.append).run(handler.stop)

    [letter] = queues.broker.dead_letters(FIRST)
    assert letter.error == "ValueError: no image"
    assert is_drained(queues)
    logged = [record.getMessage() for record in caplog.records]
    assert logged == [f"moved to the dead-letter queue message={letter.id} dead_letter={FIRST}/{letter.entry}"]


def test_missing_outcomes_count_as_failures(queues: Queues) -> None:
    queues.send(a_message(), a_message())
    handler = RecordingHandler(expected=2 + 1 + 1 + 1 + 1)

    def return_nothing(messages: Sequence[Message]) -> list[Outcome]:
        handler.note(messages)
        return []

    Worker(queues.consumer(), return_nothing, fast_options(), handler.heartbeats.append).run(handler.stop)

    letters = list(queues.broker.dead_letters(FIRST))
    assert [letter.error.split(":")[0] for letter in letters] == ["ValueError", "ValueError"]
    assert is_drained(queues)


def test_malformed_messages_become_dead_letters_at_once(queues: Queues) -> None:
    queues.add_entry({b"garbage": b"\xff"})
    queues.add_entry({b"v": b"0", b"id": str(uuid4()).encode(), b"body": b"old format"})
    queues.add_entry({b"name %d" % number: b"" for number in range(9000)})
    queues.send(a_message(b"good"))
    handler = RecordingHandler(expected=1)

    Worker(queues.consumer(), handler.forward, fast_options(), handler.heartbeats.append).run(handler.stop)

    assert queues.payloads(SECOND) == [b"good"]
    letters = list(queues.broker.dead_letters(FIRST))
    assert [letter.error.split(":")[0] for letter in letters] == ["MalformedMessage"] * 3
    assert is_drained(queues)


def test_message_of_a_newer_format_is_retried(queues: Queues) -> None:
    queues.send(a_message(b"ours"))
    queues.add_entry({b"v": b"%d" % (FORMAT_VERSION + 1), b"id": str(uuid4()).encode(), b"anything": b"at all"})
    handler = RecordingHandler(expected=1)
    options = fast_options(retry_policy=RetryPolicy(base_seconds=3600, cap_seconds=3600))

    with running(Worker(queues.consumer(), handler.forward, options, handler.heartbeats.append), handler.stop):
        pass

    assert queues.payloads(SECOND) == [b"ours"]
    assert (queues.stats().delayed, queues.stats().dead_letters) == (1, 0)


def test_message_of_a_newer_format_becomes_a_dead_letter_that_can_be_redriven(queues: Queues) -> None:
    message_id = str(uuid4())
    fields = {b"v": b"%d" % (FORMAT_VERSION + 1), b"id": message_id.encode(), b"anything": b"at all"}
    queues.add_entry(fields)
    stop = StopSignal()
    letters = queues.broker.dead_letters(FIRST)

    def report(_: str | None) -> None:
        if list(letters):
            stop.set()

    Worker(queues.consumer(), RecordingHandler(expected=1).forward, fast_options(), report).run(stop)

    [letter] = letters
    assert (
        letter.error
        == "UnsupportedVersion: message format 3 is newer than 2; upgrade the workers, then run `captiond dead retry`"
    )
    assert letters.redrive(letter, "queued")
    assert queues.entries(queues.keys.stream(FIRST)) == [fields]


def test_handler_is_not_called_for_malformed_messages_only(queues: Queues) -> None:
    queues.add_entry({b"garbage": b"\xff"})
    stop = StopSignal()
    handler = RecordingHandler(expected=1)

    def report(_: str | None) -> None:
        stop.set()

    Worker(queues.consumer(), handler.acknowledge, fast_options(), report).run(stop)

    assert handler.batches == []
    assert queues.stats().dead_letters == 1


def test_message_over_the_delivery_limit_becomes_a_dead_letter(queues: Queues) -> None:
    queues.send(a_message(b"deadly"), a_message(b"harmless"))
    policy = RetryPolicy(max_deliveries=3)
    deliveries = queues.receive(queues.consumer(), 2)
    for _ in range(2):
        queues.expire(deliveries[0])
        deliveries[0] = queues.consumer().claim(1, 30)[0]
    queues.expire(*deliveries)
    handler = RecordingHandler(expected=1)

    Worker(queues.consumer(), handler.forward, fast_options(retry_policy=policy), handler.heartbeats.append).run(
        handler.stop
    )

    assert [message.payload for batch in handler.batches for message in batch] == [b"harmless"]
    [letter] = queues.broker.dead_letters(FIRST)
    assert letter.error == "DeliveriesExhausted: no worker settled the message in 4 deliveries"
    assert is_drained(queues)


def test_unavailable_dependency_requeues_the_batch_uncounted(queues: Queues, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    queues.send(*(a_message() for _ in range(8)))
    queues.add_entry({b"garbage": b"\xff"})
    outages = 5
    handler = RecordingHandler(expected=8 * outages + 8)

    def handle(messages: Sequence[Message]) -> list[Outcome]:
        outcomes = handler.forward(messages)
        if len(handler.batches) <= outages:
            raise DependencyUnavailable("the database is down")
        return outcomes

    options = fast_options(batch_size=9, retry_policy=RetryPolicy(max_failures=1, max_deliveries=1))
    Worker(queues.consumer(), handle, options, handler.heartbeats.append).run(handler.stop)

    assert len(queues.payloads(SECOND)) == 8
    assert is_drained(queues)
    [letter] = queues.broker.dead_letters(FIRST)
    assert letter.error.startswith("MalformedMessage")
    assert handler.heartbeats == ["the database is down"] * outages + [None]
    first, last = (record.getMessage() for record in caplog.records if "the database is down" in record.getMessage())
    assert first == "the database is down; retrying with backoff"
    assert last.startswith("recovered outage_seconds=")


def test_unavailable_dependency_discards_failures_of_its_batch(queues: Queues) -> None:
    queues.send(a_message(b"failing"), a_message(b"good"))
    handler = RecordingHandler(expected=2 + 1 + 1 + 2)

    def handle(messages: Sequence[Message]) -> list[Outcome]:
        outcomes = handler.forward(messages)
        if len(handler.batches) == 3:
            raise DependencyUnavailable("the disk is full")
        if len(handler.batches) < 3:
            raise RuntimeError("it broke")
        return outcomes

    options = fast_options(retry_policy=RetryPolicy(max_failures=1))
    Worker(queues.consumer(), handle, options, handler.heartbeats.append).run(handler.stop)

    assert sorted(queues.payloads(SECOND)) == [b"failing", b"good"]
    assert queues.stats().dead_letters == 0


def test_lease_is_renewed_during_a_long_handler_call(queues: Queues) -> None:
    queues.send(a_message())
    handler, other = RecordingHandler(expected=1), RecordingHandler(expected=1)
    lease_seconds = 0.8
    began = threading.Event()
    sweeps = 0
    rival = queues.consumer()

    def wait_for_the_rival(messages: Sequence[Message]) -> list[Outcome]:
        began.set()
        assert enough.wait(20)
        return handler.forward(messages)

    enough = threading.Event()
    options = fast_options(lease_seconds=lease_seconds)
    with running(Worker(queues.consumer(), wait_for_the_rival, options, handler.heartbeats.append), handler.stop):
        assert began.wait(10)
        while sweeps < 15:
            sweeps += 1
            assert rival.claim(1, lease_seconds) == []
            assert not other.stop.wait(lease_seconds / 5)
        enough.set()

    assert len(handler.seen) == 1
    assert len(queues.payloads(SECOND)) == 1


def test_worker_without_lease_forwards_nothing(queues: Queues, caplog: pytest.LogCaptureFixture) -> None:
    message = a_message()
    queues.send(message)
    handler = RecordingHandler(expected=1)
    rival = queues.consumer()

    def lose_the_lease(messages: Sequence[Message]) -> list[Outcome]:
        [pending] = queues.client.xpending_range(queues.keys.stream(FIRST), GROUP, "-", "+", 1)
        queues.client.xclaim(queues.keys.stream(FIRST), GROUP, rival.name, 0, [pending["message_id"]], idle=10**6)
        [stolen] = rival.claim(1, 30)
        assert rival.settle([(stolen, Forward(message.headers, "forwarded"))]) == [True]
        return handler.forward(messages)

    Worker(queues.consumer(), lose_the_lease, fast_options(), handler.heartbeats.append).run(handler.stop)

    assert len(queues.payloads(SECOND)) == 1
    assert any("the message is settled" in record.getMessage() for record in caplog.records)


def test_failure_without_lease_does_not_count(queues: Queues) -> None:
    message = a_message()
    queues.send(message)
    handler = RecordingHandler(expected=1)
    rival = queues.consumer()

    def lose_the_lease_and_fail(messages: Sequence[Message]) -> list[Outcome]:
        [pending] = queues.client.xpending_range(queues.keys.stream(FIRST), GROUP, "-", "+", 1)
        queues.client.xclaim(queues.keys.stream(FIRST), GROUP, rival.name, 0, [pending["message_id"]], justid=True)
        handler.note(messages)
        raise RuntimeError("it broke")

    options = fast_options(retry_policy=RetryPolicy(max_failures=1))
    Worker(queues.consumer(), lose_the_lease_and_fail, options, handler.heartbeats.append).run(handler.stop)

    assert (queues.stats().in_flight, queues.stats().delayed, queues.stats().dead_letters) == (1, 0, 0)


def test_new_messages_are_received_while_others_are_delayed(queues: Queues) -> None:
    queues.send(a_message(b"delayed"))
    consumer = queues.consumer()
    consumer.record_failure(queues.receive(consumer)[0], RuntimeError("it broke"), [3600] * 4)
    queues.send(*(a_message(b"new") for _ in range(20)))
    handler = RecordingHandler(expected=20)

    Worker(queues.consumer(), handler.forward, fast_options(), handler.heartbeats.append).run(handler.stop)

    assert queues.payloads(SECOND) == [b"new"] * 20
    assert queues.stats().delayed == 1


def test_due_messages_are_claimed_in_batches(queues: Queues) -> None:
    queues.send(*(a_message() for _ in range(10)))
    consumer = queues.consumer()
    consumer.requeue(queues.receive(consumer, 10))
    handler = RecordingHandler(expected=10)

    Worker(queues.consumer(), handler.forward, fast_options(batch_size=4), handler.heartbeats.append).run(handler.stop)

    assert [len(batch) for batch in handler.batches] == [4, 4, 2]
    assert consumer.receive(1, SOON_SECONDS) == []


def test_due_and_new_messages_alternate(queues: Queues) -> None:
    due = queues.send_many(6)
    consumer = queues.consumer()
    consumer.requeue(queues.receive(consumer, 6))
    new = queues.send_many(4)
    handler = RecordingHandler(expected=10)

    options = fast_options(batch_size=2)
    Worker(queues.consumer(), handler.acknowledge, options, handler.heartbeats.append).run(handler.stop)

    new_ids = {message.id for message in new}
    assert [[message.id in new_ids for message in batch] for batch in handler.batches] == [
        *([False, False], [True, True]),
        *([False, False], [True, True]),
        [False, False],
    ]
    assert set(handler.seen) == {message.id for message in (*due, *new)}


def test_last_queue_has_no_downstream_depth(queues: Queues) -> None:
    assert queues.consumer(SECOND).read_downstream_depth() == 0


def test_forward_on_the_last_queue_raises_value_error(queues: Queues) -> None:
    consumer = queues.consumer(SECOND)
    queues.add_entry(dict.fromkeys([b"body"], b""), SECOND)
    [delivery] = queues.receive(consumer)

    with pytest.raises(ValueError, match="queue second has no next queue"):
        consumer.settle([(delivery, Forward({}, "forwarded"))])
