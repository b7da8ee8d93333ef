"""Constructs the audit log."""

import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from uuid import UUID

from captiond.archive import API_LIMITS, AuditEntry, AuditStore, TimeLimits
from captiond.logs import AUDIT_FILE, open_audit_file
from captiond.operations.audit import AuditLog
from captiond.settings import ConfigurationError, Settings
from captiond.wiring.archives import open_database

# A command waits this long for the database, and then leaves the entry in the file.
COMMAND_SECONDS = 5.0


def open_audit_store(settings: Settings, limits: TimeLimits = API_LIMITS) -> AbstractContextManager[AuditStore]:
    """Open the table of the audit log. The first use connects to the database. Raises ConfigurationError."""
    return open_database(AuditStore.open(settings.database_url.get_secret_value(), limits))


@contextmanager
def open_audit_log(settings: Settings) -> Iterator[AuditLog]:
    """Write the audit log until the context ends. Raises ConfigurationError."""
    with ExitStack() as opened:
        try:
            write_line = opened.enter_context(open_audit_file(settings.log_dir))
        except OSError as error:
            raise ConfigurationError(
                f"CAPTIOND_LOG_DIR: cannot write to {settings.log_dir}: {error.strerror}"
            ) from error
        yield opened.enter_context(AuditLog(opened.enter_context(open_audit_store(settings)), write_line))


def record_command(
    settings: Settings, action: str, *, result: str = "ok", image_id: UUID | None = None, detail: str | None = None
) -> str | None:
    """Record what a command has done, before it reports success. Returns what the entry could not be written to.

    Raises ConfigurationError.
    """
    address = f"cli@{socket.gethostname()}"
    entry = AuditEntry(action, result, _user(), address=address, image_id=image_id, detail=detail)
    problems: list[str] = []
    with ExitStack() as opened:
        try:
            write_line = opened.enter_context(open_audit_file(settings.log_dir))
        except OSError as error:
            problems.append(f"{settings.log_dir}/{AUDIT_FILE}: {error.strerror}")
            write_line = _discard
        log = opened.enter_context(AuditLog(opened.enter_context(open_audit_store(settings)), write_line))
        try:
            is_saved = log.record_now(entry).result(COMMAND_SECONDS)
        except TimeoutError:
            is_saved = False
    if not is_saved:
        problems.append("the database is unavailable")
    return "; ".join(problems) or None


def _discard(_line: str) -> None:
    """Write nothing."""


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in containers
        return f"uid {os.getuid()}"
