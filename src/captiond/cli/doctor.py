"""`captiond doctor`: checks the configuration."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import typer

from captiond.archive import API_LIMITS, ArchiveUnavailable
from captiond.cli.console import console
from captiond.imaging.jpeg.native import is_native
from captiond.settings import REFERENCE, ConfigurationError, Settings, load_settings, unknown_variables
from captiond.wiring import make_captioner, make_server_requirements, open_archive, open_broker
from captiond.workqueue.admin import find_server_problems
from captiond.workqueue.errors import QueueUnavailable

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
            out.print("[red]error[/]", f" {name}: ", end="")
            out.print(" ".join(problem.split()), markup=False, highlight=False)
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


def _settings(_: Settings) -> Iterator[str]:
    for name in unknown_variables():
        yield f"{name}: no such setting; see {REFERENCE}"


def _font(settings: Settings) -> Iterator[str]:
    make_captioner(settings)
    yield from ()


def _redis(settings: Settings) -> Iterator[str]:
    with open_broker(settings) as broker:
        yield from find_server_problems(broker.monitor, make_server_requirements(settings))
        broker.monitor.probe_permissions()


def _archive(settings: Settings) -> Iterator[str]:
    with open_archive(settings, API_LIMITS) as archive:
        if problem := archive.find_schema_problem():
            yield problem
        else:
            archive.probe_insert()
        archive.check_writable()


def _directories(settings: Settings) -> Iterator[str]:
    for name, folder in (("CAPTIOND_LOG_DIR", settings.log_dir), ("CAPTIOND_RUN_DIR", settings.run_dir)):
        existing = _nearest_existing(folder.absolute())
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            yield f"{name}: cannot write to {folder}"


def _nearest_existing(path: Path) -> Path:
    return path if path.exists() else _nearest_existing(path.parent)


CHECKS: tuple[tuple[str, Check], ...] = (
    ("settings", _settings),
    ("font", _font),
    ("Redis", _redis),
    ("archive", _archive),
    ("directories", _directories),
)
