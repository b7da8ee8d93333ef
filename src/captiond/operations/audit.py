"""Writes the audit log: JSON lines in a file, and rows in the database.

A request only appends to a buffer. A thread writes every second. If the process is killed, the entries of the last
second are lost, except those of `record_now`, which are in the file before it returns.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from json.encoder import encode_basestring_ascii as _quote
from types import TracebackType
from typing import Self

from captiond.archive import ArchiveUnavailable, AuditEntry, AuditStore
from captiond.backoff import Outage
from captiond.periodic import PeriodicThread
from captiond.times import rfc3339, show_time

WRITE_SECONDS = 1.0
# Entries in memory, 0.6 KB each, while the database is unavailable. Further ones are only in the file, and counted.
MAX_UNSAVED = 10_000
LOST, EXPIRED = "audit.lost", "audit.expired"
# Expired entries are deleted this often.
RETENTION_SECONDS = 3600.0
# A database that hangs does not delay the exit for longer.
JOIN_SECONDS = 5.0

logger = logging.getLogger(__name__)

WriteLine = Callable[[str], None]


class AuditLog:
    """Records entries within its context. Thread-safe.

    `write_line` appends lines to the file and handles its errors.
    """

    def __init__(self, store: AuditStore, write_line: WriteLine, max_unsaved: int = MAX_UNSAVED) -> None:
        self.store = store
        self._write_line = write_line
        self._max_unsaved = max_unsaved
        self._recorded: deque[tuple[AuditEntry, Future[bool] | None]] = deque()
        self._unsaved: list[AuditEntry] = []
        self._has_failed = False
        self._lost = 0
        self._counting = threading.Lock()
        self._outage = Outage(logger)
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="audit log", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        self._wake.set()
        self._thread.join(JOIN_SECONDS)

    def record(self, entry: AuditEntry) -> None:
        """Record an entry within a second. Never waits; entries that the thread cannot write in time are counted."""
        if len(self._recorded) < self._max_unsaved:
            self._recorded.append((entry, None))
        else:
            self._count_lost(1)

    def record_now(self, entry: AuditEntry) -> Future[bool]:
        """Write an entry to the file, then start to store it. Returns a future of whether the database has it.

        While the database is unavailable, the entry is stored later, unless the process is killed.
        """
        self._write_line(write_entry(entry))
        saved: Future[bool] = Future()
        self._recorded.append((entry, saved))
        self._wake.set()
        return saved

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(WRITE_SECONDS)
            self._wake.clear()
            self._write()
        self._write()  # what was recorded since

    def _write(self) -> None:
        recorded = [self._recorded.popleft() for _ in range(len(self._recorded))]
        if lines := [write_entry(entry) for entry, saved in recorded if saved is None]:
            self._write_line("\n".join(lines))
        for entry, saved in recorded:
            if len(self._unsaved) < self._max_unsaved or saved is not None:
                self._unsaved.append(entry)
            else:
                self._count_lost(1)
        is_saved = self._save()
        for _, saved in recorded:
            if saved is not None:
                saved.set_result(is_saved)

    def _save(self) -> bool:
        """Store the entries. Returns False if the database is unavailable."""
        lost = self._lost
        if lost:
            self._unsaved.append(AuditEntry(LOST, "lost", detail=f"{lost} entries are not in the database"))
        if not self._unsaved:
            return True
        try:
            self.store.add(self._unsaved, again=self._has_failed)
        except Exception as error:  # noqa: BLE001 - whatever it raises, the database cannot be used
            self._has_failed = True
            if lost:
                self._unsaved.pop()
            self._outage.record_failure(f"cannot store the audit log: {error}")
            return False
        self._unsaved = []
        self._has_failed = False
        self._count_lost(-lost)
        self._outage.record_success()
        return True

    def _count_lost(self, number: int) -> None:
        with self._counting:
            self._lost += number


def write_entry(entry: AuditEntry) -> str:
    """Return an entry as one line of JSON in ASCII, without the fields that it lacks."""
    fields: list[tuple[str, object]] = [
        ("action", entry.action),
        ("actor", entry.actor),
        ("key_id", entry.key_id),
        ("address", entry.address),
        ("image_id", entry.image_id),
        ("result", entry.result),
        ("detail", entry.detail),
        ("id", entry.id),
    ]
    texts = "".join([f', "{name}": {_quote(str(value))}' for name, value in fields if value is not None])
    return f'{{"recorded_at": "{rfc3339(entry.recorded_at)}"{texts}}}'


def run_audit_retention(store: AuditStore, days: int, interval_seconds: float = RETENTION_SECONDS) -> PeriodicThread:
    """Delete the entries that are older than `days`, at least 2, now and regularly, until the context ends."""

    def expire() -> None:
        before = datetime.now(UTC) - timedelta(days=days)
        try:
            if deleted := store.delete_before(before):
                detail = f"{deleted} entries before {show_time(before)}"
                store.add([AuditEntry(EXPIRED, "ok", detail=detail)])
                logger.info("deleted expired entries of the audit log count=%d", deleted)
        except ArchiveUnavailable as error:
            logger.warning(
                "cannot delete entries of the audit log: %s; next attempt in %.0f s", error, interval_seconds
            )

    return PeriodicThread("audit retention", expire, interval_seconds, at_once=True)
