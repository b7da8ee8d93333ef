"""The resources that the routes share, opened by the caller of `create_app`."""

import logging
from dataclasses import dataclass, field
from threading import Event
from typing import Annotated, cast

from fastapi import Depends, Request

from captiond.archive import Archive
from captiond.archive.keys import KeyStore
from captiond.operations.rejection_log import RejectionLog
from captiond.operations.request_rates import OFF, RequestRate
from captiond.operations.webhooks import Webhooks
from captiond.services.api.batched_log import BatchedLog
from captiond.services.api.dependency import Dependency
from captiond.services.api.http.rejections import make_rejection_log
from captiond.services.api.ingest.options import IngestOptions
from captiond.services.api.operations_access import Operations
from captiond.services.api.preview.drawing import StripDrawer, make_default_drawer
from captiond.services.api.quota import Quota
from captiond.services.api.receipts import Signing
from captiond.services.api.security.audit_trail import Audit
from captiond.services.api.thumbnailer import Thumbnailer
from captiond.workqueue import Producer
from captiond.workqueue.admin import Events, Jobs, Monitor, ServerRequirements

# The Redis client has 16 connections, two of them for the checks.
REDIS_THREADS = 8
ARCHIVE_THREADS = 20


def watch_redis(monitor: Monitor) -> Dependency:
    """Return the access to Redis."""
    return Dependency("Redis", monitor.ping, threads=REDIS_THREADS)


def watch_archive(archive: Archive) -> Dependency:
    """Return the access to the database and the images directory. Only the database is checked."""
    return Dependency("The archive", archive.ping_database, threads=ARCHIVE_THREADS)


# Compared by identity: the key of a cache.
@dataclass(frozen=True, slots=True, eq=False)
class ApiContext:
    """One app's resources. Setting `stopping` ends the event streams.

    Synchronous calls to Redis and to the archive run in `redis` and `archive_access`. `keys` is None while no key is
    required.
    """

    uploads: Producer
    jobs: Jobs
    events: Events
    monitor: Monitor
    requirements: ServerRequirements
    archive: Archive
    redis: Dependency
    archive_access: Dependency
    max_upload_bytes: int
    stopping: Event
    operations: Operations
    request_seconds: float = 10.0
    ingest: IngestOptions = field(default_factory=IngestOptions)
    event_streams: Quota = field(default_factory=lambda: Quota(500, "event streams"))
    upload_memory: Quota = field(default_factory=lambda: Quota(256 << 20, "bytes of uploads in progress"))
    original_memory: Quota = field(default_factory=lambda: Quota(64 << 20, "bytes of originals in progress"))
    exports: Quota = field(default_factory=lambda: Quota(2, "exports in progress"))
    strips: StripDrawer = field(default_factory=make_default_drawer)
    preview_rate: RequestRate = field(default_factory=lambda: RequestRate(OFF, "previews"))
    signing: Signing = field(default_factory=Signing)
    thumbnails: Thumbnailer = field(default_factory=Thumbnailer)
    rejections: RejectionLog = field(default_factory=make_rejection_log)
    audit: Audit | None = None
    notifications: Monitor | None = None
    webhooks: Webhooks | None = None
    keys: KeyStore | None = None
    upload_log: BatchedLog = field(default_factory=lambda: BatchedLog(logging.getLogger(f"{__package__}.uploads")))


async def _get_context(request: Request) -> ApiContext:
    return cast("ApiContext", request.app.state.context)


Context = Annotated[ApiContext, Depends(_get_context)]
