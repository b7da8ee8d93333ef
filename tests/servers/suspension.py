"""Servers that hang: they accept connections and answer nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Server(Protocol):
    """A server that a test may suspend."""

    def suspend(self) -> None: ...

    def resume(self) -> None: ...


@contextmanager
def hung(server: Server) -> Iterator[None]:
    """Suspend the server during the context."""
    server.suspend()
    try:
        yield
    finally:
        server.resume()
