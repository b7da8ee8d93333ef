"""Opens databases with the options that durability and quick failure need."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from captiond.archive.errors import ArchiveUnavailable

DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}

_OPTIONS: dict[str, dict[str, str | int]] = {
    # The driver then opens every writing transaction with BEGIN IMMEDIATE, so that a writer waits
    # for its turn (timeout, seconds) and never fails half-way with SQLITE_BUSY.
    "sqlite": {"isolation_level": "IMMEDIATE", "timeout": 15},
    # tcp_user_timeout (milliseconds) notices a host that vanished without a word.
    "postgresql": {"connect_timeout": 5, "tcp_user_timeout": 15_000},
    # A lax server is made to refuse what it would cut short, and to give up a row lock before
    # we give up the server.
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
    """An engine that connects when first used; ValueError tells what is wrong with the URL.

    MariaDB and MySQL are taken for dead when a statement has no answer after `read_seconds`.
    """
    url = _parse(database_url)
    backend = url.get_backend_name()
    if backend == "sqlite":
        return _open_sqlite(url)
    options = {"read_timeout": read_seconds} if backend in ("mysql", "mariadb") else {}
    return create_engine(
        url,
        connect_args=_not_in(url, {**_OPTIONS[backend], **options}),
        # The default of InnoDB would hide a row that another archiver has just committed.
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        pool_recycle=1800,
        pool_timeout=10,
    )


@contextmanager
def translate_database_errors() -> Iterator[None]:
    """Whatever the database says that is not about the data in hand becomes ArchiveUnavailable."""
    try:
        yield
    except (DataError, IntegrityError):
        raise
    except DBAPIError as error:
        raise ArchiveUnavailable(f"database: {first_line(error)}") from error
    except PoolTimeoutError as error:
        raise ArchiveUnavailable("database: all connections are in use") from error


def first_line(error: DBAPIError) -> str:
    """What the driver said, without the statement and its parameters."""
    return (str(error.orig).splitlines() or [type(error.orig).__name__])[0]


def _parse(database_url: str) -> URL:
    try:
        url = make_url(database_url)
        return url.set(drivername=DRIVERS[url.get_backend_name()])
    except (ArgumentError, KeyError, ValueError) as error:
        raise ValueError(
            "not a database URL this archive can use; write sqlite:///path/to/file.db, "
            "postgresql+psycopg://user:password@host/database or "
            "mariadb+pymysql://user:password@host/database"
        ) from error


def _not_in(url: URL, options: dict[str, str | int]) -> dict[str, str | int]:
    """What the URL says itself has precedence."""
    return {name: value for name, value in options.items() if name not in url.query}


def _open_sqlite(url: URL) -> Engine:
    if url.database is None or url.database == ":memory:":
        raise ValueError("a database in memory keeps nothing; write sqlite:///path/to/file.db")
    try:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArchiveUnavailable(f"folder of the database: {error}") from error
    engine = create_engine(url, connect_args=_not_in(url, _OPTIONS["sqlite"]), pool_timeout=10)
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")  # in WAL mode NORMAL may lose the last commits
    cursor.close()
