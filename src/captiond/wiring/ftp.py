"""Constructs and runs the FTP service."""

import asyncio
import logging
import ssl
from contextlib import ExitStack
from functools import partial
from zoneinfo import ZoneInfo

from captiond.access import KeyDirectory
from captiond.malloc import return_freed_memory
from captiond.operations.audit import AuditLog
from captiond.operations.caption_template import CaptionTemplate
from captiond.operations.heartbeat import Heartbeat
from captiond.operations.path_fields import compile_pattern
from captiond.operations.request_rates import RequestRate, run_exchange
from captiond.pipeline import UPLOADS
from captiond.services.ftp.fields import FieldReader
from captiond.services.ftp.options import (
    CheckLogin,
    Health,
    ServerOptions,
    TlsFiles,
    TransferLimits,
    accept_all,
    accept_keys,
    accept_login,
)
from captiond.services.ftp.receiver import Receiver
from captiond.settings import ConfigurationError, Settings
from captiond.stop_signal import stop_on_signals
from captiond.wiring.access import KEYS, open_key_directory, open_required_keys
from captiond.wiring.audit import open_audit_log
from captiond.wiring.deployment import reject_other_queues
from captiond.wiring.process import listen, start_logging
from captiond.wiring.queues import make_budget, make_server_requirements, open_broker
from captiond.wiring.startup_checks import reject_unsafe_server
from captiond.workqueue.admin import require_safe_server

logger = logging.getLogger(__name__)


def run_ftp(settings: Settings, host: str, port: int, *, quiet: bool) -> None:
    """Receive files over FTP until SIGTERM. Raises ConfigurationError before the first session."""
    try:
        # Deferred, because its packages are optional, and no other service needs them.
        from captiond.services.ftp.server import serve as serve_ftp  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(f'{error}; captiond ftp needs: pip install "captiond[ftp]"') from error
    check_ftp_settings(settings)
    return_freed_memory()
    listener = listen(host, port)
    start_logging("ftp", settings, quiet=quiet)
    stop = stop_on_signals()
    heartbeat = Heartbeat(settings.run_dir, "ftp")
    requirements = make_server_requirements(settings)
    with ExitStack() as opened:
        opened.enter_context(listener)
        broker = opened.enter_context(open_broker(settings))
        reject_unsafe_server(broker, requirements)
        reject_other_queues(broker, settings)
        receiver = Receiver(
            uploads=broker.producer(UPLOADS, make_budget(settings), requirements),
            fields=make_field_reader(settings),
            request_seconds=settings.request_timeout,
        )
        safety = partial(require_safe_server, broker.monitor, requirements)
        health = Health(safety, heartbeat.report, broker.monitor.count)
        keys = opened.enter_context(open_key_directory(opened.enter_context(open_required_keys(settings))))
        audit = opened.enter_context(open_audit_log(settings)) if settings.audit_uploads else None
        options = make_ftp_options(settings, keys, audit)
        opened.enter_context(run_exchange([options.upload_rate], broker.arrival_times.advance))
        logger.info("listening host=%s port=%d", host, port)
        asyncio.run(serve_ftp(listener, options, receiver, health, stop))
    logger.info("stopped")


def make_field_reader(settings: Settings) -> FieldReader:
    """Return how paths become fields."""
    zone = ZoneInfo(settings.timezone)
    pattern = compile_pattern(settings.ftp_path_pattern) if settings.ftp_path_pattern else None
    return FieldReader(pattern, CaptionTemplate(settings.ftp_description, zone), zone)


def check_ftp_settings(settings: Settings) -> None:
    """Raise ConfigurationError without a password and without keys, or for a bad certificate."""
    if settings.auth != KEYS and not _read_password(settings):
        raise ConfigurationError(
            "CAPTIOND_FTP_PASSWORD is not set; captiond ftp accepts no uploads without a password or CAPTIOND_AUTH=keys"
        )
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


def make_ftp_options(settings: Settings, keys: KeyDirectory | None, audit: AuditLog | None) -> ServerOptions:
    """Return the options of the FTP server, after `check_ftp_settings`. With `keys`, API keys are passwords, too."""
    certificate, key = settings.ftp_certificate, settings.ftp_key or settings.ftp_certificate
    first, _, last = (settings.ftp_passive_ports or "").partition("-")
    return ServerOptions(
        check_login=_make_check(settings, keys),
        limits=TransferLimits(settings.max_upload_bytes, settings.min_body_rate, settings.max_body_seconds),
        max_memory_bytes=settings.max_upload_memory,
        max_sessions=settings.max_ftp_sessions,
        passive_ports=range(int(first), int(last) + 1) if last else None,
        masquerade_address=settings.ftp_masquerade_address,
        tls=TlsFiles(certificate, key, settings.ftp_require_tls) if certificate and key else None,
        is_valid=keys.is_valid if keys else accept_all,
        audit=audit,
        upload_rate=RequestRate(settings.upload_rate, "uploads"),
    )


def _make_check(settings: Settings, keys: KeyDirectory | None) -> CheckLogin:
    password = _read_password(settings)
    check = accept_login(settings.ftp_user, password) if password else None
    if keys:
        return accept_keys(keys, check)
    if check is None:
        raise ConfigurationError("CAPTIOND_FTP_PASSWORD is not set")
    return check


def _read_password(settings: Settings) -> str:
    return settings.ftp_password.get_secret_value() if settings.ftp_password else ""
