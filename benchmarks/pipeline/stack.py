"""Runs a contender's services, and reads what they have used."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from benchmarks.pipeline.contenders import Contender, Place
from benchmarks.pipeline.servers import free_port
from benchmarks.pipeline.usage import Usage, usage

START_SECONDS = 60
STOP_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Running:
    """A contender that answers."""

    url: str
    processes: tuple[tuple[str, int], ...]  # role and pid

    def usage(self) -> dict[str, Usage]:
        """By role; of several processes of a role the sum, and the highest peak of any."""
        used: dict[str, Usage] = {}
        for role, pid in self.processes:
            one, other = usage(pid), used.get(role, Usage(0.0, 0, 0))
            used[role] = Usage(
                one.cpu_seconds + other.cpu_seconds,
                one.peak_bytes + other.peak_bytes,
                max(one.highest_peak_bytes, other.highest_peak_bytes),
            )
        return used


@contextmanager
def running(contender: Contender, place: Place) -> Iterator[Running]:
    """Until the block is left; the form's service first, it sets up what the others need."""
    place.images.mkdir(parents=True)
    port, processes = free_port(), []
    with ExitStack() as stack:
        for service in contender.services:
            for _ in range(service.count):
                pid = stack.enter_context(_process(service.command(port), contender.environment(place), place.folder))
                processes.append((service.role, pid))
            if service.role == "api":
                _await(f"http://127.0.0.1:{port}/docs", place.folder)
        yield Running(f"http://127.0.0.1:{port}{contender.path}", tuple(processes))


@contextmanager
def _process(command: list[str], environment: dict[str, str], folder: Path) -> Iterator[int]:
    """In a session of its own, with what it says in a file; ended with its children."""
    with (folder / "output.log").open("ab") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield process.pid
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):  # whom it left behind
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _await(url: str, folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with suppress(httpx.TransportError):
            httpx.get(url)
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"{url} does not answer: {(folder / 'output.log').read_text()[-4000:]}")
        time.sleep(0.1)
