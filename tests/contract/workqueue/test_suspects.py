"""Messages that may crash their workers, and handlers that hang."""

import subprocess
import sys
from collections.abc import Sequence

from tests.contract.workqueue.queues import DEADLINE_SECONDS, FIRST, Queues, a_message, fast_options

from captiond.workqueue import Message, Route
from captiond.workqueue.worker import Acknowledge, Outcome, StopSignal, Worker
from captiond.workqueue.worker.options import RetryPolicy
from captiond.workqueue.worker.watchdog import HUNG_STATUS


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


IMPORTS = "import time; from captiond.workqueue.worker.watchdog import Watchdog\n"


def test_hung_handler_ends_the_process() -> None:
    code = f"{IMPORTS}with Watchdog(0.1).watching('this'): time.sleep(60)"

    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, timeout=DEADLINE_SECONDS)

    assert ended.returncode == HUNG_STATUS
    assert b"this took longer than" in ended.stderr


def test_handler_within_its_limit_is_not_interrupted() -> None:
    code = (
        f"{IMPORTS}dog = Watchdog(1)\nfor _ in range(3):\n with dog.watching('this'): time.sleep(0.6)\nprint('alive')"
    )

    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, timeout=DEADLINE_SECONDS)

    assert (ended.returncode, ended.stdout) == (0, b"alive\n")
