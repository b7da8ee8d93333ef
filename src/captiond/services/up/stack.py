"""Supervises the services of one data directory.

These are the API, the captioners, the archiver, the notifier, FTP if it has a port, and an embedded Valkey unless
another Redis is configured.
"""

import fcntl
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import yaml

from captiond.database_url import sqlite_url
from captiond.evidence import create_signing_key
from captiond.services.up.child import Child
from captiond.services.up.valkey import server_command, socket_path
from captiond.workqueue import Broker
from captiond.workqueue.errors import QueueUnavailable

POLL_SECONDS = 0.2
SERVER_START_SECONDS = 60.0
STOP_SECONDS = 30.0
# Addresses that a client cannot connect to on every system.
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - for clients

logger = logging.getLogger(__name__)


class DataDirectoryInUse(Exception):
    """Another stack runs on the data directory."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(f"captiond is already running on {data_dir}; stop it, or choose another --data-dir")


class ConfigurationRejected(Exception):
    """A child exited with a configuration error, which it has printed to stderr."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} rejected its configuration; its error is above")


class ServerNotResponding(Exception):
    """The embedded Valkey does not respond."""

    def __init__(self, reason: str, log_dir: Path) -> None:
        super().__init__(f"the embedded Valkey does not respond: {reason}; see {log_dir}/valkey.log")


@dataclass(frozen=True, slots=True)
class StackOptions:
    """Command-line options of `captiond up`, and the settings that the user has set.

    `data_dir` is absolute, and contains all files that the stack writes unless a setting names another place.
    """

    data_dir: Path
    host: str
    port: int
    captioners: int
    configured: Mapping[str, str]
    ftp_port: int | None = None


class Stack:
    """The processes of one data directory."""

    def __init__(self, options: StackOptions) -> None:
        self._options = options
        self._configured = {name: value for name, value in options.configured.items() if name in self._supplied}

    @property
    def _supplied(self) -> dict[str, str]:
        """The values of the settings that the stack supplies if the user has not set them."""
        data_dir, host = self._options.data_dir, self._options.host
        return {
            "redis_url": f"unix://{quote(str(socket_path(data_dir)))}",
            "database_url": sqlite_url(data_dir / "captiond.db"),
            "images_dir": str(data_dir / "images"),
            "thumbnails_dir": str(data_dir / "thumbnails"),
            "log_dir": str(data_dir / "log"),
            "run_dir": str(data_dir / "run"),
            "signing_keys": str(data_dir / "signing-keys.json"),
            "api_url": f"http://{_url_host(LOOPBACK.get(host, host))}:{self._options.port}",
        }

    @property
    def settings(self) -> dict[str, str]:
        """The settings of the stack's services, and the URL of its API."""
        return {**self._supplied, **self._configured, "api_url": self._supplied["api_url"]}

    @property
    def ftp_port(self) -> int | None:
        """The port of the FTP service, or None for no service."""
        return self._options.ftp_port

    @property
    def log_dir(self) -> Path:
        """The directory of the log files."""
        return Path(self.settings["log_dir"])

    @property
    def settings_file(self) -> Path:
        """The file with the settings, which exists while the stack runs."""
        return self._options.data_dir / "captiond.yaml"

    def find_unused_data(self) -> list[str]:
        """Describe the data of earlier runs that settings of the user replace."""
        places = {"redis_url": "valkey", "database_url": "captiond.db", "images_dir": "images"}
        return [
            f"CAPTIOND_{name.upper()} is set, so {self._options.data_dir / place} is not used"
            for name, place in places.items()
            if self.settings[name] != self._supplied[name] and (self._options.data_dir / place).exists()
        ]

    def run(self, prepare: Callable[[], None], on_ready: Callable[[], None], stop: threading.Event) -> None:
        """Start Valkey, prepare, start the services, and stop all in order after `stop` is set.

        Calls `on_ready` when the API listens.

        The caller holds the lock of `locked`. Raises ConfigurationRejected, ServerNotResponding.
        """
        self._create_signing_key()
        with self._publish_settings():
            servers, services = self._make_servers(), self._make_services()
            try:
                for server in servers:
                    server.start()
                    self._wait_for_server(server, stop)
                prepare()
                for service in services:
                    service.start()
                self._supervise([*servers, *services], stop, on_ready)
            finally:
                self._stop(services, servers)

    def _create_signing_key(self) -> None:
        """Create the signing key of the data directory at the first start, unless the user has set another file."""
        path = Path(self.settings["signing_keys"])
        if "signing_keys" not in self._configured and not path.exists():
            create_signing_key(path)

    def _make_servers(self) -> list[Child]:
        """The embedded Valkey, unless a Redis URL is configured."""
        if "redis_url" in self._configured:
            return []
        data_dir = self._options.data_dir
        return [Child("valkey", server_command(data_dir, socket_path(data_dir), self.log_dir), os.environ)]

    def _make_services(self) -> list[Child]:
        supplied = {name: value for name, value in self.settings.items() if name not in self._configured}
        environment = {**os.environ, **{f"CAPTIOND_{name.upper()}": value for name, value in supplied.items()}}

        def service(name: str, command: str, *options: str) -> Child:
            # Quiet: their log lines would hide the address that `captiond up` prints.
            return Child(name, [sys.executable, "-m", "captiond", command, "--quiet", *options], environment)

        api = service("api", "api", "--host", self._options.host, "--port", str(self._options.port))
        captioners = [service(f"captioner {number + 1}", "captioner") for number in range(self._options.captioners)]
        services = [api, *captioners, service("archiver", "archiver"), service("notifier", "notifier")]
        if self.ftp_port:
            services.append(service("ftp", "ftp", "--host", self._options.host, "--port", str(self.ftp_port)))
        return services

    def _wait_for_server(self, server: Child, stop: threading.Event) -> None:
        deadline = time.monotonic() + SERVER_START_SECONDS
        with Broker(self.settings["redis_url"]) as broker:
            while not stop.is_set():
                try:
                    broker.monitor.ping()
                except QueueUnavailable as error:
                    if time.monotonic() > deadline:
                        raise ServerNotResponding(error.reason, self.log_dir) from error
                    server.watch()
                    stop.wait(POLL_SECONDS)
                else:
                    return

    def _supervise(self, children: list[Child], stop: threading.Event, on_ready: Callable[[], None]) -> None:
        announced = False
        while not stop.wait(POLL_SECONDS):
            for child in children:
                if not child.watch():
                    raise ConfigurationRejected(child.name)
            if not announced and self._is_listening():
                on_ready()
                announced = True

    def _is_listening(self) -> bool:
        """Return whether a process accepts connections at the API's address."""
        try:
            with socket.create_connection((self._options.host, self._options.port), timeout=POLL_SECONDS) as connection:
                # A connection to a free port of this machine may get the same port, and is then connected to itself.
                return bool(connection.getsockname() != connection.getpeername())
        except OSError:
            return False

    def _stop(self, services: list[Child], servers: list[Child]) -> None:
        """Stop the services before Valkey, because they requeue their in-flight messages."""
        for group in (services, servers):
            deadline = time.monotonic() + STOP_SECONDS
            for child in group:
                child.terminate()
            for child in group:
                child.wait(deadline)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the data directory against other stacks. Raises DataDirectoryInUse."""
        self._options.data_dir.mkdir(parents=True, exist_ok=True)
        with (self._options.data_dir / "up.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DataDirectoryInUse(self._options.data_dir) from error
            yield

    @contextmanager
    def _publish_settings(self) -> Iterator[None]:
        """Write and lock the settings file. Other commands ignore an unlocked one, which a killed stack leaves."""
        # The URLs may contain passwords.
        with open(self.settings_file, "w", encoding="utf-8", opener=_open_private) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yaml.safe_dump(self.settings, file)
            file.flush()
            try:
                yield
            finally:
                self.settings_file.unlink(missing_ok=True)


def _url_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _open_private(path: str, flags: int) -> int:
    descriptor = os.open(path, flags, 0o600)
    os.fchmod(descriptor, 0o600)  # the file of a killed stack may exist
    return descriptor
