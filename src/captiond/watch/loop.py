"""Decides when each photo is uploaded. One thread owns all state. Workers and events send messages to it.

All times come from the monotonic clock, so changes of the system time have no effect.
"""

import heapq
import logging
import math
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias, assert_never

from captiond.backoff import Outage, backoff_seconds
from captiond.stop_signal import StopSignal
from captiond.watch.events import DirectoryEvents
from captiond.watch.folder import WatchedFolder
from captiond.watch.tree import PhotoTree, PhotoVersion, is_photo, is_watched
from captiond.watch.worker import (
    Changed,
    Filed,
    Incomplete,
    Job,
    NotFiled,
    Outcome,
    Result,
    Sent,
    ServerDown,
    Unreadable,
)

MAX_CANDIDATES = 20_000  # about 10 MB; the next scan finds the others
_MIN_SCAN_SECONDS = 1.0
_TICK_SECONDS = 0.2
_RETRY_BASE_SECONDS, _RETRY_CAP_SECONDS = 1.0, 60.0
_DRAIN_SECONDS = 15.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """`settle_seconds`: how long a file must be unchanged before it is read.

    `wait_seconds`: how long it may be unchanged and incomplete, or lack a sidecar that is required, before it fails.
    `scan_seconds`: time between scans. Without `use_events`, the scan alone finds files.
    """

    settle_seconds: float = 2.0
    wait_seconds: float = 60.0
    scan_seconds: float = 10.0
    use_events: bool = True


class Summary(NamedTuple):
    """Numbers of photos. `waiting` photos are found and still in the directory."""

    sent: int
    failed: int
    waiting: int


@dataclass(slots=True)
class _Candidate:
    version: PhotoVersion | None = None
    since: float = 0.0  # when this version was first seen
    attempts: int = 0
    outcome: Outcome | None = None


class _Finished(NamedTuple):
    path: str
    result: Result


class _Noticed(NamedTuple):
    paths: list[str]


class _Rescan(NamedTuple):
    pass


_Item: TypeAlias = _Finished | _Noticed | _Rescan


class Watcher:
    """Passes the settled photos of a directory to `process`, which `parallel` threads run."""

    def __init__(
        self,
        folder: WatchedFolder,
        tree: PhotoTree,
        process: Callable[[Job], Result],
        timing: Timing | None = None,
        parallel: int = 8,
    ) -> None:
        self._folder = folder
        self._tree = tree
        self._process = process
        self._timing = timing or Timing()
        self._parallel = parallel
        self._candidates: dict[str, _Candidate] = {}
        self._due: list[tuple[float, str]] = []  # a heap of the times at which candidates are due
        self._ready: deque[str] = deque()
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        # No SimpleQueue: if a signal interrupts its `get` at the end of the timeout, CPython 3.11 waits without limit.
        self._inbox: queue.Queue[_Item] = queue.Queue()
        self._in_flight = 0
        self._next_scan, self._last_scan = -math.inf, -math.inf
        self._overflowed = False
        self._paused_until = -math.inf
        self._folder_outage, self._server_outage, self._filing_outage = (Outage(logger) for _ in range(3))
        self._sent = self._failed = 0

    def run(self, stop: StopSignal) -> Summary:
        """Watch until `stop` is requested, then wait for uploads in progress, unless it is requested again."""
        events = DirectoryEvents(lambda paths: self._inbox.put(_Noticed(paths)), lambda: self._inbox.put(_Rescan()))
        for _ in range(self._parallel):
            threading.Thread(target=self._work, name="upload", daemon=True).start()
        try:
            while not stop.is_set():
                self._advance(time.monotonic(), events)
                self._receive(self._find_wait_seconds(time.monotonic()))
        finally:
            events.close()
        deadline = time.monotonic() + _DRAIN_SECONDS
        while self._in_flight and time.monotonic() < deadline and not stop.immediate.is_set():
            self._receive(_TICK_SECONDS)
        for _ in range(self._parallel):
            self._jobs.put(None)
        return Summary(self._sent, self._failed, len(self._candidates))

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            result: Result = Unreadable(f"file={job.path!r}: internal error, see the traceback in the log")
            try:
                result = self._process(job)
            except Exception:
                logger.exception("unexpected error file=%r", job.path)
            self._inbox.put(_Finished(job.path, result))

    def _advance(self, now: float, events: DirectoryEvents) -> None:
        if self._overflowed and len(self._candidates) < MAX_CANDIDATES // 2:
            self._overflowed, self._next_scan = False, now
        if now >= self._next_scan and now >= self._last_scan + _MIN_SCAN_SECONDS:
            self._scan(events)
        while self._due and self._due[0][0] <= now:
            self._examine(heapq.heappop(self._due)[1], now)
        while self._ready and self._in_flight < self._parallel and now >= self._paused_until:
            self._dispatch(self._ready.popleft(), now)

    def _find_wait_seconds(self, now: float) -> float:
        times = [now + _TICK_SECONDS, self._due[0][0] if self._due else math.inf]
        if self._ready and self._in_flight < self._parallel:
            times.append(self._paused_until)
        return max(0.0, min(times) - now)

    def _receive(self, wait_seconds: float) -> None:
        """Wait for a message, then handle all that are queued."""
        with suppress(queue.Empty):
            self._handle(self._inbox.get(timeout=wait_seconds))
            while True:
                self._handle(self._inbox.get_nowait())

    def _handle(self, item: _Item) -> None:
        now = time.monotonic()
        match item:
            case _Finished(path, result):
                self._in_flight -= 1
                self._settle(path, result, now)
            case _Noticed(paths):
                self._notice_changes(paths, now)
            case _Rescan():
                self._next_scan = now
            case other:
                assert_never(other)

    def _scan(self, events: DirectoryEvents) -> None:
        started = time.monotonic()
        if self._folder.is_present():
            self._folder_outage.record_success()
            directories = []
            for found in self._tree.scan():
                if found.is_directory:
                    directories.append(str(self._folder.root / found.path))
                elif not self._notice(found.path, started):
                    break
            if self._timing.use_events and not self._overflowed:
                events.follow(directories)
        else:
            events.close()
            self._folder_outage.record_failure(
                f"{self._folder.root} is missing, or not the directory that was watched before (unmounted?)"
            )
        self._last_scan = time.monotonic()
        self._next_scan = self._last_scan + self._timing.scan_seconds

    def _notice_changes(self, paths: list[str], now: float) -> None:
        prefix = f"{str(self._folder.root).rstrip('/')}/"
        for absolute in paths:
            path = absolute.removeprefix(prefix)
            if is_photo(path):
                self._notice(path, now)
            elif is_watched(path) and Path(absolute).is_dir() and not Path(absolute).is_symlink():
                self._next_scan = now

    def _notice(self, path: str, now: float) -> bool:
        """Add a photo. Returns False if there is no room for it."""
        if path not in self._candidates:
            if len(self._candidates) >= MAX_CANDIDATES:
                self._overflowed = True
                return False
            self._candidates[path] = _Candidate()
            self._schedule(path, now)
        return True

    def _schedule(self, path: str, due: float) -> None:
        heapq.heappush(self._due, (due, path))

    def _examine(self, path: str, now: float) -> None:
        """Check a photo: it is ready if it has not changed for the settling time."""
        candidate = self._candidates[path]
        try:
            version = self._tree.find_version(path)
        except OSError as error:
            self._retry(path, f"cannot read file={path!r}: {error.strerror}", now)
            return
        if version is None:
            del self._candidates[path]
        elif version != candidate.version:
            self._candidates[path] = _Candidate(version, now)
            self._schedule(path, now + self._timing.settle_seconds)
        else:
            self._ready.append(path)

    def _dispatch(self, path: str, now: float) -> None:
        candidate = self._candidates[path]
        if candidate.version is not None:
            overdue = now - candidate.since >= self._timing.wait_seconds
            self._in_flight += 1
            self._jobs.put(Job(path, candidate.version, overdue, candidate.outcome))

    def _settle(self, path: str, result: Result, now: float) -> None:
        candidate = self._candidates[path]
        if isinstance(result, Filed | NotFiled) and candidate.outcome is None:
            self._server_outage.record_success()
            self._sent += isinstance(result.outcome, Sent)
            self._failed += not isinstance(result.outcome, Sent)
        match result:
            case Filed():
                self._filing_outage.record_success()
                del self._candidates[path]
            case Changed():
                self._schedule(path, now)
            case Incomplete():
                self._schedule(path, now + self._timing.settle_seconds)
            case Unreadable(reason):
                self._retry(path, reason, now)
            case NotFiled(outcome, reason):
                candidate.outcome = outcome
                self._pause(self._filing_outage, reason, now)
                self._retry(path, None, now)
            case ServerDown(reason, seconds):
                self._pause(self._server_outage, reason, now, seconds or 0.0)
                self._retry(path, None, now)
            case other:
                assert_never(other)

    def _pause(self, outage: Outage, reason: str, now: float, least_seconds: float = 0.0) -> None:
        """Pause all uploads, because others would fail in the same way. Parallel failures count as one."""
        seconds = outage.record_failure(reason) if now >= self._paused_until else 0.0
        self._paused_until = max(self._paused_until, now + max(seconds, least_seconds))

    def _retry(self, path: str, reason: str | None, now: float) -> None:
        """Check a photo again later. The reason is logged once per version."""
        candidate = self._candidates[path]
        candidate.attempts += 1
        if reason and candidate.attempts == 1:
            logger.warning("%s; retrying with backoff", reason)
        self._schedule(path, now + backoff_seconds(candidate.attempts, _RETRY_BASE_SECONDS, _RETRY_CAP_SECONDS))
