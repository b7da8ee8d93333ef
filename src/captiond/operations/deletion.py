"""Deletes images with everything that belongs to them: rows, files, thumbnails and their state in Redis."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

from captiond.archive import Actor, Archive, ArchiveUnavailable, Expired
from captiond.archive.records import PendingDeletion
from captiond.imaging import THUMBNAIL_VERSION
from captiond.messages import Status
from captiond.operations.thumbnail_cache import ThumbnailCache, thumbnail_key
from captiond.pipeline import DELETED, DELETED_BYTES
from captiond.workqueue.admin import Jobs, Monitor
from captiond.workqueue.errors import QueueUnavailable

BATCH_IMAGES = 200
"""The images of one transaction, which other writers of an SQLite database wait for."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Pruned:
    """The number of deleted images, and the size of their files in bytes."""

    images: int = 0
    size_bytes: int = 0


class ImageDeletion:
    """Deletes images for good. Safe to share between threads."""

    def __init__(self, archive: Archive, jobs: Jobs, monitor: Monitor, thumbnails: ThumbnailCache) -> None:
        self._archive = archive
        self._jobs = jobs
        self._monitor = monitor
        self._thumbnails = thumbnails

    def finish(
        self,
        should_stop: Callable[[], bool] = lambda: False,
        failed_before: Mapping[UUID, str] = MappingProxyType({}),
        *,
        retry: bool = True,
    ) -> dict[UUID, str]:
        """Delete what remains of deleted images. Returns those whose files cannot be deleted, with the reason.

        These remain pending, and the others are finished. `failed_before` is the result of an earlier call, whose
        images are only attempted again with `retry`. Safe to repeat after a crash at any step, and in several
        processes at the same time. Raises ArchiveUnavailable and QueueUnavailable.
        """
        failed: dict[UUID, str] = {}
        after: UUID | None = None
        while pending := self._archive.lifecycle.pending(BATCH_IMAGES, after):
            known = {image.image_id for image in pending} & failed_before.keys()
            if retry:
                failed |= self._finish(pending, known)
            else:
                failed |= {image_id: failed_before[image_id] for image_id in known}
                failed |= self._finish([image for image in pending if image.image_id not in known])
            if should_stop():
                break
            after = pending[-1].image_id
        return failed

    def prune(
        self,
        selections: Iterable[Expired],
        actor: Actor,
        pruned: Pruned,
        pause: Callable[[int], bool] = lambda _: False,
        batch: int = BATCH_IMAGES,
    ) -> None:
        """Delete everything selected, in batches. `pause` gets the size of each, and returns whether to stop.

        Raises ArchiveUnavailable. What it has deleted until then stays deleted. `pruned` counts it.
        """
        for selection in selections:
            after = None
            # Images that get a hold meanwhile remain behind the cursor.
            while found := self._archive.lifecycle.expired(selection, after, batch):
                sizes = {image.id: image.size_bytes for image in found}
                deleted = self._archive.lifecycle.delete(sizes, actor).sizes
                pruned.images += len(deleted)
                pruned.size_bytes += sum(sizes[image_id] for image_id in deleted)
                self.announce(deleted.keys(), sum(deleted.values()))
                self.finish_if_possible(deleted.keys())
                if pause(len(found)):
                    return
                after = (found[-1].received_at, found[-1].id)

    def announce(self, ids: Collection[UUID], size_bytes: int) -> None:
        """Record deletions in Redis, at once: a client that repeats an upload must not get its state before that.

        While Redis is unavailable, `finish` does so later.
        """
        if ids:
            try:
                self._jobs.record_state([str(image_id) for image_id in ids], Status.DELETED)
                self._monitor.count({DELETED: len(ids), DELETED_BYTES: size_bytes})
            except QueueUnavailable as error:
                logger.warning("deletions are not yet recorded in Redis count=%d: %s", len(ids), error)

    def finish_if_possible(self, ids: Collection[UUID]) -> None:
        """Delete what remains of these deleted images. If that fails, the archiver does so later."""
        try:
            reasons = list(self._finish(self._archive.lifecycle.pending_of(ids)).values())
        except (ArchiveUnavailable, QueueUnavailable) as error:
            reasons = [str(error)]
        if reasons:
            logger.warning("files of deleted images remain, the archiver deletes them later: %s", reasons[0])

    def _finish(self, pending: Sequence[PendingDeletion], known: Collection[UUID] = ()) -> dict[UUID, str]:
        """Delete what remains of these images. Returns those whose files cannot be deleted, with the reason.

        Of the `known` ones, only files remain.
        """
        if not pending:
            return {}
        failed = self._archive.lifecycle.delete_files(pending)
        new = [image for image in pending if image.image_id not in known]
        for image in new:
            for version in range(1, THUMBNAIL_VERSION + 1):
                self._thumbnails.delete(thumbnail_key(image.sha256, version))
        if new:
            self._jobs.record_state([str(image.image_id) for image in new], Status.DELETED)
        self._archive.lifecycle.finish([image for image in pending if image.image_id not in failed])
        return failed
