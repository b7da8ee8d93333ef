"""Runs the app on a free port, with a real queue server and a real database."""

import io
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from threading import Event
from typing import Any
from zlib import crc32

import httpx
from fastapi import FastAPI
from PIL import Image
from starlette.types import ASGIApp

from captiond.access import ApiKey, KeyDirectory, Scope, make_key
from captiond.access.groups import ProxyUsers
from captiond.archive import API_LIMITS, Archive, AuditStore, Record, StoredImage
from captiond.archive.keys import KeyStore
from captiond.archive.webhooks import WebhookStore
from captiond.image import CaptionedImage
from captiond.imaging import Style
from captiond.logs import open_audit_file
from captiond.messages import CaptionedUpload, Status, Upload
from captiond.operations.audit import AuditLog
from captiond.operations.caption_template import CaptionTemplate
from captiond.operations.dead_letter_files import DeadLetterFiles
from captiond.operations.dead_letters import DeadLetterQueues
from captiond.operations.request_rates import RequestRate, run_exchange
from captiond.operations.webhooks import Webhooks
from captiond.patch import Copy, Patch
from captiond.pipeline import CAPTIONED, UPLOADS
from captiond.services.api import (
    AccessControl,
    ApiContext,
    Audit,
    AuditOptions,
    ConnectionLimits,
    EffectiveSetting,
    ForwardedHeaders,
    IngestOptions,
    Operations,
    PageOptions,
    Quota,
    RateLimits,
    Signing,
    StripDrawer,
    Thumbnailer,
    create_app,
    serve,
    watch_archive,
    watch_redis,
)
from captiond.services.api.operations_access import Audience
from captiond.sockets import open_socket
from captiond.workqueue import Broker, Budget, Message, Route
from captiond.workqueue.admin import ServerRequirements
from captiond.workqueue.worker import Acknowledge, Forward, Outcome, Reject
from tests.servers.migrated import migrate_quickly

MAX_UPLOAD_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Backends:
    """What an app runs on. The default database is SQLite in `folder`."""

    redis_url: str
    folder: Path
    database_url: str | None = None
    budget: Budget = field(default_factory=Budget)
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    upload_bytes: int = 256 << 20
    event_streams: int = 500
    exports: int = 2
    thumbnails: Thumbnailer = field(default_factory=Thumbnailer)
    ingest: IngestOptions = field(default_factory=IngestOptions)
    allowed_hosts: tuple[str, ...] = ("*",)
    root_path: str = ""
    trusted_proxies: str = "127.0.0.1,::1"
    audience: Audience = "local"
    strips: StripDrawer | None = None
    preview_rate: RequestRate = field(default_factory=lambda: RequestRate("off", "previews"))
    rates: RateLimits = field(default_factory=RateLimits)
    page: PageOptions | None = field(default_factory=PageOptions)
    audit: AuditOptions | None = None
    requires_keys: bool = False
    proxy_users: ProxyUsers | None = None
    signing: Signing = field(default_factory=Signing)


@dataclass(frozen=True, slots=True)
class Api:
    """A running app."""

    url: str
    app: FastAPI
    context: ApiContext
    broker: Broker
    client: httpx.Client
    keys: KeyStore

    def create_key(self, name: str, *scopes: Scope, **limits: Any) -> tuple[ApiKey, str]:  # noqa: ANN401
        """Create a key with these scopes. Returns it with its secret."""
        key, token = make_key(name, frozenset(scopes), **limits)
        self.keys.create(key)
        return key, token

    def send(self, image: bytes, description: str, **headers: str) -> httpx.Response:
        return self.client.post(
            "/api/images",
            files={"image": ("photo.jpg", image, "image/jpeg")},
            data={"description": description},
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )

    def caption(self) -> None:
        """Process queue `uploads` as a captioner does."""
        self.work(UPLOADS, CAPTIONED, lambda message: Forward(_captioned(message), Status.CAPTIONED))

    def fail(self, error: Exception) -> None:
        """Move the messages of queue `uploads` to its dead letters."""
        self.work(UPLOADS, CAPTIONED, lambda _: Reject(error))

    def store(self) -> None:
        """Process queue `captioned` as an archiver does."""
        self.work(CAPTIONED, None, self._archive)

    def archive(self, *records: Record) -> list[StoredImage]:
        """Archive records without the queues."""
        stored = [image for image in self.context.archive.store(records) if isinstance(image, StoredImage)]
        assert len(stored) == len(records)
        return stored

    def work(self, queue: str, next_queue: str | None, handle: Callable[[Message], Outcome]) -> None:
        """Process a queue."""
        consumer = self.broker.consumer("test", Route(queue, next_queue))
        consumer.create_group()
        deliveries = consumer.receive(100, wait_seconds=5)
        assert deliveries, f"queue {queue} is empty"
        settled = consumer.settle([(delivery, handle(delivery.decode())) for delivery in deliveries])
        assert all(settled)

    def _archive(self, message: Message) -> Acknowledge:
        captioned = CaptionedUpload.from_message(message)
        self.archive(Record(captioned.image, captioned.to_jpeg()))
        return Acknowledge(Status.STORED)


@contextmanager
def open_api(backends: Backends) -> Iterator[Api]:
    """Serve the app on queues with a unique key prefix."""
    database_url = backends.database_url or f"sqlite:///{backends.folder}/captiond.db"
    if backends.database_url is None:
        migrate_quickly(database_url)
    images_dir = backends.folder / "images"
    images_dir.mkdir(exist_ok=True)
    with ExitStack() as opened:
        broker = opened.enter_context(Broker(backends.redis_url, prefix=f"test-{uuid.uuid4().hex}"))
        requirements = ServerRequirements()
        archive = opened.enter_context(Archive.open(database_url, images_dir, API_LIMITS))
        keys = opened.enter_context(KeyStore.open(database_url, API_LIMITS))
        context = ApiContext(
            uploads=broker.producer(UPLOADS, backends.budget, requirements),
            jobs=broker.jobs,
            events=broker.events(),
            monitor=broker.monitor,
            requirements=requirements,
            archive=archive,
            redis=watch_redis(broker.monitor),
            archive_access=watch_archive(archive),
            max_upload_bytes=MAX_UPLOAD_BYTES,
            stopping=Event(),
            operations=Operations(
                audience=backends.audience,
                dead_letters=DeadLetterQueues(broker.dead_letters, DeadLetterFiles(backends.folder / "dead-letters")),
                history=broker.history,
                settings=(EffectiveSetting(name="font_size", value=12, source="default"),),
            ),
            ingest=backends.ingest,
            upload_memory=Quota(backends.upload_bytes, "bytes of uploads in progress"),
            event_streams=Quota(backends.event_streams, "event streams"),
            exports=Quota(backends.exports, "exports in progress"),
            strips=backends.strips or StripDrawer(Style(), CaptionTemplate()),
            preview_rate=backends.preview_rate,
            thumbnails=backends.thumbnails,
            signing=backends.signing,
            audit=_open_audit(backends, database_url, opened),
            notifications=broker.notification_monitor,
            webhooks=Webhooks(opened.enter_context(WebhookStore.open(database_url, API_LIMITS)), broker.subscribers),
            keys=keys if backends.requires_keys else None,
        )
        access = None
        if backends.requires_keys:
            directory = opened.enter_context(KeyDirectory(keys.load_valid, keys.record_uses))
            access = AccessControl(directory, backends.proxy_users)
        opened.enter_context(run_exchange([*backends.rates, context.preview_rate], broker.arrival_times.advance))
        app = create_app(context, backends.allowed_hosts, backends.page, access, backends.rates)
        identity_headers = backends.proxy_users.headers if backends.proxy_users else ()
        served = ForwardedHeaders(app, backends.trusted_proxies, backends.root_path, identity_headers)
        url = opened.enter_context(_serve(served, context, backends.limits))
        client = opened.enter_context(httpx.Client(base_url=url, timeout=30))
        yield Api(url, app, context, broker, client, keys)


def _open_audit(backends: Backends, database_url: str, opened: ExitStack) -> Audit | None:
    if backends.audit is None:
        return None
    store = opened.enter_context(AuditStore.open(database_url, API_LIMITS))
    write_line = opened.enter_context(open_audit_file(backends.folder))
    return Audit(opened.enter_context(AuditLog(store, write_line)), backends.audit)


@contextmanager
def _serve(app: ASGIApp, context: ApiContext, limits: ConnectionLimits) -> Iterator[str]:
    listener = open_socket("127.0.0.1", 0)
    args = (app, listener, context.stopping, limits, context.rejections)
    thread = threading.Thread(target=serve, args=args, kwargs={"access_log": False})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        context.stopping.set()
        thread.join(30)
        assert not thread.is_alive()


def jpeg(width: int = 16, height: int = 16, colour: str = "teal") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, "JPEG")
    return file.getvalue()


def record(
    content: bytes, description: str, received_at: datetime | None = None, *, image_id: uuid.UUID | None = None
) -> Record:
    """A record as the archiver creates it."""
    image = CaptionedImage(
        id=image_id or uuid.uuid4(),
        received_at=received_at or datetime.now(UTC),
        description=description,
        width=16,
        height=16,
        upload_sha256=sha256(content).digest(),
    )
    return Record(image, content)


def _captioned(message: Message) -> dict[str, bytes]:
    upload = Upload.from_message(message)
    image = CaptionedImage(**vars(upload.image), width=16, height=16)
    patch = Patch(crc32(upload.jpeg), (Copy(0, len(upload.jpeg)),))
    return CaptionedUpload(image, upload.jpeg, patch).to_headers()


def form(parts: Sequence[tuple[str, bytes]], boundary: str = "limit") -> tuple[bytes, dict[str, str]]:
    """A multipart body and its headers. Parts named `image` are files."""
    body = b""
    for name, content in parts:
        filename = '; filename="photo.jpg"' if name == "image" else ""
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{filename}\r\n\r\n'.encode()
        body += content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def problem(response: httpx.Response) -> tuple[int, str]:
    """Check that a response is a problem document. Returns its status and the last part of its type."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    body = response.json()
    assert body["status"] == response.status_code
    assert body["title"]
    assert body["detail"]
    prefix, _, name = body["type"].rpartition(":")
    assert prefix == "urn:captiond:problem"
    return response.status_code, name
