"""The configuration of uvicorn."""

import asyncio

import uvicorn
from starlette.types import ASGIApp

from captiond.operations.rejection_log import RejectionLog
from captiond.services.api.connections.limits import ConnectionLimits


class ServerConfig(uvicorn.Config):
    """The configuration of uvicorn, with the limits and the rejection log that all connections share."""

    def __init__(  # noqa: PLR0913 - what a server consists of
        self,
        app: ASGIApp,
        protocol: type[asyncio.Protocol],
        limits: ConnectionLimits,
        rejections: RejectionLog,
        *,
        access_log: bool,
        grace_seconds: int,
    ) -> None:
        super().__init__(
            app,
            http=protocol,
            ws="none",
            log_config=None,
            access_log=access_log,
            server_header=False,
            proxy_headers=False,  # the app reads them, with the path prefix
            timeout_graceful_shutdown=grace_seconds,
        )
        self.limits = limits
        self.rejections = rejections
