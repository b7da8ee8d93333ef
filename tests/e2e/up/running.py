"""`captiond up` and the processes below it."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.e2e.product import START_SECONDS, STOP_SECONDS, Place, free_port, wait_until


@dataclass(frozen=True, slots=True)
class Process:
    """A process below the supervisor; `service` is the last word of `captiond …`, or `valkey`."""

    pid: int
    service: str

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)


class Up:
    """A supervisor with a data directory of its own."""

    def __init__(self, place: Place, data_dir: Path) -> None:
        self.place = place
        self.data_dir = data_dir
        self.port = free_port()
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)
        self._supervisor: subprocess.Popen[bytes] | None = None

    @property
    def others(self) -> Place:
        """Where other commands find the settings of the stack."""
        return self.place.but(config=str(self.data_dir / "captiond.yaml"))

    @property
    def said(self) -> str:
        return (self.place.folder / "stdout").read_text()

    def start(self, captioners: int = 1) -> None:
        """Return when it says that it runs."""
        (self.place.folder / "stdout").unlink(missing_ok=True)
        options = ("--data-dir", str(self.data_dir), "--port", str(self.port), "--captioners", str(captioners))
        self._supervisor = self.place.start("up", *options)
        wait_until(lambda: "captiond runs on" in self.said, START_SECONDS, "it says that it runs")

    def children(self, service: str = "") -> list[Process]:
        """The processes below the supervisor, by `/proc`; of one service, or all."""
        assert self._supervisor
        pid = self._supervisor.pid
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        found = [Process(int(child), service_of(int(child))) for child in listed]
        return [process for process in found if process.service and service in {"", process.service}]

    def end(self, number: signal.Signals) -> int:
        """Send the supervisor a signal and wait for its end; its exit status."""
        assert self._supervisor
        self._supervisor.send_signal(number)
        return self._supervisor.wait(STOP_SECONDS)

    def send(self, image: bytes, description: str) -> str:
        answer = self.client.post(
            "/api/images",
            files={"image": ("photo.jpg", image, "image/jpeg")},
            data={"description": description},
        )
        assert answer.status_code == 202, answer.text
        image_id: str = answer.json()["id"]
        return image_id

    def status(self, image_id: str) -> str:
        status: str = self.client.get(f"/api/images/{image_id}/status").json()["status"]
        return status

    def await_status(self, image_id: str, status: str) -> None:
        wait_until(lambda: self.status(image_id) == status, START_SECONDS, f"{image_id} is {status}")

    def close(self) -> None:
        """End it if it still runs."""
        self.client.close()
        if self._supervisor is not None and self._supervisor.poll() is None:
            self.end(signal.SIGTERM)


@contextmanager
def up(place: Place, data_dir: Path) -> Iterator[Up]:
    made = Up(place, data_dir)
    try:
        yield made
    finally:
        made.close()


def service_of(pid: int) -> str:
    """What a process is by its command line; nothing for one that is gone, or not yet what it will be."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    if "captiond" in words:
        return words[words.index("captiond") + 1]
    return "valkey" if "valkey" in words[0] else ""


def is_running(process: Process) -> bool:
    """Whether it has not ended; what nobody has waited for yet has."""
    try:
        state = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
