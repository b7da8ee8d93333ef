"""System calls of running processes, as strace tells them."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.faults.lacking import lacking


@contextmanager
def traced(pid: int, log: Path, *options: str | Path) -> Iterator[None]:
    """Attach to a process, and let it go at the end."""
    strace = shutil.which("strace")
    if strace is None:
        lacking("there is no strace to see system calls with")
    command: Sequence[str | Path] = [strace, "-y", "-o", log, *options, "-p", str(pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr
        assert "attached" in tracer.stderr.readline()
        try:
            yield
        finally:
            tracer.terminate()
