"""Access to Redis and to the archive: threads of its own, and a circuit breaker, for each."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from captiond.backoff import Outage
from captiond.services.api.http.problem_types import UNAVAILABLE
from captiond.services.api.http.problems import Problem
from captiond.services.api.threads import DaemonThreads

CHECK_SECONDS = 1.0
# While the dependency is unavailable.
RECHECK_SECONDS = 0.25
# A check that takes longer opens the circuit.
HUNG_SECONDS = 3.0
# A request that meets an open circuit waits for a check that started less than this ago.
PROBE_SECONDS = 0.5

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Unavailable(Problem):
    """The circuit is open: the dependency failed its last check. The log has the outage, not each refused request."""

    def __init__(self, name: str) -> None:
        super().__init__(UNAVAILABLE, f"{name} is unavailable.")
        self.logged = False


class Dependency:
    """One dependency of the API, for one event loop.

    `check` runs every second in a separate thread. While it fails or hangs, the circuit is open, and calls are
    refused with Unavailable. The check is the only call to a dependency whose circuit is open. A hanging check also
    ends the waits for earlier calls of `run`, each of which might take the sum of several timeouts.
    """

    def __init__(self, name: str, check: Callable[[], None], *, threads: int) -> None:
        self.name = name
        self._check = check
        self._threads = DaemonThreads(name, threads)
        # The periodic check and the readiness check each have a thread, which no request can block.
        self._check_threads = DaemonThreads(f"{name} checks", 2)
        self._checking: asyncio.Task[None] | None = None
        self._checked_at = 0.0
        self._waits: set[asyncio.Future[Any]] = set()
        self._outage = Outage(logger)
        self.is_available = True

    async def run(self, call: Callable[[], T]) -> T:
        """Run a call in a thread. Raises Unavailable and the errors of the call.

        If the caller is cancelled or gets Unavailable, a call that has started keeps its thread until it returns.
        """
        await self.require_available()
        return await self._wait(self._threads.submit(call))

    async def run_once(self, call: Callable[[], T]) -> T:
        """Run a call whose result must not be lost. Raises Unavailable, before the call, and the errors of the call.

        A hanging check does not end the wait. The caller therefore limits its time.
        """
        await self.require_available()
        return await asyncio.wrap_future(self._threads.submit(call))

    async def run_check(self, call: Callable[[], T]) -> T:
        """Run a readiness check, as `run` does, without waiting for other calls."""
        await self.require_available()
        return await self._wait(self._check_threads.submit(call))

    async def require_available(self) -> None:
        """Raise Unavailable if the circuit is open; first waits shortly for a check that has just started."""
        if self.is_available:
            return
        check = self._start_check()
        waited_seconds = asyncio.get_running_loop().time() - self._checked_at
        if waited_seconds < PROBE_SECONDS:
            await asyncio.wait({check}, timeout=PROBE_SECONDS - waited_seconds)
        if not self.is_available:
            raise Unavailable(self.name)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Check the dependency regularly until the context ends."""
        watch = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            for task in filter(None, (watch, self._checking)):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            self._threads.close()
            self._check_threads.close()

    async def _wait(self, call: Future[T]) -> T:
        """Return the result of a call. Raises Unavailable when a check hangs."""
        result = asyncio.wrap_future(call)
        self._waits.add(result)
        try:
            return await result
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise Unavailable(self.name) from error
        finally:
            self._waits.discard(result)

    async def _watch(self) -> None:
        while True:
            await asyncio.shield(self._start_check())
            await asyncio.sleep(CHECK_SECONDS if self.is_available else RECHECK_SECONDS)

    def _start_check(self) -> asyncio.Task[None]:
        """Return the running check, or start one."""
        if self._checking is None or self._checking.done():
            self._checked_at = asyncio.get_running_loop().time()
            self._checking = asyncio.create_task(self._run_check())
        return self._checking

    async def _run_check(self) -> None:
        timer = asyncio.get_running_loop().call_later(HUNG_SECONDS, self._end_waits)
        try:
            await asyncio.wrap_future(self._check_threads.submit(self._check))
        except Exception as error:  # noqa: BLE001 - whatever it raises, the dependency cannot be used
            self._open(str(error))
        else:
            self._outage.record_success()
            self.is_available = True
        finally:
            timer.cancel()

    def _end_waits(self) -> None:
        self._open(f"{self.name} did not answer within {HUNG_SECONDS:.0f} s")
        for wait in self._waits:
            wait.cancel()

    def _open(self, reason: str) -> None:
        self._outage.record_failure(reason)
        self.is_available = False
