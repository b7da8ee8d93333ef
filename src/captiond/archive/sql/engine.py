"""Opens databases with the options for durable commits and short timeouts."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from captiond.archive.errors import ArchiveUnavailable
from captiond.archive.sql.sqlite_file import require_database_file

DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}

_OPTIONS: dict[str, dict[str, str | int]] = {
    # The driver begins every writing transaction with BEGIN IMMEDIATE, so that a writer waits for the lock
    # (timeout, seconds) and does not fail later with SQLITE_BUSY.
    "sqlite": {"isolation_level": "IMMEDIATE", "timeout": 15},
    # tcp_user_timeout (milliseconds) detects a host that stops answering.
    "postgresql": {"connect_timeout": 5, "tcp_user_timeout": 15_000},
    # The strict mode rejects values that the server would otherwise truncate. A lock wait ends before the read
    # timeout, which would look like a dead server.
    "mysql": {
        "connect_timeout": 5,
        "write_timeout": 20,
        "charset": "utf8mb4",
        "init_command": "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'),"
        " SESSION innodb_lock_wait_timeout = 10",
    },
}
_OPTIONS["mariadb"] = _OPTIONS["mysql"]


def open_engine(database_url: str, *, read_seconds: int = 20) -> Engine:
    """Return an engine that connects at its first use. Raises ValueError for an unsupported URL.

    A statement on MariaDB or MySQL times out after `read_seconds`.
    """
    url = _parse(database_url)
    backend = url.get_backend_name()
    if backend == "sqlite":
        return _open_sqlite(url)
    options = {"read_timeout": read_seconds} if backend in ("mysql", "mariadb") else {}
    return create_engine(
        url,
        connect_args=_unless_in_url(url, {**_OPTIONS[backend], **options}),
        # InnoDB's default, REPEATABLE READ, would hide a row that another archiver has just committed.
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        pool_recycle=1800,
        pool_timeout=10,
    )


@contextmanager
def translate_database_errors() -> Iterator[None]:
    """Raise ArchiveUnavailable for every database error that does not concern the data of a record."""
    try:
        yield
    except (DataError, IntegrityError):
        raise
    except DBAPIError as error:
        raise ArchiveUnavailable(f"database: {first_line(error)}") from error
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


def _unless_in_url(url: URL, options: dict[str, str | int]) -> dict[str, str | int]:
    """Drop the options that the URL sets itself."""
    return {name: value for name, value in options.items() if name not in url.query}


def _open_sqlite(url: URL) -> Engine:
    if url.database is None or url.database == ":memory:":
        raise ValueError("an in-memory database is lost at exit; use sqlite:///path/to/file.db")
    engine = create_engine(url, connect_args=_unless_in_url(url, _OPTIONS["sqlite"]), pool_timeout=10)
    event.listen(engine, "do_connect", require_database_file)
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")  # NORMAL may lose the last commits in WAL mode
    cursor.close()
