"""`captiond verify`: checks the archive and looks for lost images."""

from collections.abc import Iterable
from itertools import chain
from typing import Annotated

import typer
from rich.console import Console

from captiond.archive import Archive
from captiond.cli.console import console, count, load_settings, print_line
from captiond.cli.hung_database import exit_if_hung
from captiond.imaging import measure_viewed
from captiond.operations.deployment import require_one_deployment
from captiond.operations.reconcile import find_discrepancies
from captiond.pipeline import QUEUES
from captiond.settings import Settings, StackNotRunning
from captiond.wiring.parts import make_dead_letter_files, open_archive, open_broker
from captiond.workqueue.errors import OtherDeployment, QueueUnavailable


def verify(
    fix: Annotated[bool, typer.Option("--fix", help="Delete temporary files left by crashed writers.")] = False,
) -> None:
    """Check rows against files, and find every accepted image.

    Lists unreadable and wrong rows, and missing, altered, orphaned, lost and duplicated images.
    The exit status is 1 if there are any.
    """
    settings, out = load_settings(), console()
    with open_archive(settings) as archive, exit_if_hung(archive):
        archive.check_deployment()
        if fix and (deleted := archive.clean_up()):
            out.print(f"temporary files deleted: {deleted}")
        # A new archive, which has no images directory yet, has no rows either.
        findings = archive.verify(measure=measure_viewed) if settings.images_dir.exists() else ()
        problems = _print_each(out, findings)
        out.print(f"archive: {_summarise(problems)}", highlight=False)
        problems += _verify_queues(settings, archive, out)
    if problems:
        raise typer.Exit(1)


def _verify_queues(settings: Settings, archive: Archive, out: Console) -> int:
    """Return the number of problems. Unavailable queues are one, but do not prevent verifying the archive."""
    try:
        with open_broker(settings) as broker:
            require_one_deployment(broker.monitor, archive)
            problems = _print_each(out, find_discrepancies(broker.inventory, broker.monitor, archive))
            letters = chain.from_iterable(broker.dead_letters(queue) for queue in QUEUES)
            problems += _print_each(out, make_dead_letter_files(settings).find_problems(letters))
    except OtherDeployment:
        raise
    except (QueueUnavailable, StackNotRunning) as error:
        print_line(out, f"queues: not checked: {error}")
        return 1
    out.print(f"queues: {_summarise(problems)}", highlight=False)
    return problems


def _print_each(out: Console, findings: Iterable[object]) -> int:
    """Return the number of findings."""
    number = 0
    for number, finding in enumerate(findings, start=1):  # noqa: B007 - the last number is the result
        print_line(out, str(finding))
    return number


def _summarise(problems: int) -> str:
    return count(problems, "problem") if problems else "ok"
