"""Signals during the start of a container, whose process 1 is captiond."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from captiond.entry import TERMINATED_STATUS

UNSHARE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
START_SECONDS = 30


def catches_sigterm(pid: int) -> bool:
    [mask] = [line.split()[1] for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "SigCgt" in line]
    return bool(int(mask, 16) & 1 << (signal.SIGTERM - 1))


def test_sigterm_during_the_imports_stops_process_1(tmp_path: Path) -> None:
    if subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("not possible here: make a PID namespace")
    command = [*UNSHARE, sys.executable, "-m", "captiond", "archiver"]
    # Without the measurement of coverage, which handles SIGTERM itself.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    outer = subprocess.Popen(command, cwd=tmp_path, env={**inherited, "CAPTIOND_DATABASE_URL": "sqlite:///a.db"})
    deadline = time.monotonic() + START_SECONDS
    while not (children := Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()):
        assert time.monotonic() < deadline
    [pid] = map(int, children)
    while not catches_sigterm(pid):
        assert time.monotonic() < deadline

    os.kill(pid, signal.SIGTERM)

    assert outer.wait(START_SECONDS) == TERMINATED_STATUS  # a service that has started exits with 0
