"""Serves FTP on a listening socket until the service stops."""

import asyncio
import logging
import socket
from collections.abc import Coroutine
from contextlib import suppress
from threading import Event

from pyftpdlib.servers import FTPServer

from captiond.backoff import Outage
from captiond.logs import log_unhandled_of_loop
from captiond.operations.rejection_log import RejectionLog
from captiond.services.ftp.authorizer import Authorizer
from captiond.services.ftp.incoming import UploadMemory
from captiond.services.ftp.loop import TICK_SECONDS, AsyncioLoop
from captiond.services.ftp.options import Health, ServerOptions
from captiond.services.ftp.receiver import Receiver
from captiond.services.ftp.refusal import CODES
from captiond.services.ftp.rejection_counters import RejectionCounters
from captiond.services.ftp.session import Session
from captiond.services.ftp.tls import TlsSession

# Uploads in progress get this long to finish during shutdown.
GRACE_SECONDS = 15.0
CHECK_SECONDS = 1.0

logger = logging.getLogger(__name__)


class Server(FTPServer):  # type: ignore[misc] # pyftpdlib has no types
    """Accepts sessions up to a limit."""

    def __init__(self, listener: socket.socket, session: type[Session], max_sessions: int) -> None:
        self.sessions: set[Session] = set()
        self._queueing: set[asyncio.Task[None]] = set()  # the event loop itself keeps only weak references
        self.max_cons = max_sessions
        super().__init__(listener, session, ioloop=AsyncioLoop())

    def run(self, coroutine: Coroutine[None, None, None]) -> None:
        """Run a coroutine in the background."""
        task = asyncio.create_task(coroutine)
        self._queueing.add(task)
        task.add_done_callback(self._queueing.discard)

    def _accept_new_cons(self) -> bool:
        """Count sessions. pyftpdlib counts sockets, of which a session has up to three."""
        return len(self.ip_map) <= self.max_cons

    async def drain(self) -> None:
        """Accept no more sessions, and wait until the uploads in progress have ended."""
        self.close()
        deadline = asyncio.get_running_loop().time() + GRACE_SECONDS
        while self.sessions and asyncio.get_running_loop().time() < deadline:
            for session in list(self.sessions):
                if not session.is_busy:
                    session.dismiss()
            await asyncio.sleep(TICK_SECONDS)
        for session in list(self.sessions):
            session.close()
        self.close_all()


def make_session_class(options: ServerOptions, receiver: Receiver, rejections: RejectionLog) -> type[Session]:
    """Return the class of the sessions, whose attributes are pyftpdlib's options."""
    attributes = {
        "authorizer": Authorizer(options.check_login),
        "receiver": receiver,
        "limits": options.limits,
        "memory": UploadMemory(options.max_memory_bytes),
        "rejections": rejections,
        # An attribute that is a function would become a method.
        "is_valid": staticmethod(options.is_valid),
        "audit": options.audit,
        "upload_rate": options.upload_rate,
        "passive_ports": options.passive_ports,
        "masquerade_address": options.masquerade_address,
    }
    if options.tls is None:
        return type("ServedSession", (Session,), attributes)
    attributes |= {
        "certfile": str(options.tls.certificate),
        "keyfile": str(options.tls.key),
        "tls_control_required": options.tls.is_required,
        "tls_data_required": options.tls.is_required,
    }
    return type("ServedSession", (TlsSession,), attributes)


async def serve(
    listener: socket.socket,
    options: ServerOptions,
    receiver: Receiver,
    health: Health,
    stop: Event,
) -> None:
    """Serve until `stop`, then finish the uploads in progress."""
    log_unhandled_of_loop(asyncio.get_running_loop())
    # Each session may need a port at the same time.
    max_sessions = min(options.max_sessions, len(options.passive_ports or range(options.max_sessions)))
    rejections = RejectionLog([str(code) for code in CODES])
    counters = RejectionCounters(rejections, health.count)
    server = Server(listener, make_session_class(options, receiver, rejections), max_sessions)
    timers = asyncio.create_task(server.ioloop.run_timers())
    watch = asyncio.create_task(_watch(receiver, health, counters))
    try:
        while not stop.is_set() and not watch.done():  # it ends with an unexpected error, which is raised below
            rejections.write()
            await asyncio.sleep(TICK_SECONDS)
        watch.cancel()
        receiver.problem = "The server is shutting down"
        await server.drain()
    finally:
        for task in (watch, timers):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await asyncio.to_thread(counters.update)
        await receiver.uploads.close()


async def _watch(receiver: Receiver, health: Health, counters: RejectionCounters) -> None:
    """Check Redis regularly, so that uploads are refused before their transfer during an outage."""
    outage = Outage(logger)
    while True:
        try:
            await asyncio.to_thread(health.check)
        except Exception as error:  # noqa: BLE001 - after any error, nothing can be queued
            outage.record_failure(str(error))
            receiver.problem = "Redis is unavailable"
            health.report(str(error))
        else:
            outage.record_success()
            receiver.problem = None
            health.report(None)
            await asyncio.to_thread(counters.update)
        await asyncio.sleep(CHECK_SECONDS)
