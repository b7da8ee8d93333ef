"""The watchdog: heartbeats during handler calls, and handlers that hang."""

import subprocess
import sys
import threading

from captiond.workqueue.worker.options import WorkerOptions
from captiond.workqueue.worker.watchdog import HUNG_STATUS, Watchdog

DEADLINE_SECONDS = 30
INTERVAL_SECONDS = 0.005
IMPORTS = """
import math, time
from captiond.workqueue.worker.options import WorkerOptions
from captiond.workqueue.worker.watchdog import Watchdog
def watchdog(timeout_seconds):
    return Watchdog(WorkerOptions(handler_timeout_seconds=timeout_seconds), lambda _: None)
"""


class Heartbeats:
    """Records heartbeats."""

    def __init__(self) -> None:
        self.seen: list[str | None] = []
        self.changed = threading.Condition()

    def report(self, problem: str | None) -> None:
        with self.changed:
            self.seen.append(problem)
            self.changed.notify_all()

    def wait_for(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.seen) >= count, DEADLINE_SECONDS)


def test_heartbeat_is_repeated_during_a_handler_call() -> None:
    heartbeats = Heartbeats()
    options = WorkerOptions(heartbeat_seconds=INTERVAL_SECONDS)

    with Watchdog(options, heartbeats.report) as watchdog, watchdog.watching(2):
        heartbeats.wait_for(3)

    assert set(heartbeats.seen) == {None}


def test_repeated_heartbeat_has_the_last_problem() -> None:
    heartbeats = Heartbeats()
    options = WorkerOptions(heartbeat_seconds=INTERVAL_SECONDS)
    watchdog = Watchdog(options, heartbeats.report)
    watchdog.report("the database is down")

    with watchdog, watchdog.watching(2):
        heartbeats.wait_for(3)

    assert set(heartbeats.seen) == {"the database is down"}


def test_slow_handler_is_a_problem_in_the_heartbeat() -> None:
    heartbeats = Heartbeats()
    options = WorkerOptions(heartbeat_seconds=INTERVAL_SECONDS, slow_handler_seconds=0)
    with Watchdog(options, heartbeats.report) as watchdog, watchdog.watching(2):
        heartbeats.wait_for(1)

    assert heartbeats.seen[0] == "handler has been running for 0 s (2 messages)"


def test_heartbeat_is_not_repeated_between_handler_calls() -> None:
    heartbeats, never_set = Heartbeats(), threading.Event()
    with Watchdog(WorkerOptions(heartbeat_seconds=INTERVAL_SECONDS), heartbeats.report):
        assert not never_set.wait(10 * INTERVAL_SECONDS)

    assert heartbeats.seen == []


def test_hung_handler_ends_the_process() -> None:
    code = f"{IMPORTS}with watchdog(0.1) as dog, dog.watching(32): time.sleep(60)"

    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, timeout=DEADLINE_SECONDS)

    assert ended.returncode == HUNG_STATUS
    assert b"handler timed out after 0 s messages=32; exiting with status 75" in ended.stderr


def test_handler_within_its_limit_is_not_interrupted() -> None:
    code = f"""{IMPORTS}
with watchdog(1) as dog:
    for _ in range(3):
        with dog.watching(1):
            time.sleep(0.6)
print('alive')"""

    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, timeout=DEADLINE_SECONDS)

    assert (ended.returncode, ended.stdout) == (0, b"alive\n")
