"""Messages that may kill their workers, and handlers that hang."""

import subprocess
import sys
from collections.abc import Sequence

from tests.contract.workqueue.line import DEADLINE_SECONDS, FIRST, Line, a_message, quick

from captiond.workqueue import Message, Route
from captiond.workqueue.worker import Acknowledge, Outcome, StopSignal, Worker
from captiond.workqueue.worker.retry import RetryPolicy
from captiond.workqueue.worker.watchdog import HUNG_STATUS


def test_a_message_that_was_handed_out_often_goes_alone_to_the_careful_handler(line: Line) -> None:
    line.send(a_message(b"first"), a_message(b"second"))
    stop, usual, careful = StopSignal(), [0], []

    def handle(messages: Sequence[Message]) -> list[Outcome]:
        usual[0] += len(messages)
        raise RuntimeError("as if the worker had died")

    def handle_carefully(messages: Sequence[Message]) -> list[Outcome]:
        careful.append([message.payload for message in messages])
        if len(careful) == 2:
            stop.set()
        return [Acknowledge("stored") for _ in messages]

    policy = RetryPolicy(base_seconds=0.01, cap_seconds=0.01, suspect_deliveries=3)
    consumer = line.broker.consumer("test", Route(FIRST))
    Worker(consumer, handle, quick(policy=policy), lambda _: None, handle_carefully).run(stop)

    assert sorted(careful) == [[b"first"], [b"second"]]
    assert usual[0] >= 4  # two deliveries of each


IMPORTS = "import time; from captiond.workqueue.worker.watchdog import Watchdog\n"


def test_a_handler_that_hangs_ends_its_process() -> None:
    code = f"{IMPORTS}with Watchdog(0.1).watching('this'): time.sleep(60)"

    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, timeout=DEADLINE_SECONDS)

    assert ended.returncode == HUNG_STATUS
    assert b"this took longer than" in ended.stderr


def test_a_handler_that_ends_in_time_is_left_alone() -> None:
    code = (
        f"{IMPORTS}dog = Watchdog(1)\nfor _ in range(3):\n with dog.watching('this'): time.sleep(0.6)\nprint('alive')"
    )

    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, timeout=DEADLINE_SECONDS)

    assert (ended.returncode, ended.stdout) == (0, b"alive\n")
