"""Downloads into memory, a file or a stream."""

import io
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, TypeAlias, cast

import httpx

from captiond.client.errors import Unavailable, UnexpectedResponse
from captiond.client.exchange import Operation, Read, Retries, fetch
from captiond.client.requests import Request

Destination: TypeAlias = Path | BinaryIO
# For an image in memory. JPEG files of cameras have a few MiB.
MAX_IMAGE_BYTES = 256 << 20
_STDOUT = 1


def download(request: Request, retries: Retries) -> Operation[bytes]:
    """Return the body of a response. Raises UnexpectedResponse, Unavailable, ProblemError."""
    content = io.BytesIO()
    yield from _write(request, retries, content, MAX_IMAGE_BYTES)
    return content.getvalue()


def save(request: Request, retries: Retries, destination: Destination) -> Operation[None]:
    """Write the body of a response to a file or a stream. Raises OSError, Unavailable, ProblemError.

    A file appears under its name when it is complete. A link or a device is written directly. After a broken
    connection, a pipe, a device and a file opened for appending are not written again.
    """
    if not isinstance(destination, Path):
        yield from _write(request, retries, destination, None)
        return
    with _replacing(destination) if _is_replaceable(destination) else destination.open("wb") as file:
        yield from _write(request, retries, file, None)


def _write(request: Request, retries: Retries, sink: BinaryIO, max_bytes: int | None) -> Operation[None]:
    start = sink.tell() if _can_rewind(sink) else None
    written = 0

    def receive(response: httpx.Response) -> Operation[None]:
        nonlocal written
        del response
        if written and start is None:
            raise Unavailable("the connection broke, and the output cannot be written again")
        if written and start is not None:
            sink.seek(start)
            sink.truncate()
        written = 0
        while chunk := cast("bytes", (yield Read())):
            sink.write(chunk)
            written += len(chunk)
            if max_bytes is not None and written > max_bytes:
                raise UnexpectedResponse(f"the response has more than {max_bytes} bytes; save it to a file")

    yield from fetch(request, retries, receive)


def _can_rewind(sink: BinaryIO) -> bool:
    """Return whether what is written can be removed again, and nothing else."""
    if not sink.seekable():
        return False
    try:
        descriptor = sink.fileno()
    except (AttributeError, OSError):
        return True  # in memory
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return False  # a device may be seekable, and cannot be truncated
    if sys.platform == "win32":
        return descriptor != _STDOUT  # whether the shell opened it for appending is unknown
    import fcntl  # noqa: PLC0415 - not on Windows

    # The position in a file opened for appending is 0, although it has content.
    return not fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND


def _is_replaceable(target: Path) -> bool:
    """Return whether a file may be renamed to the target: it is a regular file, or does not exist."""
    try:
        return stat.S_ISREG(target.lstat().st_mode)
    except FileNotFoundError:
        return True


@contextmanager
def _replacing(target: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside the target, which replaces it at the end. After an error it is deleted."""
    with NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
        try:
            yield cast("BinaryIO", file)
            file.close()
            Path(file.name).chmod(0o666 & ~_umask())
            Path(file.name).replace(target)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
