"""Queues the pictures of an event as images."""

import logging
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

from pydantic import BaseModel, Field

from captiond.image import ReceivedImage
from captiond.messages import Upload
from captiond.operations.caption_template import CaptionTemplate
from captiond.operations.description import describe
from captiond.services.api.context import ApiContext
from captiond.services.api.http.deadline import deadline
from captiond.services.api.http.problem_types import TOO_LARGE
from captiond.services.api.http.problems import Problem
from captiond.services.api.ingest.event import EVENT_ID, CameraEvent, Picture
from captiond.services.api.upload.body import image_too_large, require_jpeg
from captiond.services.api.uploads import KEY_MEMORY_SECONDS, enqueue

MAX_PICTURES = 16

logger = logging.getLogger(__name__)


class AcceptedEvent(BaseModel):
    """The images of an event, the main picture first. None if the event has no picture."""

    event_id: str | None = Field(default=None, description="the label `event_id` of the images")
    images: list[UUID] = Field(default_factory=list)


async def queue_pictures(context: ApiContext, event: CameraEvent, template: CaptionTemplate) -> AcceptedEvent:
    """Queue the pictures of an event. Pictures of a repeated event are not queued again. Raises Problem.

    If the queue refuses a picture, the camera repeats the event, and only the missing pictures are added.
    """
    name = event.labels.get("event", "")
    if not event.pictures:
        level = logging.DEBUG if event.is_heartbeat else logging.INFO
        logger.log(level, "event without picture source=%s camera=%r event=%r", event.source, event.camera, name)
        return AcceptedEvent(event_id=event.labels[EVENT_ID])
    accepted = AcceptedEvent(event_id=event.labels[EVENT_ID])
    async with deadline(context.request_seconds):
        for picture in _choose(event, context):
            image = _describe(event, picture, template)
            await enqueue(context, Upload(image, picture.jpeg), image.upload_sha256, KEY_MEMORY_SECONDS)
            accepted.images.append(image.id)
    images = ",".join(map(str, accepted.images))
    context.upload_log.info(f"event source={event.source} camera={event.camera!r} event={name!r} images={images}")
    return accepted


def _choose(event: CameraEvent, context: ApiContext) -> list[Picture]:
    """Return the pictures to archive. Non-JPEG pictures are skipped, unless no JPEG remains. Raises Problem."""
    if len(event.pictures) > MAX_PICTURES:
        raise Problem(TOO_LARGE, f"The event has {len(event.pictures)} pictures; the limit is {MAX_PICTURES}.")
    usable: list[Picture] = []
    refused: list[Problem] = []
    for picture in event.pictures:
        if len(picture.jpeg) > context.max_upload_bytes:
            raise image_too_large(context.max_upload_bytes)
        try:
            require_jpeg(picture.jpeg, f"The picture `{picture.role}`")
        except Problem as problem:
            refused.append(problem)
        else:
            usable.append(picture)
    if not usable:
        raise refused[0]
    for skipped in refused:
        logger.warning("skipped picture source=%s camera=%r: %s", event.source, event.camera, skipped.detail)
    return usable[:1] if context.ingest.only_main_picture else usable


def _describe(event: CameraEvent, picture: Picture, template: CaptionTemplate) -> ReceivedImage:
    digest = sha256(picture.jpeg).digest()
    image = ReceivedImage(
        id=event.image_id(picture.role, digest),
        received_at=datetime.now(UTC),
        description="",
        upload_sha256=digest,
        captured_at=event.captured_at,
        camera=event.camera,
        labels=event.labels_with(picture.role),
    )
    return describe(image, template, fallback=f"{event.source.capitalize()} event")
