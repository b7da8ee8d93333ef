"""Messages that may crash or delay their workers."""

import time
from collections.abc import Sequence
from typing import cast

from tests.contract.workqueue.queues import FIRST, SHORT_LEASE_SECONDS, Queues, a_message, fast_options

from captiond.workqueue import Message, Route
from captiond.workqueue.streams.keys import GROUP
from captiond.workqueue.worker import Acknowledge, Isolate, Outcome, StopSignal, Worker
from captiond.workqueue.worker.dispatch import Handler
from captiond.workqueue.worker.options import RetryPolicy

BAD, GOOD = b"bad", b"good"


def run_worker(queues: Queues, handle: Handler, handle_suspect: Handler, stop: StopSignal, **options: float) -> None:
    policy = RetryPolicy(max_failures=5, base_seconds=0.01, cap_seconds=0.01, suspect_deliveries=3)
    consumer = queues.broker.consumer("test", Route(FIRST))
    Worker(consumer, handle, fast_options(retry_policy=policy, **options), lambda _: None, handle_suspect).run(stop)


class Recorder:
    """Handlers that isolate bad messages, and the payloads that they got. Stops after the last message."""

    def __init__(self, queues: Queues, messages: int, *, ends_early: bool = False) -> None:
        self.stop = StopSignal()
        self.calls: list[str] = []
        self.waiting_at_suspect: list[int] = []
        self._queues = queues
        self._left = messages
        self._ends_early = ends_early

    def handle(self, messages: Sequence[Message]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for message in messages:
            self.calls.append(message.payload.decode())
            outcomes.append(Isolate() if message.payload == BAD else self._acknowledge())
            if self._ends_early and message.payload == BAD:
                break
        return outcomes

    def handle_suspect(self, messages: Sequence[Message]) -> list[Outcome]:
        self.calls += [f"isolated {message.payload.decode()}" for message in messages]
        self.waiting_at_suspect.append(self._queues.client.xlen(self._queues.keys.stream(FIRST)))
        return [self._acknowledge() for _ in messages]

    def _acknowledge(self) -> Acknowledge:
        self._left -= 1
        if not self._left:
            self.stop.set()
        return Acknowledge("stored")


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

    run_worker(queues, handle, handle_suspect, stop)

    assert sorted(isolated) == [[b"first"], [b"second"]]
    assert handled[0] >= 4  # two deliveries of each message


def test_neighbours_are_settled_before_an_isolated_message_is_handled(queues: Queues) -> None:
    queues.send(a_message(GOOD), a_message(BAD), a_message(GOOD))
    recorder = Recorder(queues, 3)

    run_worker(queues, recorder.handle, recorder.handle_suspect, recorder.stop)

    assert recorder.calls == ["good", "bad", "good", "isolated bad"]
    assert recorder.waiting_at_suspect == [1]
    assert queues.client.xlen(queues.keys.stream(FIRST)) == 0


def test_handler_that_ends_early_gets_the_rest_of_its_batch(queues: Queues) -> None:
    queues.send(a_message(GOOD), a_message(BAD), a_message(BAD), a_message(GOOD))
    recorder = Recorder(queues, 4, ends_early=True)

    run_worker(queues, recorder.handle, recorder.handle_suspect, recorder.stop)

    assert recorder.calls == ["good", "bad", "bad", "good", "isolated bad", "isolated bad"]
    assert queues.client.xlen(queues.keys.stream(FIRST)) == 0


def test_batches_are_handled_between_isolated_messages(queues: Queues) -> None:
    queues.send(*(a_message(BAD) for _ in range(4)), *(a_message(GOOD) for _ in range(4)))
    recorder = Recorder(queues, 8)

    run_worker(queues, recorder.handle, recorder.handle_suspect, recorder.stop, batch_size=2)

    last_good = max(at for at, call in enumerate(recorder.calls) if call == "good")
    assert recorder.calls[last_good:].count("isolated bad") >= 1
    assert recorder.calls.count("isolated bad") == 4


def test_stopped_worker_requeues_isolated_messages(queues: Queues) -> None:
    queues.send(a_message(BAD), a_message(BAD))
    stop = StopSignal()

    def handle(messages: Sequence[Message]) -> list[Outcome]:
        return [Isolate() for _ in messages]

    def handle_suspect(messages: Sequence[Message]) -> list[Outcome]:
        stop.set()
        return [Acknowledge("stored") for _ in messages]

    run_worker(queues, handle, handle_suspect, stop)

    assert queues.client.xlen(queues.keys.stream(FIRST)) == 1
    assert queues.broker.monitor.stats(FIRST).delayed == 1


def test_suspect_that_another_worker_owns_is_skipped(queues: Queues) -> None:
    queues.send(a_message(BAD))
    stop, isolated = StopSignal(), [0]
    stream = queues.keys.stream(FIRST)

    def handle(messages: Sequence[Message]) -> list[Outcome]:
        [(entry, _)] = cast("list[tuple[bytes, dict[bytes, bytes]]]", queues.client.xrange(stream))
        queues.client.xclaim(stream, GROUP, "other", 0, [entry])
        time.sleep(SHORT_LEASE_SECONDS)  # the renewal of the lease notices the new owner
        stop.set()
        return [Isolate() for _ in messages]

    def handle_suspect(messages: Sequence[Message]) -> list[Outcome]:
        isolated[0] += len(messages)
        return [Acknowledge("stored") for _ in messages]

    run_worker(queues, handle, handle_suspect, stop, lease_seconds=SHORT_LEASE_SECONDS)

    assert isolated == [0]
    assert queues.client.xpending(stream, GROUP)["consumers"] == [{"name": b"other", "pending": 1}]
