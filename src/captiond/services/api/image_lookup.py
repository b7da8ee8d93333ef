"""Finds one image for the routes of images, and explains why there is none."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from captiond.archive import Archive, StoredImage
from captiond.messages import Status
from captiond.operations.public_error import make_public_error
from captiond.services.api.bodies.images import ImageStatus
from captiond.services.api.context import ApiContext
from captiond.services.api.http.problem_types import FILE_MISSING, IMAGE_DELETED, IMAGE_FAILED, IN_FLIGHT, UNKNOWN_IMAGE
from captiond.services.api.http.problems import Problem
from captiond.times import show_time

T = TypeVar("T")


async def with_archived(image_id: UUID, context: ApiContext, use: Callable[[StoredImage], T]) -> T:
    """Return the result of `use`, which gets the image in a thread of the archive. Raises Problem."""

    def find_and_use() -> T | None:
        image = context.archive.find(image_id)
        try:
            result = use(image) if image else None
        except Problem as problem:
            if problem.type is FILE_MISSING:  # unless it was deleted meanwhile
                require_not_deleted(context.archive, image_id)
            raise
        if result is None:
            require_not_deleted(context.archive, image_id)
        return result

    result = await context.archive_access.run(find_and_use)
    if result is None:
        raise _not_archived(await read_status(image_id, context))
    return result


def require_not_deleted(archive: Archive, image_id: UUID) -> None:
    """Raise Problem if the image was deleted. Raises ArchiveUnavailable."""
    if tombstone := archive.lifecycle.tombstone(image_id):
        raise Problem(IMAGE_DELETED, f"The image was deleted at {show_time(tombstone.deleted_at)}.")


def require_file(archive: Archive, image: StoredImage) -> Path:
    """Return the path of the captioned JPEG. Raises Problem, FileAltered, ArchiveUnavailable."""
    try:
        return archive.check_file(image)
    except FileNotFoundError as error:
        raise Problem(FILE_MISSING, FILE_MISSING.example) from error


async def read_status(image_id: UUID, context: ApiContext) -> ImageStatus:
    """Read the image's status from Redis. Raises Problem."""
    job = await context.redis.run(lambda: context.jobs.find(str(image_id)))
    if job is None:
        raise Problem(UNKNOWN_IMAGE, UNKNOWN_IMAGE.example)
    error = make_public_error(image_id, job.error or "") if job.state == Status.FAILED else None
    return ImageStatus(id=image_id, status=Status(job.state), error=error)


def _not_archived(status: ImageStatus) -> Problem:
    """Explain why an accepted image cannot be returned."""
    if status.status is Status.FAILED:
        return Problem(IMAGE_FAILED, status.error or IMAGE_FAILED.title)
    return Problem(IN_FLIGHT, f"The image is {status.status}; retry after the time in Retry-After.")
