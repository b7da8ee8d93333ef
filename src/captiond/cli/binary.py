"""Reads and writes files of the commands, where `-` is stdin or stdout."""

import sys
from pathlib import Path

from captiond.cli.errors import UsageError

STANDARD = "-"


def read_binary(source: str) -> bytes:
    """Read a file, or stdin. Raises UsageError."""
    try:
        return sys.stdin.buffer.read() if source == STANDARD else Path(source).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {source}: {error.strerror}") from error


def reject_terminal(target: Path) -> None:
    """Raise UsageError if stdout, which would get the bytes of a file, is a terminal."""
    if str(target) == STANDARD and sys.stdout.isatty():
        raise UsageError("-o -: stdout is a terminal; redirect it to a file or a pipe")


def write_binary(target: Path, content: bytes) -> None:
    """Write a file, or to stdout. Raises UsageError."""
    try:
        if str(target) == STANDARD:
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
        else:
            target.write_bytes(content)
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror}") from error
