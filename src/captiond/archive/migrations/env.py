# ruff: noqa: INP001 - Alembic loads this file by its path, on the connection it is handed
"""How Alembic runs our migrations; the caller owns connection, lock and transaction."""

from alembic import context

from captiond.archive.schema import is_of_model
from captiond.archive.sql.rows import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    include_object=is_of_model,
    render_as_batch=True,  # SQLite alters a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
