"""Queue `uploads` → imaging → queue `captioned`."""

import logging
from collections.abc import Sequence
from enum import StrEnum

from captiond.imaging import BadImage, Captioned, Captioner
from captiond.messages import CaptionedImage, Status, Upload
from captiond.services.captioner.isolation import IsolatedCaptioner
from captiond.workqueue import MalformedMessage, Message
from captiond.workqueue.worker import Forward, Outcome, Reject

logger = logging.getLogger(__name__)


class KeepOriginals(StrEnum):
    """Which uploads are kept beside their captioned images; the others can be had back out of them."""

    REDRAWN = "redrawn"
    ALWAYS = "always"
    NEVER = "never"

    def applies(self, captioned: Captioned) -> bool:
        return self is KeepOriginals.ALWAYS or (self is KeepOriginals.REDRAWN and captioned.reencode_reason is not None)


class CaptionerService:
    """Handles uploads. At least once: a second captioning of the same upload replaces nothing, it is fenced off."""

    def __init__(self, captioner: Captioner | IsolatedCaptioner, keep_originals: KeepOriginals) -> None:
        self._captioner = captioner
        self._keep_originals = keep_originals

    def handle(self, messages: Sequence[Message]) -> list[Outcome]:
        """Caption each; a file that is broken inside goes to the dead letters at once."""
        done: list[str] = []
        outcomes = [self._caption(message, done) for message in messages]
        if done:
            logger.info("\n".join(done))
        return outcomes

    def _caption(self, message: Message, done: list[str]) -> Outcome:
        try:
            upload = Upload.from_message(message)
            captioned = self._add_caption(upload)
        except (BadImage, MalformedMessage) as error:
            return Reject(error)
        image = CaptionedImage(
            id=upload.id,
            received_at=upload.received_at,
            description=upload.description,
            width=captioned.width,
            height=captioned.height,
            upload_sha256=upload.sha256,
            upload=upload.jpeg,
            patch=captioned.patch,
            reencode_reason=captioned.reencode_reason,
            keep_original=self._keep_originals.applies(captioned),
        )
        how = f"redrawn: {captioned.reencode_reason}" if captioned.reencode_reason else "photo untouched"
        if captioned.missing:
            named = ", ".join(map(_name, captioned.missing))
            logger.warning("image %s: boxes stand for %s, which no installed font has", image.id, named)
        done.append(f"captioned {image.id}: {image.width} x {image.height}, {how}")
        return Forward(image.to_headers(), Status.CAPTIONED)

    def _add_caption(self, upload: Upload) -> Captioned:
        try:
            return self._captioner.add_caption(upload.jpeg, upload.description, upload.sha256)
        except BadImage:
            upload.verify_checksum()  # else it is not the image that is bad
            raise


def _name(cluster: str) -> str:
    """A grapheme cluster by its code points: a terminal may lack it, too."""
    return " ".join(f"U+{ord(character):04X}" for character in cluster)
