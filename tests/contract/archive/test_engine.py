"""Which databases are opened, how, and what is said of those that cannot be."""

from pathlib import Path

import pytest

from captiond.archive import Archive, ArchiveUnavailable
from captiond.archive.sql.engine import open_engine


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "oracle://scott:tiger@host/db", "sqlite://", "sqlite:///:memory:", "a://b:c/d"],
)
def test_a_url_of_no_use_is_answered_with_urls_that_work(url: str) -> None:
    with pytest.raises(ValueError, match=r"write sqlite:///path/to/file.db") as error:
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
def test_the_driver_is_ours_to_choose(url: str, driver: str) -> None:
    engine = open_engine(url)

    assert engine.url.drivername == driver
    engine.dispose()


def test_sqlite_is_opened_to_lose_nothing(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)

    with engine.connect() as connection:
        journal = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar()
    engine.dispose()

    assert (journal, synchronous) == ("wal", 2)  # 2 is FULL


def test_mariadb_is_opened_to_cut_nothing_short(mariadb_url: str) -> None:
    engine = open_engine(mariadb_url)

    with engine.connect() as connection:
        mode = connection.exec_driver_sql("SELECT @@sql_mode").scalar()
        isolation = connection.exec_driver_sql("SELECT @@tx_isolation").scalar()
    engine.dispose()

    assert "STRICT_ALL_TABLES" in str(mode)
    assert isolation == "READ-COMMITTED"


def test_folders_for_database_and_images_are_made(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/some/where/captiond.db"

    with Archive.open(url, tmp_path / "any" / "where") as archive:
        archive.ping()
        archive.ping_writable()

    assert (tmp_path / "some/where/captiond.db").is_file()
    assert (tmp_path / "any/where").is_dir()


def test_a_database_in_a_place_where_no_folder_can_be_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ArchiveUnavailable, match=r"folder of the database: .*file"):
        open_engine(f"sqlite:///{tmp_path}/file/captiond.db")


def test_images_in_a_place_where_no_folder_can_be_are_unavailable(sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with (
        pytest.raises(ArchiveUnavailable, match="images directory: "),
        Archive.open(sqlite_url, tmp_path / "file" / "images"),
    ):
        pytest.fail("it was opened")
