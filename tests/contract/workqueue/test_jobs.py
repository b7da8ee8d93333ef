"""States that an operator's action gives to messages which were acknowledged."""

from uuid import uuid4

from tests.contract.workqueue.queues import FIRST, Queues, a_message

from captiond.workqueue import Route
from captiond.workqueue.admin.jobs import MESSAGES_PER_CALL, Job
from captiond.workqueue.worker import Acknowledge


def acknowledge(queues: Queues, count: int) -> list[str]:
    """Send messages and acknowledge them. Returns their ids."""
    ids = [str(message.id) for message in queues.send_many(count)]
    consumer = queues.broker.consumer("test", Route(FIRST))
    consumer.create_group()
    consumer.settle([(delivery, Acknowledge("stored")) for delivery in queues.receive(consumer, count)])
    return ids


def changes(queues: Queues) -> list[str]:
    """Return the events, each as id and state."""
    return [
        f"{message_id.decode()} {state.decode()}"
        for fields in queues.entries(queues.keys.events)
        for message_id, state in fields.items()
    ]


def test_recorded_state_is_that_of_the_job_and_an_event_once(queues: Queues) -> None:
    first, second = acknowledge(queues, 2)
    before = changes(queues)
    ttl_ms = queues.client.pttl(queues.keys.job(first))

    for _ in range(2):
        queues.broker.jobs.record_state([first], "deleted")

    assert queues.broker.jobs.find(first) == Job("deleted", None)
    assert queues.broker.jobs.find(second) == Job("stored", None)
    assert changes(queues) == [*before, f"{first} deleted"]
    assert 0 < queues.client.pttl(queues.keys.job(first)) <= ttl_ms


def test_repeated_message_gets_the_recorded_state(queues: Queues) -> None:
    message = a_message()
    queues.send(message)
    consumer = queues.broker.consumer("test", Route(FIRST))
    consumer.create_group()
    consumer.settle([(delivery, Acknowledge("stored")) for delivery in queues.receive(consumer)])

    queues.broker.jobs.record_state([str(message.id)], "deleted")

    [receipt] = queues.send(message)
    assert (receipt.new, receipt.state) == (False, "deleted")


def test_expired_job_stays_expired_and_no_messages_change_nothing(queues: Queues) -> None:
    before = changes(queues)

    queues.broker.jobs.record_state([str(uuid4())], "deleted")
    queues.broker.jobs.record_state([], "deleted")

    assert list(queues.client.scan_iter(match=f"{queues.keys.job('')}*")) == []
    assert changes(queues) == before


def test_more_messages_than_one_call_takes_are_recorded(queues: Queues) -> None:
    ids = acknowledge(queues, MESSAGES_PER_CALL + 1)

    queues.broker.jobs.record_state(ids, "deleted")

    assert {queues.broker.jobs.find(message_id) for message_id in ids} == {Job("deleted", None)}
