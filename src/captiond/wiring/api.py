"""Constructs and runs the API."""

import logging
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Event
from zoneinfo import ZoneInfo

from captiond.access.groups import ProxyUsers
from captiond.archive import API_LIMITS, Archive
from captiond.archive.keys import KeyStore
from captiond.malloc import return_freed_memory
from captiond.operations.audit import AuditLog
from captiond.operations.caption_template import CaptionTemplate
from captiond.operations.request_rates import RequestRate, run_exchange
from captiond.operations.sampling import run_sampling
from captiond.operations.session_secret import SessionSecret
from captiond.operations.webhooks import Webhooks
from captiond.pipeline import UPLOADS
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
    choose_audience,
    create_app,
    serve,
    watch_archive,
    watch_redis,
)
from captiond.settings import Resolution, Settings, show_settings
from captiond.stop_signal import stop_on_signals
from captiond.wiring.access import KEYS, make_proxy_users, open_key_directory, open_required_keys, warn_if_open
from captiond.wiring.archives import open_archive
from captiond.wiring.audit import open_audit_log
from captiond.wiring.captions import make_style
from captiond.wiring.deletion import make_thumbnail_cache
from captiond.wiring.deployment import reject_other_deployment
from captiond.wiring.process import freeze_garbage_collector, listen, start_logging
from captiond.wiring.queues import make_budget, make_dead_letters, make_server_requirements, open_broker
from captiond.wiring.signing import make_signing_keys
from captiond.wiring.startup_checks import reject_unsafe_server, reject_unusable_database
from captiond.wiring.webhooks import open_webhooks
from captiond.workqueue import Broker

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Stores:
    """The queues and the database tables. `keys` is None if access control is off."""

    broker: Broker
    archive: Archive
    keys: KeyStore | None
    webhooks: Webhooks
    audit_log: AuditLog


def run_api(resolution: Resolution, host: str, port: int, *, quiet: bool) -> None:
    """Serve HTTP until SIGTERM. Raises ConfigurationError before the first request."""
    settings = resolution.settings
    return_freed_memory()
    listener = listen(host, port)
    start_logging("api", settings, quiet=quiet)
    # uvicorn raises the signal again when it ends; this handler keeps it from killing the process.
    stopping = stop_on_signals()
    proxy_users = make_proxy_users(settings)
    signing = Signing(make_signing_keys(settings), settings.receipts == "always")
    warn_if_open(settings, host)
    with ExitStack() as opened:
        opened.enter_context(listener)
        stores = _open_stores(opened, settings)
        context = _make_context(stores, resolution, host, signing, stopping)
        rates = RateLimits(RequestRate(settings.upload_rate, "uploads"), RequestRate(settings.request_rate, "requests"))
        opened.enter_context(run_exchange([*rates, context.preview_rate], stores.broker.arrival_times.advance))
        logger.info("listening host=%s port=%d", host, port)
        access = _open_access(opened, stores, proxy_users)
        app = create_app(context, settings.allowed_hosts, make_page_options(settings), access, rates)
        identity_headers = proxy_users.headers if proxy_users else ()
        served = ForwardedHeaders(app, settings.trusted_proxies, settings.root_path, identity_headers)
        limits = make_connection_limits(settings)
        access_log = settings.log_level == "DEBUG"
        freeze_garbage_collector()
        serve(served, listener, stopping, limits, context.rejections, access_log=access_log)
    logger.info("stopped")


def _open_stores(opened: ExitStack, settings: Settings) -> _Stores:
    broker = opened.enter_context(open_broker(settings))
    archive = opened.enter_context(open_archive(settings, API_LIMITS))
    reject_unsafe_server(broker, make_server_requirements(settings))
    reject_unusable_database(archive)
    reject_other_deployment(broker, archive, create_directory=True)
    opened.enter_context(run_sampling(broker.history))
    return _Stores(
        broker=broker,
        archive=archive,
        keys=opened.enter_context(open_required_keys(settings)),
        webhooks=opened.enter_context(open_webhooks(settings, broker, API_LIMITS)),
        audit_log=opened.enter_context(open_audit_log(settings)),
    )


def _make_context(stores: _Stores, resolution: Resolution, host: str, signing: Signing, stopping: Event) -> ApiContext:
    settings, broker, archive = resolution.settings, stores.broker, stores.archive
    requirements = make_server_requirements(settings)
    template = CaptionTemplate(settings.caption_template, ZoneInfo(settings.timezone))
    return ApiContext(
        uploads=broker.producer(UPLOADS, make_budget(settings), requirements),
        requirements=requirements,
        jobs=broker.jobs,
        events=broker.events(),
        monitor=broker.monitor,
        archive=archive,
        redis=watch_redis(broker.monitor),
        archive_access=watch_archive(archive),
        max_upload_bytes=settings.max_upload_bytes,
        request_seconds=settings.request_timeout,
        stopping=stopping,
        operations=make_operations(resolution, broker, host),
        ingest=make_ingest_options(settings),
        event_streams=Quota(settings.max_event_streams, "event streams"),
        upload_memory=Quota(settings.max_upload_memory, "bytes of uploads in progress"),
        original_memory=Quota(settings.max_original_memory, "bytes of originals in progress"),
        exports=Quota(settings.max_exports, "exports in progress"),
        strips=StripDrawer(make_style(settings), template),
        preview_rate=RequestRate(settings.preview_rate, "previews"),
        thumbnails=make_thumbnailer(settings),
        signing=signing,
        notifications=broker.notification_monitor,
        webhooks=stores.webhooks,
        audit=Audit(stores.audit_log, make_audit_options(settings)),
        keys=stores.keys,
    )


def _open_access(opened: ExitStack, stores: _Stores, proxy_users: ProxyUsers | None) -> AccessControl | None:
    """Return the access control, None if it is off."""
    keys = opened.enter_context(open_key_directory(stores.keys))
    if keys is None:
        return None
    secret = SessionSecret(stores.broker.session_secret.agree)
    opened.enter_context(secret.keep_fresh())
    return AccessControl(keys, proxy_users, secret)


def make_audit_options(settings: Settings) -> AuditOptions:
    """Return which requests the audit log has."""
    return AuditOptions(settings.audit_uploads, settings.audit_reads, settings.audit_thumbnails)


def make_thumbnailer(settings: Settings) -> Thumbnailer:
    """Return the maker of thumbnails, with its cache. Creates no directory."""
    return Thumbnailer(settings.max_pixels, make_thumbnail_cache(settings))


def make_operations(resolution: Resolution, broker: Broker, host: str) -> Operations:
    """Return the resources of the operations API, and who may use it."""
    settings = resolution.settings
    return Operations(
        audience=choose_audience(settings.operations, host, requires_keys=settings.auth == KEYS),
        dead_letters=make_dead_letters(broker, settings),
        history=broker.history,
        settings=tuple(
            EffectiveSetting(name=shown.name, value=shown.value, source=shown.source)
            for shown in show_settings(resolution)
        ),
    )


def make_connection_limits(settings: Settings) -> ConnectionLimits:
    """Return the limits of HTTP connections."""
    return ConnectionLimits(
        max_connections=settings.max_connections,
        max_head_bytes=settings.max_head_bytes,
        head_timeout=settings.head_timeout,
        min_body_rate=settings.min_body_rate,
        max_body_seconds=settings.max_body_seconds,
        write_timeout=settings.write_timeout,
        max_unsent_bytes=settings.max_unsent_bytes,
        linger_seconds=settings.linger_seconds,
        linger_bytes=settings.linger_bytes,
    )


def make_page_options(settings: Settings) -> PageOptions | None:
    """Return the options of the web page, None without a page."""
    return PageOptions(ZoneInfo(settings.timezone), settings.caption_position) if settings.page else None


def make_ingest_options(settings: Settings) -> IngestOptions:
    """Return the options for the events of cameras."""
    zone = ZoneInfo(settings.timezone)
    return IngestOptions(
        hikvision=CaptionTemplate(settings.hikvision_description, zone),
        dahua=CaptionTemplate(settings.dahua_description, zone),
        zone=zone,
        only_main_picture=settings.camera_pictures == "main",
    )
