"""Runs each `captiond` command in a process forked from one that has imported captiond.

Starting Python for every command would take most of the tests' time. As a program this module reads a job per line
from stdin and writes its exit status to stdout.
"""

import gc
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn, TypedDict

from captiond.cli.commands import import_all
from tests.forked import run_and_exit


class Job(TypedDict):
    """A line of stdin."""

    args: list[str]
    folder: str
    env: dict[str, str]
    streams: list[str]


class CommandServer:
    """Starts the server process at the first command. Runs one command at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: subprocess.Popen[str] | None = None

    def run(
        self, args: Sequence[str], folder: Path, environment: Mapping[str, str], answer: str
    ) -> tuple[int, str, str]:
        """Run `captiond args…`. Returns exit status, stdout and stderr. `answer` is stdin."""
        with tempfile.TemporaryDirectory() as name, self._lock:
            streams = [Path(name) / stream for stream in ("stdin", "stdout", "stderr")]
            streams[0].write_text(answer)
            server = self._start()
            job = Job(args=[*args], folder=str(folder), env={**environment}, streams=[str(path) for path in streams])
            assert server.stdin
            assert server.stdout
            server.stdin.write(f"{json.dumps(job)}\n")
            server.stdin.flush()
            return int(server.stdout.readline()), streams[1].read_text(), streams[2].read_text()

    def close(self) -> None:
        if self._server is not None:
            self._server.communicate()
            self._server = None

    def _start(self) -> subprocess.Popen[str]:
        if self._server is None:
            command = [sys.executable, "-m", "tests.e2e.command_server"]
            self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self._server


def serve() -> None:
    import_all()
    # Else each process collects all imported objects at its exit, which takes ten times as long as most commands.
    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run_command(json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def run_command(job: Job) -> NoReturn:
    """Run the command in this process and exit."""
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["env"])
    for descriptor, path in enumerate(job["streams"]):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), descriptor)
    sys.stdin = os.fdopen(0, closefd=False)
    run_and_exit(job["args"])


if __name__ == "__main__":
    serve()
