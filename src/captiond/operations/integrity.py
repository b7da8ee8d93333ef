"""The conservation law: every image that was accepted is in a queue, among the dead letters or in the archive."""

import time
from collections.abc import Iterator
from contextlib import suppress
from uuid import UUID

from captiond.archive import Archive
from captiond.messages import Status
from captiond.pipeline import QUEUES
from captiond.workqueue.admin import Inventory, Location, Monitor

# What moves while it is looked for is found by one of the next looks.
LOOKS = 3
PAUSE_SECONDS = 1.0


def find_violations(inventory: Inventory, monitor: Monitor, archive: Archive) -> Iterator[str]:
    """Say in words what is lost or doubled. Raises QueueUnavailable, ArchiveUnavailable."""
    found = _suspects(inventory, archive)
    for _ in range(LOOKS - 1):
        if found:
            time.sleep(PAUSE_SECONDS)
            again = _suspects(inventory, archive)
            found = {image_id: words for image_id, words in again.items() if image_id in found}
    yield from found.values()
    if missing := monitor.totals(QUEUES).unaccounted:
        yield f"unbalanced: {missing} more accepted than stored, dropped, queued and dead; were queues changed by hand?"


def _suspects(inventory: Inventory, archive: Archive) -> dict[str, str]:
    locations = inventory.locate_all(QUEUES)
    # Rows last: an image that goes into the archive meanwhile is found there.
    stored = archive.known(_ids(image_id for image_id, about in locations.items() if not about.places))
    judged = {image_id: _judge(image_id, about, stored) for image_id, about in locations.items()}
    return {image_id: words for image_id, words in judged.items() if words}


def _judge(image_id: str, about: Location, stored: set[UUID]) -> str | None:
    """An image that is archived and queued too is no violation: its next delivery changes nothing."""
    if len(about.places) > 1:
        return f"doubled: {image_id} is in {' and in '.join(about.places)}"
    if about.places or stored.intersection(_ids([image_id])):
        return None
    where = "has no row" if about.state == Status.STORED else "is in no queue, no dead letter and no row"
    return f"lost: {image_id}, {about.state}, {where}"


def _ids(texts: Iterator[str] | list[str]) -> set[UUID]:
    ids = set()
    for text in texts:
        with suppress(ValueError):
            ids.add(UUID(text))
    return ids
