"""`captiond up` and the services one by one."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from captiond.archive import migrate as migrate_database
from captiond.cli.console import console
from captiond.logs import configure_logging
from captiond.services.up import Stack, StackOptions
from captiond.settings import ConfigurationError, load_settings
from captiond.wiring import listen, make_captioner, run_api, run_archiver, run_captioner, stop_on_signals

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=1, max=65535)]
DEFAULT_DATA_DIR = Path("var")


def up(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    data_dir: Annotated[Path, typer.Option(help="Everything that is written lies under it.")] = DEFAULT_DATA_DIR,
    captioners: Annotated[
        int | None, typer.Option(min=1, max=256, help="Captioner processes.", show_default="number of cores")
    ] = None,
) -> None:
    """Run the whole pipeline on this machine. Needs no server: it brings a Valkey of its own, and SQLite."""
    settings = load_settings()
    make_captioner(settings)  # a missing font is said before anything starts
    options = StackOptions(data_dir.resolve(), host, port, captioners or count_usable_cpus())
    stack = Stack(options)
    try:
        configure_logging("up", options.data_dir / "log", settings.log_level)
    except OSError as error:
        raise ConfigurationError(f"--data-dir: {options.data_dir} cannot be written: {error.strerror}") from error

    def ready() -> None:
        shown = f"[{host}]" if ":" in host else host
        sys.stdout.write(f"captiond runs on http://{shown}:{port} (API documentation: /docs); Ctrl-C stops it\n")
        if data_dir != DEFAULT_DATA_DIR:
            sys.stdout.write(f"for other commands: export CAPTIOND_CONFIG={stack.settings_file}\n")
        sys.stdout.flush()

    with stack.locked():
        listen(host, port).close()  # a used port, too, but not when it is used by this very stack
        stack.run(migrate_database, ready, stop_on_signals())


def api(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Run the API."""
    run_api(load_settings(), host, port)


def captioner() -> None:
    """Run a captioner."""
    run_captioner(load_settings())


def archiver() -> None:
    """Run an archiver."""
    run_archiver(load_settings())


def migrate() -> None:
    """Bring the database to the newest schema."""
    try:
        migrate_database(load_settings().database_url.get_secret_value())
    except ValueError as error:
        raise ConfigurationError(f"CAPTIOND_DATABASE_URL: {error}") from error
    console().print("the database is at the newest schema")


def count_usable_cpus() -> int:
    """Count the CPUs that this process may run on; on macOS, which has no CPU affinity, all CPUs."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
