"""One request and its response."""

import asyncio
import sys

from uvicorn._types import ASGISendEvent, HTTPResponseStartEvent
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from captiond.services.api.http.problem_types import INTERNAL, UNAVAILABLE
from captiond.services.api.http.problems import Problem

# A larger body is written in pieces of this size, as fast as the client reads.
PIECE_BYTES = 64 << 10


class Cycle(RequestResponseCycle):
    """Marks responses that were sent before the end of the request, and sends problem documents for its own errors."""

    answered_early = False
    # Bytes of the response that are not yet in the buffer of the connection.
    waiting_bytes = 0

    def disconnect(self) -> None:
        """Discard the rest of the response, and end the wait of the app for the request."""
        if not self.response_complete:
            self.disconnected = True
        self.message_event.set()

    async def send(self, message: ASGISendEvent) -> None:
        if message["type"] == "http.response.start" and self.more_body:
            await self._start_early(message)
        elif message["type"] == "http.response.body" and len(message.get("body", b"")) > PIECE_BYTES:
            await self._send_pieces(message["body"], more_body=message.get("more_body", False))
        else:
            await super().send(message)

    async def _start_early(self, message: HTTPResponseStartEvent) -> None:
        self.keep_alive = False  # adds `Connection: close`
        await super().send(message)
        # uvicorn would close the connection at the end of the response. The protocol lingers instead.
        self.keep_alive = True
        self.answered_early = True

    async def _send_pieces(self, body: bytes, *, more_body: bool) -> None:
        for start in range(0, len(body), PIECE_BYTES):
            piece = body[start : start + PIECE_BYTES]
            self.waiting_bytes = len(body) - start - len(piece)
            more = more_body or self.waiting_bytes > 0
            await super().send({"type": "http.response.body", "body": piece, "more_body": more})

    async def send_500_response(self) -> None:
        """Answer for an app that ended without a response. Shutdown cancels the requests that exceed its time."""
        if isinstance(sys.exception(), asyncio.CancelledError):
            problem = Problem(UNAVAILABLE, "The server is stopping; repeat the request unchanged.")
        else:
            problem = Problem(INTERNAL, INTERNAL.example)
        await problem.response()(self.scope, self.receive, self.send)  # type: ignore[arg-type] # uvicorn has types of its own
