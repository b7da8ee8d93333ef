"""Bounds queries that may scan every row: how many run at a time, and how long each takes."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from captiond.archive.errors import SearchBusy, SearchTimeout
from captiond.archive.sql.connections import error_code

# Fewer than the connections of the pool and the threads of the API: the others serve lists and images meanwhile.
RUNNING = 3
WAITING = 13
WAIT_SECONDS = 2.0
# MariaDB, MySQL, SQLite, and PostgreSQL's query_canceled.
_TIMEOUTS = frozenset({1969, 3024, sqlite3.SQLITE_INTERRUPT, "57014"})


class SearchSlots:
    """At most RUNNING searches run at a time, and WAITING others wait for at most WAIT_SECONDS."""

    def __init__(self) -> None:
        self._running = threading.Semaphore(RUNNING)
        self._admitted = threading.Semaphore(RUNNING + WAITING)

    @contextmanager
    def take(self) -> Iterator[None]:
        """Hold a slot. Raises SearchBusy."""
        if not self._admitted.acquire(blocking=False):
            raise SearchBusy
        try:
            if not self._running.acquire(timeout=WAIT_SECONDS):
                raise SearchBusy
            try:
                yield
            finally:
                self._running.release()
        finally:
            self._admitted.release()


@contextmanager
def translate_search_timeout() -> Iterator[None]:
    """Raise SearchTimeout if the server cancelled a statement at its time limit."""
    try:
        yield
    except DBAPIError as error:
        if error_code(error.orig) in _TIMEOUTS:
            raise SearchTimeout from error
        raise
