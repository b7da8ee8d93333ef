"""The Lua scripts by themselves: repeated, with missing and monstrous arguments, on keys of a wrong type."""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import cast

import pytest
from redis.exceptions import ResponseError
from tests.contract.workqueue.line import FIRST, SECOND, Line, a_message

from captiond.workqueue import Message
from captiond.workqueue.message import Delivery
from captiond.workqueue.streams.consumer import Consumer
from captiond.workqueue.streams.keys import GROUP
from captiond.workqueue.streams.scripts import (
    BURY,
    CLAIM,
    ENQUEUE,
    EXHUME,
    JOIN,
    LEAVE,
    PARK,
    PEEK,
    SETTLE,
    Call,
    Script,
    Value,
    run,
)
from captiond.workqueue.worker import Forward, Reject

DEMANDING_SCRIPTS = [ENQUEUE, SETTLE, BURY, PARK, CLAIM, LEAVE, PEEK, EXHUME, JOIN]
MISHAPS = {b"fenced", b"redelivered", b"leases_lost"}
ERROR = RuntimeError("it broke")


def everything(line: Line) -> dict[str, object]:
    """All that the server holds, but for the news and the counts of mishaps."""
    found: dict[str, object] = {}
    for key in (cast("bytes", key).decode() for key in line.client.scan_iter()):
        match line.client.type(key):
            case b"stream" if key != line.keys.events:
                found[key] = line.entries(key), line.client.xpending(key, GROUP) if key.endswith(FIRST) else None
            case b"zset":
                found[key] = line.client.zrange(key, 0, -1)
            case b"string":
                found[key] = line.client.get(key)
            case b"hash":
                fields = cast("dict[bytes, bytes]", line.client.hgetall(key))
                found[key] = {name: value for name, value in fields.items() if name not in MISHAPS}
    return found


def enqueue(line: Line, *messages: Sequence[Value]) -> Call:
    keys = [line.keys.stream(FIRST), line.keys.bytes, line.keys.events, line.keys.totals]
    jobs = [line.keys.job(str(message[0])) for message in messages]
    bodies = [line.keys.payload(str(message[0])) for message in messages]
    return ENQUEUE.call([*keys, *jobs, *bodies], 10, 1000, *chain.from_iterable(messages))


def test_a_repeated_enqueue_adds_nothing(line: Line) -> None:
    call = enqueue(line, ("7", b"digest", 1000, 5, "queued", b"note", b"x", 2, b"name", b""))

    first, second = run(line.client, [call, call])

    assert first == [[b"NEW", b"queued", b"note"]]
    assert second == [[b"KNOWN", b"queued", b"note"]]
    assert line.stats().depth == 1
    assert line.held_bytes() == {line.keys.stream(FIRST): 5}


def hand_off(_: Line, consumer: Consumer, delivery: Delivery) -> None:
    consumer.settle([(delivery, Forward(delivery.message().headers, "passed"))])


def finish(line: Line, consumer: Consumer, delivery: Delivery) -> None:
    consumer.settle([(delivery, line.finished())])


def bury(_: Line, consumer: Consumer, delivery: Delivery) -> None:
    consumer.settle([(delivery, Reject(ERROR))])


def fail(_: Line, consumer: Consumer, delivery: Delivery) -> None:
    consumer.fail(delivery, ERROR, 60, max_failures=5)


def release(_: Line, consumer: Consumer, delivery: Delivery) -> None:
    consumer.release([delivery])


Step = Callable[[Line, Consumer, Delivery], None]


@pytest.mark.parametrize("step", [hand_off, finish, bury, fail, release])
def test_a_step_that_is_repeated_since_its_reply_was_lost_changes_nothing(line: Line, step: Step) -> None:
    line.send(a_message(), a_message())
    consumer = line.join()
    delivery, _ = line.take(consumer, 2)

    step(line, consumer, delivery)
    once = everything(line)
    step(line, consumer, delivery)

    assert everything(line) == once


@pytest.mark.parametrize("script", DEMANDING_SCRIPTS, ids=lambda script: script.name)
def test_a_script_without_its_arguments_changes_nothing(line: Line, script: Script) -> None:
    line.send(a_message())
    consumer = line.join()
    line.take(consumer)
    before = everything(line)

    with pytest.raises(ResponseError):
        run(line.client, [script.call([line.keys.stream(FIRST), "a", "b", "c", "d", "e"])])

    assert everything(line) == before


def test_renewing_nothing_renews_nothing(line: Line) -> None:
    assert line.join().renew([]) == set()


def test_a_message_of_no_size_and_no_wait_is_one_too(line: Line) -> None:
    stream, dead = line.keys.stream(FIRST), line.keys.dead(FIRST)
    job, body = line.keys.job("7"), line.keys.payload("7")
    about = [line.keys.bytes, line.keys.events, line.keys.totals]
    books = [line.keys.parked(FIRST), line.keys.totals]
    assert run(line.client, [enqueue(line, ("7", b"", 0, 0, "", b"", b"", 2, b"", b""))]) == [[[b"NEW", b"", b""]]]
    consumer = line.join()
    [delivery] = line.take(consumer)

    park = PARK.call([stream, line.keys.parked(FIRST), job], GROUP, consumer.name, delivery.entry, 0, "error", 5)
    assert run(line.client, [park]) == [1]
    [claimed] = consumer.claim(1, None)
    assert claimed.deliveries == 2
    bury = BURY.call([stream, job, *about[:2], *books, dead], GROUP, delivery.entry, 0, "", "", "")
    assert run(line.client, [bury]) == [[0, 1]]
    [letter] = line.broker.dead_letters(FIRST)
    assert run(line.client, [EXHUME.call([dead, job, body, *about, stream], letter.entry, "", "")]) == [1]
    [again] = line.take(consumer)
    settle = SETTLE.call([stream, *about[:2], *books, job, body], GROUP, 1, again.entry, 0, "7", "", 0, 0)
    assert run(line.client, [settle]) == [[0, 1]]
    assert line.held_bytes() == {}


def test_a_huge_delay_parks_for_ever(line: Line) -> None:
    line.send(a_message())
    consumer = line.join()
    [delivery] = line.take(consumer)

    assert consumer.fail(delivery, ERROR, 1e12, max_failures=2**53) == 1
    assert consumer.claim(10, 30) == []


def test_a_claim_of_nothing_takes_nothing(line: Line) -> None:
    line.send(a_message())
    consumer = line.join()
    [delivery] = line.take(consumer)
    line.lapse(delivery)

    assert consumer.claim(0, 30) == []


def test_an_entry_of_more_fields_than_lua_can_unpack_is_buried(line: Line) -> None:
    line.insert({b"name %d" % number: b"" for number in range(9000)})
    consumer = line.join()
    [delivery] = line.take(consumer)

    assert consumer.settle([(delivery, Reject(ERROR))]) == [True]

    assert line.bodies(FIRST) == []
    [letter] = line.broker.dead_letters(FIRST)
    assert letter.error == "RuntimeError: it broke"
    assert letter.fields["name 0"] == b""


@pytest.mark.parametrize(("broken", "step"), [(SECOND, hand_off), (f"{FIRST}:dead", bury)])
def test_a_target_of_a_wrong_type_is_found_before_anything_is_written(line: Line, broken: str, step: Step) -> None:
    line.send(a_message())
    consumer = line.join()
    [delivery] = line.take(consumer)
    line.client.hset(line.keys.stream(broken), "not", "yours")
    before = everything(line)

    with pytest.raises(ResponseError):
        step(line, consumer, delivery)

    assert everything(line) == before
    line.client.delete(line.keys.stream(broken))
    step(line, consumer, delivery)
    assert everything(line) != before


@pytest.mark.parametrize("broken", ["bytes", "events", "job"])
def test_a_message_is_handed_on_even_if_the_books_cannot_be_kept(line: Line, broken: str) -> None:
    message = a_message()
    line.send(message)
    consumer = line.join()
    [delivery] = line.take(consumer)
    books = {"bytes": line.keys.bytes, "events": line.keys.events, "job": line.keys.job(str(message.id))}
    line.client.set(books[broken], b"taken")

    with pytest.raises(ResponseError, match="WRONGTYPE"):
        hand_off(line, consumer, delivery)

    assert consumer.settle([(delivery, line.passed_on(message))]) == [False]
    assert line.bodies(FIRST) == []
    assert line.bodies(SECOND) == [b"body"]


def parts(message: Message) -> Sequence[Value]:
    fields = message.fields()
    return (str(message.id), b"", 0, message.size_bytes, "queued", b"", message.payload, len(fields), *fields)


@pytest.mark.parametrize("broken", ["stream", "bytes"])
def test_an_enqueue_on_keys_of_a_wrong_type_adds_nothing(line: Line, broken: str) -> None:
    wrong = {"stream": line.keys.stream(FIRST), "bytes": line.keys.bytes}[broken]
    line.client.set(wrong, b"taken")

    with pytest.raises(ResponseError, match="WRONGTYPE"):
        run(line.client, [enqueue(line, parts(a_message()))])

    assert line.client.keys() == [wrong.encode()]


def test_a_message_whose_job_is_of_a_wrong_type_does_not_stop_the_others_of_its_call(line: Line) -> None:
    before, broken, after = a_message(b"before"), a_message(b"broken"), a_message(b"after")
    line.client.set(line.keys.job(str(broken.id)), b"taken")

    [[first, error, last]] = cast(
        "list[list[object]]", run(line.client, [enqueue(line, parts(before), parts(broken), parts(after))])
    )

    assert first == last == [b"NEW", b"queued", b""]
    assert isinstance(error, ResponseError)
    assert line.bodies(FIRST) == [b"before", b"after"]
    assert line.held_bytes() == {line.keys.stream(FIRST): before.size_bytes + after.size_bytes}


def test_a_call_stops_at_the_budget_and_not_before(line: Line) -> None:
    messages = [(f"{number}", b"", 0, 300, "queued", b"", b"x", 2, b"name", b"") for number in range(4)]

    [verdicts] = cast("list[list[list[bytes]]]", run(line.client, [enqueue(line, *messages, messages[0])]))

    assert [verdict[0] for verdict in verdicts] == [b"NEW", b"NEW", b"NEW", b"FULL", b"KNOWN"]


def test_one_bad_call_does_not_stop_the_others_of_its_round_trip(line: Line) -> None:
    line.client.set("wrong", b"taken")
    line.insert({b"body": b""})
    line.client.script_flush()

    with pytest.raises(ResponseError, match="WRONGTYPE"):
        run(line.client, [PEEK.call(["wrong"], "-", "+", 1), LEAVE.call([line.keys.stream(FIRST)], GROUP, "x")])


def test_the_scripts_run_in_one_round_trip_after_they_were_forgotten(line: Line) -> None:
    line.insert({b"name": b"value", b"body": b"1234"})
    call = PEEK.call([line.keys.stream(FIRST)], "-", "+", 1)
    line.client.script_flush()

    replies = run(line.client, [call, call, call])

    assert len(replies) == 3
    assert replies[0] == replies[2]
