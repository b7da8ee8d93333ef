"""Standard logging, configured once per process: a rotating file per service, and stderr. Logs unhandled errors."""

import asyncio
import json
import logging
import logging.config
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import gethostname
from types import TracebackType
from typing import Literal

from concurrent_log_handler import ConcurrentRotatingFileHandler

MAX_FILE_BYTES = 10 << 20
KEPT_FILES = 10
AUDIT_FILE = "audit.log"
# Docker and Podman mount /etc/hostname of a container from a folder with its id.
_CONTAINER = re.compile(r"/containers/(?:[^/ ]+/)?([0-9a-f]{64})/")
_SHORT_ID = 12  # characters, as in `docker ps`

logger = logging.getLogger(__name__)


class UtcFormatter(logging.Formatter):
    """Writes RFC 3339 times in UTC with milliseconds, and a complete log line for each line of a message.

    Services log a batch as one record with a line per image, since most of the CPU time of logging is per record.
    """

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - overrides logging.Formatter
        lines = []
        for line in record.message.rstrip("\n").split("\n"):
            record.message = line
            lines.append(super().formatMessage(record))
        return "\n".join(lines)


class JsonFormatter(UtcFormatter):
    """Writes a JSON object for each line of a message, with the same time. An exception is in the first."""

    def __init__(self, service: str, host: str, container: str | None) -> None:
        super().__init__()
        self._source = {"service": service, "host": host, **({"container": container} if container else {})}

    def format(self, record: logging.LogRecord) -> str:
        """Return one line per object."""
        described: dict[str, str | int] = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "logger": record.name,
            **self._source,
            "process": record.process or 0,
        }
        first, *others = record.getMessage().rstrip("\n").split("\n")
        exception = {"exception": self.formatException(record.exc_info)} if record.exc_info else {}
        objects = [{**described, "message": first, **exception}, *({**described, "message": line} for line in others)]
        return "\n".join(json.dumps(each, ensure_ascii=False) for each in objects)


def configure_logging(
    service: str, log_dir: Path, level: str, *, quiet: bool = False, log_format: Literal["text", "json"] = "text"
) -> None:
    """Log to `log_dir`/`service`.log, which several processes may share, and to stderr.

    With `quiet`, stderr gets warnings and errors only. Raises OSError.
    """
    log_dir.mkdir(parents=True, exist_ok=True)
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "line": {"()": lambda: _make_formatter(service, log_format)},
            },
            "handlers": {
                "stderr": {
                    "class": "logging.StreamHandler",
                    "formatter": "line",
                    "level": "WARNING" if quiet else "NOTSET",
                },
                "file": {
                    "class": "concurrent_log_handler.ConcurrentRotatingFileHandler",
                    "formatter": "line",
                    "filename": str(log_dir / f"{service}.log"),
                    "maxBytes": MAX_FILE_BYTES,
                    "backupCount": KEPT_FILES,
                    "encoding": "utf-8",
                    "unicode_error_policy": "replace",  # a question mark instead of each lone surrogate
                },
            },
            "root": {"level": level, "handlers": ["stderr", "file"]},
            # httpx logs each URL with its password, watchfiles each event.
            "loggers": {
                **{name: {"level": "WARNING"} for name in ("alembic", "httpx", "watchfiles")},
                "pyftpdlib": {"level": "ERROR"},
            },
        }
    )
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def _make_formatter(service: str, log_format: Literal["text", "json"]) -> logging.Formatter:
    host = gethostname()
    container = find_container_id(_read_mounts())
    if container and host.startswith(container):
        container = None  # Docker's default name of the host
    if log_format == "json":
        return JsonFormatter(service, host, container)
    source = f"{service}@{host}{f'/{container}' if container else ''}".replace("%", "%%")
    return UtcFormatter(f"%(asctime)s %(levelname)s {source}[%(process)d] %(name)s: %(message)s")


def find_container_id(mounts: str) -> str | None:
    """Return the short id of the container whose mounts these are, in the format of /proc/self/mountinfo."""
    of_hostname = next((line for line in mounts.splitlines() if " /etc/hostname " in line), "")
    found = _CONTAINER.search(of_hostname)
    return found[1][:_SHORT_ID] if found else None


def _read_mounts() -> str:
    try:
        return Path("/proc/self/mountinfo").read_text(errors="replace")
    except OSError:  # not on Linux
        return ""


@contextmanager
def open_audit_file(log_dir: Path) -> Iterator[Callable[[str], None]]:
    """Return a function that appends lines to `log_dir`/audit.log, which all processes share. Raises OSError."""
    log_dir.mkdir(parents=True, exist_ok=True)
    handler = ConcurrentRotatingFileHandler(
        str(log_dir / AUDIT_FILE),
        maxBytes=MAX_FILE_BYTES,
        backupCount=KEPT_FILES,
        encoding="utf-8",
        unicode_error_policy="replace",
    )
    # Not one of `getLogger`, because a process may have several of them, in tests.
    audit = logging.Logger("captiond.audit")  # noqa: LOG001
    audit.addHandler(handler)
    try:
        yield audit.info
    finally:
        handler.close()


def log_unhandled_of_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Log errors that no task or callback of the event loop handles."""
    loop.set_exception_handler(_log_uncaught_in_task)


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logger.critical("unhandled error", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    name = args.thread.name if args.thread else "unknown"
    logger.critical("unhandled error in thread %s", name, exc_info=args.exc_value)


def _log_uncaught_in_task(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    del loop
    error = context.get("exception")
    logger.critical(
        "unhandled error in the event loop: %s",
        context.get("message"),
        exc_info=error if isinstance(error, BaseException) else None,
    )
