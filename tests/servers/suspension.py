"""Hung servers: they accept connections and send no replies."""

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
