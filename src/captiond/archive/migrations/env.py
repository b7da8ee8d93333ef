# ruff: noqa: INP001 - Alembic loads this file by its path
"""Runs migrations on the connection that the caller passes, inside its lock and transaction."""

from alembic import context

from captiond.archive.schema import should_compare
from captiond.archive.sql.api_keys import API_KEYS  # noqa: F401 - a table of the metadata
from captiond.archive.sql.audit_log import AUDIT_LOG

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=AUDIT_LOG.metadata,
    include_object=should_compare,
    render_as_batch=True,  # SQLite has to copy a table to alter it
)
with context.begin_transaction():
    context.run_migrations()
