"""Uploads in, archived images out."""

import logging
from datetime import UTC, datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, Any
from uuid import NAMESPACE_URL, UUID, uuid5

from fastapi import APIRouter, Header, Query, Request, Response
from uuid_utils.compat import uuid7

from captiond.archive import PageQuery, StoredImage
from captiond.messages import Status, Upload
from captiond.services.api.bodies import Accepted, ImageStatus, ListedImage
from captiond.services.api.image_response import CACHE_CONTROL, RANGE_NOT_SATISFIABLE, image_response
from captiond.services.api.paging import CursorText, Instant, parse_cursor, write_cursor
from captiond.services.api.parts import ApiParts, Parts
from captiond.services.api.problems import (
    DIGEST_MISMATCH,
    FILE_MISSING,
    IMAGE_FAILED,
    IN_FLIGHT,
    INVALID_REQUEST,
    KEY_REUSED,
    NOT_A_JPEG,
    NOT_MULTIPART,
    ORIGINAL_GONE,
    QUEUE_FULL,
    TOO_LARGE,
    UNAVAILABLE,
    UNKNOWN_IMAGE,
    Problem,
    documented,
)
from captiond.services.api.upload_form import UploadForm, read_upload_form
from captiond.services.originals import OriginalGone, had_back
from captiond.workqueue import Receipt

# An id made from an Idempotency-Key is the same for ever; this namespace must never change.
KEY_NAMESPACE = uuid5(NAMESPACE_URL, "captiond:idempotency-key")
# A key is remembered this long after its image was stored, an id without a key as long as a lost reply may be repeated.
KEY_MEMORY_SECONDS = 24 * 3600
ID_MEMORY_SECONDS = 600

logger = logging.getLogger(__name__)
router = APIRouter(tags=["images"])

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="the same key gives the same id, however often the upload is repeated",
    ),
]
UPLOAD_FORM: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["image", "description"],
                "properties": {
                    "image": {"type": "string", "format": "binary", "description": "a JPEG"},
                    "description": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 200,
                        "description": "UTF-8, counted in code points after NFC",
                        "example": "С начала фазы запрещающего сигнала прошло: 7 секунд",
                    },
                },
            },
            "encoding": {"image": {"contentType": "image/jpeg"}},
        }
    },
}


@router.post(
    "/images",
    status_code=202,
    response_model=Accepted,
    summary="Send an image",
    responses=documented(
        NOT_MULTIPART, DIGEST_MISMATCH, TOO_LARGE, NOT_A_JPEG, INVALID_REQUEST, KEY_REUSED, QUEUE_FULL, UNAVAILABLE
    ),
    openapi_extra={"requestBody": UPLOAD_FORM},
)
async def accept(request: Request, parts: Parts, idempotency_key: IdempotencyKey = None) -> Response:
    """Take a JPEG and its description. 202 means kept."""
    form = await read_upload_form(request, parts.max_upload_bytes)
    image_id = uuid5(KEY_NAMESPACE, idempotency_key) if idempotency_key else uuid7()
    upload = Upload(image_id, datetime.now(UTC), form.description, form.sha256, form.jpeg)
    receipt = await _enqueue(parts, upload, form, KEY_MEMORY_SECONDS if idempotency_key else ID_MEMORY_SECONDS)
    logger.info("%s %s: %d bytes", "accepted" if receipt.new else "known already", image_id, len(form.jpeg))
    accepted = Accepted(
        id=image_id,
        received_at=datetime.fromisoformat(receipt.note.decode()),
        description=form.description,
        status=Status(receipt.state),
    )
    # Written here, since FastAPI would validate what was just made.
    location = {"Location": f"/api/images/{image_id}"}
    return Response(accepted.model_dump_json(), HTTPStatus.ACCEPTED, location, "application/json")


async def _enqueue(parts: ApiParts, upload: Upload, form: UploadForm, keep_seconds: int) -> Receipt:
    return await parts.uploads.put(
        upload.to_message(),
        state=Status.QUEUED,
        digest=sha256(form.sha256 + form.description.encode()).digest(),
        note=upload.received_at.isoformat().encode(),
        keep_seconds=keep_seconds,
    )


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
    return [ListedImage.of(image) for image in page]


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
        original = had_back(parts.archive, image)
    except FileNotFoundError as error:
        raise Problem(FILE_MISSING, FILE_MISSING.example) from error
    except OriginalGone as error:
        raise Problem(ORIGINAL_GONE, str(error)) from error
    headers = {"ETag": f'"{image.upload_sha256}"', "Cache-Control": CACHE_CONTROL}
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
