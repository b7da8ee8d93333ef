"""Closes connections after a reply timeout and to read-only servers. Connection errors are outages."""

import logging
import math
import sqlite3
import time
from typing import TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import Connection, Dialect, Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, QueuePool

from captiond.archive.errors import ArchiveUnavailable
from captiond.archive.sql.limits import TimeLimits

T = TypeVar("T")

_POLL_SECONDS = 0.1
_PROGRESS_INSTRUCTIONS = 100_000  # of SQLite's virtual machine: some milliseconds
# --read-only, a read-only transaction, InnoDB in read-only mode; and PostgreSQL's read_only_sql_transaction.
_READ_ONLY = frozenset({1290, 1792, 1836, "25006"})
# MariaDB and MySQL apply newly granted database privileges only to new connections.
_DENIED = frozenset({1044, 1142, 1143})


# SQLAlchemy logs under the module of the pool's class: each new connection at level INFO.
logging.getLogger(__name__).setLevel(logging.WARNING)


class ConnectionPool(QueuePool):
    """Raises ArchiveUnavailable for whatever connecting raises.

    Not all of it are errors of DB-API: PyMySQL raises RuntimeError for an authentication plugin without its package.
    """

    def connect(self) -> PoolProxiedConnection:
        try:
            return super().connect()
        except (PoolTimeoutError, ArchiveUnavailable):
            raise
        except Exception as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ArchiveUnavailable(f"database: cannot connect: {reason}") from error


def invalidate_if_refused(context: ExceptionContext) -> None:
    """Close the pool's connections to a server that is read-only, or that denies the privilege for a statement.

    After a switchover, the old primary is read-only.
    """
    if error_code(context.original_exception) in _READ_ONLY | _DENIED:
        context.is_disconnect = True


def error_code(error: BaseException | None) -> int | str | None:
    """Return the error number of MariaDB, MySQL or SQLite, the SQLSTATE of PostgreSQL, or None."""
    if isinstance(error, psycopg.Error):
        return error.sqlstate
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None)
    code = error.args[0] if error is not None and error.args else None
    return code if isinstance(code, int) else None


def limit_sqlite_statements(engine: Engine, limits: TimeLimits) -> None:
    """Interrupt statements on SQLite, which has no limit of its own."""

    def install(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        entry.info["deadline"] = math.inf
        connection.set_progress_handler(lambda: time.monotonic() > entry.info["deadline"], _PROGRESS_INSTRUCTIONS)

    def start(connection: Connection, *_: object) -> None:
        connection.info["deadline"] = time.monotonic() + limits.statement_seconds

    event.listen(engine, "connect", install)
    event.listen(engine, "before_cursor_execute", start)


def limit_replies(engine: Engine, limits: TimeLimits) -> None:
    """Limit statements on PostgreSQL, by the server and, if that hangs, by the client."""

    class Limited(LimitedConnection):
        reply_seconds = limits.reply_seconds

    def connect(
        _dialect: Dialect, _entry: ConnectionPoolEntry, arguments: list[str], options: dict[str, str | int]
    ) -> LimitedConnection:
        return Limited.connect(*arguments, **options)  # type: ignore[arg-type] # the driver's own options

    def set_limit(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        # Not in the startup packet, where PgBouncer refuses it.
        cursor = connection.cursor()
        cursor.execute(f"SET statement_timeout = '{limits.statement_seconds}s'")
        cursor.close()
        connection.commit()

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "connect", set_limit)


class LimitedConnection(psycopg.Connection[tuple[object, ...]]):
    """A connection that closes if the server does not reply within `reply_seconds`."""

    reply_seconds: float

    def wait(self, gen: PQGen[T], interval: float = _POLL_SECONDS, timeout: float | None = None) -> T:
        """Wait for the server. Raises OperationalError at the deadline."""
        return super().wait(self._limit(gen), interval, timeout)

    def _limit(self, gen: PQGen[T]) -> PQGen[T]:
        """Pass on the steps of `gen` until the deadline. `wait` resumes it at every interval."""
        deadline = time.monotonic() + self.reply_seconds
        try:
            step = next(gen)
            while True:
                ready = yield step
                if not ready and time.monotonic() > deadline:
                    self.close()  # the reply may still come, so the connection cannot be used again
                    raise psycopg.OperationalError(f"no reply within {self.reply_seconds} s")
                step = gen.send(ready)
        except StopIteration as done:
            result: T = done.value
            return result
