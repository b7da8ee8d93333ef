"""`captiond up`: runs the whole pipeline on this machine."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer
from pydantic import SecretStr

from captiond.archive import migrate
from captiond.cli.errors import UsageError
from captiond.cli.options import Adopt, Host, Port
from captiond.logs import configure_logging
from captiond.services.up import Stack, StackOptions
from captiond.settings import (
    DATA_DIR,
    ConfigurationError,
    Settings,
    absolute_url,
    config_file,
    find_unknown_variables,
    is_stack_file,
    resolve,
)
from captiond.stop_signal import stop_on_signals
from captiond.wiring.captions import make_captioner
from captiond.wiring.deployment import adopt_deployment
from captiond.wiring.process import listen

logger = logging.getLogger(__name__)


def up(  # noqa: PLR0913 - options of a command
    host: Host = "127.0.0.1",
    port: Port = 8000,
    data_dir: Annotated[
        Path, typer.Option(metavar="DIR", help="Directory for the database, images, queue data and logs.")
    ] = DATA_DIR,
    captioners: Annotated[
        int | None,
        typer.Option(min=1, max=256, help="Number of captioner processes.", show_default="number of cores"),
    ] = None,
    ftp_port: Annotated[
        int | None, typer.Option(metavar="PORT", min=1, max=65535, help="Port for FTP.", show_default="no FTP")
    ] = None,
    adopt: Adopt = False,
) -> None:
    """Run the whole pipeline on this machine.

    Starts the API, the captioners, the archiver and the notifier. Unless CAPTIOND_REDIS_URL is set, also an
    embedded Valkey. Unless CAPTIOND_DATABASE_URL is set, the database is SQLite.
    """
    settings = resolve(use_stack=False).settings
    make_captioner(settings)  # reports a missing font before anything starts
    configured = _configured(settings)
    stack = Stack(StackOptions(data_dir.resolve(), host, port, captioners or count_usable_cpus(), configured, ftp_port))
    _reject_own_config_file(stack.settings_file)
    with _reporting("--data-dir", data_dir):
        data_dir.mkdir(parents=True, exist_ok=True)
    with _reporting("CAPTIOND_LOG_DIR" if "log_dir" in configured else "--data-dir", stack.log_dir):
        configure_logging("up", stack.log_dir, settings.log_level, quiet=True, log_format=settings.log_format)
    for problem in (*find_unknown_variables(), *stack.find_unused_data()):
        logger.warning("%s", problem)

    def prepare() -> None:
        if adopt or "database_url" not in configured:  # else the archiver migrates it, and waits for it
            migrate(stack.settings["database_url"])
        if adopt:
            adopt_deployment(Settings.model_validate(stack.settings))

    with stack.locked():
        for used in filter(None, (port, ftp_port)):
            listen(host, used).close()  # reports a port in use, after the lock: a running stack uses the port itself
        stack.run(prepare, lambda: _print_address(stack, host, port), stop_on_signals())


def _print_address(stack: Stack, host: str, port: int) -> None:
    shown = f"[{host}]" if ":" in host else host
    lines = [
        f"captiond is running at http://{shown}:{port}",
        f"API documentation: http://{shown}:{port}/docs",
        f"Data directory: {stack.settings_file.parent}",
        f"Log files: {stack.log_dir}",
    ]
    if stack.ftp_port:
        lines.insert(1, f"FTP: ftp://{shown}:{stack.ftp_port}")
    if stack.settings_file.parent != DATA_DIR.resolve():
        lines += ["For other commands:", f"  export CAPTIOND_CONFIG={quote(str(stack.settings_file))}"]
    lines.append("Press Ctrl-C to stop. The data stays for the next start.")
    sys.stdout.write("\n" + "\n".join(lines) + "\n\n")
    sys.stdout.flush()


@contextmanager
def _reporting(option: str, folder: Path) -> Iterator[None]:
    """Raise UsageError for OSError."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{option}: cannot write to {folder}: {error.strerror}") from error


def _configured(settings: Settings) -> dict[str, str]:
    """Return the settings that are no defaults, as text. Paths are absolute, for commands in other folders."""
    values: dict[str, object] = settings.model_dump(include=settings.model_fields_set)
    return {name: _as_text(value) for name, value in values.items()}


def _as_text(value: object) -> str:
    if isinstance(value, SecretStr):
        return absolute_url(value.get_secret_value())
    return str(value.absolute()) if isinstance(value, Path) else str(value)


def _reject_own_config_file(settings_file: Path) -> None:
    """Raise ConfigurationError if the stack would overwrite the user's configuration."""
    config = config_file()
    if config is not None and config.resolve() == settings_file.resolve() and not is_stack_file(config):
        raise ConfigurationError(f"CAPTIOND_CONFIG: captiond up writes {settings_file} itself; rename your file")


def count_usable_cpus() -> int:
    """Count the CPUs that this process may run on; on macOS, which has no CPU affinity, all CPUs."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
