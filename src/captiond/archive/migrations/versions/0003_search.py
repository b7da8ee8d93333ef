# ruff: noqa: INP001 - Alembic loads this file by its path
"""Create a trigram index for searches in descriptions, where the database supports one."""

import logging

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import DBAPIError

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

logger = logging.getLogger("captiond.archive")

_POSTGRESQL_INDEX = "CREATE INDEX ix_images_description_folded ON images USING gin (description_folded gin_trgm_ops)"

# The search reads every row that FTS5 finds, so the index stores neither text nor positions (content='', detail=none),
# which makes inserts cheaper. FTS5 identifies rows by number. `images` has no INTEGER PRIMARY KEY, so VACUUM may
# renumber it, and a table of its own holds the numbers.
_SQLITE_UP = (
    "CREATE TABLE images_numbered (number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE)",
    """CREATE VIRTUAL TABLE images_search USING fts5 (
        description_folded, content='', detail=none, columnsize=0, tokenize='trigram case_sensitive 1')""",
    "INSERT INTO images_numbered (id) SELECT id FROM images ORDER BY received_at, id",
    """INSERT INTO images_search (rowid, description_folded)
        SELECT number, description_folded FROM images_numbered JOIN images USING (id) ORDER BY number""",
    """CREATE TRIGGER images_search_insert AFTER INSERT ON images BEGIN
        INSERT INTO images_numbered (id) VALUES (new.id);
        INSERT INTO images_search (rowid, description_folded) VALUES (last_insert_rowid(), new.description_folded);
    END""",
    """CREATE TRIGGER images_search_delete AFTER DELETE ON images BEGIN
        INSERT INTO images_search (images_search, rowid, description_folded)
            SELECT 'delete', number, old.description_folded FROM images_numbered WHERE id = old.id;
        DELETE FROM images_numbered WHERE id = old.id;
    END""",
    """CREATE TRIGGER images_search_update AFTER UPDATE OF id, description_folded ON images BEGIN
        INSERT INTO images_search (images_search, rowid, description_folded)
            SELECT 'delete', number, old.description_folded FROM images_numbered WHERE id = old.id;
        UPDATE images_numbered SET id = new.id WHERE id = old.id;
        INSERT INTO images_search (rowid, description_folded)
            SELECT number, new.description_folded FROM images_numbered WHERE id = new.id;
    END""",
)
_SQLITE_DOWN = (
    "DROP TRIGGER IF EXISTS images_search_insert",
    "DROP TRIGGER IF EXISTS images_search_delete",
    "DROP TRIGGER IF EXISTS images_search_update",
    "DROP TABLE IF EXISTS images_search",
    "DROP TABLE IF EXISTS images_numbered",
)


def upgrade() -> None:
    """Index the existing rows. Triggers index later ones."""
    bind = op.get_bind()
    if bind.dialect.name == "postgresql":
        if reason := _find_pg_trgm_problem(bind):
            logger.warning(
                "descriptions are searched without an index: %s; to add it later, run: %s", reason, _POSTGRESQL_INDEX
            )
        else:
            op.execute(_POSTGRESQL_INDEX)
    elif bind.dialect.name == "sqlite":
        if reason := _find_fts5_problem(bind):
            logger.warning("descriptions are searched without an index: %s", reason)
        else:
            for statement in _SQLITE_UP:
                op.execute(statement)


def downgrade() -> None:
    """Drop the index. The extension stays, because others may use it."""
    match op.get_bind().dialect.name:
        case "postgresql":
            op.execute("DROP INDEX IF EXISTS ix_images_description_folded")
        case "sqlite":
            for statement in _SQLITE_DOWN:
                op.execute(statement)


def _find_pg_trgm_problem(bind: sa.Connection) -> str | None:
    """Create the extension if needed. Returns why PostgreSQL cannot use it, or None."""
    try:
        with bind.begin_nested():
            bind.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            supports_cyrillic = bind.scalar(sa.text("SELECT cardinality(show_trgm('ж')) > 0"))
    except DBAPIError as error:
        return str(error.orig).splitlines()[0]
    # Otherwise a search for such letters would read the whole index in vain, and then the table.
    return None if supports_cyrillic else "the LC_CTYPE of this database supports ASCII letters only"


def _find_fts5_problem(bind: sa.Connection) -> str | None:
    """Return why this SQLite cannot create a trigram index, or None."""
    try:
        bind.exec_driver_sql("CREATE VIRTUAL TABLE temp.images_search_trial USING fts5 (a, tokenize='trigram')")
    except DBAPIError as error:
        return str(error.orig)
    bind.exec_driver_sql("DROP TABLE temp.images_search_trial")
    return None
