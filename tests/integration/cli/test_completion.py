"""The completion of commands and options in interactive shells, after the one command that installs it."""

import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

LIMIT_SECONDS = 60
STYLES = re.compile(r"\x1b(\[[0-9;?]*[a-zA-Z]|[=>])")


class Shell:
    """An interactive shell on a terminal."""

    def __init__(self, program: str, home: Path) -> None:
        self._terminal, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        bin_dir = home / "bin"
        if not bin_dir.exists():
            bin_dir.mkdir()
            command = bin_dir / "captiond"
            command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m captiond "$@"\n')
            command.chmod(0o755)
        environment = {"HOME": str(home), "PATH": f"{bin_dir}:{os.environ['PATH']}", "TERM": "xterm", "LANG": "C.UTF-8"}
        self._process = subprocess.Popen(
            [program, "-i"],
            cwd=home,
            env=environment,
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
        )
        os.close(inner)
        self._output = ""

    def type(self, keys: str, until: str) -> None:
        """Type, and wait for the text `until`."""
        self._output = ""
        os.write(self._terminal, keys.encode())
        deadline = time.monotonic() + LIMIT_SECONDS
        while until not in STYLES.sub("", self._output):
            assert time.monotonic() < deadline, f"{until!r} is missing in {self._output!r}"
            if select.select([self._terminal], [], [], 0.1)[0]:
                self._output += os.read(self._terminal, 1 << 16).decode(errors="replace")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)


def open_shell(program: str, home: Path) -> Shell:
    shell = Shell(program, home)
    shell.type('PS1="read""y> "\n', "ready> ")
    return shell


@pytest.mark.parametrize("program", ["bash", "zsh"])
def test_installed_completion_completes_at_the_first_tab(tmp_path: Path, program: str) -> None:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    (tmp_path / f".{program}rc").touch()  # else zsh starts a dialog
    shell = open_shell(path, tmp_path)
    shell.type("captiond --install-completion\n", "restart the terminal")
    shell.close()

    shell = open_shell(path, tmp_path)
    try:
        shell.type("captiond que\t", "queues ")
        shell.type("--wa\t", "--watch ")
        shell.type("\x15captiond doctor --role capt\t", "captioner ")
    finally:
        shell.close()
