import threading
from collections.abc import Iterator

import pytest

from captiond.sending.parallel import run_parallel
from captiond.workqueue.worker import StopSignal


def test_every_item_has_a_result() -> None:
    results = run_parallel(lambda number: number * 2, range(100), 4, StopSignal())

    assert sorted(results) == list(range(0, 200, 2))


def test_items_are_read_when_a_thread_is_free() -> None:
    read = []

    def items() -> Iterator[int]:
        for number in range(100):
            read.append(number)
            yield number

    results = run_parallel(lambda number: number, items(), 2, StopSignal())
    next(results)

    assert len(read) <= 2 * 2 + 2 + 2  # waiting results, items in progress, the item taken and its successor
    assert len(list(results)) == 99


def test_an_error_is_raised() -> None:
    def work(number: int) -> float:
        return 1 / number

    with pytest.raises(ZeroDivisionError):
        list(run_parallel(work, [0], 2, StopSignal()))


def test_after_a_stop_calls_in_progress_end_and_no_other_starts() -> None:
    stop = StopSignal()
    started = threading.Barrier(3)
    finish = threading.Event()

    def work(number: int) -> int:
        started.wait(10)
        finish.wait(10)
        return number

    results = run_parallel(work, range(100), 2, stop)
    started.wait(10)
    stop.request()
    finish.set()

    assert sorted(results) == [0, 1]


def test_an_immediate_stop_does_not_wait_for_calls() -> None:
    stop = StopSignal()
    started, finish = threading.Event(), threading.Event()

    def work(number: int) -> int:
        started.set()
        finish.wait(10)
        return number

    results = run_parallel(work, range(100), 1, stop)
    started.wait(10)
    stop.request()
    stop.request()

    assert list(results) == []
    finish.set()
