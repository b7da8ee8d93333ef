"""Messages that may crash their workers."""

from collections.abc import Sequence

from tests.contract.workqueue.queues import FIRST, Queues, a_message, fast_options

from captiond.workqueue import Message, Route
from captiond.workqueue.worker import Acknowledge, Outcome, StopSignal, Worker
from captiond.workqueue.worker.options import RetryPolicy


def test_suspect_messages_go_one_by_one_to_the_suspect_handler(queues: Queues) -> None:
    queues.send(a_message(b"first"), a_message(b"second"))
    stop, handled, isolated = StopSignal(), [0], []

    def handle(messages: Sequence[Message]) -> list[Outcome]:
        handled[0] += len(messages)
        raise RuntimeError("as if the worker had crashed")

    def handle_suspect(messages: Sequence[Message]) -> list[Outcome]:
        isolated.append([message.payload for message in messages])
        if len(isolated) == 2:
            stop.set()
        return [Acknowledge("stored") for _ in messages]

    policy = RetryPolicy(base_seconds=0.01, cap_seconds=0.01, suspect_deliveries=3)
    consumer = queues.broker.consumer("test", Route(FIRST))
    Worker(consumer, handle, fast_options(retry_policy=policy), lambda _: None, handle_suspect).run(stop)

    assert sorted(isolated) == [[b"first"], [b"second"]]
    assert handled[0] >= 4  # two deliveries of each message
