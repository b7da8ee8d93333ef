"""`captiond up`, and the commands that run one service each."""

import os
import sys
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from captiond.archive import migrate as migrate_database
from captiond.cli.console import UsageError, console
from captiond.logs import configure_logging
from captiond.services.up import Stack, StackOptions
from captiond.settings import ConfigurationError, load_settings
from captiond.wiring import listen, make_captioner, run_api, run_archiver, run_captioner, stop_on_signals

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Log only warnings and errors to stderr.")]
DEFAULT_DATA_DIR = Path("var")


def up(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    data_dir: Annotated[
        Path, typer.Option(help="Directory for the database, images, queue data and logs.")
    ] = DEFAULT_DATA_DIR,
    captioners: Annotated[
        int | None,
        typer.Option(min=1, max=256, help="Number of captioner processes.", show_default="number of cores"),
    ] = None,
) -> None:
    """Run the whole pipeline on this machine.

    Starts an embedded Valkey, the API, the captioners and the archiver. The database is SQLite.
    """
    settings = load_settings()
    make_captioner(settings)  # reports a missing font before anything starts
    options = StackOptions(data_dir.resolve(), host, port, captioners or count_usable_cpus())
    stack = Stack(options)
    try:
        configure_logging("up", options.data_dir / "log", settings.log_level, quiet=True)
    except OSError as error:
        raise UsageError(f"--data-dir: cannot write to {options.data_dir}: {error.strerror}") from error

    def print_address() -> None:
        shown = f"[{host}]" if ":" in host else host
        lines = [
            f"captiond is running at http://{shown}:{port} (API documentation: /docs). Press Ctrl-C to stop.",
            f"Log files: {options.data_dir / 'log'}",
        ]
        if data_dir != DEFAULT_DATA_DIR:
            lines.append(f"For other commands: export CAPTIOND_CONFIG={quote(str(stack.settings_file))}")
        sys.stdout.write("\n" + "\n".join(lines) + "\n\n")
        sys.stdout.flush()

    with stack.locked():
        listen(host, port).close()  # reports a port in use, after the lock: a running stack uses the port itself
        stack.run(migrate_database, print_address, stop_on_signals())


def count_usable_cpus() -> int:
    """Count the CPUs that this process may run on; on macOS, which has no CPU affinity, all CPUs."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def api(host: Host = "127.0.0.1", port: Port = 8000, quiet: Quiet = False) -> None:
    """Run the HTTP API."""
    run_api(load_settings(), host, port, quiet=quiet)


def captioner(quiet: Quiet = False) -> None:
    """Run a captioner, which adds captions to queued images."""
    run_captioner(load_settings(), quiet=quiet)


def archiver(quiet: Quiet = False) -> None:
    """Run the archiver, which stores captioned images."""
    run_archiver(load_settings(), quiet=quiet)


def migrate() -> None:
    """Create or upgrade the database schema."""
    try:
        migrate_database(load_settings().database_url.get_secret_value())
    except ValueError as error:
        raise ConfigurationError(f"CAPTIOND_DATABASE_URL: {error}") from error
    console().print("the database schema is current")
