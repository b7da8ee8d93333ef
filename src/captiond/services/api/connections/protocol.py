"""uvicorn's HTTP protocol with limits on size and time, and with problem documents for malformed requests.

`enforce_timeouts` runs on every connection once per second: a timer for each would cost more.
"""

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Any, cast

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from captiond.operations.rejection_log import Rejection
from captiond.services.api.connections.config import ServerConfig
from captiond.services.api.connections.cycle import Cycle
from captiond.services.api.connections.head import check_head, set_target
from captiond.services.api.connections.progress import Phase, Progress
from captiond.services.api.connections.refusal import Refusal, explain
from captiond.services.api.connections.timeouts import DiscardedRequest, UnreadResponse
from captiond.services.api.http.problem_types import OVERLOADED
from captiond.services.api.http.rejections import REFUSED, SLOW_READER

# Connections over the limit that get a 503. Further ones are closed without a response.
REFUSED_AT_ONCE = 64
# The source in the rejection log.
SOURCE = "connection"
# A client that has sent this many requests ahead of their responses gets a 503 for the next.
MAX_PIPELINED = 64
# On, 0 s: see SO_LINGER in socket(7).
RESET = struct.pack("ii", 1, 0)


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    cycle: Cycle | None  # type: ignore[assignment] # None before the first request

    def __init__(
        self,
        config: ServerConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = config.limits
        self._rejections = config.rejections
        self._progress = Progress(config.limits, self.loop.time())
        # The cycle whose response is due. With pipelining, `self.cycle` is a later one.
        self._active: Cycle | None = None
        self._unread = UnreadResponse(config.limits)
        # Once set, the rest of what the client sends is not parsed.
        self._discarding = False
        self._discarded = DiscardedRequest(config.limits)
        self._refusal: Refusal | None = None
        self._aborted = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn
        super().connection_made(transport)
        limit = self._limits.max_connections
        if len(self.connections) > limit + REFUSED_AT_ONCE:
            self._log_rejection(OVERLOADED.name, "closed without a response: too many connections")
            self._abort()
        elif len(self.connections) > limit:
            detail = f"The limit of {limit} connections is reached; retry after the time in Retry-After."
            self._refuse(Refusal(OVERLOADED, detail))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._active is not None:
            self._active.disconnect()  # uvicorn disconnects `self.cycle` only
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override] # uvicorn returns None, asyncio a bool
        """Return whether the connection stays open, for the response to a client that has closed only its side.

        A disconnected client looks the same until the response is written.
        """
        cycle = self.cycle
        if cycle is None or cycle.more_body or cycle.response_started:
            return False
        cycle.keep_alive = False
        return True

    ##### Reading

    def data_received(self, data: bytes) -> None:
        if self._discarding:
            self._discarded.add(len(data), self.loop.time())
            if self._discarded.is_too_long:
                self._abort()
            return
        self._unset_keepalive_if_required()
        self._progress.receive(len(data), self.loop.time())
        try:
            self._parse(data)
            self._progress.check_overhead()
        except httptools.HttpParserError as error:
            self._refuse(explain(error))
        except Refusal as refusal:
            self._refuse(refusal)

    def _parse(self, data: bytes) -> None:
        """Feed the parser. An upgrade to another protocol is ignored (RFC 9110 section 7.8)."""
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]
            else:
                return

    ##### Callbacks of the parser, which passes their exceptions on as HttpParserCallbackError

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._progress.phase is Phase.IDLE:
            self._progress.begin_head(self.loop.time())

    def on_headers_complete(self) -> None:
        """Check the head and start the request, as uvicorn does. Raises Refusal."""
        version, method = self.parser.get_http_version(), self.parser.get_method()
        self._progress.end_head(check_head(self.headers, self.url, method, version), self.loop.time())
        if len(self.pipeline) >= MAX_PIPELINED:
            raise Refusal(OVERLOADED, f"Over {MAX_PIPELINED} requests were sent ahead of their responses.")
        self.scope["method"] = method.decode("ascii")
        self.scope["http_version"] = version
        set_target(self.scope, self.url, self.root_path)
        self.headers = []  # of trailers, which are ignored
        earlier = self.cycle
        self.cycle = Cycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        app = cast("ASGI3Application", self.app)
        if earlier is None or earlier.response_complete:
            self._start_asgi_task(self.cycle, app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, app))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._active = cast("Cycle", cycle)
        super()._start_asgi_task(cycle, app)

    def on_body(self, body: bytes) -> None:
        self._progress.add_body(len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._progress.phase = Phase.IDLE
        super().on_message_complete()

    ##### Refusing and closing

    def _refuse(self, refusal: Refusal) -> None:
        """Answer and close the connection, after the responses to earlier requests."""
        self._log_rejection(refusal.type.name, refusal.detail)
        self._discarding = True
        self._refusal = refusal
        if not self._is_answering():
            self._send_refusal()

    def _is_answering(self) -> bool:
        """Return whether a response is due before the refusal. Cancels the refused request, if it has started."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return False
        if cycle.scope is not self.scope or not cycle.more_body:
            return True  # an earlier request
        if self.pipeline:
            self.pipeline.popleft()
            return True
        if cycle.response_started:
            self._refusal = None
            return True
        cast("dict[str, object]", cycle.scope)[REFUSED] = True
        cycle.disconnect()
        return False

    def _send_refusal(self) -> None:
        if self._refusal and not self.transport.is_closing():
            self.transport.write(self._refusal.encode(self.server_state.default_headers))
        self._linger()

    def _linger(self) -> None:
        """End the connection, and discard the rest of the request for a limited time.

        If a socket with unread bytes is closed, the kernel resets the connection, and the client may lose the response.
        """
        self._unset_keepalive_if_required()
        self._discarding = True
        self._discarded.linger(self.loop.time())
        if not self.transport.is_closing():
            self.flow.resume_reading()
            self.transport.write_eof()

    def on_response_complete(self) -> None:
        if self._active is not None and self._active.answered_early:
            self.server_state.total_requests += 1
            self._linger()
            return
        was_last = not self.pipeline
        super().on_response_complete()
        if self._refusal and was_last:
            self._send_refusal()

    def shutdown(self) -> None:
        if self._discarded.is_lingering:
            self.transport.close()
        else:
            super().shutdown()

    ##### Timeouts

    def pause_writing(self) -> None:
        self._unread.pause(self.loop.time())
        super().pause_writing()

    def resume_writing(self) -> None:
        self._unread.resume()
        super().resume_writing()

    def restart_clock(self, now: float) -> None:
        """Measure the request from now on: until now, the server did not read."""
        self._progress.restart(now)

    def enforce_timeouts(self, now: float) -> None:
        """End the connection if the client is too slow."""
        has_ended = self.transport.is_closing() or self._discarded.is_lingering
        if has_ended and self.unsent_bytes:
            self._unread.flush(now)
        if self._unread.is_stalled(now):
            self.end_slow_client()
        elif self._discarded.has_timed_out(now):
            self._abort()
        elif not self._discarding:
            self._check_time(now)

    @property
    def unsent_bytes(self) -> int:
        """Bytes of the response that wait until the client reads."""
        return self.transport.get_write_buffer_size() + (self._active.waiting_bytes if self._active else 0)

    def end_slow_client(self) -> None:
        """Reset the connection of a client that does not read its response."""
        if self._aborted:
            return
        self._log_rejection(SLOW_READER, "the client did not read the response")
        # Without this option, the kernel would keep its buffer and try to send it.
        opened: socket.socket = self.transport.get_extra_info("socket")
        with suppress(OSError):
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._abort()

    def _log_rejection(self, reason: str, detail: str) -> None:
        self._rejections.add(Rejection(self.client[0] if self.client else "unknown", SOURCE, reason, detail))

    def _abort(self) -> None:
        self._aborted = True
        if self._active is not None:
            self._active.disconnect()  # writing to a closed transport would be an error
        self.transport.abort()

    def _check_time(self, now: float) -> None:
        progress = self._progress
        responding = self.cycle is not None and not self.cycle.response_complete
        if self.flow.read_paused or (responding and progress.phase is Phase.HEAD):
            self.restart_clock(now)
            return
        try:
            progress.check_time(now)
        except Refusal as refusal:
            if progress.has_begun:
                self._refuse(refusal)
            else:
                self.transport.close()  # browsers open connections in advance
