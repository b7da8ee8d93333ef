# ruff: noqa: INP001 - Alembic loads this file by its path
"""Runs migrations on the connection that the caller passes, inside its lock and transaction."""

from alembic import context

from captiond.archive.schema import is_of_model
from captiond.archive.sql.rows import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    include_object=is_of_model,
    render_as_batch=True,  # SQLite has to copy a table to alter it
)
with context.begin_transaction():
    context.run_migrations()
