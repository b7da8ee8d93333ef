"""The upload endpoint with HTTP parser and limits of connections, on uvloop. Each request arrives in one piece."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from threading import Event

import uvloop
from benchmarks.guard.hot_paths import Place
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from captiond.access import KeyDirectory, Scope, make_key
from captiond.archive import Archive
from captiond.logs import configure_logging
from captiond.operations.dead_letter_files import DeadLetterFiles
from captiond.operations.dead_letters import DeadLetterQueues
from captiond.pipeline import UPLOADS
from captiond.services.api import (
    AccessControl,
    ApiContext,
    ForwardedHeaders,
    Operations,
    create_app,
    watch_archive,
    watch_redis,
)
from captiond.services.api.connections import BoundedProtocol, ConnectionLimits, ServerConfig
from captiond.services.api.http.rejections import make_rejection_log
from captiond.workqueue import Broker, Budget
from captiond.workqueue.admin import ServerRequirements

AT_ONCE = 16
_MAX_UPLOAD_BYTES = 20 << 20
_HEAD = b"POST /api/images HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b\r\n"


@contextmanager
def open_upload_route(place: Place, *, with_key: bool = False) -> Iterator[Callable[[int], None]]:
    """Build the application as `captiond api` does."""
    configure_logging("api", place.folder / "log", "INFO")
    content_type = (place.folder / "content-type").read_bytes()
    bodies = iter(sorted((place.folder / "bodies").iterdir()))
    with ExitStack() as opened:
        key, token = make_key("guard", frozenset({Scope.UPLOAD}))
        keys = opened.enter_context(KeyDirectory(lambda: [key], lambda _: None))
        app = _make_app(place, opened, AccessControl(keys) if with_key else None)
        header = f"Authorization: Bearer {token}\r\n".encode() if with_key else b""
        runner = opened.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))

        def upload(count: int) -> None:
            files = [next(bodies) for _ in range(count)]
            runner.run(_send_all(app, [file.read_bytes() for file in files], content_type, header))

        yield upload


def open_upload_route_with_key(place: Place) -> AbstractContextManager[Callable[[int], None]]:
    """As `open_upload_route`, with CAPTIOND_AUTH=keys."""
    return open_upload_route(place, with_key=True)


def _make_app(place: Place, opened: ExitStack, access: AccessControl | None) -> ASGIApp:
    broker = opened.enter_context(Broker(place.redis_url))
    images_dir: Path = place.folder / "images"
    archive = opened.enter_context(Archive.open(f"sqlite:///{place.folder}/captiond.db", images_dir))
    files = DeadLetterFiles(place.folder / "dead-letters")
    context = ApiContext(
        uploads=broker.producer(UPLOADS, Budget(), ServerRequirements()),
        requirements=ServerRequirements(),
        jobs=broker.jobs,
        events=broker.events(),
        monitor=broker.monitor,
        archive=archive,
        redis=watch_redis(broker.monitor),
        archive_access=watch_archive(archive),
        max_upload_bytes=_MAX_UPLOAD_BYTES,
        request_seconds=3600,  # valgrind slows Python down fifty-fold
        stopping=Event(),
        operations=Operations("none", DeadLetterQueues(broker.dead_letters, files), broker.history),
    )
    return ForwardedHeaders(create_app(context, access=access), "127.0.0.1", "")


async def _send_all(app: ASGIApp, bodies: list[bytes], content_type: bytes, header: bytes) -> None:
    """Send the bodies over AT_ONCE connections."""
    rejections = make_rejection_log()
    config = ServerConfig(app, BoundedProtocol, ConnectionLimits(), rejections, access_log=False, grace_seconds=0)
    config.load()
    state = ServerState()
    waiting = iter(bodies)

    async def client() -> None:
        connection, protocol = _Connection(), BoundedProtocol(config, state, {})
        protocol.connection_made(connection)
        for body in waiting:
            protocol.data_received(_HEAD % (content_type, len(body), header) + body)
            await connection.read_response()
        protocol.connection_lost(None)

    await asyncio.gather(*(client() for _ in range(AT_ONCE)))


class _Connection(asyncio.Transport):
    """The server side of a connection. Its client sends each request in one piece."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 50000), "sockname": ("127.0.0.1", 8000)})
        self._written = b""
        self._has_written = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._written += data
        self._has_written.set()

    async def read_response(self) -> None:
        """Wait for the JSON document at the end of the response. Exits unless the status is 202."""
        while not self._written.endswith(b"}"):
            await self._has_written.wait()
            self._has_written.clear()
        if not self._written.startswith(b"HTTP/1.1 202 "):
            raise SystemExit(f"upload not accepted: {self._written!r}")
        self._written = b""

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Has no effect: there is no socket."""

    def pause_reading(self) -> None:
        """Has no effect: the whole request has been read."""

    def resume_reading(self) -> None:
        """Has no effect, as pause_reading."""
