"""An API in a process of its own, on its own Valkey, with its memory."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from urllib.parse import urlsplit

import httpx

from captiond.archive import migrate
from tests.e2e.product import START_SECONDS, STOP_SECONDS, Place, is_ready, place, wait_until
from tests.servers.ports import free_port
from tests.servers.queues import RedisServer, running_valkey

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class ApiProcess:
    """A running API. `log` is what it has logged."""

    where: Place
    client: httpx.Client
    process: Popen[bytes]
    valkey: RedisServer

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(str(self.client.base_url))
        return str(parts.hostname), int(parts.port or 0)

    @property
    def log(self) -> str:
        return (self.where.folder / "log" / "api.log").read_text()

    @property
    def memory_bytes(self) -> int:
        """The resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith("VmRSS:")]
        return int(line.split()[1]) << 10

    @contextmanager
    def recorded_memory(self) -> Iterator[list[int]]:
        """Measure the memory every 20 ms. At the end the list contains the peak in bytes."""
        peak, done = [self.memory_bytes], threading.Event()

        def measure() -> None:
            while not done.wait(0.02):
                peak[0] = max(peak[0], self.memory_bytes)

        thread = threading.Thread(target=measure)
        thread.start()
        try:
            yield peak
        finally:
            done.set()
            thread.join()

    def response_seconds(self, path: str) -> float:
        """The time of a GET with status 200, on a new connection."""
        began = time.monotonic()
        assert httpx.get(f"{self.client.base_url}{path}", timeout=30).status_code == 200
        return time.monotonic() - began


@contextmanager
def running_api(
    folder: Path, settings: Mapping[str, str] | None = None, *, before: Sequence[str] = ()
) -> Iterator[ApiProcess]:
    """Start Valkey and `captiond api`. `before` is a command that starts the API, such as `sh` with `ulimit`."""
    with running_valkey() as valkey:
        database_url = f"sqlite:///{folder}/captiond.db"
        migrate(database_url)
        where = place(folder, valkey.url, database_url).but(**(settings or {}))
        with _serving(where, valkey, before) as api:
            yield api


@contextmanager
def _serving(where: Place, valkey: RedisServer, before: Sequence[str]) -> Iterator[ApiProcess]:
    port = free_port()
    process = where.start("api", "--port", str(port), before=before)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            wait_until(lambda: is_ready(client), START_SECONDS, "the API is ready")
            yield ApiProcess(where, client, process, valkey)
    finally:
        process.terminate()
        status = process.wait(STOP_SECONDS)
    assert status == 0, (where.folder / "stderr").read_text()
