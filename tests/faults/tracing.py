"""Traces system calls of running processes with strace."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def traced(pid: int, log: Path, *options: str | Path) -> Iterator[None]:
    """Attach strace to a process; detach at the end."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    command: Sequence[str | Path] = [strace, "-y", "-o", log, *options, "-p", str(pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr
        assert "attached" in tracer.stderr.readline()
        try:
            yield
        finally:
            tracer.terminate()
