"""Runs the services of a contender and reads their usage."""

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
_SHOWN_OUTPUT_CHARACTERS = 4000


class StartFailed(OSError):
    """A service ended or did not answer within START_SECONDS."""


@dataclass(frozen=True, slots=True)
class Running:
    """A running contender."""

    url: str
    processes: tuple[tuple[str, int], ...]  # role and pid

    def usage(self) -> dict[str, Usage]:
        """Usage by role: the sum over its processes, and the highest peak of one of them."""
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
    """Run the services of a contender. `api` creates the tables of the peers, so later services wait for it.

    Raises StartFailed.
    """
    place.images.mkdir(parents=True)
    port, processes = free_port(), []
    with ExitStack() as stack:
        for service in contender.services:
            for _ in range(service.count):
                command, environment = service.command(port), contender.environment(place)
                process = stack.enter_context(_process(command, environment, place.folder))
                processes.append((service.role, process.pid))
            if service.role == "api":
                _await_answer(f"http://127.0.0.1:{port}/docs", process, place.folder)
        yield Running(f"http://127.0.0.1:{port}{contender.path}", tuple(processes))


@contextmanager
def _process(command: list[str], environment: dict[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in its own process group, with its output in output.log. Its children are killed with it."""
    with (folder / "output.log").open("ab") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _await_answer(url: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with suppress(httpx.TransportError):
            httpx.get(url)
            return
        output = (folder / "output.log").read_text()[-_SHOWN_OUTPUT_CHARACTERS:]
        if process.poll() is not None:
            raise StartFailed(f"service api ended with status {process.returncode}\n{output}")
        if time.monotonic() > deadline:
            raise StartFailed(f"service api did not answer within {START_SECONDS} s\n{output}")
        time.sleep(0.1)
