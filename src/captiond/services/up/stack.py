"""Supervises the stack: an embedded Valkey, the API, the captioners, the archiver."""

import fcntl
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from captiond.services.up.child import Child
from captiond.services.up.valkey import server_command, socket_path
from captiond.workqueue import Broker
from captiond.workqueue.errors import QueueUnavailable

POLL_SECONDS = 0.2
SERVER_START_SECONDS = 60.0
STOP_SECONDS = 30.0

logger = logging.getLogger(__name__)


class DataDirectoryBusy(Exception):
    """Another stack runs on the same data directory."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(f"captiond is running on {data_dir} already; stop it, or choose another --data-dir")


class ChildGivesUp(Exception):
    """A child ended over a mistake that a person must mend; it has said which on stderr."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} cannot start, see above")


class ServerDoesNotStart(Exception):
    """The embedded Valkey does not answer."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the embedded Valkey does not answer: {reason}")


@dataclass(frozen=True, slots=True)
class StackOptions:
    """What runs where; everything it writes lies under `data_dir`, an absolute path."""

    data_dir: Path
    host: str
    port: int
    captioners: int


class Stack:
    """Runs until `stop` is set."""

    def __init__(self, options: StackOptions) -> None:
        self._options = options
        self._socket = socket_path(options.data_dir)

    @property
    def settings(self) -> dict[str, str]:
        """The settings that the stack's services run with."""
        data_dir = self._options.data_dir
        return {
            "redis_url": f"unix://{self._socket}",
            "database_url": f"sqlite:///{data_dir / 'captiond.db'}",
            "images_dir": str(data_dir / "images"),
            "log_dir": str(data_dir / "log"),
            "run_dir": str(data_dir / "run"),
        }

    @property
    def settings_file(self) -> Path:
        """Where the settings can be read while the stack runs."""
        return self._options.data_dir / "captiond.yaml"

    def run(self, migrate: Callable[[str], None], ready: Callable[[], None], stop: threading.Event) -> None:
        """Start everything, call `ready` once the API listens, keep it running until `stop`, then stop it in order.

        To be called while it is `locked`. Raises ChildGivesUp, ServerDoesNotStart.
        """
        with self._settings_on_disk():
            server = Child("valkey", server_command(self._options.data_dir, self._socket), os.environ)
            services = self._services()
            server.start()
            try:
                self._await_server(server, stop)
                migrate(self.settings["database_url"])
                for service in services:
                    service.start()
                self._watch([server, *services], stop, ready)
            finally:
                self._stop(services, server)

    def _services(self) -> list[Child]:
        environment = {**os.environ, **{f"CAPTIOND_{name.upper()}": value for name, value in self.settings.items()}}
        command = (sys.executable, "-m", "captiond")
        address = ("--host", self._options.host, "--port", str(self._options.port))
        captioners = [
            Child(f"captioner {number}", [*command, "captioner"], environment)
            for number in range(1, self._options.captioners + 1)
        ]
        archiver = Child("archiver", [*command, "archiver"], environment)
        return [Child("api", [*command, "api", *address], environment), *captioners, archiver]

    def _await_server(self, server: Child, stop: threading.Event) -> None:
        deadline = time.monotonic() + SERVER_START_SECONDS
        with Broker(self.settings["redis_url"]) as broker:
            while not stop.is_set():
                try:
                    broker.monitor.ping()
                except QueueUnavailable as error:
                    if time.monotonic() > deadline:
                        raise ServerDoesNotStart(error.reason) from error
                    server.watch()
                    stop.wait(POLL_SECONDS)
                else:
                    return

    def _watch(self, children: list[Child], stop: threading.Event, ready: Callable[[], None]) -> None:
        announced = False
        while not stop.wait(POLL_SECONDS):
            for child in children:
                if not child.watch():
                    raise ChildGivesUp(child.name)
            if not announced and self._answers():
                ready()
                announced = True

    def _answers(self) -> bool:
        """Tell whether somebody listens where the API should."""
        try:
            with socket.create_connection((self._options.host, self._options.port), timeout=POLL_SECONDS):
                return True
        except OSError:
            return False

    def _stop(self, services: list[Child], server: Child) -> None:
        """The services first: what they have in hand goes back to the server."""
        for group in (services, [server]):
            deadline = time.monotonic() + STOP_SECONDS
            for child in group:
                child.ask_to_stop()
            for child in group:
                child.wait(deadline)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other stack off the data directory. Raises DataDirectoryBusy."""
        self._options.data_dir.mkdir(parents=True, exist_ok=True)
        with (self._options.data_dir / "up.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DataDirectoryBusy(self._options.data_dir) from error
            yield

    @contextmanager
    def _settings_on_disk(self) -> Iterator[None]:
        self.settings_file.write_text(yaml.safe_dump(self.settings), encoding="utf-8")
        try:
            yield
        finally:
            self.settings_file.unlink(missing_ok=True)
