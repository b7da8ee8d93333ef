"""`captiond queues`: shows the state of the queues."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.box import HEAVY_HEAD, Box
from rich.console import Console
from rich.table import Table

from captiond.archive import API_LIMITS, ArchiveUnavailable
from captiond.cli.console import console, load_settings, print_line
from captiond.cli.errors import FAILED_STATUS, print_error
from captiond.cli.hung_database import exit_if_hung
from captiond.cli.json_output import print_json
from captiond.cli.options import AsJsonLines
from captiond.operations.reconcile import adopt_queue, find_deleted_queue
from captiond.pipeline import QUEUES, WEBHOOKS
from captiond.settings import Settings
from captiond.stop_signal import stop_on_signals
from captiond.wiring.archives import open_archive
from captiond.wiring.deployment import open_queues
from captiond.workqueue import Broker
from captiond.workqueue.admin import Monitor, QueueStats

WATCH_SECONDS = 2.0


def queues(
    accept: Annotated[bool, typer.Option("--accept", help="Accept queues that were deleted or restored.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show the state again every 2 s until Ctrl-C.")] = False,
    as_json: AsJsonLines = False,
) -> None:
    """Show the state of the queues.

    Depth is the number of waiting messages. Oldest age is the age of the oldest message. The exit status is 1 if the
    totals are below the number of archived images, as after FLUSHALL.
    """
    settings, out = load_settings(), console()
    with open_queues(settings) as broker:
        if watch:
            stop = stop_on_signals()
            while not stop.is_set():
                _show(broker, settings, out, as_json=as_json, clear=out.is_terminal)
                stop.wait(WATCH_SECONDS)
            return
        _show(broker, settings, out, as_json=as_json, clear=False)
        if deleted := _compare_with_archive(broker.monitor, settings, accept=accept):
            print_error(deleted) if as_json else print_line(out, deleted)
            raise typer.Exit(FAILED_STATUS)


def _show(broker: Broker, settings: Settings, out: Console, *, as_json: bool, clear: bool) -> None:
    stats = [*map(broker.monitor.stats, QUEUES), broker.notification_monitor.stats(WEBHOOKS)]
    totals = broker.monitor.totals(QUEUES)
    if as_json:
        print_json(
            {
                "queues": [asdict(each) for each in stats],
                "totals": {**asdict(totals), "unaccounted": totals.unaccounted},
                "max_backlog_bytes": settings.max_backlog_bytes,
                "max_dead_letter_bytes": settings.max_dead_letter_bytes,
            }
        )
        return
    if clear:
        out.clear()
    out.print(_make_table(stats, box=HEAVY_HEAD if out.is_terminal else None))
    out.print(f"dead letters: {totals.dead_letter_bytes} of {settings.max_dead_letter_bytes} bytes used")
    out.print(
        f"total: {totals.accepted} accepted, {totals.acknowledged} archived, {totals.dropped} dropped, "
        f"{totals.redelivered} redelivered, {totals.leases_expired} leases expired, {totals.fenced} fenced"
    )
    out.print(
        f"now: {totals.queued_bytes / settings.max_backlog_bytes:.1%} of max_backlog_bytes used, "
        f"{totals.unaccounted} images unaccounted for"
    )


def _make_table(stats: Sequence[QueueStats], box: Box | None) -> Table:
    shown = Table("queue", header_style="bold", box=box)
    for queue in (*QUEUES, WEBHOOKS):
        shown.add_column(queue, justify="right")
    shown.add_row("depth", *(str(each.depth) for each in stats))
    shown.add_row("in flight", *(str(each.in_flight) for each in stats))
    shown.add_row("delayed", *(str(each.delayed) for each in stats))
    shown.add_row("dead letters", *(str(each.dead_letters) for each in stats))
    shown.add_row("oldest age", *(f"{each.oldest_age_seconds:.1f} s" for each in stats))
    shown.add_row("bytes", *(str(each.queued_bytes) for each in stats))
    shown.add_row("consumers", *(str(each.consumers) for each in stats))
    return shown


def _compare_with_archive(monitor: Monitor, settings: Settings, *, accept: bool) -> str | None:
    """Return the problem of queues that lack archived images. An unavailable archive is none, but is reported."""
    try:
        with open_archive(settings, API_LIMITS) as archive, exit_if_hung(archive):
            if accept:
                adopt_queue(monitor, archive)
            return find_deleted_queue(monitor, archive)
    except ArchiveUnavailable as error:
        print_error(f"not compared with the archive: {error}")
        return None
