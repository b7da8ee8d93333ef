"""Standard logging, configured once per process: a rotating file per service, and stderr. Logs unhandled errors."""

import asyncio
import logging
import logging.config
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from concurrent_log_handler import ConcurrentRotatingFileHandler

MAX_FILE_BYTES = 10 << 20
KEPT_FILES = 10
AUDIT_FILE = "audit.log"

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


def configure_logging(service: str, log_dir: Path, level: str, *, quiet: bool = False) -> None:
    """Log to `log_dir`/`service`.log, which several processes may share, and to stderr.

    With `quiet`, stderr gets warnings and errors only. Raises OSError.
    """
    log_dir.mkdir(parents=True, exist_ok=True)
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "line": {
                    "()": UtcFormatter,
                    "fmt": f"%(asctime)s %(levelname)s {service}[%(process)d] %(name)s: %(message)s",
                }
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


@contextmanager
def open_audit_file(log_dir: Path) -> Iterator[Callable[[str], None]]:
    """Return a function that appends lines to `log_dir`/audit.log, which all processes share. Raises OSError."""
    log_dir.mkdir(parents=True, exist_ok=True)
    handler = ConcurrentRotatingFileHandler(
        str(log_dir / AUDIT_FILE), maxBytes=MAX_FILE_BYTES, backupCount=KEPT_FILES, encoding="utf-8"
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
