"""Uploads in: the one route that every image passes."""

import re
from datetime import UTC, datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send
from uuid_utils.compat import uuid7

from captiond.image import ReceivedImage
from captiond.messages import Status, Upload
from captiond.services.api.dependencies import ApiParts
from captiond.services.api.http.bodies import Accepted
from captiond.services.api.http.problems import (
    DIGEST_MISMATCH,
    INVALID_REQUEST,
    KEY_REUSED,
    NOT_A_JPEG,
    NOT_MULTIPART,
    QUEUE_FULL,
    TOO_LARGE,
    UNAVAILABLE,
    FieldError,
    Problem,
    documented,
)
from captiond.services.api.http.upload_form import UploadForm, read_upload_form
from captiond.workqueue import Receipt

# An id made from an Idempotency-Key is the same for ever; this namespace must never change.
KEY_NAMESPACE = uuid5(NAMESPACE_URL, "captiond:idempotency-key")
# A key is remembered this long after its image was stored, an id without a key as long as a lost reply may be repeated.
KEY_MEMORY_SECONDS = 24 * 3600
ID_MEMORY_SECONDS = 600
KEY_HEADER = "Idempotency-Key"
KEY = re.compile(r"[\x21-\x7e]{1,255}")


class DirectRoute(APIRoute):
    """Gives its endpoint the bare request: FastAPI's care for parameters would cost as much as the rest of the way.

    So its parameters are described in `openapi_extra`.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass by what FastAPI would close after its parameters; errors are the app's to answer."""
        if scope["method"] not in (self.methods or ()):
            await super().handle(scope, receive, send)
            return
        response = await self.endpoint(Request(scope, receive, send))
        await response(scope, receive, send)


router = APIRouter(prefix="/api", tags=["images"], route_class=DirectRoute)

KEY_PARAMETER: dict[str, Any] = {
    "name": KEY_HEADER,
    "in": "header",
    "required": False,
    "description": "the same key gives the same id, however often the upload is repeated",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\x21-\x7e]+$"},
}
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
    openapi_extra={"parameters": [KEY_PARAMETER], "requestBody": UPLOAD_FORM},
)
async def accept(request: Request) -> Response:
    """Take a JPEG and its description. 202 means kept."""
    parts: ApiParts = request.app.state.parts
    key = _read_key(request)
    form = await read_upload_form(request, parts.max_upload_bytes)
    image_id = uuid5(KEY_NAMESPACE, key) if key else uuid7()
    image = ReceivedImage(
        id=image_id, received_at=datetime.now(UTC), description=form.description, upload_sha256=form.sha256
    )
    receipt = await _enqueue(parts, Upload(image, form.jpeg), form, KEY_MEMORY_SECONDS if key else ID_MEMORY_SECONDS)
    parts.accepted_log.info(f"{'accepted' if receipt.new else 'known already'} {image_id}: {len(form.jpeg)} bytes")
    return _accepted(image_id, form, receipt)


def _read_key(request: Request) -> str | None:
    key = request.headers.get(KEY_HEADER)
    if key is not None and not KEY.fullmatch(key):
        detail = "must be 1 to 255 visible ASCII characters, none of them a space"
        raise Problem.invalid([FieldError(field=KEY_HEADER, detail=detail)])
    return key


async def _enqueue(parts: ApiParts, upload: Upload, form: UploadForm, keep_seconds: int) -> Receipt:
    return await parts.uploads.put(
        upload.to_message(),
        state=Status.QUEUED,
        digest=sha256(form.sha256 + form.description.encode()).digest(),
        note=upload.image.received_at.isoformat().encode(),
        keep_seconds=keep_seconds,
    )


def _accepted(image_id: UUID, form: UploadForm, receipt: Receipt) -> Response:
    accepted = Accepted(
        id=image_id,
        received_at=datetime.fromisoformat(receipt.note.decode()),
        description=form.description,
        status=Status(receipt.state),
    )
    location = {"Location": f"/api/images/{image_id}"}
    return Response(accepted.model_dump_json(), HTTPStatus.ACCEPTED, location, "application/json")
