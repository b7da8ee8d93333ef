"""Database URLs: which are supported, with which options, and how others fail."""

from pathlib import Path

import pytest

from captiond.archive import Archive, ArchiveUnavailable, WrongImagesDirectory, migrate
from captiond.archive.sql.engine import open_engine


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "oracle://scott:tiger@host/db", "sqlite://", "sqlite:///", "sqlite:///:memory:", "a://b:c/d"],
)
def test_unsupported_url_raises_with_supported_examples(url: str) -> None:
    with pytest.raises(ValueError, match=r"use sqlite:///path/to/file.db") as error:
        open_engine(url)

    assert "tiger" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("sqlite:////tmp/a.db", "sqlite+pysqlite"),
        ("postgres://host/db", "postgresql+psycopg"),
        ("postgresql://host/db", "postgresql+psycopg"),
        ("postgresql+psycopg://host/db", "postgresql+psycopg"),
        ("mysql://host/db", "mysql+pymysql"),
        ("mariadb+pymysql://host/db", "mariadb+pymysql"),
    ],
)
def test_driver_is_chosen_by_the_database(url: str, driver: str) -> None:
    engine = open_engine(url)

    assert engine.url.drivername == driver
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("sqlite:////tmp/a.db?time_out=5", "unknown option 'time_out' in the database URL; similar: timeout"),
        ("postgresql://host/db?sslmod=require", "unknown option 'sslmod' in the database URL; similar: sslmode"),
        ("mariadb://host/db?connect_time=5", "unknown option 'connect_time' in the database URL; similar: conn"),
        ("mariadb://host/db?xyz=5", "unknown option 'xyz' in the database URL$"),
        ("sqlite:////tmp/a.db?timeout=soon", "invalid database URL: .*'soon'"),
        ("mariadb://host/db?connect_timeout=soon", "invalid database URL: .*'soon'"),
    ],
)
def test_invalid_option_of_the_url_raises_with_its_name(url: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        open_engine(url)


def test_sqlite_syncs_every_commit(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)

    with engine.connect() as connection:
        journal = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar()
    engine.dispose()

    assert (journal, synchronous) == ("wal", 2)  # 2 is FULL


def test_mariadb_rejects_values_that_it_would_truncate(mariadb_url: str) -> None:
    engine = open_engine(mariadb_url)

    with engine.connect() as connection:
        mode = connection.exec_driver_sql("SELECT @@sql_mode").scalar()
        isolation = connection.exec_driver_sql("SELECT @@tx_isolation").scalar()
    engine.dispose()

    assert "STRICT_ALL_TABLES" in str(mode)
    assert isolation == "READ-COMMITTED"


def test_opening_creates_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/some/where/captiond.db"

    with (
        Archive.open(url, tmp_path / "any" / "where") as archive,
        pytest.raises(ArchiveUnavailable, match=r"some/where/captiond\.db does not exist; run `captiond migrate`"),
    ):
        archive.ping()

    assert list(tmp_path.iterdir()) == []


def test_migration_and_preparation_create_directories(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/some/where/captiond.db"

    migrate(url)
    with Archive.open(url, tmp_path / "any" / "where") as archive:
        archive.check_writable()
        assert not (tmp_path / "any").exists()
        archive.prepare()
        archive.ping()

    assert (tmp_path / "some/where/captiond.db").is_file()
    assert (tmp_path / "any/where").is_dir()


def test_database_directory_that_cannot_be_created_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ArchiveUnavailable, match=r"database directory: .*file"):
        migrate(f"sqlite:///{tmp_path}/file/captiond.db")


def test_images_directory_that_cannot_be_created_is_reported(sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    migrate(sqlite_url)

    with (
        Archive.open(sqlite_url, tmp_path / "file" / "images") as archive,
        pytest.raises(WrongImagesDirectory, match=r"images directory: cannot create .*/file/images: Not a directory$"),
    ):
        archive.prepare()
