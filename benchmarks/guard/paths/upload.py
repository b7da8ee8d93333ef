"""The upload endpoint, called through ASGI on uvloop with the body in one event. HTTP parsing is not included."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from threading import Event

import uvloop
from benchmarks.guard.hot_paths import Place
from fastapi import FastAPI
from starlette.types import Message

from captiond.archive import Archive
from captiond.logs import configure_logging
from captiond.pipeline import UPLOADS
from captiond.services.api import ApiContext, create_app, watch_archive, watch_redis
from captiond.workqueue import Broker, Budget
from captiond.workqueue.admin import ServerRequirements

AT_ONCE = 16
_MAX_UPLOAD_BYTES = 20 << 20
_ASGI = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "scheme": "http"}
_WHERE = {"method": "POST", "path": "/api/images", "raw_path": b"/api/images", "query_string": b"", "root_path": ""}
_WHO = {"client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 8000)}


@contextmanager
def open_upload_route(place: Place) -> Iterator[Callable[[int], None]]:
    """Build the application as `captiond api` does."""
    configure_logging("api", place.folder / "log", "INFO")
    content_type = (place.folder / "content-type").read_bytes()
    bodies = iter(sorted((place.folder / "bodies").iterdir()))
    with ExitStack() as opened:
        app = _make_app(place, opened)
        runner = opened.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))

        def upload(count: int) -> None:
            files = [next(bodies) for _ in range(count)]
            runner.run(_send_all(app, [file.read_bytes() for file in files], content_type))

        yield upload


def _make_app(place: Place, opened: ExitStack) -> FastAPI:
    broker = opened.enter_context(Broker(place.redis_url))
    images_dir: Path = place.folder / "images"
    archive = opened.enter_context(Archive.open(f"sqlite:///{place.folder}/captiond.db", images_dir))
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
    )
    return create_app(context)


async def _send_all(app: FastAPI, bodies: list[bytes], content_type: bytes) -> None:
    """Send the bodies with AT_ONCE concurrent clients."""
    waiting = iter(bodies)

    async def client() -> None:
        for body in waiting:
            await _send(app, body, content_type)

    await asyncio.gather(*(client() for _ in range(AT_ONCE)))


async def _send(app: FastAPI, body: bytes, content_type: bytes) -> None:
    headers = [
        (b"host", b"127.0.0.1:8000"),
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
    ]
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app({**_ASGI, **_WHERE, **_WHO, "headers": headers, "state": {}}, receive, send)
    if statuses != [HTTPStatus.ACCEPTED]:
        raise SystemExit(f"upload not accepted: {statuses}")
