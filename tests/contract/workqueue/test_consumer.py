"""Consumers of one queue: delivery, leases, retries, settlement and claims."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from redis.exceptions import ResponseError
from tests.contract.workqueue.queues import FIRST, SECOND, SOON_SECONDS, Queues, a_message, wait_until

from captiond.workqueue.message import Delivery
from captiond.workqueue.streams.consumer import Consumer
from captiond.workqueue.streams.keys import DELAYED_CONSUMER, GROUP
from captiond.workqueue.streams.scripts import CLAIM, run_one
from captiond.workqueue.worker import Forward, Reject

LEASE_SECONDS = 30.0
FAILURE = RuntimeError("it broke")


def claim_one(consumer: Consumer, lease_seconds: float | None = LEASE_SECONDS) -> Delivery:
    [claimed] = consumer.claim(10, lease_seconds)
    return claimed


def test_messages_sent_before_the_group_exists_are_delivered(queues: Queues) -> None:
    message = a_message()
    queues.send(message)

    consumer = queues.consumer()

    assert queues.receive(consumer)[0].decode() == message


def test_create_group_is_idempotent(queues: Queues) -> None:
    queues.send(a_message())
    consumer = queues.consumer()
    queues.receive(consumer)

    consumer.create_group()

    assert consumer.receive(10, SOON_SECONDS) == []


def test_create_group_on_a_wrong_type_raises(queues: Queues) -> None:
    queues.client.set(queues.keys.stream(FIRST), b"taken")

    with pytest.raises(ResponseError, match="WRONGTYPE"):
        queues.consumer()


def test_message_is_delivered_to_one_consumer(queues: Queues) -> None:
    queues.send(a_message(), a_message(), a_message())
    one, other = queues.consumer(), queues.consumer()

    taken = [queues.receive(one, 2), queues.receive(other, 1)]

    assert len({delivery.entry for deliveries in taken for delivery in deliveries}) == 3


def test_message_settled_by_two_consumers_is_forwarded_once(queues: Queues) -> None:
    message = a_message()
    queues.send(message)
    slow, quick = queues.consumer(), queues.consumer()
    [first] = queues.receive(slow)
    queues.expire(first)
    second = claim_one(quick)

    settled = [
        *quick.settle([(second, queues.forward(message))]),
        *slow.settle([(first, queues.forward(message))]),
        *slow.settle([(first, queues.acknowledge())]),  # which would delete the payload
    ]

    assert settled == [True, False, False]
    assert queues.payloads(SECOND) == [b"payload"]
    assert queues.payloads(FIRST) == []


def test_counter_counts_a_message_once_despite_redelivery(queues: Queues) -> None:
    messages = [a_message() for _ in range(3)]
    queues.send(*messages)
    slow, quick = queues.consumer(), queues.consumer()
    first = queues.receive(slow, 3)
    queues.expire(*first)
    second = quick.claim(3, 30)

    for consumer, deliveries in ((quick, second), (slow, first), (slow, first)):
        counters = ("odd", None, "odd")
        pairs = zip(deliveries, counters, strict=True)
        consumer.settle(
            [(delivery, Forward(delivery.decode().headers, "passed", counter)) for delivery, counter in pairs]
        )

    totals = queues.broker.monitor.totals([FIRST, SECOND])
    assert totals.counted == {"odd": 2}
    assert (totals.accepted, totals.acknowledged, totals.unaccounted) == (3, 0, 0)


def test_counter_of_the_wrong_type_does_not_stop_a_message(queues: Queues) -> None:
    queues.send(a_message())
    consumer = queues.consumer()
    [delivery] = queues.receive(consumer)
    queues.client.hset(queues.keys.totals, "counted:odd", "no number")

    with pytest.raises(ResponseError):
        consumer.settle([(delivery, Forward({}, "passed", "odd"))])

    assert queues.payloads(SECOND) == [b"payload"]
    assert queues.payloads(FIRST) == []


def test_first_settlement_wins_even_after_its_lease_expired(queues: Queues) -> None:
    message = a_message()
    queues.send(message)
    slow, quick = queues.consumer(), queues.consumer()
    [first] = queues.receive(slow)
    queues.expire(first)
    second = claim_one(quick)

    settled = [
        *slow.settle([(first, queues.forward(message))]),
        *quick.settle([(second, Reject(FAILURE))]),
    ]

    assert settled == [True, False]
    assert (len(queues.payloads(SECOND)), queues.stats().dead_letters) == (1, 0)


def test_batch_settlement_returns_one_result_per_delivery(queues: Queues) -> None:
    messages = [a_message(b"0"), a_message(b"1"), a_message(b"2")]
    queues.send(*messages)
    consumer = queues.consumer()
    taken = queues.receive(consumer, 3)
    consumer.settle([(taken[1], queues.acknowledge())])

    settled = consumer.settle(
        [(taken[0], queues.forward(messages[0])), (taken[1], queues.acknowledge()), (taken[2], Reject(FAILURE))]
    )

    [letter] = queues.broker.dead_letters(FIRST)
    assert settled == [1, 0, letter.entry.encode()]
    assert queues.stats().depth == queues.stats().in_flight == 0


def test_settled_entries_are_deleted_from_the_stream(queues: Queues) -> None:
    message = a_message()
    queues.send(message, a_message(), a_message())
    consumer = queues.consumer()
    one, two, three = queues.receive(consumer, 3)

    consumer.settle([(one, queues.forward(message)), (two, queues.acknowledge()), (three, Reject(FAILURE))])

    assert queues.client.xlen(queues.keys.stream(FIRST)) == 0


def test_concurrent_claims_return_each_message_once(queues: Queues) -> None:
    queues.send_many(20)
    queues.expire(*queues.receive(queues.consumer(), 20))
    consumers = [queues.consumer() for _ in range(4)]

    with ThreadPoolExecutor(4) as threads:
        claims = list(threads.map(lambda consumer: consumer.claim(20, LEASE_SECONDS), consumers))

    entries = [delivery.entry for claimed in claims for delivery in claimed]
    assert len(entries) == len(set(entries)) == 20


def test_expired_lease_is_redelivered(queues: Queues) -> None:
    queues.send(a_message())
    dead, alive = queues.consumer(), queues.consumer()
    [first] = queues.receive(dead)
    queues.expire(first)

    second = claim_one(alive)

    assert (second.entry, second.deliveries, second.fields) == (first.entry, 2, first.fields)
    assert queues.owner(second) == alive.name


def test_valid_lease_is_not_claimed(queues: Queues) -> None:
    queues.send(a_message())
    queues.receive(queues.consumer())

    assert queues.consumer().claim(10, LEASE_SECONDS) == []


def test_claim_without_lease_ignores_expired_leases(queues: Queues) -> None:
    queues.send(a_message())
    queues.expire(*queues.receive(queues.consumer()))

    assert queues.consumer().claim(10, None) == []


def test_renewed_lease_is_not_claimed(queues: Queues) -> None:
    queues.send(a_message(), a_message())
    worker, other = queues.consumer(), queues.consumer()
    kept, left = queues.receive(worker, 2)
    queues.expire(kept, left)

    assert worker.renew([kept.entry]) == {kept.entry}
    assert claim_one(other).entry == left.entry


def test_renewal_does_not_count_as_a_delivery(queues: Queues) -> None:
    queues.send(a_message())
    worker = queues.consumer()
    [delivery] = queues.receive(worker)

    for _ in range(3):
        worker.renew([delivery.entry])
    queues.expire(delivery)

    assert claim_one(queues.consumer()).deliveries == 2


def test_renewal_does_not_take_a_message_from_its_new_owner(queues: Queues) -> None:
    queues.send(a_message())
    old, new = queues.consumer(), queues.consumer()
    [first] = queues.receive(old)
    queues.expire(first)
    claim_one(new)

    assert old.renew([first.entry]) == set()
    assert queues.owner(first) == new.name


def test_settled_message_cannot_be_renewed(queues: Queues) -> None:
    queues.send(a_message())
    worker = queues.consumer()
    [delivery] = queues.receive(worker)
    worker.settle([(delivery, queues.acknowledge())])

    assert worker.renew([delivery.entry]) == set()


def test_requeued_delivery_does_not_count(queues: Queues) -> None:
    queues.send(a_message())
    worker = queues.consumer()
    delivery = queues.receive(worker)[0]

    for _ in range(20):
        worker.requeue([delivery])
        delivery = claim_one(worker, None)

    assert delivery.deliveries == 1


def test_requeued_messages_are_available_at_once(queues: Queues) -> None:
    queues.send(a_message(), a_message())
    stopping, running = queues.consumer(), queues.consumer()
    taken = queues.receive(stopping, 2)

    stopping.requeue(taken)

    assert [delivery.entry for delivery in running.claim(10, None)] == [delivery.entry for delivery in taken]


def test_postponed_message_is_delayed_and_counts_nothing(queues: Queues) -> None:
    message = a_message()
    queues.send(message)
    worker = queues.consumer()
    delivery = queues.receive(worker)[0]

    for _ in range(3):
        worker.postpone([(delivery, 0)])
        delivery = claim_one(worker, None)
    worker.postpone([(delivery, 3600)])

    assert delivery.deliveries == 1
    assert worker.claim(10, LEASE_SECONDS) == []
    assert queues.stats().delayed == 1
    job = queues.broker.jobs.find(str(message.id))
    assert job is not None
    assert (job.error, queues.broker.monitor.totals([FIRST]).redelivered) == (None, 0)


def test_failed_message_is_delayed(queues: Queues) -> None:
    message = a_message()
    queues.send(message)
    worker = queues.consumer()
    [delivery] = queues.receive(worker)

    assert worker.record_failure(delivery, FAILURE, [3600] * 4) == 1
    assert worker.claim(10, LEASE_SECONDS) == []
    assert queues.stats().delayed == 1
    job = queues.broker.jobs.find(str(message.id))
    assert job is not None
    assert job.error == "RuntimeError: it broke"


def test_delayed_message_is_redelivered_when_due(queues: Queues) -> None:
    queues.send(a_message())
    worker = queues.consumer()
    delivery = queues.receive(worker)[0]

    failures = []
    for _ in range(3):
        failures.append(worker.record_failure(delivery, FAILURE, [0] * 4))
        delivery = claim_one(worker, None)

    assert failures == [1, 2, 3]
    assert delivery.deliveries == 4


def test_delay_depends_on_failures_not_on_deliveries(queues: Queues) -> None:
    queues.send(a_message())
    worker = queues.consumer()
    delivery = queues.receive(worker)[0]
    for _ in range(3):
        queues.expire(delivery)
        delivery = claim_one(worker)

    failures = [worker.record_failure(delivery, FAILURE, [0, 3600])]
    failures.append(worker.record_failure(claim_one(worker, None), FAILURE, [0, 3600]))

    assert (delivery.deliveries, failures) == (4, [1, 2])
    assert worker.claim(10, None) == []


def test_message_at_the_failure_limit_stays_with_its_consumer(queues: Queues) -> None:
    queues.send(a_message())
    worker = queues.consumer()
    delivery = queues.receive(worker)[0]
    worker.record_failure(delivery, FAILURE, [0])
    delivery = claim_one(worker, None)

    counts = [worker.record_failure(delivery, FAILURE, [0]) for _ in range(3)]

    assert counts == [2, 2, 2]
    assert queues.owner(delivery) == worker.name
    assert queues.stats().delayed == 0


def test_repeated_failure_record_counts_once(queues: Queues) -> None:
    queues.send(a_message())
    worker = queues.consumer()
    [delivery] = queues.receive(worker)

    assert worker.record_failure(delivery, FAILURE, [0] * 4) == 1
    assert worker.record_failure(delivery, FAILURE, [0] * 4) == -1
    assert worker.record_failure(claim_one(worker), FAILURE, [0] * 4) == 2


def test_former_owner_can_neither_delay_nor_requeue_a_message(queues: Queues) -> None:
    queues.send(a_message())
    old, new = queues.consumer(), queues.consumer()
    [first] = queues.receive(old)
    queues.expire(first)
    claim_one(new)

    assert old.record_failure(first, FAILURE, [0] * 4) == -1
    old.requeue([first])

    assert queues.owner(first) == new.name
    assert queues.stats().delayed == 0


def test_forwarding_resets_the_failure_count(queues: Queues) -> None:
    message = a_message()
    queues.send(message)
    worker = queues.consumer()
    worker.record_failure(queues.receive(worker)[0], FAILURE, [0] * 4)
    worker.settle([(claim_one(worker), queues.forward(message))])

    downstream = queues.consumer(SECOND)

    assert downstream.record_failure(queues.receive(downstream)[0], FAILURE, [0] * 4) == 1


def test_expired_leases_are_found_behind_many_delayed_messages(queues: Queues) -> None:
    queues.send_many(2500)
    worker = queues.consumer()
    taken = queues.receive(worker, 2500)
    delayed, expired = taken[:-10], taken[-10:]
    pipeline = queues.client.pipeline(transaction=False)
    for delivery in delayed:
        pipeline.xclaim(
            queues.keys.stream(FIRST), GROUP, DELAYED_CONSUMER, 0, [delivery.entry], idle=3_600_000, justid=True
        )
        pipeline.zadd(queues.keys.delayed(FIRST), {delivery.entry: 1e15})
    for delivery in expired:
        pipeline.xclaim(queues.keys.stream(FIRST), GROUP, worker.name, 0, [delivery.entry], idle=3_600_000, justid=True)
    pipeline.execute()

    claimed = queues.consumer().claim(64, LEASE_SECONDS)

    assert [delivery.entry for delivery in claimed] == [delivery.entry for delivery in expired]


def test_delayed_message_without_index_is_redelivered_after_its_lease(queues: Queues) -> None:
    queues.send(a_message(), a_message())
    worker = queues.consumer()
    lost, indexed = queues.receive(worker, 2)
    for delivery in (lost, indexed):
        worker.record_failure(delivery, FAILURE, [3600] * 4)
    queues.client.zrem(queues.keys.delayed(FIRST), lost.entry)
    queues.expire(lost, indexed)

    assert claim_one(worker).entry == lost.entry


def test_claim_returns_at_most_count_messages(queues: Queues) -> None:
    queues.send(*(a_message() for _ in range(9)))
    one, other = queues.consumer(), queues.consumer()
    queues.expire(*queues.receive(one, 3), *queues.receive(other, 3))
    one.requeue(queues.receive(one, 3))

    counts = [len(queues.consumer().claim(count, LEASE_SECONDS)) for count in (4, 4, 4)]

    assert counts == [4, 4, 1]


def test_settling_a_delayed_message_removes_it_from_the_index(queues: Queues) -> None:
    message = a_message()
    queues.send(message, a_message())
    worker = queues.consumer()
    taken = queues.receive(worker, 2)
    worker.requeue(taken)

    worker.settle([(taken[0], queues.forward(message)), (taken[1], Reject(FAILURE))])

    assert queues.stats().delayed == queues.stats().in_flight == 0
    assert queues.client.zcard(queues.keys.delayed(FIRST)) == 0


def test_index_entry_without_message_is_removed(queues: Queues) -> None:
    worker = queues.consumer()
    queues.client.zadd(queues.keys.delayed(FIRST), {"1-1": 0})

    assert worker.claim(10, LEASE_SECONDS) == []
    assert queues.client.zcard(queues.keys.delayed(FIRST)) == 0


@pytest.mark.parametrize("delayed", [True, False])
def test_entry_deleted_while_pending_is_acknowledged(queues: Queues, *, delayed: bool) -> None:
    queues.send(a_message(), a_message())
    worker = queues.consumer()
    deleted, other = queues.receive(worker, 2)
    if delayed:
        worker.requeue([deleted, other])
    queues.client.xdel(queues.keys.stream(FIRST), deleted.entry)
    if not delayed:
        queues.expire(deleted, other)

    assert claim_one(queues.consumer()).entry == other.entry
    assert queues.owner(deleted) == ""
    assert queues.stats().delayed == 0


def test_rejecting_a_deleted_entry_adds_no_dead_letter(queues: Queues) -> None:
    queues.send(a_message())
    worker = queues.consumer()
    [deleted] = queues.receive(worker)
    queues.client.xdel(queues.keys.stream(FIRST), deleted.entry)

    assert worker.settle([(deleted, Reject(FAILURE))]) == [False]
    assert queues.stats().dead_letters == queues.stats().in_flight == 0


def test_deregistered_consumer_is_deleted(queues: Queues) -> None:
    worker = queues.consumer()
    worker.receive(1, SOON_SECONDS)

    worker.deregister()

    assert queues.stats().consumers == 0


def test_consumer_with_pending_messages_is_not_deleted(queues: Queues) -> None:
    queues.send(a_message())
    worker = queues.consumer()
    [delivery] = queues.receive(worker)

    worker.deregister()

    assert queues.owner(delivery) == worker.name


def test_idle_consumers_without_messages_are_deleted_after_an_hour(queues: Queues) -> None:
    queues.send(a_message(), a_message())
    pending, empty, sweeping = queues.consumer(), queues.consumer(), queues.consumer()
    queues.receive(pending)
    empty.settle([(queues.receive(empty)[0], queues.acknowledge())])
    keys = [queues.keys.stream(FIRST), queues.keys.delayed(FIRST), queues.keys.bytes]

    def names_after_a_sweep(hour_ms: int) -> set[object]:
        run_one(queues.client, CLAIM.call(keys, GROUP, sweeping.name, 10, 30_000, hour_ms))
        return {row["name"] for row in queues.client.xinfo_consumers(queues.keys.stream(FIRST), GROUP)}

    assert names_after_a_sweep(3_600_000) == {pending.name.encode(), empty.name.encode()}
    wait_until(lambda: names_after_a_sweep(1) == {pending.name.encode()})
