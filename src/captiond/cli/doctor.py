"""`captiond doctor`: checks the configuration."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import typer

from captiond.archive import ArchiveUnavailable
from captiond.cli.console import console
from captiond.imaging import FontNotFound
from captiond.imaging.jpeg.native import is_native
from captiond.settings import ConfigurationError, Settings, load_settings, unknown_variables
from captiond.wiring import make_captioner, make_server_requirements, open_archive, open_broker
from captiond.workqueue.admin import find_server_problems
from captiond.workqueue.errors import QueueUnavailable


def doctor() -> None:
    """Check settings, font, Redis, archive and directories.

    The exit status is 1 if a check fails.
    """
    settings, out, failed = load_settings(), console(), 0
    for name, check in CHECKS:
        problems = list(check(settings))
        failed += len(problems)
        if not problems:
            out.print(f"[green]ok[/]     {name}", highlight=False)
        for problem in problems:
            out.print("[red]error[/]", f" {name}: ", end="")
            out.print(" ".join(problem.split()), markup=False, highlight=False)
    decoder = "compiled" if is_native() else "interpreted: photos that it would decode for long are re-encoded"
    out.print(f"[green]ok[/]     scan decoder ({decoder})", highlight=False)
    if failed:
        raise typer.Exit(1)


def _settings(settings: Settings) -> Iterator[str]:
    del settings
    for name in unknown_variables():
        yield f"{name}: no such setting; check the spelling"


def _font(settings: Settings) -> Iterator[str]:
    try:
        make_captioner(settings)
    except FontNotFound as error:
        yield f"CAPTIOND_FONT_NAME: {error}"


def _redis(settings: Settings) -> Iterator[str]:
    try:
        with open_broker(settings) as broker:
            yield from find_server_problems(broker.monitor, make_server_requirements(settings))
            broker.monitor.probe_permissions()
    except QueueUnavailable as error:
        yield f"CAPTIOND_REDIS_URL: {error}"
    except ConfigurationError as error:
        yield str(error)


def _archive(settings: Settings) -> Iterator[str]:
    try:
        with open_archive(settings) as archive:
            archive.ping_writable()
            if not archive.schema_is_current():
                yield "the database schema is outdated; run `captiond migrate` or start the archiver"
    except (ArchiveUnavailable, ConfigurationError) as error:
        yield str(error)


def _directories(settings: Settings) -> Iterator[str]:
    for name, folder in (("CAPTIOND_LOG_DIR", settings.log_dir), ("CAPTIOND_RUN_DIR", settings.run_dir)):
        existing = _nearest_existing(folder.absolute())
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            yield f"{name}: cannot write to {folder}"


def _nearest_existing(path: Path) -> Path:
    return path if path.exists() else _nearest_existing(path.parent)


CHECKS: tuple[tuple[str, Callable[[Settings], Iterator[str]]], ...] = (
    ("settings", _settings),
    ("font", _font),
    ("Redis", _redis),
    ("archive", _archive),
    ("directories", _directories),
)
