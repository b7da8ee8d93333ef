"""Connecting to databases: what fails is an outage, and a server that became read-only is left."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, NullPool, create_engine, make_url

from captiond.archive import Archive, ArchiveUnavailable, migrate
from captiond.archive.sql.engine import open_engine
from tests.contract.archive.making import make_record
from tests.servers.databases import NoServerError, mariadb_in_temporary_folder

SERVERS = pytest.mark.parametrize("database_url", ["postgresql", "mariadb"], indirect=True)
MAKE_SESSION_READ_ONLY = {
    "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
}


@pytest.fixture(scope="module")
def private_mariadb() -> Iterator[URL]:
    """A server whose settings tests may change, with a user `app` without administrative privileges."""
    try:
        with mariadb_in_temporary_folder("--plugin-load-add=auth_ed25519") as url:
            run(url, "CREATE DATABASE captiond", "CREATE USER app@'%%'", "GRANT ALL ON captiond.* TO app@'%%'")
            yield url.set(database="captiond", username="app")
    except NoServerError as error:
        pytest.skip(str(error))


def run(url: URL, *statements: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@pytest.mark.parametrize(
    "greeting", [b"\x05\0\0\0\x0a5.5\0", b"\x01\0\0\0\x0a", b"HTTP/1.1 400 Bad Request\r\n\r\n", b""]
)
def test_whatever_connecting_raises_is_an_outage(images_dir: Path, greeting: bytes) -> None:
    """PyMySQL raises IndexError, struct.error and others, which are no errors of DB-API."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                client.sendall(greeting)
                client.close()

        thread = threading.Thread(target=greet)
        thread.start()
        url = f"mariadb+pymysql://root@127.0.0.1:{listener.getsockname()[1]}/captiond"
        with Archive.open(url, images_dir) as archive, pytest.raises(ArchiveUnavailable, match="cannot connect: "):
            archive.store([make_record()])
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_user_with_an_ed25519_password_can_connect(private_mariadb: URL, images_dir: Path) -> None:
    run(
        private_mariadb.set(username="root"),
        "CREATE OR REPLACE USER modern@'%%' IDENTIFIED VIA ed25519 USING PASSWORD('secret')",
        "GRANT ALL ON captiond.* TO modern@'%%'",
    )
    url = text(private_mariadb.set(username="modern", password="secret"))  # noqa: S106 - of this test

    migrate(url)

    with Archive.open(url, images_dir) as archive:
        assert archive.store([record := make_record()]) == [archive.find(record.image.id)]


@SERVERS
def test_connections_to_a_server_that_became_read_only_are_closed(
    archive: Archive, engine: Engine, database_url: str
) -> None:
    """As after a switchover: the next attempt connects again, possibly to the new primary."""
    dialect = make_url(database_url).get_backend_name()
    with engine.connect() as connection:
        connection.exec_driver_sql(MAKE_SESSION_READ_ONLY[dialect])
        connection.commit()
    record = make_record()

    with pytest.raises(ArchiveUnavailable, match=r"read-only|READ ONLY"):
        archive.store([record])

    assert archive.store([record]) == [archive.find(record.image.id)]


def test_connections_to_a_mariadb_with_read_only_are_closed(private_mariadb: URL, images_dir: Path) -> None:
    migrate(text(private_mariadb))
    engine = open_engine(text(private_mariadb))
    archive = Archive(engine, images_dir)
    archive.store([make_record()])
    assert engine.pool.checkedin() == 1  # type: ignore[attr-defined] # it is a QueuePool
    run(private_mariadb.set(username="root"), "SET GLOBAL read_only = 1")
    try:
        with pytest.raises(ArchiveUnavailable, match="read-only"):
            archive.store([make_record()])
        with pytest.raises(ArchiveUnavailable, match="read-only"):
            archive.check_writable()
        archive.ping()
    finally:
        run(private_mariadb.set(username="root"), "SET GLOBAL read_only = 0")

    archive.check_writable()
    engine.dispose()


def test_check_for_writing_detects_a_read_only_postgresql(postgresql_url: str, images_dir: Path) -> None:
    migrate(postgresql_url)
    url = make_url(postgresql_url)
    run(url, f"ALTER DATABASE {url.database} SET default_transaction_read_only = on")

    with Archive.open(postgresql_url, images_dir) as archive:
        archive.ping()
        with pytest.raises(ArchiveUnavailable, match="read-only"):
            archive.check_writable()


def test_check_for_writing_leaves_no_row(archive: Archive, engine: Engine) -> None:
    archive.check_writable()

    with engine.connect() as connection:
        for query in ("SELECT count(*) FROM images", "SELECT count(*) FROM image_labels"):
            assert connection.exec_driver_sql(query).scalar() == 0


def test_batch_over_max_allowed_packet_is_stored_in_parts(private_mariadb: URL, images_dir: Path) -> None:
    root = private_mariadb.set(username="root")
    migrate(text(private_mariadb))
    run(root, "SET GLOBAL max_allowed_packet = 16384")
    records = [make_record("д" * 200) for _ in range(64)]
    try:
        with Archive.open(text(private_mariadb), images_dir) as archive:
            stored = archive.store(records)
            assert stored == [archive.find(record.image.id) for record in records]
    finally:
        run(root, "SET GLOBAL max_allowed_packet = 16777216")
