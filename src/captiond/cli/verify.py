"""`captiond verify`: the rows held against the files, and every accepted image looked for."""

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.console import Console

from captiond.archive import Archive
from captiond.cli.console import console
from captiond.operations.reconcile import find_discrepancies
from captiond.settings import Settings, load_settings
from captiond.wiring import open_archive, open_broker
from captiond.workqueue.errors import QueueUnavailable


def verify(
    fix: Annotated[bool, typer.Option("--fix", help="Remove the temporary files that dead writers left.")] = False,
) -> None:
    """Hold the rows against the files, and look for every accepted image.

    Names what is missing, altered, orphaned, lost or doubled; exit status 1 when anything is.
    """
    settings, out, found = load_settings(), console(), 0
    with open_archive(settings) as archive:
        if fix and (removed := archive.clean_up()):
            out.print(f"{removed} leftovers removed")
        found += _name(out, archive.verify())
        out.print("every row has its whole file, every file its row" if not found else f"{found} found")
        found += _verify_queues(settings, archive, out)
    if found:
        raise typer.Exit(1)


def _verify_queues(settings: Settings, archive: Archive, out: Console) -> int:
    """Return how much is wrong; an archive can be verified without its queues, but that is said and counts."""
    try:
        with open_broker(settings) as broker:
            found = _name(out, find_discrepancies(broker.inventory, broker.monitor, archive))
    except QueueUnavailable as error:
        out.print(f"the queues were not looked at: {error}", markup=False, highlight=False)
        return 1
    out.print("every accepted image is in one place" if not found else f"{found} found in the queues")
    return found


def _name(out: Console, findings: Iterable[object]) -> int:
    found = 0
    for finding in findings:
        found += 1
        out.print(str(finding), markup=False, highlight=False)
    return found
