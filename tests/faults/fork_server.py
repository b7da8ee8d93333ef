"""Starts services as forks of a process that has imported captiond, which saves a second of CPU time per start.

Each service has its own command line, environment and exit status. As a program, this module reads one job per line
from stdin and writes one answer per line to stdout.
"""

import gc
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn, TypedDict, cast

from captiond.cli.commands import import_all
from tests.faults.launch import prepare
from tests.forked import run_and_exit


class Job(TypedDict):
    """A service to start."""

    args: list[str]
    folder: str
    env: dict[str, str]
    output: str


class ForkServer:
    """Client of the fork server. Closing it kills the remaining children."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server = subprocess.Popen(
            [sys.executable, "-m", __name__],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, args: Sequence[str], folder: Path, environment: Mapping[str, str], output: Path) -> int:
        """Start a command and return its process id."""
        job = Job(args=[*args], folder=str(folder), env={**environment}, output=str(output))
        return cast("int", self._ask(job))

    def status(self, pid: int) -> int | None:
        """Return the exit status, or None while the process runs. Until then the id is not reused."""
        return self._ask(pid)

    def close(self) -> None:
        self._server.communicate(timeout=60)

    def _ask(self, question: Job | int) -> int | None:
        with self._lock:
            assert self._server.stdin
            assert self._server.stdout
            self._server.stdin.write(f"{json.dumps(question)}\n")
            self._server.stdin.flush()
            return cast("int | None", json.loads(self._server.stdout.readline()))


def serve() -> None:
    """Answer jobs until stdin is closed."""
    import_all()
    running: set[int] = set()
    gc.freeze()  # a garbage collection would copy the pages shared with the children
    for line in sys.stdin:
        question = json.loads(line)
        if isinstance(question, int):
            answer = _poll(question, running)
        elif answer := os.fork():
            running.add(answer)
        else:
            _exec(question)
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()
    for pid in running:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _poll(pid: int, running: set[int]) -> int | None:
    found, status = os.waitpid(pid, os.WNOHANG)
    if not found:
        return None
    running.remove(pid)
    return os.waitstatus_to_exitcode(status)


def _exec(job: Job) -> NoReturn:
    """Run the command in this process, then exit."""
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["env"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    output = os.open(job["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    prepare(os.environ)
    run_and_exit(job["args"])


if __name__ == "__main__":
    serve()
elif __name__ == "__mp_main__":
    prepare(os.environ)
