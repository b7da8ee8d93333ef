"""`captiond queues`: shows the state of the queues."""

from captiond.cli.console import console, load_settings, table
from captiond.pipeline import QUEUES
from captiond.wiring import open_queues

COLUMNS = ("queue", "depth", "in flight", "delayed", "dead letters", "oldest age", "bytes", "consumers")


def queues() -> None:
    """Show the state of the queues.

    Depth is the number of waiting messages. Oldest age is the age of the oldest message.
    """
    settings = load_settings()
    shown = table(*COLUMNS, numbers=COLUMNS[1:])
    with open_queues(settings) as broker:
        for stats in (broker.monitor.stats(queue) for queue in QUEUES):
            shown.add_row(
                stats.queue,
                str(stats.depth),
                str(stats.in_flight),
                str(stats.delayed),
                str(stats.dead_letters),
                f"{stats.oldest_age_seconds:.1f} s",
                str(stats.queued_bytes),
                str(stats.consumers),
            )
        totals = broker.monitor.totals(QUEUES)
    out = console()
    out.print(shown)
    out.print(
        f"total: {totals.accepted} accepted, {totals.acknowledged} archived, {totals.dropped} dropped, "
        f"{totals.redelivered} redelivered, {totals.leases_expired} leases expired, {totals.fenced} fenced"
    )
    out.print(
        f"now: {totals.queued_bytes / settings.max_backlog_bytes:.1%} of max_backlog_bytes used, "
        f"{totals.unaccounted} images unaccounted for"
    )
