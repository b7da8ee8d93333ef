"""Reconciles queues with the archive: every accepted image is in one queue or dead-letter queue, or archived."""

import time
from collections.abc import Iterator
from contextlib import suppress
from uuid import UUID

from captiond.archive import Archive
from captiond.pipeline import CAPTIONED, QUEUES
from captiond.workqueue.admin import Inventory, Location, Monitor

# Images move during a pass. A discrepancy is real if every pass finds it.
PASSES = 3
PAUSE_SECONDS = 1.0
# Messages of earlier queues have no rows.
ARCHIVED_FROM = (CAPTIONED,)


def find_discrepancies(inventory: Inventory, monitor: Monitor, archive: Archive) -> Iterator[str]:
    """Describe each lost or duplicated image, then the number of unaccounted ones.

    Raises QueueUnavailable, ArchiveUnavailable.
    """
    found = _find_once(inventory, archive)
    for _ in range(PASSES - 1):
        if found:
            time.sleep(PAUSE_SECONDS)
            again = _find_once(inventory, archive)
            found = {image_id: problem for image_id, problem in again.items() if image_id in found}
    yield from found.values()
    if deleted := find_deleted_queue(monitor, archive):
        yield deleted
    if missing := monitor.totals(QUEUES).unaccounted:
        yield (
            f"unaccounted: {missing} image{'s' * (missing != 1)} accepted but neither archived, dropped, queued nor "
            "dead-lettered; a queue was lost or changed manually"
        )


def find_deleted_queue(monitor: Monitor, archive: Archive) -> str | None:
    """Describe how far the totals in Redis are below the rows of the archive, or that its id is missing; else None.

    Raises QueueUnavailable, ArchiveUnavailable.
    """
    missing, rows = _count_missing(monitor, archive)
    if missing <= 0 and archive.is_marked() and monitor.deployment_id() is None:
        # The archiver marks both at its start.
        return (
            "the queue was deleted: the images directory has a deployment id, but Redis has none; images that were "
            "queued may be lost. `captiond queues --accept` accepts the present state"
        )
    if missing <= 0:
        return None
    return (
        f"the queue was deleted or restored from an older copy: Redis lacks {missing} of {rows} archived images; "
        "images that were queued may be lost. `captiond queues --accept` accepts the present state"
    )


def adopt_queue(monitor: Monitor, archive: Archive) -> int:
    """Accept queues that were deleted or restored. Returns how many archived images they lack.

    Raises QueueUnavailable, ArchiveUnavailable.
    """
    missing, _ = _count_missing(monitor, archive)
    if missing > 0:
        monitor.adopt(monitor.totals(ARCHIVED_FROM).adopted + missing)
    monitor.claim_deployment_id(str(archive.deployment_id()))
    return max(missing, 0)


def _count_missing(monitor: Monitor, archive: Archive) -> tuple[int, int]:
    """Count the archived images whose messages Redis has not counted, and all of them."""
    # Rows first: an image that is archived meanwhile then counts in Redis only. Deleted images were archived, too.
    rows = archive.count() + archive.lifecycle.count_deleted()
    return rows - monitor.totals(ARCHIVED_FROM).accounted, rows


def _find_once(inventory: Inventory, archive: Archive) -> dict[str, str]:
    locations = inventory.locate_all(QUEUES)
    # The archive comes last, so that it contains the images that are archived during this pass.
    placeless = _parse_ids(image_id for image_id, location in locations.items() if not location.places)
    archived = archive.find_ids(placeless)
    archived |= archive.lifecycle.tombstones(placeless - archived).keys()
    problems = {image_id: _find_problem(image_id, location, archived) for image_id, location in locations.items()}
    return {image_id: problem for image_id, problem in problems.items() if problem}


def _find_problem(image_id: str, location: Location, archived: set[UUID]) -> str | None:
    """An image that is both queued and archived is no problem, because its next delivery changes nothing."""
    if len(location.places) > 1:
        return f"duplicated: {image_id}, in {', '.join(location.places)}"
    if location.places or archived.intersection(_parse_ids([image_id])):
        return None
    return f"lost: {image_id}, last state {location.state}, in no queue or dead-letter queue, and not archived"


def _parse_ids(texts: Iterator[str] | list[str]) -> set[UUID]:
    ids = set()
    for text in texts:
        with suppress(ValueError):
            ids.add(UUID(text))
    return ids
