"""Runs the app with uvicorn on an open socket."""

import asyncio
import dataclasses
import socket
from collections.abc import Collection
from threading import Event
from types import FrameType
from typing import cast

import uvicorn
from starlette.types import ASGIApp

from captiond.malloc import trim_heap
from captiond.operations.rejection_log import RejectionLog
from captiond.services.api.connections import (
    BoundedProtocol,
    ConnectionLimits,
    ServerConfig,
    Supervisor,
    raise_descriptor_limit,
)

# Requests in progress get this long to finish during shutdown.
GRACE_SECONDS = 20
TICKS_PER_SECOND = 10  # of uvicorn
TRIM_SECONDS = 10


class _Server(uvicorn.Server):
    """Shuts down when `stopping` is set, and sets it on SIGINT and SIGTERM so that the event streams end.

    uvicorn alone waits for the event streams until its shutdown timeout.
    """

    def __init__(self, config: ServerConfig, stopping: Event) -> None:
        super().__init__(config)
        self._supervisor = Supervisor(config.limits, config.rejections)
        self._stopping = stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._stopping.set()
        super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Enforce the limits of connections once per second, and return free memory.

        Shut down also after a signal that arrived before uvicorn installed its signal handlers.
        """
        if counter % TICKS_PER_SECOND == 0:
            connections = cast("Collection[BoundedProtocol]", list(self.server_state.connections))
            self._supervisor.check(connections, asyncio.get_running_loop().time())
        if counter % (TICKS_PER_SECOND * TRIM_SECONDS) == 0:
            trim_heap()
        return await super().on_tick(counter) or self._stopping.is_set()


def serve(  # noqa: PLR0913 - what a server consists of
    app: ASGIApp,
    listener: socket.socket,
    stopping: Event,
    limits: ConnectionLimits,
    rejections: RejectionLog,
    *,
    access_log: bool,
) -> None:
    """Serve until SIGINT, SIGTERM or `stopping`, then finish the requests in progress."""
    limits = dataclasses.replace(limits, max_connections=raise_descriptor_limit(limits.max_connections))
    config = ServerConfig(app, BoundedProtocol, limits, rejections, access_log=access_log, grace_seconds=GRACE_SECONDS)
    _Server(config, stopping).run(sockets=[listener])
