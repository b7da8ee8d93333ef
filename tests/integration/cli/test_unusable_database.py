"""Databases that no retry makes usable: one line, exit status 2, and advice from `doctor`."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, NullPool, create_engine

from captiond.archive import migrate
from captiond.database_url import sqlite_url
from tests.e2e.product import Place
from tests.integration.cli.test_verify_doctor_migrate import doctor_problems
from tests.servers.ports import free_port


@pytest.fixture
def latin1(here: Place, postgresql_server: URL) -> Iterator[Place]:
    name = f"captiond_test_{uuid.uuid4().hex}"
    admin = create_engine(postgresql_server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    yield here.but(database_url=postgresql_server.set(database=name).render_as_string(hide_password=False))
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


def set_newer_schema(database: Path) -> None:
    database.parent.mkdir(exist_ok=True)
    migrate(sqlite_url(database))
    engine = create_engine(sqlite_url(database), poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")


@pytest.mark.parametrize("command", ["api --quiet --port {port}", "archiver --quiet", "migrate"])
def test_service_refuses_a_database_that_is_not_utf8(latin1: Place, command: str) -> None:
    done = latin1.run(*command.format(port=free_port()).split())

    assert done.status == 2
    assert done.problem.startswith("the encoding of the PostgreSQL database is LATIN1; use a database created with ")


def test_doctor_reports_a_database_that_is_not_utf8(latin1: Place) -> None:
    [problem] = doctor_problems(latin1)

    assert "is LATIN1; use a database created with `CREATE DATABASE … ENCODING 'UTF8'" in problem


@pytest.mark.parametrize("command", ["archiver --quiet", "migrate"])
def test_service_refuses_a_newer_schema(here: Place, command: str) -> None:
    set_newer_schema(here.folder / "captiond.db")

    done = here.run(*command.split())

    assert done.status == 2
    assert done.problem.startswith("the database schema 9999 is unknown to this version of captiond; install the newer")


def test_up_refuses_a_newer_schema(here: Place) -> None:
    set_newer_schema(here.folder / "data" / "captiond.db")
    # Without a database URL, so that the database is that of the data directory.
    here = Place(here.folder, {name: value for name, value in here.settings.items() if name != "database_url"})

    done = here.run("up", "--data-dir", "data", "--port", str(free_port()))

    assert (done.status, done.stdout) == (2, "")
    assert done.problem.startswith("the database schema 9999 is unknown to this version of captiond; install the newer")


def test_doctor_does_not_suggest_a_command_that_fails_on_a_newer_schema(here: Place) -> None:
    set_newer_schema(here.folder / "captiond.db")

    [problem] = doctor_problems(here)

    assert "install the newer version that made it" in problem
    assert "captiond migrate" not in problem


def test_doctor_reports_a_read_only_database(here: Place, postgresql_url: str) -> None:
    migrate(postgresql_url)
    engine = create_engine(postgresql_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {engine.url.database} SET default_transaction_read_only = on")

    [problem] = doctor_problems(here.but(database_url=postgresql_url))

    assert "read-only" in problem
