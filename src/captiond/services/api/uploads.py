"""Accepts uploads: the one route that every image passes."""

import re
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from uuid_utils.compat import uuid7

from captiond.image import ReceivedImage, id_of_key
from captiond.messages import Status, Upload
from captiond.services.api.bodies.images import Accepted
from captiond.services.api.context import ApiContext
from captiond.services.api.http.deadline import deadline
from captiond.services.api.http.problem_types import (
    CROSS_SITE,
    DIGEST_MISMATCH,
    INVALID_REQUEST,
    KEY_OF_DELETED_IMAGE,
    KEY_REUSED,
    MALFORMED_BODY,
    NOT_A_JPEG,
    NOT_MULTIPART,
    OVERLOADED,
    QUEUE_FULL,
    REPEATED_HEADER,
    TOO_LARGE,
    UNAVAILABLE,
)
from captiond.services.api.http.problems import CLOSE, FieldError, Problem, problem_responses
from captiond.services.api.receipts import (
    MAX_HEADER_CHARACTERS,
    PREFERENCE,
    REQUEST_HEADER,
    RESPONSE_HEADER,
    sign_if_wanted,
)
from captiond.services.api.security.access_control import choose_camera
from captiond.services.api.security.audit_trail import note
from captiond.services.api.upload.body import UploadBody
from captiond.services.api.upload.formats import expected_memory_bytes, read_upload
from captiond.services.api.upload.schema import QUERY_PARAMETERS, UPLOAD_BODY
from captiond.workqueue import Receipt

# How long Redis keeps an id after its image was archived. With a key, a client can repeat the upload for a day.
# Without one, only the API repeats a command, after a lost reply.
KEY_MEMORY_SECONDS = 24 * 3600
ID_MEMORY_SECONDS = 600
KEY_HEADER = "Idempotency-Key"
KEY = re.compile(r"[\x21-\x7e]{1,255}")


class BareRequestRoute(APIRoute):
    """Passes the bare request to the endpoint, whose parameters `openapi_extra` describes.

    FastAPI's parameter handling would cost 90 us of CPU per upload, 9 % of the CPU time per image.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return self.endpoint


router = APIRouter(tags=["images"], route_class=BareRequestRoute)

KEY_PARAMETER: dict[str, Any] = {
    "name": KEY_HEADER,
    "in": "header",
    "required": False,
    "description": "makes the upload repeatable: the same key returns the same image id",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\x21-\x7e]+$"},
}


RECEIPT_PARAMETER: dict[str, Any] = {
    "name": REQUEST_HEADER,
    "in": "header",
    "required": False,
    "description": f"`{PREFERENCE}` requests a signed receipt, if the server has a signing key",
    "schema": {"type": "string"},
}
RECEIPT_HEADER: dict[str, Any] = {
    "description": f"the signed receipt, if it has at most {MAX_HEADER_CHARACTERS} characters",
    "schema": {"type": "string"},
}


@router.post(
    "/images",
    status_code=202,
    response_model=Accepted,
    summary="Upload an image",
    responses={
        202: {"headers": {RESPONSE_HEADER: RECEIPT_HEADER}},
        **problem_responses(
            NOT_MULTIPART,
            MALFORMED_BODY,
            REPEATED_HEADER,
            DIGEST_MISMATCH,
            CROSS_SITE,
            TOO_LARGE,
            NOT_A_JPEG,
            INVALID_REQUEST,
            KEY_REUSED,
            KEY_OF_DELETED_IMAGE,
            QUEUE_FULL,
            OVERLOADED,
            UNAVAILABLE,
        ),
    },
    openapi_extra={"parameters": [KEY_PARAMETER, RECEIPT_PARAMETER, *QUERY_PARAMETERS], "requestBody": UPLOAD_BODY},
)
async def accept(request: Request) -> Response:
    """Accept a JPEG and its description. After 202 the image survives a crash of any process.

    The body is a multipart form, the JPEG with the fields in the query string, or JSON with the JPEG in base64.
    """
    image, receipt = await accept_upload(request)
    return _accepted(request, image, receipt)


async def accept_upload(request: Request) -> tuple[ReceivedImage, Receipt]:
    """Read an upload and queue it. Raises Problem, IdConflict, QueueFull and QueueUnavailable."""
    context: ApiContext = request.app.state.context
    key = _read_key(request)
    await context.redis.require_available()  # before the body is read, so that refused uploads take no memory
    with context.upload_memory.reserve(expected_memory_bytes(request, context.max_upload_bytes)):
        return await _accept_body(request, key, await read_upload(request, context.max_upload_bytes))


async def _accept_body(request: Request, key: str | None, body: UploadBody) -> tuple[ReceivedImage, Receipt]:
    context: ApiContext = request.app.state.context
    image_id = id_of_key(key) if key else uuid7()
    fields = body.fields
    if (camera := choose_camera(request.scope, fields.camera)) != fields.camera:
        fields = replace(fields, camera=camera)
    image = ReceivedImage(
        id=image_id,
        received_at=datetime.now(UTC),
        description=fields.description,
        upload_sha256=body.sha256,
        captured_at=fields.captured_at,
        camera=fields.camera,
        labels=fields.labels,
    )
    note(request.scope, image_ids=(image_id,))
    keep_seconds = KEY_MEMORY_SECONDS if key else ID_MEMORY_SECONDS
    receipt = await enqueue(context, Upload(image, body.jpeg), fields.digest(body.sha256), keep_seconds)
    # Later, when the id in the queue has expired, the archiver rejects the upload.
    if receipt.state == Status.DELETED:
        raise Problem(KEY_OF_DELETED_IMAGE, KEY_OF_DELETED_IMAGE.example)
    return image, receipt


def _read_key(request: Request) -> str | None:
    keys = request.headers.getlist(KEY_HEADER)
    if len(keys) > 1:
        raise Problem(REPEATED_HEADER, f"The request has {len(keys)} {KEY_HEADER} headers; send one.", headers=CLOSE)
    key = keys[0] if keys else None
    if key is not None and not KEY.fullmatch(key):
        detail = "must have 1 to 255 visible ASCII characters and no spaces"
        raise Problem.invalid([FieldError(field=KEY_HEADER, detail=detail)])
    return key


async def enqueue(context: ApiContext, upload: Upload, digest: bytes, keep_seconds: int) -> Receipt:
    """Queue an upload, unless its id is known. Raises Problem, and IdConflict if the id has another `digest`."""
    await context.redis.require_available()
    async with deadline(context.request_seconds):
        receipt = await context.uploads.put(
            upload.to_message(),
            state=Status.QUEUED,
            digest=digest,
            note=upload.image.received_at.isoformat().encode(),
            keep_seconds=keep_seconds,
        )
    outcome = "accepted" if receipt.new else "duplicate"
    context.upload_log.info(f"{outcome} image={upload.image.id} bytes={len(upload.jpeg)}")
    return receipt


def _accepted(request: Request, image: ReceivedImage, receipt: Receipt) -> Response:
    context: ApiContext = request.app.state.context
    received_at = datetime.fromisoformat(receipt.note.decode())
    headers = {"Location": f"{request.scope.get('root_path', '')}/api/images/{image.id}"}
    signed = sign_if_wanted(context.signing, request, image, received_at)
    if signed and len(signed) <= MAX_HEADER_CHARACTERS:
        headers[RESPONSE_HEADER] = signed
    accepted = Accepted(
        id=image.id,
        received_at=received_at,
        description=image.description,
        status=Status(receipt.state),
        captured_at=image.captured_at,
        camera=image.camera,
        labels=image.labels,
        receipt=signed,
    )
    return Response(accepted.model_dump_json(exclude_defaults=True), HTTPStatus.ACCEPTED, headers, "application/json")
