"""Prepares the inputs of a hot path outside valgrind: photos, texts, form bodies, queued messages."""

import asyncio
import json
import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from hashlib import sha256

from benchmarks.guard.hot_paths import (
    ARCHIVER,
    CAPTION,
    CAPTION_OWN_TABLES,
    CAPTIONER,
    UPLOAD,
    UPLOAD_WITH_KEY,
    HotPath,
    Place,
)
from benchmarks.inputs.frames import encode, make_frames
from benchmarks.inputs.huffman import rewrite_huffman_tables
from benchmarks.inputs.texts import RUSSIAN, write_caption
from benchmarks.pipeline.load.uploads import BOUNDARY, make_uploads, write_bodies
from benchmarks.pipeline.load.uploads import Upload as Form
from uuid_utils.compat import uuid7

from captiond.image import CaptionedImage, ReceivedImage
from captiond.imaging import Captioner, Style
from captiond.messages import CaptionedUpload, Status, Upload
from captiond.pipeline import CAPTIONED, UPLOADS
from captiond.workqueue import Broker, Budget, Message
from captiond.workqueue.admin import ServerRequirements

_FRAMES = 4
_CHARACTERS = 50
_KEEP_SECONDS = 3600


def prepare(path: HotPath, place: Place) -> None:
    """Write the inputs of this path to the folder or to a queue."""
    _MAKE[path.name](path, place)


def _write_photos(path: HotPath, place: Place) -> None:
    """Write a few photos and a text for each caption."""
    photos = [encode(frame) for frame in make_frames(_FRAMES)]
    if path is CAPTION_OWN_TABLES:
        photos = [rewrite_huffman_tables(photo, model=photos[0]) for photo in photos]
    for at, photo in enumerate(photos):
        (place.folder / f"{at}.jpg").write_bytes(photo)
    random_ = random.Random(1)
    texts = [write_caption(RUSSIAN, _CHARACTERS, random_) for _ in range(path.images)]
    (place.folder / "texts.json").write_text(json.dumps(texts))


def _write_bodies(path: HotPath, place: Place) -> None:
    write_bodies(make_uploads(path.images), place.folder / "bodies")
    (place.folder / "content-type").write_text(f"multipart/form-data; boundary={BOUNDARY}")


def _queue_uploads(path: HotPath, place: Place) -> None:
    messages = (_upload(form).to_message() for form in make_uploads(path.images))
    asyncio.run(_enqueue(place, UPLOADS, Status.QUEUED, messages))


def _queue_captioned(path: HotPath, place: Place) -> None:
    uploads = (_upload(form) for form in make_uploads(path.images))
    captioner = Captioner(Style())
    messages = (Message(upload.image.id, _captioned(upload, captioner).to_headers(), upload.jpeg) for upload in uploads)
    asyncio.run(_enqueue(place, CAPTIONED, Status.CAPTIONED, messages))


def _upload(form: Form) -> Upload:
    image = ReceivedImage(
        id=uuid7(),
        received_at=datetime.now(UTC),
        description=form.text,
        upload_sha256=sha256(form.jpeg).digest(),
    )
    return Upload(image, form.jpeg)


def _captioned(upload: Upload, captioner: Captioner) -> CaptionedUpload:
    captioned = captioner.add_caption(upload.jpeg, upload.image.description, upload.image.upload_sha256)
    image = CaptionedImage(**vars(upload.image), width=captioned.width, height=captioned.height)
    return CaptionedUpload(image, upload.jpeg, captioned.patch)


async def _enqueue(place: Place, queue: str, state: str, messages: Iterable[Message]) -> None:
    with Broker(place.redis_url) as broker:
        producer = broker.producer(queue, Budget(), ServerRequirements())
        for message in messages:
            await producer.put(message, state=state, digest=b"", note=b"", keep_seconds=_KEEP_SECONDS)
        await producer.close()


_MAKE: dict[str, Callable[[HotPath, Place], None]] = {
    CAPTION.name: _write_photos,
    CAPTION_OWN_TABLES.name: _write_photos,
    UPLOAD.name: _write_bodies,
    UPLOAD_WITH_KEY.name: _write_bodies,
    CAPTIONER.name: _queue_uploads,
    ARCHIVER.name: _queue_captioned,
}
