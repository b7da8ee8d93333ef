"""Migrates the database to the newest schema, and checks its version."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.schema import SchemaItem

from captiond.archive.deployment import ensure_deployment_id
from captiond.archive.errors import ArchiveUnavailable, UnusableDatabase
from captiond.archive.sql.encoding import find_encoding_problem
from captiond.archive.sql.engine import open_engine, translate_database_errors
from captiond.archive.sql.limits import MIGRATION_LIMITS
from captiond.archive.sql.rows import DAMAGED_COLUMN, DAMAGED_INDEX, SEARCH_INDEX
from captiond.archive.sql.sqlite_file import create_database_file

_LOCK_NAME = "captiond.migrate"
_LOCK_NUMBER = 0x6361707469  # "capti"
_SEARCH_TABLES = ("images_numbered", "images_search")  # of SQLite, and those that FTS5 creates


def migrate(database_url: str, *, wait_seconds: int = 60) -> str:
    """Run Alembic to head. Safe to call concurrently: one caller migrates, the others wait for it.

    Returns the revision. Raises ArchiveUnavailable if the database cannot be used now or the lock is not free after
    `wait_seconds`, and UnusableDatabase for a wrong encoding or a newer schema.
    """
    with _migrating(database_url, wait_seconds) as connection:
        command.upgrade(alembic_config(connection), "head")
        ensure_deployment_id(connection)
        return ", ".join(sorted(_current_revisions(connection)))


def revert(database_url: str, revision: str, *, wait_seconds: int = 60) -> None:
    """Revert the schema to an earlier revision, for an earlier version. What its tables lack is lost.

    Raises the errors of `migrate`, also UnusableDatabase if the schema is not newer than this revision.
    """
    with _migrating(database_url, wait_seconds) as connection:
        config = alembic_config(connection)
        current = tuple(_current_revisions(connection))
        steps = ScriptDirectory.from_config(config).iterate_revisions(current, "base")
        earlier = [step.revision for step in steps if step.revision not in current]
        if revision not in earlier:
            raise UnusableDatabase(
                f"the database schema has no earlier revision {revision}; it has {', '.join(earlier) or 'none'}"
            )
        command.downgrade(config, revision)


@contextmanager
def _migrating(database_url: str, wait_seconds: int) -> Iterator[Connection]:
    """Open a transaction that holds the migration lock, on a database whose schema this version supports."""
    engine = open_engine(database_url, MIGRATION_LIMITS)
    try:
        create_database_file(engine.url)
        with translate_database_errors(), engine.begin() as connection, migration_lock(connection, wait_seconds):
            if problem := find_encoding_problem(connection) or _find_newer_revision(connection):
                raise UnusableDatabase(problem)
            yield connection
    finally:
        engine.dispose()


@dataclass(frozen=True, slots=True)
class DatabaseVersion:
    """The kind and version of the database, such as `postgresql` and `17.2`, and the revision of its schema."""

    dialect: str
    version: str
    schema_revision: str | None


def read_version(engine: Engine) -> DatabaseVersion:
    """Return the versions of database and schema."""
    with translate_database_errors(), engine.connect() as connection:
        dialect = connection.dialect
        numbers = getattr(dialect, "server_version_info", None) or ()
        revision = ", ".join(sorted(_current_revisions(connection))) or None
        return DatabaseVersion(dialect.name, ".".join(map(str, numbers)), revision)


def find_schema_problem(engine: Engine) -> str | None:
    """Return what is wrong with encoding or schema of the database, with the fix; None if nothing is."""
    with translate_database_errors(), engine.connect() as connection:
        if problem := find_encoding_problem(connection) or _find_newer_revision(connection):
            return problem
        scripts = ScriptDirectory.from_config(alembic_config(connection))
        if _current_revisions(connection) == set(scripts.get_heads()):
            return None
        return "the database schema is outdated; run `captiond migrate` or start the archiver"


def _find_newer_revision(connection: Connection) -> str | None:
    """Return the problem if the schema has a revision that this version does not contain."""
    scripts = ScriptDirectory.from_config(alembic_config(connection)).walk_revisions()
    unknown = _current_revisions(connection) - {script.revision for script in scripts}
    if not unknown:
        return None
    return (
        f"the database schema {', '.join(sorted(unknown))} is unknown to this version of captiond; install the newer "
        "version that made it, restore the backup from before the upgrade, or use another database"
    )


def _current_revisions(connection: Connection) -> set[str]:
    """The revisions in Alembic's table, which may be that of another program."""
    return set(MigrationContext.configure(connection).get_current_heads())


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
            # PgBouncer may run this transaction in a session whose limit a service has set for its own statements.
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{MIGRATION_LIMITS.statement_seconds}s'")
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK_NUMBER)))
        case _:  # DDL commits implicitly here, so the lock must outlive transactions
            if connection.scalar(select(func.get_lock(_LOCK_NAME, wait_seconds))) != 1:
                raise ArchiveUnavailable(f"database: another migration still runs after {wait_seconds} s")
    yield
