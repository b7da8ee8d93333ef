"""Queue `captioned` → archive."""

import logging
from collections.abc import Sequence

from captiond.archive import Archive, ArchiveUnavailable, Record, RecordRejected
from captiond.messages import CaptionedImage, Status
from captiond.workqueue import MalformedMessage, Message
from captiond.workqueue.worker import Acknowledge, DependencyUnavailable, Outcome, Reject

logger = logging.getLogger(__name__)


class ArchiverService:
    """Handles captioned images. At least once: keeping an image again changes nothing."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def handle(self, messages: Sequence[Message]) -> list[Outcome]:
        """Keep a batch: files first, then the rows in one transaction. Raises DependencyUnavailable."""
        decoded = [_decode(message) for message in messages]
        try:
            kept = iter(self._archive.store([record for record in decoded if isinstance(record, Record)]))
        except ArchiveUnavailable as error:
            raise DependencyUnavailable(str(error)) from error
        outcomes: list[Outcome] = []
        done: list[str] = []
        for record in decoded:
            result = next(kept) if isinstance(record, Record) else record
            if isinstance(result, MalformedMessage | RecordRejected):
                outcomes.append(Reject(result))
            else:
                done.append(f"stored {result.id}: {result.path}")
                outcomes.append(Acknowledge(Status.STORED))
        if done:
            logger.info("\n".join(done))
        return outcomes


def _decode(message: Message) -> Record | MalformedMessage:
    try:
        image = CaptionedImage.from_message(message)
        jpeg = image.to_jpeg()
    except MalformedMessage as error:
        return error
    return Record(
        id=image.id,
        received_at=image.received_at,
        description=image.description,
        width=image.width,
        height=image.height,
        jpeg=jpeg,
        upload_sha256=image.upload_sha256,
        reencode_reason=image.reencode_reason,
        original=image.upload if image.keep_original else None,
    )
