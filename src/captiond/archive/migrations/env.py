# ruff: noqa: INP001 - Alembic loads this file by its path
"""Runs migrations on the connection that the caller passes, inside its lock and transaction."""

from alembic import context

from captiond.archive.schema import should_compare
from captiond.archive.sql import api_keys, audit_log, webhooks  # noqa: F401 - declare their tables
from captiond.archive.sql.seals import SEALS

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SEALS.metadata,
    include_object=should_compare,
    render_as_batch=True,  # SQLite has to copy a table to alter it
)
with context.begin_transaction():
    context.run_migrations()
