"""Sends an export while it is made."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Send

from captiond.archive import ArchiveUnavailable
from captiond.operations.export import ZipExport
from captiond.services.api.context import ApiContext
from captiond.services.api.dependency import Unavailable
from captiond.services.api.http.deadline import deadline
from captiond.services.api.http.problems import Problem
from captiond.services.api.http.reserved_response import ReservedResponse
from captiond.services.api.security.access_control import is_still_valid

# How long an export waits for the archive. Proxies commonly close a connection after 60 s without a byte.
OUTAGE_SECONDS = 50.0
RETRY_SECONDS = 1.0

logger = logging.getLogger(__name__)


class ExportInterrupted(Exception):
    """The export cannot be completed."""


class ExportStream(ReservedResponse, StreamingResponse):
    """The response to one client."""

    media_type = "application/zip"

    async def stream_response(self, send: Send) -> None:
        """Send the export. If it is interrupted, the response ends without its last chunk.

        Clients therefore report an error.
        """
        try:
            await super().stream_response(send)
        except ExportInterrupted as error:
            logger.warning("export interrupted: %s", error)


async def stream(request: Request, export: ZipExport) -> AsyncIterator[bytes]:
    """Yield the bytes of an export. Raises ExportInterrupted.

    No thread and no connection to the database is in use while the client reads.
    """
    try:
        while (pieces := await _read(request, export)) is not None:
            for piece in pieces:
                yield piece
    finally:
        export.close()


async def _read(request: Request, export: ZipExport) -> Sequence[bytes] | None:
    """Return the next pieces; wait while the archive is unavailable. Raises ExportInterrupted."""
    context: ApiContext = request.app.state.context
    loop = asyncio.get_running_loop()
    failed_at: float | None = None
    while True:
        if context.stopping.is_set():
            raise ExportInterrupted("the server is stopping")
        if not is_still_valid(request):
            raise ExportInterrupted("the API key was revoked")
        try:
            async with deadline(context.request_seconds):
                # A call continues without its caller. Repeated meanwhile, it would skip the bytes of the first one.
                return await context.archive_access.run_once(export.read)
        except (ArchiveUnavailable, Unavailable) as error:
            if failed_at is None:
                failed_at = loop.time()
                logger.warning("export waits: %s", error)
            elif loop.time() - failed_at > OUTAGE_SECONDS:
                raise ExportInterrupted(str(error)) from error
        except (Problem, OSError) as error:  # a call that hangs must not take another thread
            raise ExportInterrupted(str(error)) from error
        await asyncio.sleep(RETRY_SECONDS)
