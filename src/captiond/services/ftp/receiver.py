"""Checks a received file and queues it."""

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from uuid import NAMESPACE_URL, uuid5

from captiond.image import ReceivedImage
from captiond.imaging import JPEG_START, find_header_fault, find_start_fault, is_complete
from captiond.messages import Status, Upload
from captiond.services.ftp.fields import FieldReader
from captiond.services.ftp.incoming import IncomingFile
from captiond.services.ftp.refusal import Refused
from captiond.workqueue import Producer, Receipt
from captiond.workqueue.errors import QueueFull, QueueUnavailable

# Changing this namespace would give a repeated file another id.
FILE_NAMESPACE = uuid5(NAMESPACE_URL, "captiond:ftp-file")
# How long Redis keeps the id of an archived file. A camera that missed the 226 repeats the file within this time.
ID_MEMORY_SECONDS = 24 * 3600

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Receiver:
    """Queues complete JPEGs. While `problem` is set, uploads are refused before their transfer."""

    uploads: Producer
    fields: FieldReader
    request_seconds: float
    problem: str | None = None

    def require_available(self) -> None:
        """Raise Refused while nothing can be queued."""
        if self.problem:
            raise Refused(452, f"{self.problem}; retry later.")

    async def receive(self, user: str, file: IncomingFile, camera: str | None = None) -> str:
        """Queue a file and return its image id. On return it survives a crash of any process. Raises Refused.

        With `camera`, the image is of that camera, and a path with another camera is refused.
        A file of the same user with the same path and content is queued once.
        """
        # In a thread, because the pattern may search for 0.25 s.
        upload = await asyncio.to_thread(self._read, user, file, camera)
        receipt = await self._put(upload)
        state, image = "accepted" if receipt.new else "duplicate", upload.image
        logger.info("%s image=%s bytes=%d user=%r path=%r", state, image.id, len(upload.jpeg), user, file.name)
        return str(image.id)

    def _read(self, user: str, file: IncomingFile, camera: str | None) -> Upload:
        content = file.read()
        require_jpeg(content)
        digest = sha256(content).digest()
        image_id = uuid5(FILE_NAMESPACE, f"{user}\0{file.key_path}\0{digest.hex()}")
        received = ReceivedImage(id=image_id, received_at=datetime.now(UTC), description="", upload_sha256=digest)
        image = self.fields.fill(received, file.name)
        if camera is not None and image.camera not in {None, camera}:
            raise Refused(550, f"The API key is limited to the camera {camera!r}.")
        return Upload(image if camera is None else replace(image, camera=camera), content)

    async def _put(self, upload: Upload) -> Receipt:
        image = upload.image
        try:
            async with asyncio.timeout(self.request_seconds):
                return await self.uploads.put(
                    upload.to_message(),
                    state=Status.QUEUED,
                    # Without the fields, which depend on settings: a repeated file must not conflict.
                    digest=image.upload_sha256,
                    note=image.received_at.isoformat().encode(),
                    keep_seconds=ID_MEMORY_SECONDS,
                )
        except QueueFull as error:
            raise Refused(452, "The queue is full; retry later.") from error
        except QueueUnavailable as error:
            logger.debug("not queued: %s", error)
            raise Refused(452, f"{error.summary}; retry later.") from error
        except TimeoutError as error:
            raise Refused(452, f"Redis did not answer within {self.request_seconds:g} s; retry later.") from error


def require_jpeg(content: bytes) -> None:
    """Raise Refused for a file that is not a JPEG, or that ends before its EOI marker.

    In stream mode the end of the data connection is the end of the file (RFC 959 section 3.4.1), also if the client was
    interrupted. Only the content shows whether the file is complete.
    """
    if not content:
        raise Refused(426, "The file is empty; transfer aborted.")
    is_start_cut = JPEG_START.startswith(content)
    if not is_start_cut and (fault := find_start_fault(content) or find_header_fault(content)):
        raise Refused(550, f"Not a JPEG: {fault}.")
    if not is_complete(content):
        raise Refused(426, f"The JPEG has no end-of-image marker after {len(content)} bytes; transfer aborted.")
