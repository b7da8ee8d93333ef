"""Migrated databases for tests that do not test the migration."""

import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path
from uuid import uuid4

from sqlalchemy import make_url

from captiond.archive import migrate


def migrate_quickly(database_url: str) -> None:
    """Migrate. An empty database of SQLite becomes a copy of a migrated one, with a deployment id of its own."""
    url = make_url(database_url)
    file = Path(url.database or "")
    if url.get_backend_name() != "sqlite" or (file.exists() and file.stat().st_size > 0):
        migrate(database_url)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(_migrated_file())
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE deployment SET id = ?", [uuid4().bytes])


@cache
def _migrated_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "captiond.db"
        migrate(f"sqlite:///{file}")
        assert not file.with_name("captiond.db-wal").exists()
        return file.read_bytes()
