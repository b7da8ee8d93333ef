"""`captiond doctor`: checks the configuration."""

import os
from collections.abc import Callable, Iterator

import typer
from rich.text import Text

from captiond.archive import API_LIMITS, ArchiveUnavailable
from captiond.archive.files import nearest_existing, probe_write
from captiond.cli.console import console, print_wrapped
from captiond.cli.errors import escape
from captiond.cli.hung_database import exit_if_hung
from captiond.imaging.jpeg.native import is_native
from captiond.operations.deployment import require_one_deployment
from captiond.settings import ConfigurationError, Settings, find_unknown_variables, load_settings
from captiond.wiring.archives import open_archive
from captiond.wiring.captions import make_captioner
from captiond.wiring.ftp import check_ftp_settings
from captiond.wiring.queues import make_server_requirements, open_broker
from captiond.workqueue.admin import find_server_problems
from captiond.workqueue.errors import OtherDeployment, QueueUnavailable

Check = Callable[[Settings], Iterator[str]]


def doctor() -> None:
    """Check settings, font, Redis, archive and directories.

    The exit status is 1 if a check fails.
    """
    settings, out, failed = load_settings(), console(), 0
    for name, check in CHECKS:
        problems = list(_run(check, settings))
        failed += len(problems)
        if not problems:
            out.print(f"[green]ok[/]     {name}", highlight=False)
        for problem in problems:
            print_wrapped(out, Text.assemble(("error", "red"), f"  {name}: {escape(' '.join(problem.split()))}"))
    decoder = "compiled" if is_native() else "interpreted: photos that need more than 8 KiB decoded are re-encoded"
    out.print(f"[green]ok[/]     scan decoder ({decoder})", highlight=False)
    if failed:
        raise typer.Exit(1)


def _run(check: Check, settings: Settings) -> Iterator[str]:
    """Yield the problems that a check finds, and the error that ends it."""
    try:
        yield from check(settings)
    except QueueUnavailable as error:
        yield f"CAPTIOND_REDIS_URL: {error}"
    except (ArchiveUnavailable, ConfigurationError) as error:
        yield str(error)


def _settings(settings: Settings) -> Iterator[str]:
    yield from find_unknown_variables()
    if settings.ftp_password is not None:
        check_ftp_settings(settings)  # loads the certificate


def _font(settings: Settings) -> Iterator[str]:
    make_captioner(settings)
    yield from ()


def _redis(settings: Settings) -> Iterator[str]:
    with open_broker(settings) as broker:
        yield from find_server_problems(broker.monitor, make_server_requirements(settings))
        broker.monitor.probe_permissions()


def _archive(settings: Settings) -> Iterator[str]:
    with open_archive(settings, API_LIMITS) as archive, exit_if_hung(archive):
        if problem := archive.find_schema_problem():
            yield problem
            return
        archive.check_writable()


def _deployment(settings: Settings) -> Iterator[str]:
    try:
        with open_broker(settings) as broker, open_archive(settings) as archive:
            require_one_deployment(broker.monitor, archive)
    except OtherDeployment as error:
        yield str(error)
    except (ArchiveUnavailable, ConfigurationError, QueueUnavailable):
        return  # other checks report them


def _directories(settings: Settings) -> Iterator[str]:
    for name, folder in (("CAPTIOND_LOG_DIR", settings.log_dir), ("CAPTIOND_RUN_DIR", settings.run_dir)):
        existing = nearest_existing(folder)
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            yield f"{name}: cannot write to {folder}"
            continue
        try:
            probe_write(folder)
        except OSError as error:
            yield f"{name}: cannot write to {folder}: {error.strerror}"


CHECKS: tuple[tuple[str, Check], ...] = (
    ("settings", _settings),
    ("font", _font),
    ("Redis", _redis),
    ("archive", _archive),
    ("deployment", _deployment),
    ("directories", _directories),
)
