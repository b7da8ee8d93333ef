"""Decodes messages of queue `captioned` and stores their images in the archive."""

import logging
from collections.abc import Callable, Sequence

from captiond.archive import Archive, ArchiveUnavailable, Record, RecordRejected, Tombstone
from captiond.messages import CaptionedUpload, Status
from captiond.pipeline import DAMAGED
from captiond.workqueue import MalformedMessage, Message
from captiond.workqueue.worker import Acknowledge, DependencyUnavailable, Outcome, Reject

STORED = Acknowledge(Status.STORED, (Status.STORED,))
STORED_DAMAGED = Acknowledge(Status.STORED, (Status.STORED, DAMAGED))

logger = logging.getLogger(__name__)


class ArchiverService:
    """Stores captioned images. Redelivery is safe, because storing an image again changes nothing.

    `report_problem` gets the problem of the images directory or of writing to the database, or None.
    """

    def __init__(self, archive: Archive, report_problem: Callable[[str | None], None]) -> None:
        self._archive = archive
        self._report_problem = report_problem

    def handle(self, messages: Sequence[Message]) -> list[Outcome]:
        """Store a batch in one transaction; return an outcome per message. Raises DependencyUnavailable."""
        decoded = [_decode(message) for message in messages]
        try:
            stored = iter(self._archive.store([record for record in decoded if isinstance(record, Record)]))
        except ArchiveUnavailable as error:
            self._report_problem(error.problem)
            raise DependencyUnavailable(str(error)) from error
        self._report_problem(None)
        outcomes: list[Outcome] = []
        lines: list[str] = []
        for record in decoded:
            result = next(stored) if isinstance(record, Record) else record
            if isinstance(result, MalformedMessage | RecordRejected):
                outcomes.append(Reject(result))
            elif isinstance(result, Tombstone):
                lines.append(f"redelivered after its deletion image={result.id}")
                outcomes.append(Acknowledge(Status.DELETED))
            else:
                lines.append(f"archived image={result.id} path={result.path}")
                outcomes.append(STORED_DAMAGED if result.is_damaged else STORED)
        if lines:  # one log record per batch: one per image costs 33 us of CPU more per image
            logger.info("\n".join(lines))
        return outcomes


def _decode(message: Message) -> Record | MalformedMessage:
    try:
        captioned = CaptionedUpload.from_message(message)
        return Record(captioned.image, captioned.to_jpeg(), captioned.upload if captioned.keep_original else None)
    except MalformedMessage as error:
        return error
