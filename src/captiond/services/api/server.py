"""Runs the app with uvicorn on an open socket."""

import socket
from threading import Event
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

# Requests in progress get this long to finish during shutdown.
GRACE_SECONDS = 20


class _Server(uvicorn.Server):
    """Shuts down when `stopping` is set, and sets it on SIGINT and SIGTERM so that the event streams end.

    uvicorn alone waits for the event streams until its shutdown timeout.
    """

    def __init__(self, config: uvicorn.Config, stopping: Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._stopping.set()
        super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Shut down also after a signal that arrived before uvicorn installed its signal handlers."""
        return await super().on_tick(counter) or self._stopping.is_set()


def open_socket(host: str, port: int) -> socket.socket:
    """Bind and listen on TCP. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


def serve(app: ASGIApp, listener: socket.socket, stopping: Event, *, access_log: bool) -> None:
    """Serve until SIGINT, SIGTERM or `stopping`, then finish the requests in progress."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=access_log,
        server_header=False,
        proxy_headers=False,  # the app reads them, with the path prefix
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    _Server(config, stopping).run(sockets=[listener])
