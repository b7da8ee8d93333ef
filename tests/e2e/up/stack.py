"""Runs `captiond up` and finds its child processes."""

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.e2e.product import START_SECONDS, STOP_SECONDS, Place, Uploader, wait_until
from tests.servers.ports import free_port


@dataclass(frozen=True, slots=True)
class Process:
    """A child of the supervisor. `service` is a command of captiond, or `valkey`."""

    pid: int
    service: str

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)


class Up(Uploader):
    """A supervisor with its own data directory."""

    def __init__(self, place: Place, data_dir: Path) -> None:
        self.place = place
        self.data_dir = data_dir
        self.port = free_port()
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)
        self._supervisor: subprocess.Popen[bytes] | None = None

    @property
    def configured(self) -> Place:
        """A place whose commands use the settings of the stack."""
        return self.place.but(config=str(self.data_dir / "captiond.yaml"))

    @property
    def stdout(self) -> str:
        return (self.place.folder / "stdout").read_text()

    def start(self, captioners: int = 1, *, adopt: bool = False, options: Sequence[str] = ()) -> None:
        """Start, and return when the address is printed."""
        (self.place.folder / "stdout").unlink(missing_ok=True)
        own = ("--data-dir", str(self.data_dir), "--port", str(self.port), "--captioners", str(captioners))
        self._supervisor = self.place.start("up", *own, *options, *(["--adopt"] if adopt else []))
        wait_until(lambda: "captiond is running at" in self.stdout, START_SECONDS, "the address is printed")
        wait_until(self._answers, START_SECONDS, "the API answers")

    def _answers(self) -> bool:
        try:
            return self.client.get("/health/live").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def children(self, service: str = "") -> list[Process]:
        """The child processes of one service, or of all, from `/proc`."""
        assert self._supervisor
        pid = self._supervisor.pid
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        found = [Process(int(child), service_of(int(child))) for child in listed]
        return [process for process in found if process.service and service in {"", process.service}]

    def stop(self, number: signal.Signals) -> int:
        """Send a signal to the supervisor and wait for its exit. Returns the exit status."""
        assert self._supervisor
        self._supervisor.send_signal(number)
        return self._supervisor.wait(STOP_SECONDS)

    def close(self) -> None:
        """Stop the supervisor if it is running."""
        self.client.close()
        if self._supervisor is not None and self._supervisor.poll() is None:
            self.stop(signal.SIGTERM)


@contextmanager
def up(place: Place, data_dir: Path) -> Iterator[Up]:
    made = Up(place, data_dir)
    try:
        yield made
    finally:
        made.close()


def service_of(pid: int) -> str:
    """Return the service of a process by its command line, or "" for an exited or other process."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    if "captiond" in words:
        return words[words.index("captiond") + 1]
    return "valkey" if "valkey" in words[0] else ""


def is_running(process: Process) -> bool:
    """Return whether the process runs. A zombie does not."""
    try:
        state = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
