"""`captiond queues`: how full the queues are."""

from captiond.cli.console import console, table
from captiond.messages import CAPTIONED, UPLOADS
from captiond.settings import load_settings
from captiond.wiring import open_broker

COLUMNS = ("queue", "depth", "in flight", "parked", "dead letters", "oldest", "bytes", "consumers")


def queues() -> None:
    """Show how full the queues are. Depth counts what waits; `oldest` is the age of the oldest message."""
    shown = table("", *COLUMNS, numbers=COLUMNS[1:])
    with open_broker(load_settings()) as broker:
        for stats in (broker.monitor.stats(queue) for queue in (UPLOADS, CAPTIONED)):
            shown.add_row(
                stats.queue,
                str(stats.depth),
                str(stats.in_flight),
                str(stats.parked),
                str(stats.dead),
                f"{stats.oldest_age_seconds:.1f} s",
                str(stats.held_bytes),
                str(stats.consumers),
            )
    console().print(shown)
