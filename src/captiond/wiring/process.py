"""Sets up the process of a service: logging and its socket."""

import gc
import logging
import os
import socket

from captiond.logs import configure_logging
from captiond.settings import ConfigurationError, Settings, find_unknown_variables
from captiond.sockets import open_socket

logger = logging.getLogger(__name__)


def start_logging(service: str, settings: Settings, *, quiet: bool) -> None:
    """Log to stderr and to the log directory. Raises ConfigurationError."""
    try:
        configure_logging(service, settings.log_dir, settings.log_level, quiet=quiet, log_format=settings.log_format)
    except OSError as error:
        raise ConfigurationError(f"CAPTIOND_LOG_DIR: cannot write to {settings.log_dir}: {error.strerror}") from error
    for problem in find_unknown_variables():
        # `captiond up` starts its services quietly, and prints the warning itself.
        logger.log(logging.INFO if quiet else logging.WARNING, "%s", problem)


def listen(host: str, port: int) -> socket.socket:
    """Listen on an address. Raises ConfigurationError."""
    try:
        return open_socket(host, port)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        # `socket.create_server` adds the address as a tuple in parentheses.
        shown = (reason or str(error)).partition(" (while")[0]
        raise ConfigurationError(f"cannot listen on {host} port {port}: {shown}") from error


def freeze_garbage_collector() -> None:
    """Exempt the objects that exist from garbage collection. Call once, when the service is ready to run.

    A full collection of them takes 0.1 s and more, during which an event loop answers no request.
    """
    gc.collect()
    gc.freeze()
