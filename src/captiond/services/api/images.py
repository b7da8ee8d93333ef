"""Lists, fetches and restores archived images, and reports the status of every image."""

from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import TypeAdapter
from starlette.datastructures import URL, Headers
from starlette.staticfiles import NotModifiedResponse

from captiond.archive import Archive, PageQuery, StoredImage
from captiond.messages import Status
from captiond.operations.originals import OriginalUnavailable, has_original, load_original
from captiond.services.api.bodies.images import ImageStatus, ListedImage
from captiond.services.api.context import Context
from captiond.services.api.http.deadline import DeadlineRoute
from captiond.services.api.http.filters import MAX_PAGE, Before, Filters
from captiond.services.api.http.image_response import (
    JPEG,
    ImageContentResponse,
    image_headers,
    image_response,
    is_not_modified,
)
from captiond.services.api.http.paging import make_link, parse_cursor
from captiond.services.api.http.problem_types import (
    FILE_ALTERED,
    FILE_MISSING,
    IMAGE_DELETED,
    IMAGE_FAILED,
    IN_FLIGHT,
    INVALID_REQUEST,
    ORIGINAL_GONE,
    OVERLOADED,
    RANGE_NOT_SATISFIABLE,
    SEARCH_BUSY,
    SEARCH_TIMEOUT,
    UNAVAILABLE,
    UNKNOWN_IMAGE,
)
from captiond.services.api.http.problems import Problem, problem_responses
from captiond.services.api.image_lookup import read_status, require_file, require_not_deleted, with_archived

LISTED_IMAGES = TypeAdapter(list[ListedImage])
router = APIRouter(tags=["images"], route_class=DeadlineRoute)

IMAGE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {JPEG: {"schema": {"type": "string", "format": "binary"}}}},
    206: {"description": "the requested ranges", "content": {JPEG: {}}},
    304: {"description": "the client's copy is current"},
}
# Restoring an original needs the memory of the captioned file and of the original.
RESTORING_FACTOR = 2


@router.get(
    "/images",
    summary="List archived images",
    response_model=list[ListedImage],
    responses=problem_responses(INVALID_REQUEST, UNAVAILABLE, SEARCH_BUSY, SEARCH_TIMEOUT),
)
async def list_images(
    request: Request,
    context: Context,
    filters: Filters,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
    before: Before = None,
) -> Response:
    """Return images, newest first; with `captured_from` or `captured_to`, by time of capture.

    The Link header has the URL of the next page (RFC 8288).
    """
    query = replace(filters, limit=limit, before=parse_cursor(before) if before else None)
    return await context.archive_access.run(lambda: _find_page(context.archive, query, request.url))


def _find_page(archive: Archive, query: PageQuery, url: URL) -> Response:
    # One more than the limit shows whether there is a next page.
    found = archive.page(replace(query, limit=query.limit + 1))
    page = found[: query.limit]
    headers = make_link(url, query.cursor_after(page[-1])) if len(found) > query.limit else {}
    images = [ListedImage.model_validate(image) for image in page]
    return Response(LISTED_IMAGES.dump_json(images), headers=headers, media_type="application/json")


@router.get(
    "/images/{image_id}",
    summary="Fetch the captioned image",
    response_class=Response,
    responses={
        **IMAGE_RESPONSES,
        **problem_responses(
            UNKNOWN_IMAGE, IN_FLIGHT, IMAGE_FAILED, IMAGE_DELETED, RANGE_NOT_SATISFIABLE, INVALID_REQUEST
        ),
        **problem_responses(FILE_MISSING, FILE_ALTERED, UNAVAILABLE),
    },
)
@router.head("/images/{image_id}", include_in_schema=False)
async def fetch(image_id: UUID, request: Request, context: Context) -> Response:
    """Return the JPEG. Supports conditional and range requests."""

    def respond(image: StoredImage) -> Response:
        return image_response(image, require_file(context.archive, image), request.headers)

    return await with_archived(image_id, context, respond)


@router.get(
    "/images/{image_id}/original",
    summary="Fetch the uploaded file",
    response_class=Response,
    responses={
        **IMAGE_RESPONSES,
        **problem_responses(
            UNKNOWN_IMAGE,
            IN_FLIGHT,
            IMAGE_FAILED,
            IMAGE_DELETED,
            ORIGINAL_GONE,
            RANGE_NOT_SATISFIABLE,
            INVALID_REQUEST,
            FILE_MISSING,
            OVERLOADED,
        ),
        **problem_responses(UNAVAILABLE),
    },
)
@router.head("/images/{image_id}/original", include_in_schema=False)
async def fetch_original(image_id: UUID, request: Request, context: Context) -> Response:
    """Return the upload byte for byte, restored from the captioned image or read from the archive.

    Its SHA-256 is verified. Supports conditional and range requests. The response to several ranges is the whole file.
    """
    image = await with_archived(image_id, context, lambda image: image)
    headers = image_headers(image, image.upload_sha256.hex(), f"{image.id}-original.jpg")
    if is_not_modified(headers, request.headers) and await context.archive_access.run(
        lambda: has_original(context.archive, image)
    ):
        return NotModifiedResponse(Headers(headers))
    # Reserved here and not in the thread, because the request may end at its deadline while the thread runs.
    with context.original_memory.reserve(RESTORING_FACTOR * image.size_bytes) as reservation:
        try:
            original = await context.archive_access.run(lambda: load_original(context.archive, image))
        except FileNotFoundError as error:
            await context.archive_access.run(lambda: require_not_deleted(context.archive, image_id))
            raise Problem(FILE_MISSING, FILE_MISSING.example) from error
        except OriginalUnavailable as error:
            raise Problem(ORIGINAL_GONE, str(error)) from error
        return ImageContentResponse(original, headers, request.headers).holding(reservation.pop_all())


@router.get(
    "/images/{image_id}/status",
    summary="Get the status of an image",
    response_model_exclude_none=True,
    responses=problem_responses(UNKNOWN_IMAGE, INVALID_REQUEST, UNAVAILABLE),
)
async def status(image_id: UUID, context: Context) -> ImageStatus:
    """Return `queued`, `captioned`, `stored`, `failed` or `deleted`. A failed image has an error."""

    def find() -> Status | None:
        if context.archive.find(image_id):
            return Status.STORED
        return Status.DELETED if context.archive.lifecycle.tombstone(image_id) else None

    if found := await context.archive_access.run(find):
        return ImageStatus(id=image_id, status=found)
    return await read_status(image_id, context)


@router.get(
    "/images/{image_id}/metadata",
    summary="Get the metadata of an archived image",
    responses=problem_responses(UNKNOWN_IMAGE, IN_FLIGHT, IMAGE_FAILED, IMAGE_DELETED, INVALID_REQUEST, UNAVAILABLE),
)
async def metadata(image_id: UUID, context: Context) -> ListedImage:
    """Return the fields that the list has."""
    return await with_archived(image_id, context, ListedImage.model_validate)
