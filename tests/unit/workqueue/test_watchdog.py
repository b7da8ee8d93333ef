"""The watchdog: health reports during handler calls, and handlers that hang."""

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


class Reports:
    """Records health reports."""

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


def test_health_report_is_repeated_during_a_handler_call() -> None:
    reports = Reports()
    options = WorkerOptions(health_interval_seconds=INTERVAL_SECONDS)

    with Watchdog(options, reports.report) as watchdog, watchdog.watching("handling 2 messages"):
        reports.wait_for(3)

    assert set(reports.seen) == {None}


def test_repeated_report_keeps_the_last_problem() -> None:
    reports = Reports()
    options = WorkerOptions(health_interval_seconds=INTERVAL_SECONDS)
    watchdog = Watchdog(options, reports.report)
    watchdog.report("the database is down")

    with watchdog, watchdog.watching("handling 2 messages"):
        reports.wait_for(3)

    assert set(reports.seen) == {"the database is down"}


def test_slow_handler_is_reported_as_a_problem() -> None:
    reports = Reports()
    options = WorkerOptions(health_interval_seconds=INTERVAL_SECONDS, slow_handler_seconds=0)
    with Watchdog(options, reports.report) as watchdog, watchdog.watching("handling 2 messages"):
        reports.wait_for(1)

    assert reports.seen[0] == "handling 2 messages takes longer than 0 s"


def test_nothing_is_reported_between_handler_calls() -> None:
    reports, never_set = Reports(), threading.Event()
    with Watchdog(WorkerOptions(health_interval_seconds=INTERVAL_SECONDS), reports.report):
        assert not never_set.wait(10 * INTERVAL_SECONDS)

    assert reports.seen == []


def test_hung_handler_ends_the_process() -> None:
    code = f"{IMPORTS}with watchdog(0.1) as dog, dog.watching('handling'): time.sleep(60)"

    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, timeout=DEADLINE_SECONDS)

    assert ended.returncode == HUNG_STATUS
    assert b"handling took longer than" in ended.stderr


def test_handler_within_its_limit_is_not_interrupted() -> None:
    code = f"""{IMPORTS}
with watchdog(1) as dog:
    for _ in range(3):
        with dog.watching('handling'):
            time.sleep(0.6)
print('alive')"""

    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, timeout=DEADLINE_SECONDS)

    assert (ended.returncode, ended.stdout) == (0, b"alive\n")
