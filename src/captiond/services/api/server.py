"""Runs the app with uvicorn on a socket that was opened before."""

import socket
from threading import Event
from types import FrameType

import uvicorn
from fastapi import FastAPI

# Requests under way get this long when the service stops.
GRACE_SECONDS = 20


class _Server(uvicorn.Server):
    """Stops with `stopping`, and tells the endless responses that it does; uvicorn would wait for them."""

    def __init__(self, config: uvicorn.Config, stopping: Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._stopping.set()
        super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """End also where the signal came before uvicorn listened to signals."""
        return await super().on_tick(counter) or self._stopping.is_set()


def open_socket(host: str, port: int) -> socket.socket:
    """Listen. Raises OSError when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


def serve(app: FastAPI, listener: socket.socket, stopping: Event, *, access_log: bool) -> None:
    """Serve until SIGINT or SIGTERM; requests under way are finished."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=access_log,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    _Server(config, stopping).run(sockets=[listener])
