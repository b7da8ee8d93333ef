"""What is archived, and where an image is."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from captiond.archive import PageQuery, StoredImage
from captiond.messages import Status
from captiond.operations.originals import OriginalUnavailable, load_original
from captiond.services.api.dependencies import ApiParts, Parts
from captiond.services.api.http.bodies import ImageStatus, ListedImage
from captiond.services.api.http.image_response import CACHE_CONTROL, RANGE_NOT_SATISFIABLE, image_response
from captiond.services.api.http.paging import CursorText, Instant, parse_cursor, write_cursor
from captiond.services.api.http.problems import (
    FILE_MISSING,
    IMAGE_FAILED,
    IN_FLIGHT,
    INVALID_REQUEST,
    ORIGINAL_GONE,
    UNAVAILABLE,
    UNKNOWN_IMAGE,
    Problem,
    documented,
)

router = APIRouter(tags=["images"])


@router.get("/images", summary="List what is archived", responses=documented(INVALID_REQUEST, UNAVAILABLE))
def list_images(  # noqa: PLR0913 - one for each query parameter
    request: Request,
    response: Response,
    parts: Parts,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: Annotated[CursorText | None, Query(description="cursor, from the Link header")] = None,
    q: Annotated[str | None, Query(min_length=1, max_length=200, description="text in the description")] = None,
    since: Annotated[Instant | None, Query(alias="from", description="received at or after")] = None,
    until: Annotated[Instant | None, Query(alias="to", description="received before")] = None,
) -> list[ListedImage]:
    """Newest first. The Link header leads to the next page (RFC 8288)."""
    cursor = parse_cursor(before) if before else None
    # One more than asked for tells whether there is a next page.
    found = parts.archive.page(PageQuery(limit + 1, cursor, q, since, until))
    page = found[:limit]
    if len(found) > limit:
        following = request.url.include_query_params(before=write_cursor(page[-1]))
        response.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    return [ListedImage.model_validate(image) for image in page]


@router.get(
    "/images/{image_id}",
    summary="Fetch the captioned image",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}},
        206: {"description": "a range of it", "content": {"image/jpeg": {}}},
        304: {"description": "the client has it already"},
        **documented(UNKNOWN_IMAGE, IN_FLIGHT, IMAGE_FAILED, RANGE_NOT_SATISFIABLE, INVALID_REQUEST, FILE_MISSING),
        **documented(UNAVAILABLE),
    },
)
@router.head("/images/{image_id}", include_in_schema=False)
def fetch(image_id: UUID, request: Request, parts: Parts) -> Response:
    """Return the JPEG, with ETag, Last-Modified and ranges."""
    image = _archived(image_id, parts)
    file = parts.archive.file(image)
    if not file.is_file():
        raise Problem(FILE_MISSING, FILE_MISSING.example)
    return image_response(image, file, request.headers)


@router.get(
    "/images/{image_id}/original",
    summary="Fetch the upload, byte for byte",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}},
        **documented(UNKNOWN_IMAGE, IN_FLIGHT, IMAGE_FAILED, ORIGINAL_GONE, INVALID_REQUEST, FILE_MISSING, UNAVAILABLE),
    },
)
def fetch_original(image_id: UUID, parts: Parts) -> Response:
    """Take the upload out of the captioned image, or from beside it; its SHA-256 is checked."""
    image = _archived(image_id, parts)
    try:
        original = load_original(parts.archive, image)
    except FileNotFoundError as error:
        raise Problem(FILE_MISSING, FILE_MISSING.example) from error
    except OriginalUnavailable as error:
        raise Problem(ORIGINAL_GONE, str(error)) from error
    headers = {"ETag": f'"{image.upload_sha256.hex()}"', "Cache-Control": CACHE_CONTROL}
    return Response(original, media_type="image/jpeg", headers=headers)


@router.get(
    "/images/{image_id}/status",
    summary="Ask where an image is",
    response_model_exclude_none=True,
    responses=documented(UNKNOWN_IMAGE, INVALID_REQUEST, UNAVAILABLE),
)
def status(image_id: UUID, parts: Parts) -> ImageStatus:
    """Return queued, captioned, stored or failed, the last with its error."""
    if parts.archive.find(image_id):
        return ImageStatus(id=image_id, status=Status.STORED)
    return _status(image_id, parts)


def _archived(image_id: UUID, parts: ApiParts) -> StoredImage:
    """Find the image. Raises Problem that says why it cannot be had."""
    image = parts.archive.find(image_id)
    if image is None:
        raise _absent(_status(image_id, parts))
    return image


def _status(image_id: UUID, parts: ApiParts) -> ImageStatus:
    """Ask the queue. Raises Problem when it does not know the image."""
    job = parts.jobs.find(str(image_id))
    if job is None:
        raise Problem(UNKNOWN_IMAGE, UNKNOWN_IMAGE.example)
    error = job.error if job.state == Status.FAILED else None
    return ImageStatus(id=image_id, status=Status(job.state), error=error)


def _absent(status: ImageStatus) -> Problem:
    """Say why an image that was accepted cannot be had."""
    if status.status is Status.FAILED:
        return Problem(IMAGE_FAILED, status.error or IMAGE_FAILED.title)
    return Problem(IN_FLIGHT, f"It is {status.status}; ask again soon.")
