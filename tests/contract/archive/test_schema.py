"""Migrations: they match the models, run in both directions, and may run concurrently."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import URL, NullPool, create_engine, insert, inspect, text

from captiond.archive import Archive, ArchiveUnavailable, StoredImage, UnusableDatabase, migrate
from captiond.archive.schema import alembic_config, migration_lock, should_compare
from captiond.archive.sql.api_keys import API_KEYS
from captiond.archive.sql.engine import open_engine
from captiond.archive.sql.rows import IMAGES
from captiond.image import UNCHECKED
from tests.contract.archive.making import MORNING, make_record, replace_image

MIGRATE = "import sys; from captiond.archive import migrate; migrate(sys.argv[1])"


def tables(database_url: str) -> set[str]:
    engine = open_engine(database_url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def downgrade(database_url: str, revision: str) -> None:
    engine = open_engine(database_url)
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), revision)
    engine.dispose()


def test_models_match_the_migrations(database_url: str) -> None:
    migrate(database_url)

    engine = open_engine(database_url)
    with engine.connect() as connection:
        options = {"compare_type": True, "include_object": should_compare}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), API_KEYS.metadata)
        command.check(alembic_config(connection))
    engine.dispose()

    assert differences == []


def test_migrations_upgrade_downgrade_and_upgrade_again(database_url: str, images_dir: Path) -> None:
    migrate(database_url)

    downgrade(database_url, "base")

    assert tables(database_url) == {"alembic_version"}
    migrate(database_url)
    with Archive.open(database_url, images_dir) as archive:
        record = make_record()
        assert archive.store([record]) == [archive.find(record.image.id)]


def test_images_archived_before_the_check_are_unchecked(database_url: str, images_dir: Path) -> None:
    migrate(database_url)
    with Archive.open(database_url, images_dir) as archive:
        [stored] = archive.store([replace_image(make_record(), damage=None)])
        assert isinstance(stored, StoredImage)

        downgrade(database_url, "0003")
        migrate(database_url)

        assert archive.find(stored.id) == replace(stored, damage=UNCHECKED)


def test_image_stored_by_a_version_without_the_check_is_unchecked(database_url: str, images_dir: Path) -> None:
    migrate(database_url)
    image = make_record().to_stored(MORNING)
    values = {name: value for name, value in vars(image).items() if name != "damage"}
    engine = open_engine(database_url)
    with engine.begin() as connection:
        connection.execute(insert(IMAGES).values(**values, description_folded=image.description))
    engine.dispose()

    with Archive.open(database_url, images_dir) as archive:
        assert archive.find(image.id) == replace(image, damage=UNCHECKED)


def test_downgrade_of_the_damage_keeps_the_search_index_of_sqlite(sqlite_url: str) -> None:
    migrate(sqlite_url)
    engine = open_engine(sqlite_url)
    with engine.connect() as connection:
        before = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name != 'audit_log'"
        ).all()

    downgrade(sqlite_url, "0003")

    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").all() == before
    engine.dispose()


def test_migrating_again_changes_nothing(database_url: str, images_dir: Path) -> None:
    migrate(database_url)
    with Archive.open(database_url, images_dir) as archive:
        [stored] = archive.store([make_record()])

        migrate(database_url)

        assert archive.find(stored.id) == stored  # type: ignore[union-attr]


def test_concurrent_migrations_succeed(database_url: str) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", MIGRATE, database_url], stderr=subprocess.PIPE) for _ in range(4)
    ]

    results = [(process.communicate()[1].decode(), process.returncode) for process in processes]

    assert results == [("", 0)] * 4
    assert {"alembic_version", "images"} <= tables(database_url)


def test_schema_is_outdated_until_the_migration(database_url: str, images_dir: Path) -> None:
    with Archive.open(database_url, images_dir) as archive:
        assert "captiond migrate" in str(archive.find_schema_problem())

        migrate(database_url)

        assert archive.find_schema_problem() is None


def set_revision(database_url: str, *revisions: str) -> None:
    engine = open_engine(database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM alembic_version")
        for revision in revisions:
            connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": revision})
    engine.dispose()


@pytest.mark.parametrize("revisions", [["9999"], ["0004", "9999"]])
def test_schema_of_a_newer_version_is_unusable(database_url: str, images_dir: Path, revisions: list[str]) -> None:
    migrate(database_url)
    set_revision(database_url, *revisions)

    with Archive.open(database_url, images_dir) as archive:
        problem = archive.find_schema_problem()

    assert str(problem).startswith("the database schema 9999 is unknown to this version of captiond; install the newer")
    assert "captiond migrate" not in str(problem)
    with pytest.raises(UnusableDatabase, match="schema 9999 is unknown"):
        migrate(database_url)


@pytest.mark.parametrize(("encoding", "locale"), [("LATIN1", "C"), ("KOI8R", "C"), ("SQL_ASCII", "C")])
def test_postgresql_database_that_is_not_utf8_is_unusable(
    postgresql_server: URL, images_dir: Path, encoding: str, locale: str
) -> None:
    name = f"captiond_test_{encoding.lower()}_{uuid4().hex}"
    admin = create_engine(postgresql_server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE '{locale}' TEMPLATE template0")
    url = postgresql_server.set(database=name).render_as_string(hide_password=False)
    try:
        problem = f"encoding of the PostgreSQL database is {encoding}"
        with pytest.raises(UnusableDatabase, match=problem):
            migrate(url)
        with Archive.open(url, images_dir) as archive:
            assert problem in str(archive.find_schema_problem())
            with pytest.raises(UnusableDatabase, match=problem):
                archive.check_encoding()
    finally:
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


def test_mariadb_table_that_is_not_utf8mb4_is_unusable(mariadb_url: str, images_dir: Path) -> None:
    migrate(mariadb_url)
    engine = open_engine(mariadb_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE images CONVERT TO CHARACTER SET latin1")
    engine.dispose()

    with Archive.open(mariadb_url, images_dir) as archive:
        problem = archive.find_schema_problem()
        with pytest.raises(UnusableDatabase, match="latin1"):
            archive.check_encoding()

    assert problem == (
        "the table `images` has columns in latin1; run "
        "`ALTER TABLE images CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`"
    )


def test_archive_without_its_table_is_unavailable(database_url: str, images_dir: Path) -> None:
    with (
        Archive.open(database_url, images_dir) as archive,
        pytest.raises(ArchiveUnavailable, match=r"database: .*images"),
    ):
        archive.store([make_record()])


def test_migration_waits_for_another_one_until_its_timeout(database_url: str) -> None:
    engine = open_engine(database_url)
    with (
        engine.begin() as connection,
        migration_lock(connection, wait_seconds=1),
        pytest.raises(ArchiveUnavailable, match="database: "),
    ):
        migrate(database_url, wait_seconds=1)
    engine.dispose()

    migrate(database_url)  # a busy server may release the lock late

    assert "images" in tables(database_url)
