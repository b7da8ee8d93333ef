"""Decodes messages of queue `uploads`, captions their photos and forwards them to queue `captioned`."""

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from captiond.image import CaptionedImage
from captiond.imaging import BadImage, Captioned, Captioner
from captiond.messages import CaptionedUpload, Status, Upload
from captiond.operations.caption_template import CaptionTemplate
from captiond.operations.keep_originals import KeepOriginals
from captiond.pipeline import DAMAGED
from captiond.services.captioner.cpu_limit import CpuTimeExceeded
from captiond.services.captioner.isolation import IsolatedCaptioner
from captiond.workqueue import MalformedMessage, Message
from captiond.workqueue.worker import Forward, Isolate, Outcome, Reject

logger = logging.getLogger(__name__)


class CaptionerService:
    """Captions uploads. Redelivery is safe: of two results for one upload the queue accepts only the first."""

    def __init__(
        self,
        captioner: Captioner | IsolatedCaptioner,
        keep_originals: KeepOriginals,
        template: CaptionTemplate,
        cpu_limit: AbstractContextManager[object] | None = None,
    ) -> None:
        """Images that raise CpuTimeExceeded in the context `cpu_limit` are isolated."""
        self._captioner = captioner
        self._template = template
        self._keep_originals = keep_originals
        self._cpu_limit = cpu_limit or nullcontext()

    def handle(self, messages: Sequence[Message]) -> list[Outcome]:
        """Caption a batch; return an outcome per message. Images that cannot be decoded are rejected.

        Ends after an image that is to be isolated, so that the images before it need not wait for others like it.
        """
        lines: list[str] = []
        outcomes: list[Outcome] = []
        for message in messages:
            outcomes.append(self._caption(message, lines))
            if isinstance(outcomes[-1], Isolate):
                break
        if lines:  # one log record per batch: one per image costs 33 us of CPU more per image
            logger.info("\n".join(lines))
        return outcomes

    def _caption(self, message: Message, lines: list[str]) -> Outcome:
        try:
            upload = Upload.from_message(message)
            text = self._template.fill(upload.image)
            captioned = self._add_caption(upload, text)
        except (BadImage, MalformedMessage) as error:
            return Reject(error)
        except CpuTimeExceeded:
            logger.warning("captioning takes long; isolating image=%s", message.id)
            return Isolate()
        image = CaptionedImage(
            **vars(upload.image),
            width=captioned.width,
            height=captioned.height,
            reencode_reason=captioned.reencode_reason,
            damage=captioned.damage,
            caption=None if text == upload.image.description else text,
        )
        if captioned.missing:
            missing = ", ".join(map(_name, captioned.missing))
            logger.warning("no installed font covers %s; drew a replacement box image=%s", missing, image.id)
        if image.is_damaged:
            logger.warning('damaged photo image=%s reason="%s"', image.id, image.damage)
        lines.append(f"captioned image={image.id} width={image.width} height={image.height} {_method(image)}")
        keep_original = self._keep_originals.applies(reencoded=image.reencode_reason is not None)
        forwarded = CaptionedUpload(image, upload.jpeg, captioned.patch, keep_original)
        return Forward(forwarded.to_headers(), Status.CAPTIONED, DAMAGED if image.is_damaged else None)

    def _add_caption(self, upload: Upload, text: str) -> Captioned:
        try:
            with self._cpu_limit:
                return self._captioner.add_caption(upload.jpeg, text, upload.image.upload_sha256)
        except BadImage:
            upload.verify_checksum()  # raises MalformedMessage if the payload was damaged after its upload
            raise


def _method(image: CaptionedImage) -> str:
    reason = "" if image.reencode_reason is None else f' reason="{image.reencode_reason}"'
    return f"method={image.method}{reason}"


def _name(cluster: str) -> str:
    """Name a grapheme cluster by its code points, which every terminal can show."""
    return " ".join(f"U+{ord(character):04X}" for character in cluster)
