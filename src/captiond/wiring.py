"""The composition root: constructs and runs the services from the settings."""

import asyncio
import logging
import os
import signal
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from zoneinfo import ZoneInfo

from captiond.archive import (
    API_LIMITS,
    WORKER_LIMITS,
    Archive,
    ArchiveUnavailable,
    TimeLimits,
    WrongImagesDirectory,
    migrate,
)
from captiond.imaging import Captioner, FontNotFound, Style
from captiond.logs import configure_logging
from captiond.operations.caption_template import CaptionTemplate
from captiond.operations.dead_letter_files import FOLDER, DeadLetterFiles, offload
from captiond.operations.deployment import claim_deployment, require_one_deployment
from captiond.operations.heartbeat import Heartbeat
from captiond.operations.path_fields import PathFields, PathPattern
from captiond.pipeline import ARCHIVER, ARCHIVER_ROUTE, CAPTIONER_ROUTE, QUEUES, UPLOADS
from captiond.services.api import (
    ApiContext,
    ConnectionLimits,
    ForwardedHeaders,
    Quota,
    create_app,
    open_socket,
    return_freed_memory,
    serve,
    watch_archive,
    watch_redis,
)
from captiond.services.archiver.cleanup import run_cleanup
from captiond.services.archiver.handler import ArchiverService
from captiond.services.archiver.offloading import run_offloading
from captiond.services.archiver.schema import wait_until_prepared
from captiond.services.archiver.storage_check import run_storage_check
from captiond.services.captioner.cpu_limit import CpuLimit
from captiond.services.captioner.handler import CaptionerService
from captiond.services.captioner.isolation import IsolatedCaptioner, Limits
from captiond.services.ftp.options import Health, ServerOptions, TlsFiles, TransferLimits, accept_login
from captiond.services.ftp.receiver import Receiver
from captiond.settings import ConfigurationError, Settings, find_unknown_variables, require_value
from captiond.workqueue import Broker, Budget
from captiond.workqueue.admin import ServerRequirements, require_safe_server
from captiond.workqueue.errors import OtherDeployment, QueueUnavailable, UnsafeServer
from captiond.workqueue.worker import StopSignal, Worker, WorkerOptions

# Captioners share a queue, so each takes small batches. The archiver syncs and commits a whole batch at once.
CAPTIONER_BATCH = 32
ARCHIVER_BATCH = 64
# Of the CPU time of a photo. A photo of 50 megapixels that is re-encoded takes more, a usual one a hundredth.
UNISOLATED_SHARE = 0.25
# A batch that takes longer hangs. The archiver has no limit, because it may wait for a disk or a database.
CAPTIONER_LIMIT_SECONDS = 180.0
# The time that a start or a command waits for the comparison of Redis, database and images directory.
DEPLOYMENT_CHECK_SECONDS = 3.0
# A batch takes a few seconds. One that takes longer waits for a disk or a database, and the service is unhealthy.
ARCHIVER_SLOW_SECONDS = 30.0

logger = logging.getLogger(__name__)


def open_broker(settings: Settings) -> Broker:
    """Create the broker, without connecting. Raises ConfigurationError, such as StackNotRunning."""
    require_value(settings, "redis_url")
    try:
        return Broker(settings.redis_url.get_secret_value())
    except ValueError as error:
        raise ConfigurationError(f"CAPTIOND_REDIS_URL: {error}") from error


def make_budget(settings: Settings) -> Budget:
    """Return the limits of the queues."""
    return Budget(settings.max_backlog, settings.max_backlog_bytes, settings.max_dead_letter_bytes)


def make_server_requirements(settings: Settings) -> ServerRequirements:
    """Return what the durability setting requires of Redis."""
    replicas = settings.replicas if settings.durability == "ha" else 0
    return ServerRequirements(fsync=settings.durability != "fast", replicas=replicas)


def make_dead_letter_files(settings: Settings) -> DeadLetterFiles:
    """Return the directory of the dead letters that exceed their budget."""
    return DeadLetterFiles(settings.dead_letter_dir or settings.images_dir / FOLDER)


@contextmanager
def open_archive(settings: Settings, limits: TimeLimits = WORKER_LIMITS) -> Iterator[Archive]:
    """Open the archive. The first use connects to the database. Raises ConfigurationError."""
    url = settings.database_url.get_secret_value()
    with ExitStack() as opened:
        try:
            archive = opened.enter_context(Archive.open(url, settings.images_dir, limits))
        except ValueError as error:
            raise ConfigurationError(f"CAPTIOND_DATABASE_URL: {error}") from error
        yield archive


def make_captioner(settings: Settings) -> Captioner:
    """Load the font. Raises ConfigurationError."""
    try:
        return Captioner(make_style(settings))
    except FontNotFound as error:
        raise ConfigurationError(f"CAPTIOND_FONT_NAME: {error}") from error


def make_style(settings: Settings) -> Style:
    """Return the style of the captions."""
    return Style(
        font_name=settings.font_name,
        font_size_px=settings.font_size,
        max_pixels=settings.max_pixels,
        max_scans=settings.max_scans,
        text_colour=settings.caption_text_colour,
        strip_colour=settings.caption_strip_colour,
        padding_px=settings.caption_padding,
        alignment=settings.caption_alignment,
        position=settings.caption_position,
        check_damage=settings.check_damage,
    )


def listen(host: str, port: int) -> socket.socket:
    """Listen on an address. Raises ConfigurationError."""
    try:
        return open_socket(host, port)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise ConfigurationError(f"cannot listen on {host} port {port}: {reason}") from error


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


def run_api(settings: Settings, host: str, port: int, *, quiet: bool) -> None:
    """Serve HTTP until SIGTERM. Raises ConfigurationError before the first request."""
    return_freed_memory()
    listener = listen(host, port)
    _start_logging("api", settings, quiet=quiet)
    # uvicorn raises the signal again when it ends; this handler keeps it from killing the process.
    stopping = stop_on_signals()
    requirements = make_server_requirements(settings)
    with ExitStack() as opened:
        opened.enter_context(listener)
        broker = opened.enter_context(open_broker(settings))
        archive = opened.enter_context(open_archive(settings, API_LIMITS))
        _reject_unsafe_server(broker, requirements)
        _reject_unusable_database(archive)
        reject_other_deployment(broker, archive, create_directory=True)
        context = ApiContext(
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
            event_streams=Quota(settings.max_event_streams, "event streams"),
            upload_memory=Quota(settings.max_upload_memory, "bytes of uploads in progress"),
            original_memory=Quota(settings.max_original_memory, "bytes of originals in progress"),
        )
        logger.info("listening host=%s port=%d", host, port)
        app = create_app(context, settings.allowed_hosts)
        served = ForwardedHeaders(app, settings.trusted_proxies, settings.root_path)
        limits = make_connection_limits(settings)
        serve(served, listener, stopping, limits, access_log=settings.log_level == "DEBUG")
    logger.info("stopped")


def make_path_fields(settings: Settings) -> PathFields:
    """Return how paths of FTP uploads become fields."""
    zone = ZoneInfo(settings.timezone)
    pattern = PathPattern(settings.ftp_path_pattern) if settings.ftp_path_pattern else None
    return PathFields(pattern, CaptionTemplate(settings.ftp_description, zone), zone)


def make_ftp_options(settings: Settings) -> ServerOptions:
    """Return the options of the FTP server. Raises ConfigurationError without a password or for a bad certificate."""
    if settings.ftp_password is None or not settings.ftp_password.get_secret_value():
        raise ConfigurationError("CAPTIOND_FTP_PASSWORD is not set; captiond ftp accepts no uploads without a password")
    if settings.ftp_require_tls and settings.ftp_certificate is None:
        raise ConfigurationError("CAPTIOND_FTP_REQUIRE_TLS needs CAPTIOND_FTP_CERTIFICATE")
    certificate, key = settings.ftp_certificate, settings.ftp_key or settings.ftp_certificate
    if certificate and key:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key)
        except OSError as error:  # SSLError is one
            raise ConfigurationError(
                f"CAPTIOND_FTP_CERTIFICATE: cannot load {certificate} and {key}: {error}"
            ) from error
    first, _, last = (settings.ftp_passive_ports or "").partition("-")
    return ServerOptions(
        check_login=accept_login(settings.ftp_user, settings.ftp_password.get_secret_value()),
        limits=TransferLimits(settings.max_upload_bytes, settings.min_body_rate, settings.max_body_seconds),
        max_memory_bytes=settings.max_upload_memory,
        max_sessions=settings.max_ftp_sessions,
        passive_ports=range(int(first), int(last) + 1) if last else None,
        masquerade_address=settings.ftp_masquerade_address,
        tls=TlsFiles(certificate, key, settings.ftp_require_tls) if certificate and key else None,
    )


def run_ftp(settings: Settings, host: str, port: int, *, quiet: bool) -> None:
    """Receive files over FTP until SIGTERM. Raises ConfigurationError before the first session."""
    try:
        # Deferred, because its packages are optional, and no other service needs them.
        from captiond.services.ftp.server import serve as serve_ftp  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ConfigurationError(f'{error}; captiond ftp needs: pip install "captiond[ftp]"') from error
    options = make_ftp_options(settings)
    listener = listen(host, port)
    _start_logging("ftp", settings, quiet=quiet)
    stop = stop_on_signals()
    heartbeat = Heartbeat(settings.run_dir, "ftp")
    requirements = make_server_requirements(settings)
    with ExitStack() as opened:
        opened.enter_context(listener)
        broker = opened.enter_context(open_broker(settings))
        _reject_unsafe_server(broker, requirements)
        receiver = Receiver(
            uploads=broker.producer(UPLOADS, make_budget(settings), requirements),
            fields=make_path_fields(settings),
            request_seconds=settings.request_timeout,
        )
        logger.info("listening host=%s port=%d", host, port)
        asyncio.run(serve_ftp(listener, options, receiver, Health(broker.monitor.ping, heartbeat.report), stop))
    logger.info("stopped")


def run_captioner(settings: Settings, *, quiet: bool) -> None:
    """Caption until SIGTERM. Raises ConfigurationError before reading from the queue."""
    template = CaptionTemplate(settings.caption_template, ZoneInfo(settings.timezone))
    cpu_limit = CpuLimit(settings.max_cpu_seconds * UNISOLATED_SHARE)
    service = CaptionerService(make_captioner(settings), settings.keep_originals, template, cpu_limit)
    # For messages that may have crashed a worker, and for those that take long.
    limits = Limits(cpu_seconds=settings.max_cpu_seconds)
    isolated = CaptionerService(IsolatedCaptioner(make_style(settings), limits), settings.keep_originals, template)
    _start_logging("captioner", settings, quiet=quiet)
    stop = stop_on_signals()
    heartbeat = Heartbeat(settings.run_dir, "captioner")
    with open_broker(settings) as broker:
        consumer = broker.consumer("captioner", CAPTIONER_ROUTE)
        options = WorkerOptions(
            batch_size=CAPTIONER_BATCH,
            handler_timeout_seconds=CAPTIONER_LIMIT_SECONDS,
            high_water_mark=settings.max_captioned,
        )
        logger.info("started")
        Worker(consumer, service.handle, options, heartbeat.report, isolated.handle).run(stop)
    logger.info("stopped")


def run_archiver(settings: Settings, *, quiet: bool) -> None:
    """Archive until SIGTERM. First waits for database, disk and Redis, and migrates. Raises ConfigurationError."""
    _start_logging("archiver", settings, quiet=quiet)
    stop = stop_on_signals()
    heartbeat = Heartbeat(settings.run_dir, "archiver")
    with ExitStack() as opened:
        archive = opened.enter_context(open_archive(settings))
        broker = opened.enter_context(open_broker(settings))

        def prepare() -> None:
            migrate(settings.database_url.get_secret_value())
            claim_deployment(broker.monitor, archive)

        wait_until_prepared(prepare, heartbeat.report, stop)
        opened.enter_context(run_cleanup(archive))
        opened.enter_context(run_storage_check(archive.check_writable, broker.problem_report(ARCHIVER).report))
        opened.enter_context(run_offloading(partial(offload_dead_letters, broker, settings)))
        consumer = broker.consumer("archiver", ARCHIVER_ROUTE)
        options = WorkerOptions(batch_size=ARCHIVER_BATCH, slow_handler_seconds=ARCHIVER_SLOW_SECONDS)
        service = ArchiverService(archive, broker.problem_report(ARCHIVER).report)
        logger.info("started")
        Worker(consumer, service.handle, options, heartbeat.report).run(stop)
    logger.info("stopped")


@contextmanager
def open_queues(settings: Settings) -> Iterator[Broker]:
    """Open the broker for a command, after a check that the queues are those of the archive.

    Raises OtherDeployment, WrongImagesDirectory, ConfigurationError.
    """
    with open_broker(settings) as broker, open_archive(settings) as archive:
        reject_other_deployment(broker, archive)
        yield broker


def adopt_deployment(settings: Settings) -> None:
    """Make queues and images directory those of the database. Raises ArchiveUnavailable, QueueUnavailable."""
    with open_archive(settings) as archive, open_broker(settings) as broker:
        claim_deployment(broker.monitor, archive, adopt=True)


def reject_other_deployment(broker: Broker, archive: Archive, *, create_directory: bool = False) -> None:
    """Raise OtherDeployment or WrongImagesDirectory. Ignores what does not answer in time: readiness reports that.

    `create_directory` creates the images directory of a new archive, so that readiness does not wait for the archiver.
    """
    found: list[OtherDeployment | WrongImagesDirectory] = []

    def check() -> None:
        try:
            archive.check_deployment(create=create_directory)
            require_one_deployment(broker.monitor, archive)
        except (OtherDeployment, WrongImagesDirectory) as error:
            found.append(error)
        except (QueueUnavailable, ArchiveUnavailable):
            return

    thread = threading.Thread(target=check, name="deployment", daemon=True)
    thread.start()
    thread.join(DEPLOYMENT_CHECK_SECONDS)
    if found:
        raise found[0]


def offload_dead_letters(broker: Broker, settings: Settings) -> int:
    """Move dead letters beyond their budget to disk. Returns their number. Raises OSError, QueueUnavailable."""
    queues = [broker.dead_letters(queue) for queue in QUEUES]
    budget = settings.max_dead_letter_bytes
    files = make_dead_letter_files(settings)
    return offload(queues, files, lambda: broker.monitor.totals(QUEUES).dead_letter_bytes - budget)


def stop_on_signals() -> StopSignal:
    """Return an event that SIGINT and SIGTERM set. A second signal stops without finishing the current batch."""
    stop = StopSignal()
    for number in (signal.SIGINT, signal.SIGTERM):
        # In a thread, because the handler may interrupt the main thread while that holds the event's lock.
        signal.signal(number, lambda *_: threading.Thread(target=stop.request).start())
    return stop


def _start_logging(service: str, settings: Settings, *, quiet: bool) -> None:
    try:
        configure_logging(service, settings.log_dir, settings.log_level, quiet=quiet)
    except OSError as error:
        raise ConfigurationError(f"CAPTIOND_LOG_DIR: cannot write to {settings.log_dir}: {error.strerror}") from error
    for problem in find_unknown_variables():
        # `captiond up` starts its services quietly, and prints the warning itself.
        logger.log(logging.INFO if quiet else logging.WARNING, "%s", problem)


def _reject_unsafe_server(broker: Broker, requirements: ServerRequirements) -> None:
    """Raise ConfigurationError for a server whose settings could lose accepted images.

    The producer repeats the check, so an unavailable server is accepted here.
    """
    try:
        require_safe_server(broker.monitor, requirements)
    except UnsafeServer as error:
        raise ConfigurationError(f"CAPTIOND_REDIS_URL: {error.reason}") from error
    except QueueUnavailable:
        return


def _reject_unusable_database(archive: Archive) -> None:
    """Raise UnusableDatabase for an encoding that cannot store every description.

    An outdated schema is accepted, because the archiver upgrades it. So is a newer one, because during an upgrade the
    API is the last service to be replaced, and it may restart meanwhile.
    """
    try:
        archive.check_encoding()
    except ArchiveUnavailable:
        return
