"""The thumbnails of archived images."""

from functools import partial
from hashlib import sha256
from uuid import UUID

from fastapi import APIRouter, Request, Response
from starlette.datastructures import Headers
from starlette.staticfiles import NotModifiedResponse

from captiond.archive import Archive, ArchiveUnavailable, StoredImage
from captiond.imaging import THUMBNAIL_VERSION
from captiond.services.api.context import Context
from captiond.services.api.http.deadline import DeadlineRoute
from captiond.services.api.http.image_response import image_headers, is_not_modified
from captiond.services.api.http.problem_types import (
    FILE_ALTERED,
    FILE_MISSING,
    IMAGE_DELETED,
    IMAGE_FAILED,
    IN_FLIGHT,
    INVALID_REQUEST,
    NO_THUMBNAIL,
    OVERLOADED,
    UNAVAILABLE,
    UNKNOWN_IMAGE,
)
from captiond.services.api.http.problems import Problem, problem_responses
from captiond.services.api.image_lookup import require_file, with_archived

router = APIRouter(tags=["images"], route_class=DeadlineRoute)


@router.get(
    "/images/{image_id}/thumbnail",
    summary="Fetch a thumbnail of the captioned image",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}},
        304: {"description": "the client's copy is current"},
        **problem_responses(UNKNOWN_IMAGE, IN_FLIGHT, IMAGE_FAILED, IMAGE_DELETED, NO_THUMBNAIL, INVALID_REQUEST),
        **problem_responses(FILE_MISSING, FILE_ALTERED, OVERLOADED, UNAVAILABLE),
    },
)
@router.head("/images/{image_id}/thumbnail", include_in_schema=False)
async def thumbnail(image_id: UUID, request: Request, context: Context) -> Response:
    """Return a JPEG of the whole image, turned upright, of at most 320x320 pixels. Supports conditional requests."""
    image = await with_archived(image_id, context, partial(_require_file, context.archive))
    headers = _headers(image)
    if is_not_modified(headers, request.headers):
        return NotModifiedResponse(Headers(headers))
    jpeg = await context.thumbnails.get(
        image, partial(_read, context.archive, image), partial(_is_archived, context.archive, image)
    )
    return Response(jpeg, headers=headers, media_type="image/jpeg")


def _require_file(archive: Archive, image: StoredImage) -> StoredImage:
    """Raise Problem, FileAltered, ArchiveUnavailable if the image has no file, also if its thumbnail is cached."""
    require_file(archive, image)
    return image


def _read(archive: Archive, image: StoredImage) -> bytes:
    """Return the captioned JPEG. Raises Problem, FileAltered, ArchiveUnavailable."""
    # As a whole, because an error of the disk during decoding would look like damage.
    jpeg = archive.read(require_file(archive, image))
    if sha256(jpeg).digest() != image.sha256:  # the cache would keep the thumbnail after the file is restored
        raise Problem(FILE_ALTERED, FILE_ALTERED.example)
    return jpeg


def _is_archived(archive: Archive, image: StoredImage) -> bool:
    """Return False if the database cannot tell."""
    try:
        return archive.find(image.id) is not None
    except ArchiveUnavailable:
        return False


def _headers(image: StoredImage) -> dict[str, str]:
    return image_headers(image, f"{image.sha256.hex()}-thumbnail-{THUMBNAIL_VERSION}", f"{image.id}-thumbnail.jpg")
