"""The Lua scripts alone: repeated, with missing and extreme arguments, on keys of a wrong type."""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import cast

import pytest
from redis.exceptions import ResponseError
from tests.contract.workqueue.queues import FIRST, SECOND, Queues, a_message

from captiond.workqueue import Message
from captiond.workqueue.message import Delivery, flat_fields
from captiond.workqueue.streams.consumer import Consumer
from captiond.workqueue.streams.keys import GROUP
from captiond.workqueue.streams.scripts import (
    CLAIM,
    CREATE_GROUP,
    DELAY,
    DEREGISTER,
    ENQUEUE,
    PEEK,
    REDRIVE,
    REJECT,
    SETTLE,
    Call,
    Script,
    Value,
    run,
)
from captiond.workqueue.worker import Forward, Reject

SCRIPTS_WITH_ARGUMENTS = [ENQUEUE, SETTLE, REJECT, DELAY, CLAIM, DEREGISTER, PEEK, REDRIVE, CREATE_GROUP]
INCIDENTS = {b"fenced", b"redelivered", b"leases_lost"}
ERROR = RuntimeError("it broke")


def server_state(queues: Queues) -> dict[str, object]:
    """Return all keys and values except events and incident counters."""
    found: dict[str, object] = {}
    for key in (cast("bytes", key).decode() for key in queues.client.scan_iter()):
        match queues.client.type(key):
            case b"stream" if key != queues.keys.events:
                found[key] = queues.entries(key), queues.client.xpending(key, GROUP) if key.endswith(FIRST) else None
            case b"zset":
                found[key] = queues.client.zrange(key, 0, -1)
            case b"string":
                found[key] = queues.client.get(key)
            case b"hash":
                fields = cast("dict[bytes, bytes]", queues.client.hgetall(key))
                found[key] = {name: value for name, value in fields.items() if name not in INCIDENTS}
    return found


def enqueue(queues: Queues, *messages: Sequence[Value]) -> Call:
    keys = [queues.keys.stream(FIRST), queues.keys.bytes, queues.keys.events, queues.keys.totals]
    jobs = [queues.keys.job(str(message[0])) for message in messages]
    payload_keys = [queues.keys.payload(str(message[0])) for message in messages]
    return ENQUEUE.call([*keys, *jobs, *payload_keys], 10, 1000, 0, *chain.from_iterable(messages))


def test_repeated_enqueue_adds_nothing(queues: Queues) -> None:
    call = enqueue(queues, ("7", b"digest", 1000, 5, "queued", b"note", b"x", 2, b"name", b""))

    first, second = run(queues.client, [call, call])

    assert first == [[b"NEW", b"queued", b"note"]]
    assert second == [[b"KNOWN", b"queued", b"note"]]
    assert queues.stats().depth == 1
    assert queues.counted_bytes() == {queues.keys.stream(FIRST): 5}


def forward(_: Queues, consumer: Consumer, delivery: Delivery) -> None:
    consumer.settle([(delivery, Forward(delivery.decode().headers, "forwarded"))])


def acknowledge(queues: Queues, consumer: Consumer, delivery: Delivery) -> None:
    consumer.settle([(delivery, queues.acknowledge())])


def reject(_: Queues, consumer: Consumer, delivery: Delivery) -> None:
    consumer.settle([(delivery, Reject(ERROR))])


def fail(_: Queues, consumer: Consumer, delivery: Delivery) -> None:
    consumer.record_failure(delivery, ERROR, [60] * 4)


def requeue(_: Queues, consumer: Consumer, delivery: Delivery) -> None:
    consumer.requeue([delivery])


Step = Callable[[Queues, Consumer, Delivery], None]


@pytest.mark.parametrize("step", [forward, acknowledge, reject, fail, requeue])
def test_repeated_call_changes_nothing(queues: Queues, step: Step) -> None:
    queues.send(a_message(), a_message())
    consumer = queues.consumer()
    delivery, _ = queues.receive(consumer, 2)

    step(queues, consumer, delivery)
    once = server_state(queues)
    step(queues, consumer, delivery)

    assert server_state(queues) == once


@pytest.mark.parametrize("script", SCRIPTS_WITH_ARGUMENTS, ids=lambda script: script.name)
def test_script_without_arguments_changes_nothing(queues: Queues, script: Script) -> None:
    queues.send(a_message())
    consumer = queues.consumer()
    queues.receive(consumer)
    before = server_state(queues)

    with pytest.raises(ResponseError):
        run(queues.client, [script.call([queues.keys.stream(FIRST), "a", "b", "c", "d", "e"])])

    assert server_state(queues) == before


def test_renewal_of_no_entries_returns_none(queues: Queues) -> None:
    assert queues.consumer().renew([]) == set()


def test_scripts_accept_zero_size_and_zero_delay(queues: Queues) -> None:
    stream, dead = queues.keys.stream(FIRST), queues.keys.dead_letters(FIRST)
    job, payload = queues.keys.job("7"), queues.keys.payload("7")
    about = [queues.keys.bytes, queues.keys.events, queues.keys.totals]
    counters = [queues.keys.delayed(FIRST), queues.keys.totals]
    assert run(queues.client, [enqueue(queues, ("7", b"", 0, 0, "", b"", b"", 2, b"", b""))]) == [[[b"NEW", b"", b""]]]
    consumer = queues.consumer()
    [delivery] = queues.receive(consumer)

    delay = DELAY.call([stream, queues.keys.delayed(FIRST), job], GROUP, consumer.name, delivery.entry, "error", 0)
    assert run(queues.client, [delay]) == [1]
    [claimed] = consumer.claim(1, None)
    assert claimed.deliveries == 2
    rejection = REJECT.call([stream, job, *about[:2], *counters, dead], GROUP, delivery.entry, 0, "", "", "")
    replies = run(queues.client, [rejection])
    [letter] = queues.broker.dead_letters(FIRST)
    assert replies == [[0, letter.entry.encode()]]
    assert run(queues.client, [REDRIVE.call([dead, job, payload, *about, stream], letter.entry, "", "", "")]) == [1]
    [again] = queues.receive(consumer)
    settle = SETTLE.call([stream, *about[:2], *counters, job, payload], GROUP, 1, again.entry, 0, "7", "", 0, "", "", 0)
    assert run(queues.client, [settle]) == [[0, 1]]
    assert queues.counted_bytes() == {}


def test_scripts_accept_a_huge_delay(queues: Queues) -> None:
    queues.send(a_message())
    consumer = queues.consumer()
    [delivery] = queues.receive(consumer)

    assert consumer.record_failure(delivery, ERROR, [1e12]) == 1
    assert consumer.claim(10, 30) == []


def test_claim_of_zero_messages_returns_none(queues: Queues) -> None:
    queues.send(a_message())
    consumer = queues.consumer()
    [delivery] = queues.receive(consumer)
    queues.expire(delivery)

    assert consumer.claim(0, 30) == []


def test_entry_with_more_fields_than_lua_can_unpack_is_rejected(queues: Queues) -> None:
    queues.add_entry({b"name %d" % number: b"" for number in range(9000)})
    consumer = queues.consumer()
    [delivery] = queues.receive(consumer)

    [entry] = consumer.settle([(delivery, Reject(ERROR))])

    assert queues.payloads(FIRST) == []
    [letter] = queues.broker.dead_letters(FIRST)
    assert entry == letter.entry.encode()
    assert letter.error == "RuntimeError: it broke"
    assert letter.fields["name 0"] == b""


@pytest.mark.parametrize(("broken", "step"), [(SECOND, forward), (f"{FIRST}:dead", reject)])
def test_target_of_wrong_type_is_detected_before_the_first_write(queues: Queues, broken: str, step: Step) -> None:
    queues.send(a_message())
    consumer = queues.consumer()
    [delivery] = queues.receive(consumer)
    queues.client.hset(queues.keys.stream(broken), "not", "yours")
    before = server_state(queues)

    with pytest.raises(ResponseError):
        step(queues, consumer, delivery)

    assert server_state(queues) == before
    queues.client.delete(queues.keys.stream(broken))
    step(queues, consumer, delivery)
    assert server_state(queues) != before


@pytest.mark.parametrize("broken", ["bytes", "events", "job"])
def test_message_is_forwarded_even_if_bookkeeping_fails(queues: Queues, broken: str) -> None:
    message = a_message()
    queues.send(message)
    consumer = queues.consumer()
    [delivery] = queues.receive(consumer)
    counters = {"bytes": queues.keys.bytes, "events": queues.keys.events, "job": queues.keys.job(str(message.id))}
    queues.client.set(counters[broken], b"other")

    with pytest.raises(ResponseError, match="WRONGTYPE"):
        forward(queues, consumer, delivery)

    assert consumer.settle([(delivery, queues.forward(message))]) == [False]
    assert queues.payloads(FIRST) == []
    assert queues.payloads(SECOND) == [b"payload"]


def arguments(message: Message) -> Sequence[Value]:
    fields = flat_fields(str(message.id), message.headers)
    return (str(message.id), b"", 0, message.size_bytes, "queued", b"", message.payload, len(fields), *fields)


@pytest.mark.parametrize("broken", ["stream", "bytes"])
def test_enqueue_on_keys_of_wrong_type_adds_nothing(queues: Queues, broken: str) -> None:
    wrong = {"stream": queues.keys.stream(FIRST), "bytes": queues.keys.bytes}[broken]
    queues.client.set(wrong, b"other")

    with pytest.raises(ResponseError, match="WRONGTYPE"):
        run(queues.client, [enqueue(queues, arguments(a_message()))])

    assert queues.client.keys() == [wrong.encode()]


def test_job_of_wrong_type_fails_only_its_message(queues: Queues) -> None:
    before, broken, after = a_message(b"before"), a_message(b"broken"), a_message(b"after")
    queues.client.set(queues.keys.job(str(broken.id)), b"other")

    [[first, error, last]] = cast(
        "list[list[object]]",
        run(queues.client, [enqueue(queues, arguments(before), arguments(broken), arguments(after))]),
    )

    assert first == last == [b"NEW", b"queued", b""]
    assert isinstance(error, ResponseError)
    assert queues.payloads(FIRST) == [b"before", b"after"]
    assert queues.counted_bytes() == {queues.keys.stream(FIRST): before.size_bytes + after.size_bytes}


def test_group_fills_the_budget_exactly(queues: Queues) -> None:
    messages = [(f"{number}", b"", 0, 300, "queued", b"", b"x", 2, b"name", b"") for number in range(4)]

    [verdicts] = cast("list[list[list[bytes]]]", run(queues.client, [enqueue(queues, *messages, messages[0])]))

    assert [verdict[0] for verdict in verdicts] == [b"NEW", b"NEW", b"NEW", b"FULL", b"KNOWN"]


def test_failed_call_does_not_stop_the_others_of_its_round_trip(queues: Queues) -> None:
    queues.client.set("wrong", b"other")
    queues.add_entry({b"body": b""})
    queues.client.script_flush()

    with pytest.raises(ResponseError, match="WRONGTYPE"):
        run(
            queues.client,
            [PEEK.call(["wrong"], "XRANGE", "-", "+", 1), DEREGISTER.call([queues.keys.stream(FIRST)], GROUP, "x")],
        )


def test_calls_are_repeated_in_full_after_script_flush(queues: Queues) -> None:
    queues.add_entry({b"name": b"value", b"body": b"1234"})
    call = PEEK.call([queues.keys.stream(FIRST)], "XRANGE", "-", "+", 1)
    queues.client.script_flush()

    replies = run(queues.client, [call, call, call])

    assert len(replies) == 3
    assert replies[0] == replies[2]
