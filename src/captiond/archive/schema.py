"""Migrates the database to the newest schema, and checks its version."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.schema import SchemaItem

from captiond.archive.errors import ArchiveUnavailable
from captiond.archive.sql.engine import open_engine, translate_database_errors
from captiond.archive.sql.rows import DAMAGED_COLUMN, DAMAGED_INDEX, SEARCH_INDEX

_LOCK_NAME = "captiond.migrate"
_LOCK_NUMBER = 0x6361707469  # "capti"
_SEARCH_TABLES = ("images_numbered", "images_search")  # of SQLite, and those that FTS5 creates
_STATEMENT_SECONDS = 3600  # altering a table of millions of rows may take that long


def migrate(database_url: str, *, wait_seconds: int = 60) -> None:
    """Run Alembic to head. Safe to call concurrently: one caller migrates, the others wait for it.

    Raises ArchiveUnavailable if the database cannot be used, its schema is newer than this version, or the lock is not
    free after `wait_seconds`.
    """
    engine = open_engine(database_url, read_seconds=_STATEMENT_SECONDS)
    try:
        with translate_database_errors(), engine.begin() as connection, migration_lock(connection, wait_seconds):
            if newer := _find_newer_revision(connection):
                raise ArchiveUnavailable(newer)
            command.upgrade(alembic_config(connection), "head")
    finally:
        engine.dispose()


def find_schema_problem(engine: Engine) -> str | None:
    """Return how the schema differs from that of this version, with the fix; None if it is the same."""
    with translate_database_errors(), engine.connect() as connection:
        scripts = ScriptDirectory.from_config(alembic_config(connection))
        if MigrationContext.configure(connection).get_current_revision() == scripts.get_current_head():
            return None
        outdated = "the database schema is outdated; run `captiond migrate` or start the archiver"
        return _find_newer_revision(connection) or outdated


def _find_newer_revision(connection: Connection) -> str | None:
    """Return the problem if the schema has a revision that this version does not contain."""
    revision = MigrationContext.configure(connection).get_current_revision()
    scripts = ScriptDirectory.from_config(alembic_config(connection)).walk_revisions()
    if revision in {None, *(script.revision for script in scripts)}:
        return None
    return f"the database schema {revision} is newer than this version of captiond; install a newer version"


def alembic_config(connection: Connection) -> Config:
    """Return a configuration for Alembic commands on this connection, which commit nothing."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    return config


def should_compare(item: SchemaItem, name: str | None, kind: str, reflected: bool, other: SchemaItem | None) -> bool:  # noqa: FBT001 - the signature is Alembic's
    """Whether Alembic should compare this item: some indexes differ between databases."""
    del item
    if kind == "table" and reflected:
        return not (name or "").startswith(_SEARCH_TABLES)
    if name in (DAMAGED_INDEX, DAMAGED_COLUMN):
        return False
    return name != SEARCH_INDEX or reflected or other is not None


@contextmanager
def migration_lock(connection: Connection, wait_seconds: int) -> Iterator[None]:
    """Take the migration lock until the transaction ends or, on MariaDB and MySQL, the connection is closed."""
    match connection.dialect.name:
        case "sqlite":
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {wait_seconds * 1000}")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        case "postgresql":
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{wait_seconds}s'")
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK_NUMBER)))
        case _:  # DDL commits implicitly here, so the lock must outlive transactions
            if connection.scalar(select(func.get_lock(_LOCK_NAME, wait_seconds))) != 1:
                raise ArchiveUnavailable(f"database: another migration still runs after {wait_seconds} s")
    yield
