"""A migrated database of each kind, and an empty images directory."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from captiond.archive import Archive
from captiond.archive.sql.engine import open_engine
from tests.servers.migrated import migrate_quickly


@pytest.fixture
def images_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    return folder


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """Direct access to the archive's database."""
    migrate_quickly(database_url)
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def archive(engine: Engine, images_dir: Path) -> Archive:
    return Archive(engine, images_dir)


@pytest.fixture
def sqlite_archive(sqlite_url: str, images_dir: Path) -> Iterator[Archive]:
    """For behaviour that does not depend on the database."""
    migrate_quickly(sqlite_url)
    with Archive.open(sqlite_url, images_dir) as archive:
        yield archive
