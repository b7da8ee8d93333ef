"""Reads and writes files of the commands, where `-` is stdin or stdout."""

import sys
from hashlib import sha256
from pathlib import Path

from captiond.cli.errors import UsageError

STANDARD = "-"


def read_binary(source: str) -> bytes:
    """Read a file, or stdin. Raises UsageError."""
    try:
        return sys.stdin.buffer.read() if source == STANDARD else Path(source).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {source}: {error.strerror}") from error


def check_output(output: Path | None, *, as_json: bool) -> None:
    """Raise UsageError if the file cannot go to stdout, which is a terminal or receives the JSON."""
    if str(output) != STANDARD:
        return
    if as_json:
        raise UsageError("--json: stdout cannot have both the JSON and the file; replace -o - by -o FILE")
    if sys.stdout.isatty():
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


def describe_file(file: Path, content: bytes) -> dict[str, object]:
    """Return the JSON object of a file that a command has written."""
    return {"file": str(file), "bytes": len(content), "sha256": sha256(content).hexdigest()}
