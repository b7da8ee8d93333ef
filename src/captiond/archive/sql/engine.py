"""Opens databases with the options for durable commits, and with a time limit for every statement."""

import inspect
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from functools import partial
from typing import TypeAlias

import psycopg
import pymysql
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from captiond.archive.errors import ArchiveUnavailable, SchemaMismatch
from captiond.archive.sql.connections import (
    ConnectionPool,
    invalidate_if_refused,
    limit_replies,
    limit_sqlite_statements,
)
from captiond.archive.sql.limits import WORKER_LIMITS, TimeLimits
from captiond.archive.sql.problems import describe, is_schema_mismatch
from captiond.archive.sql.sqlite_file import require_database_file

DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
# SQLite truncates a write-ahead log that has grown behind a slow reader to this size.
WAL_BYTES = 16 << 20
WAL_RETRY_SECONDS = 0.02

_Options: TypeAlias = dict[str, str | int | None]


def open_engine(database_url: str, limits: TimeLimits = WORKER_LIMITS) -> Engine:
    """Return an engine that connects at its first use. Raises ValueError for an unsupported URL or option.

    Whatever connecting raises becomes ArchiveUnavailable.
    """
    url = _parse(database_url)
    _check_options(url)
    try:
        match url.get_backend_name():
            case "sqlite":
                return _open_sqlite(url, limits)
            case "postgresql":
                return _open_postgresql(url, limits)
            case _:
                return _open_mariadb(url, limits)
    except (ArgumentError, ValueError) as error:
        raise ValueError(f"invalid database URL: {error}") from error


@contextmanager
def opened_engine(database_url: str, limits: TimeLimits = WORKER_LIMITS) -> Iterator[Engine]:
    """Open an engine, and close its connections at the end. Raises ValueError for an unsupported URL."""
    engine = open_engine(database_url, limits)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def translate_database_errors() -> Iterator[None]:
    """Raise ArchiveUnavailable for every database error that does not concern the data of a record."""
    try:
        yield
    except (DataError, IntegrityError):
        raise
    except DBAPIError as error:
        kind = SchemaMismatch if is_schema_mismatch(error) else ArchiveUnavailable
        raise kind(f"database: {first_line(error)}", describe(error)) from error
    except PoolTimeoutError as error:
        raise ArchiveUnavailable("database: every connection of the pool is in use") from error


def first_line(error: DBAPIError) -> str:
    """The driver's message, without the statement and its parameters."""
    return (str(error.orig).splitlines() or [type(error.orig).__name__])[0]


def _parse(database_url: str) -> URL:
    try:
        url = make_url(database_url)
        return url.set(drivername=DRIVERS[url.get_backend_name()])
    except (ArgumentError, KeyError, ValueError) as error:
        raise ValueError(
            "unsupported database URL; use sqlite:///path/to/file.db, "
            "postgresql+psycopg://user:password@host/database or "
            "mariadb+pymysql://user:password@host/database"
        ) from error


def _check_options(url: URL) -> None:
    """Raise ValueError for options of the URL that the driver does not have."""
    known = _known_options(url.get_backend_name())
    for unknown in sorted(url.query.keys() - known):
        close = ", ".join(get_close_matches(unknown, known))
        raise ValueError(f"unknown option {unknown!r} in the database URL" + (f"; similar: {close}" if close else ""))


def _known_options(backend: str) -> set[str]:
    match backend:
        case "sqlite":
            return {"cached_statements", "check_same_thread", "detect_types", "isolation_level", "timeout", "uri"}
        case "postgresql":
            return {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
        case _:
            return {*inspect.signature(pymysql.Connection).parameters, "ssl_check_hostname"}


def _open_postgresql(url: URL, limits: TimeLimits) -> Engine:
    # Behind PgBouncer, each transaction may use another connection, which lacks the statements prepared before.
    required: _Options = {"client_encoding": "utf8", "prepare_threshold": None}
    engine = _open_server(url, _postgresql_options(limits), required, limits)
    limit_replies(engine, limits)
    return engine


def _open_mariadb(url: URL, limits: TimeLimits) -> Engine:
    engine = _open_server(url, _mariadb_options(limits), {"charset": "utf8mb4"}, limits)
    if "read_timeout" not in url.query:

        def set_timeout(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
            # PyMySQL has one read timeout for the handshake and all statements.
            connection._read_timeout = limits.reply_seconds  # noqa: SLF001 - it has no setter

        event.listen(engine, "connect", set_timeout)
    return engine


def _postgresql_options(limits: TimeLimits) -> _Options:
    return {
        "connect_timeout": limits.connect_seconds,
        # Detect a host that vanished: of sent data (milliseconds), and while waiting for a reply (seconds).
        "tcp_user_timeout": 15_000,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
    }


def _mariadb_options(limits: TimeLimits) -> _Options:
    # A lock wait ends before the statement limit, and that before the read timeout, which looks like a dead server.
    # The comments are commands of MariaDB and MySQL (5.7.8 and later). MySQL limits SELECT only.
    return {
        "connect_timeout": limits.connect_seconds,
        "read_timeout": limits.connect_seconds,  # of the handshake; see `_open_mariadb`
        "write_timeout": limits.reply_seconds,
        # The strict mode rejects values that the server would otherwise truncate.
        "init_command": "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'),"
        f" SESSION innodb_lock_wait_timeout = {limits.lock_seconds}"
        f" /*M!100101 , SESSION max_statement_time = {limits.statement_seconds} */"
        f" /*!50708 , SESSION max_execution_time = {limits.statement_seconds * 1000} */",
    }


def _open_server(url: URL, defaults: _Options, required: _Options, limits: TimeLimits) -> Engine:
    """Open a database server with these options: the URL may change the defaults, but not what is required."""
    engine = create_engine(
        url,
        connect_args={**_unless_in_url(url, defaults), **required},
        # InnoDB's default, REPEATABLE READ, would hide a row that another archiver has just committed.
        isolation_level="READ COMMITTED",
        poolclass=ConnectionPool,
        pool_pre_ping=True,
        pool_recycle=1800,
        pool_timeout=limits.connect_seconds,
    )
    event.listen(engine, "handle_error", invalidate_if_refused)
    return engine


def _unless_in_url(url: URL, options: _Options) -> _Options:
    """Drop the options that the URL sets itself."""
    return {name: value for name, value in options.items() if name not in url.query}


def _open_sqlite(url: URL, limits: TimeLimits) -> Engine:
    if not url.database or url.database == ":memory:":
        raise ValueError("no path; use sqlite:///path/to/file.db")
    # The driver begins every writing transaction with BEGIN IMMEDIATE, so that a writer waits for the lock
    # (timeout, seconds) and does not fail later with SQLITE_BUSY.
    options: _Options = {"isolation_level": "IMMEDIATE", "timeout": limits.lock_seconds}
    engine = create_engine(
        url,
        connect_args=_unless_in_url(url, options),
        poolclass=ConnectionPool,
        pool_timeout=limits.connect_seconds,
    )
    event.listen(engine, "do_connect", require_database_file)
    event.listen(engine, "connect", partial(_prepare_sqlite, lock_seconds=limits.lock_seconds))
    limit_sqlite_statements(engine, limits)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry, *, lock_seconds: float) -> None:
    cursor = connection.cursor()
    _set_wal_mode(cursor, time.monotonic() + lock_seconds)
    cursor.execute("PRAGMA synchronous = FULL")  # NORMAL may lose the last commits in WAL mode
    cursor.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
    cursor.close()


def _set_wal_mode(cursor: DBAPICursor, deadline: float) -> None:
    """Wait while another connection sets the mode of a new file: SQLite fails at once, whatever its timeout."""
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(WAL_RETRY_SECONDS)
        else:
            return
