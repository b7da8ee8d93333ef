"""The endpoints to which cameras push events. Devices append to these paths."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from starlette.requests import ClientDisconnect

from captiond.services.api.context import ApiContext
from captiond.services.api.http.problem_types import (
    CROSS_SITE,
    DIGEST_MISMATCH,
    INCOMPLETE_BODY,
    INVALID_REQUEST,
    MALFORMED_BODY,
    NOT_A_JPEG,
    NOT_MULTIPART,
    OVERLOADED,
    QUEUE_FULL,
    TOO_LARGE,
    UNAVAILABLE,
)
from captiond.services.api.http.problems import Problem, problem_responses
from captiond.services.api.ingest import schema
from captiond.services.api.ingest.archiving import AcceptedEvent, queue_pictures
from captiond.services.api.ingest.bodies import event_memory_bytes, is_empty, read_hikvision_event, read_notification
from captiond.services.api.ingest.event import CameraEvent
from captiond.services.api.security.access_control import choose_camera, get_principal
from captiond.services.api.security.audit_trail import note
from captiond.services.api.uploads import BareRequestRoute

router = APIRouter(tags=["cameras"], route_class=BareRequestRoute)
PROBLEMS = problem_responses(
    NOT_MULTIPART,
    MALFORMED_BODY,
    DIGEST_MISMATCH,
    CROSS_SITE,
    TOO_LARGE,
    NOT_A_JPEG,
    INVALID_REQUEST,
    QUEUE_FULL,
    OVERLOADED,
    UNAVAILABLE,
)


class Acknowledgement(BaseModel):
    """The response that ITSAPI devices expect. Without `Result`, they send the notification again."""

    Result: bool = True
    Message: str = "Success"


@router.post(
    "/ingest/hikvision",
    status_code=HTTPStatus.ACCEPTED,
    response_model=AcceptedEvent,
    summary="Receive an event of a Hikvision camera",
    responses={200: {"model": AcceptedEvent, "description": "the event has no picture"}, **PROBLEMS},
    openapi_extra=schema.HIKVISION,
)
@router.post("/ingest/hikvision/{path:path}", include_in_schema=False)
async def receive_from_hikvision(request: Request) -> Response:
    """Queue the pictures of an ISAPI event (alarm server). A repeated event returns the same images."""
    context: ApiContext = request.app.state.context
    accepted = AcceptedEvent(images=[])
    async with _receiving(request, context):
        if not is_empty(request):
            event = await read_hikvision_event(request, context.max_upload_bytes, context.ingest.zone)
            event = _name_camera(request, event)
            accepted = await queue_pictures(context, event, context.ingest.hikvision)
            note(request.scope, image_ids=accepted.images)
    status = HTTPStatus.ACCEPTED if accepted.images else HTTPStatus.OK
    return Response(accepted.model_dump_json(exclude_none=True), status, media_type="application/json")


@router.post(
    "/ingest/dahua",
    response_model=Acknowledgement,
    summary="Receive a notification of a Dahua camera",
    responses=PROBLEMS,
    openapi_extra=schema.DAHUA,
)
@router.post("/ingest/dahua/{path:path}", include_in_schema=False)
async def receive_from_dahua(request: Request) -> Response:
    """Queue the pictures of an ITSAPI notification. A repeated one is not stored again; a heartbeat is acknowledged."""
    context: ApiContext = request.app.state.context
    async with _receiving(request, context):
        if not is_empty(request):
            event = await read_notification(request, context.max_upload_bytes, context.ingest.zone)
            event = _name_camera(request, event)
            accepted = await queue_pictures(context, event, context.ingest.dahua)
            note(request.scope, image_ids=accepted.images)
    return _acknowledge()


@router.get("/ingest/dahua/NotificationInfo/KeepAlive", include_in_schema=False)
async def answer_heartbeat(_request: Request) -> Response:
    """Acknowledge the heartbeat of firmware that sends it with GET."""
    return _acknowledge()


def _name_camera(request: Request, event: CameraEvent) -> CameraEvent:
    """Apply the camera of the key, which also replaces the name that the device has. Raises Problem."""
    limit = get_principal(request.scope).camera
    return event if limit is None else replace(event, camera=limit)


def _acknowledge() -> Response:
    return Response(Acknowledgement().model_dump_json(), media_type="application/json")


@asynccontextmanager
async def _receiving(request: Request, context: ApiContext) -> AsyncIterator[None]:
    """Reserve memory for the body. Raises Problem, also if the client disconnects before its end."""
    choose_camera(request.scope, request.query_params.get("camera") or None)
    await context.redis.require_available()  # before the body is read, so that refused events take no memory
    with context.upload_memory.reserve(event_memory_bytes(request, context.max_upload_bytes)):
        try:
            yield
        except ClientDisconnect as error:
            raise Problem(INCOMPLETE_BODY, INCOMPLETE_BODY.example) from error
