"""Taking, settling and giving back: what two consumers of one queue may and may not do to each other."""

import pytest
from redis.exceptions import ResponseError
from tests.contract.workqueue.line import FIRST, SECOND, SOON_SECONDS, Line, a_message, until

from captiond.workqueue.message import Delivery
from captiond.workqueue.streams.consumer import Consumer
from captiond.workqueue.streams.keys import GROUP
from captiond.workqueue.streams.scripts import CLAIM, run_one
from captiond.workqueue.worker import Reject

LEASE_SECONDS = 30.0
FAILURE = RuntimeError("it broke")


def claim_one(consumer: Consumer, lease_seconds: float | None = LEASE_SECONDS) -> Delivery:
    [claimed] = consumer.claim(10, lease_seconds)
    return claimed


def test_what_was_sent_before_the_first_consumer_came_is_delivered(line: Line) -> None:
    message = a_message()
    line.send(message)

    consumer = line.join()

    assert line.take(consumer)[0].message() == message


def test_joining_again_changes_nothing(line: Line) -> None:
    line.send(a_message())
    consumer = line.join()
    line.take(consumer)

    consumer.join()

    assert consumer.receive(10, SOON_SECONDS) == []


def test_a_queue_that_is_no_stream_cannot_be_joined(line: Line) -> None:
    line.client.set(line.keys.stream(FIRST), b"taken")

    with pytest.raises(ResponseError, match="WRONGTYPE"):
        line.join()


def test_a_message_is_given_to_one_consumer_only(line: Line) -> None:
    line.send(a_message(), a_message(), a_message())
    one, other = line.join(), line.join()

    taken = [line.take(one, 2), line.take(other, 1)]

    assert len({delivery.entry for deliveries in taken for delivery in deliveries}) == 3


def test_two_that_settle_the_same_delivery_hand_it_on_once(line: Line) -> None:
    message = a_message()
    line.send(message)
    slow, quick = line.join(), line.join()
    [first] = line.take(slow)
    line.lapse(first)
    second = claim_one(quick)

    settled = [
        *quick.settle([(second, line.passed_on(message))]),
        *slow.settle([(first, line.passed_on(message))]),
        *slow.settle([(first, line.finished())]),  # which would take the body away
    ]

    assert settled == [True, False, False]
    assert line.bodies(SECOND) == [b"body"]
    assert line.bodies(FIRST) == []


def test_the_first_to_settle_wins_even_if_its_lease_has_run_out(line: Line) -> None:
    message = a_message()
    line.send(message)
    slow, quick = line.join(), line.join()
    [first] = line.take(slow)
    line.lapse(first)
    second = claim_one(quick)

    settled = [
        *slow.settle([(first, line.passed_on(message))]),
        *quick.settle([(second, Reject(FAILURE))]),
    ]

    assert settled == [True, False]
    assert (len(line.bodies(SECOND)), line.stats().dead_letters) == (1, 0)


def test_a_batch_is_settled_in_one_call_with_an_answer_each(line: Line) -> None:
    messages = [a_message(b"0"), a_message(b"1"), a_message(b"2")]
    line.send(*messages)
    consumer = line.join()
    taken = line.take(consumer, 3)
    consumer.settle([(taken[1], line.finished())])

    settled = consumer.settle(
        [(taken[0], line.passed_on(messages[0])), (taken[1], line.finished()), (taken[2], Reject(FAILURE))]
    )

    assert settled == [True, False, True]
    assert line.stats().depth == line.stats().in_flight == 0


def test_an_expired_lease_passes_to_who_claims_it_and_counts(line: Line) -> None:
    line.send(a_message())
    dead, alive = line.join(), line.join()
    [first] = line.take(dead)
    line.lapse(first)

    second = claim_one(alive)

    assert (second.entry, second.deliveries, second.fields) == (first.entry, 2, first.fields)
    assert line.owner(second) == alive.name


def test_a_lease_that_runs_is_not_claimed(line: Line) -> None:
    line.send(a_message())
    line.take(line.join())

    assert line.join().claim(10, LEASE_SECONDS) == []


def test_a_look_for_parked_messages_takes_no_expired_leases(line: Line) -> None:
    line.send(a_message())
    line.lapse(*line.take(line.join()))

    assert line.join().claim(10, None) == []


def test_a_renewed_lease_has_not_expired(line: Line) -> None:
    line.send(a_message(), a_message())
    worker, other = line.join(), line.join()
    kept, left = line.take(worker, 2)
    line.lapse(kept, left)

    assert worker.renew([kept.entry]) == {kept.entry}
    assert claim_one(other).entry == left.entry


def test_renewing_does_not_count_as_a_delivery(line: Line) -> None:
    line.send(a_message())
    worker = line.join()
    [delivery] = line.take(worker)

    for _ in range(3):
        worker.renew([delivery.entry])
    line.lapse(delivery)

    assert claim_one(line.join()).deliveries == 2


def test_an_old_owner_cannot_renew_a_message_back(line: Line) -> None:
    line.send(a_message())
    old, new = line.join(), line.join()
    [first] = line.take(old)
    line.lapse(first)
    claim_one(new)

    assert old.renew([first.entry]) == set()
    assert line.owner(first) == new.name


def test_what_was_settled_cannot_be_renewed(line: Line) -> None:
    line.send(a_message())
    worker = line.join()
    [delivery] = line.take(worker)
    worker.settle([(delivery, line.finished())])

    assert worker.renew([delivery.entry]) == set()


def test_a_release_does_not_count(line: Line) -> None:
    line.send(a_message())
    worker = line.join()
    delivery = line.take(worker)[0]

    for _ in range(20):
        worker.release([delivery])
        delivery = claim_one(worker, None)

    assert delivery.deliveries == 1


def test_released_messages_are_there_at_once_for_all(line: Line) -> None:
    line.send(a_message(), a_message())
    leaving, staying = line.join(), line.join()
    taken = line.take(leaving, 2)

    leaving.release(taken)

    assert [delivery.entry for delivery in staying.claim(10, None)] == [delivery.entry for delivery in taken]


def test_failures_count_and_wait(line: Line) -> None:
    message = a_message()
    line.send(message)
    worker = line.join()
    [delivery] = line.take(worker)

    assert worker.fail(delivery, FAILURE, 3600, max_failures=5) == 1
    assert worker.claim(10, LEASE_SECONDS) == []
    assert line.stats().delayed == 1
    job = line.broker.jobs.find(str(message.id))
    assert job is not None
    assert job.error == "RuntimeError: it broke"


def test_a_wait_that_is_over_brings_the_message_back(line: Line) -> None:
    line.send(a_message())
    worker = line.join()
    delivery = line.take(worker)[0]

    failures = []
    for _ in range(3):
        failures.append(worker.fail(delivery, FAILURE, 0, max_failures=5))
        delivery = claim_one(worker, None)

    assert failures == [1, 2, 3]
    assert delivery.deliveries == 4


def test_at_the_maximum_a_failed_message_stays_in_hand(line: Line) -> None:
    line.send(a_message())
    worker = line.join()
    delivery = line.take(worker)[0]
    worker.fail(delivery, FAILURE, 0, max_failures=2)
    delivery = claim_one(worker, None)

    counts = [worker.fail(delivery, FAILURE, 0, max_failures=2) for _ in range(3)]

    assert counts == [2, 2, 2]
    assert line.owner(delivery) == worker.name
    assert line.stats().delayed == 0


def test_a_repeated_failure_counts_once(line: Line) -> None:
    line.send(a_message())
    worker = line.join()
    [delivery] = line.take(worker)

    assert worker.fail(delivery, FAILURE, 0, max_failures=5) == 1
    assert worker.fail(delivery, FAILURE, 0, max_failures=5) == -1
    assert worker.fail(claim_one(worker), FAILURE, 0, max_failures=5) == 2


def test_an_old_owner_can_neither_fail_nor_release_a_message(line: Line) -> None:
    line.send(a_message())
    old, new = line.join(), line.join()
    [first] = line.take(old)
    line.lapse(first)
    claim_one(new)

    assert old.fail(first, FAILURE, 0, max_failures=5) == -1
    old.release([first])

    assert line.owner(first) == new.name
    assert line.stats().delayed == 0


def test_settling_ends_the_count_of_failures(line: Line) -> None:
    message = a_message()
    line.send(message)
    worker = line.join()
    worker.fail(line.take(worker)[0], FAILURE, 0, max_failures=5)
    worker.settle([(claim_one(worker), line.passed_on(message))])

    downstream = line.join(SECOND)

    assert downstream.fail(line.take(downstream)[0], FAILURE, 0, max_failures=5) == 1


def test_expired_leases_are_found_behind_many_parked_messages(line: Line) -> None:
    line.send_many(2500)
    worker = line.join()
    taken = line.take(worker, 2500)
    parked, expired = taken[:-10], taken[-10:]
    pipeline = line.client.pipeline(transaction=False)
    for delivery in parked:
        pipeline.xclaim(line.keys.stream(FIRST), GROUP, "parked", 0, [delivery.entry], idle=3_600_000, justid=True)
        pipeline.zadd(line.keys.parked(FIRST), {delivery.entry: 1e15})
    for delivery in expired:
        pipeline.xclaim(line.keys.stream(FIRST), GROUP, worker.name, 0, [delivery.entry], idle=3_600_000, justid=True)
    pipeline.execute()

    claimed = line.join().claim(64, LEASE_SECONDS)

    assert [delivery.entry for delivery in claimed] == [delivery.entry for delivery in expired]


def test_parked_messages_whose_index_is_lost_come_back_after_a_lease(line: Line) -> None:
    line.send(a_message(), a_message())
    worker = line.join()
    lost, indexed = line.take(worker, 2)
    for delivery in (lost, indexed):
        worker.fail(delivery, FAILURE, 3600, max_failures=5)
    line.client.zrem(line.keys.parked(FIRST), lost.entry)
    line.lapse(lost, indexed)

    assert claim_one(worker).entry == lost.entry


def test_a_claim_takes_no_more_than_asked(line: Line) -> None:
    line.send(*(a_message() for _ in range(9)))
    one, other = line.join(), line.join()
    line.lapse(*line.take(one, 3), *line.take(other, 3))
    one.release(line.take(one, 3))

    counts = [len(line.join().claim(count, LEASE_SECONDS)) for count in (4, 4, 4)]

    assert counts == [4, 4, 1]


def test_a_parked_message_that_its_old_owner_settles_is_not_parked_any_more(line: Line) -> None:
    message = a_message()
    line.send(message, a_message())
    worker = line.join()
    taken = line.take(worker, 2)
    worker.release(taken)

    worker.settle([(taken[0], line.passed_on(message)), (taken[1], Reject(FAILURE))])

    assert line.stats().delayed == line.stats().in_flight == 0
    assert line.client.zcard(line.keys.parked(FIRST)) == 0


def test_an_index_of_nothing_is_tidied(line: Line) -> None:
    worker = line.join()
    line.client.zadd(line.keys.parked(FIRST), {"1-1": 0})

    assert worker.claim(10, LEASE_SECONDS) == []
    assert line.client.zcard(line.keys.parked(FIRST)) == 0


@pytest.mark.parametrize("parked", [True, False])
def test_a_ghost_deleted_while_pending_is_laid_to_rest(line: Line, *, parked: bool) -> None:
    line.send(a_message(), a_message())
    worker = line.join()
    ghost, other = line.take(worker, 2)
    if parked:
        worker.release([ghost, other])
    line.client.xdel(line.keys.stream(FIRST), ghost.entry)
    if not parked:
        line.lapse(ghost, other)

    assert claim_one(line.join()).entry == other.entry
    assert line.owner(ghost) == ""
    assert line.stats().delayed == 0


def test_burying_a_ghost_makes_no_dead_letter(line: Line) -> None:
    line.send(a_message())
    worker = line.join()
    [ghost] = line.take(worker)
    line.client.xdel(line.keys.stream(FIRST), ghost.entry)

    assert worker.settle([(ghost, Reject(FAILURE))]) == [False]
    assert line.stats().dead_letters == line.stats().in_flight == 0


def test_a_consumer_that_leaves_is_forgotten(line: Line) -> None:
    worker = line.join()
    worker.receive(1, SOON_SECONDS)

    worker.leave()

    assert line.stats().consumers == 0


def test_a_consumer_with_something_pending_cannot_be_forgotten(line: Line) -> None:
    line.send(a_message())
    worker = line.join()
    [delivery] = line.take(worker)

    worker.leave()

    assert line.owner(delivery) == worker.name


def test_the_dead_that_hold_nothing_are_forgotten_after_an_hour(line: Line) -> None:
    line.send(a_message(), a_message())
    holding, empty, sweeping = line.join(), line.join(), line.join()
    line.take(holding)
    empty.settle([(line.take(empty)[0], line.finished())])
    keys = [line.keys.stream(FIRST), line.keys.parked(FIRST), line.keys.bytes]

    def names_after_a_sweep(hour_ms: int) -> set[object]:
        run_one(line.client, CLAIM.call(keys, GROUP, sweeping.name, 10, 30_000, hour_ms))
        return {row["name"] for row in line.client.xinfo_consumers(line.keys.stream(FIRST), GROUP)}

    assert names_after_a_sweep(3_600_000) == {holding.name.encode(), empty.name.encode()}
    until(lambda: names_after_a_sweep(1) == {holding.name.encode()})
