"""The threads and the circuit breaker of a dependency, with calls that block until the test releases them."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from captiond.services.api.dependency import Dependency, Unavailable
from captiond.services.api.threads import DaemonThreads

WAIT_SECONDS = 5.0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not condition():  # noqa: ASYNC110 - the dependency has no event to wait for
            await asyncio.sleep(0.01)


def test_circuit_is_open_while_the_check_fails() -> None:
    broken = threading.Event()

    def check() -> None:
        if broken.is_set():
            raise OSError("gone")

    async def run() -> None:
        dependency = Dependency("Redis", check, threads=1)
        async with dependency.watched():
            assert await dependency.run(lambda: "reply") == "reply"
            broken.set()
            await until(lambda: not dependency.is_available)
            with pytest.raises(Unavailable, match="Redis is unavailable"):
                await dependency.run(lambda: "reply")
            broken.clear()
            assert await dependency.run(lambda: "reply") == "reply"

    asyncio.run(run())


def test_hung_check_opens_the_circuit_and_its_end_closes_it() -> None:
    released = threading.Event()

    def check() -> None:
        released.wait()

    async def run() -> None:
        dependency = Dependency("Redis", check, threads=1)
        async with dependency.watched():
            await until(lambda: not dependency.is_available)
            began = asyncio.get_running_loop().time()
            with pytest.raises(Unavailable):
                await dependency.run(lambda: "reply")
            assert asyncio.get_running_loop().time() - began < 1
            released.set()
            await until(lambda: dependency.is_available)

    asyncio.run(run())


def test_hung_check_ends_the_waits_for_earlier_calls() -> None:
    released, hung = threading.Event(), threading.Event()

    def check() -> None:
        if hung.is_set():
            released.wait()

    async def run() -> None:
        dependency = Dependency("Redis", check, threads=1)
        async with dependency.watched():
            running, queued = (asyncio.create_task(dependency.run(released.wait)) for _ in range(2))
            cancelled = asyncio.create_task(dependency.run(released.wait))
            await asyncio.sleep(0)
            cancelled.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cancelled
            hung.set()
            for call in (running, queued):
                with pytest.raises(Unavailable):
                    await asyncio.wait_for(call, WAIT_SECONDS)
            released.set()
            await until(lambda: dependency.is_available)
            assert await dependency.run(lambda: "reply") == "reply"

    asyncio.run(run())


def test_calls_of_one_dependency_wait_for_no_other() -> None:
    released = threading.Event()

    async def run() -> None:
        hung, other = (Dependency(name, lambda: None, threads=2) for name in ("Redis", "The archive"))
        calls = [asyncio.create_task(hung.run(released.wait)) for _ in range(50)]
        await asyncio.sleep(0)
        assert await asyncio.wait_for(other.run(lambda: "reply"), WAIT_SECONDS) == "reply"
        released.set()
        assert await asyncio.gather(*calls) == [True] * 50

    asyncio.run(run())


def test_cancelled_call_that_waits_for_a_thread_does_not_run() -> None:
    threads, released, ran = DaemonThreads("test", 1), threading.Event(), threading.Event()
    running, waiting, last = threads.submit(released.wait), threads.submit(ran.set), threads.submit(lambda: "last")

    assert waiting.cancel()
    released.set()

    assert running.result(WAIT_SECONDS)
    assert last.result(WAIT_SECONDS) == "last"
    assert not ran.is_set()
    threads.close()


def test_process_exits_while_a_call_hangs() -> None:
    program = (
        "import threading; from captiond.services.api.threads import DaemonThreads;"
        "DaemonThreads('test', 1).submit(threading.Event().wait)"
    )

    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0
