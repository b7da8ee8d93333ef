# ruff: noqa: INP001 - Alembic loads this file by its path
"""An index of trigrams for the search in descriptions, on the databases that have one; others search without."""

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

# Rows that FTS5 finds are read anyway, so it keeps neither text nor places in it (content='', detail=none): that
# makes an insert cheaper. It names rows by number; those of `images` are no INTEGER PRIMARY KEY, so VACUUM may
# change them; hence numbers of their own.
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
    """Index what is there; what comes is indexed with its row."""
    bind = op.get_bind()
    if bind.dialect.name == "postgresql":
        if why := _lacks_pg_trgm(bind):
            logger.warning(
                "descriptions are searched without an index: %s; once it is mended: %s", why, _POSTGRESQL_INDEX
            )
        else:
            op.execute(_POSTGRESQL_INDEX)
    elif bind.dialect.name == "sqlite":
        if why := _lacks_trigrams(bind):
            logger.warning("descriptions are searched without an index: %s", why)
        else:
            for statement in _SQLITE_UP:
                op.execute(statement)


def downgrade() -> None:
    """Search by reading again; the extension stays, for others may use it."""
    match op.get_bind().dialect.name:
        case "postgresql":
            op.execute("DROP INDEX IF EXISTS ix_images_description_folded")
        case "sqlite":
            for statement in _SQLITE_DOWN:
                op.execute(statement)


def _lacks_pg_trgm(bind: sa.Connection) -> str | None:
    """Why there can be no index of trigrams, or None; the extension is made if this user may."""
    try:
        with bind.begin_nested():
            bind.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            knows_letters = bind.scalar(sa.text("SELECT cardinality(show_trgm('ж')) > 0"))
    except DBAPIError as error:
        return str(error.orig).splitlines()[0]
    # Then every search for such letters would read the whole index, and find them in the table after all.
    return None if knows_letters else "the LC_CTYPE of this database knows no letters beyond ASCII"


def _lacks_trigrams(bind: sa.Connection) -> str | None:
    """Why this SQLite can make no index of trigrams, or None."""
    try:
        bind.exec_driver_sql("CREATE VIRTUAL TABLE temp.images_search_trial USING fts5 (a, tokenize='trigram')")
    except DBAPIError as error:
        return str(error.orig)
    bind.exec_driver_sql("DROP TABLE temp.images_search_trial")
    return None
