"""Changes of status as they happen, as server-sent events."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel

from captiond.messages import Status
from captiond.services.api.parts import Parts
from captiond.services.api.problems import UNAVAILABLE, documented

router = APIRouter(tags=["images"])


class StatusChange(BaseModel):
    """One image has changed its status."""

    id: UUID
    status: Status


@router.get(
    "/events",
    summary="Follow all images",
    response_class=EventSourceResponse,
    responses=documented(UNAVAILABLE),
)
async def follow(
    parts: Parts,
    last_event_id: Annotated[str | None, Header(pattern=r"^\d{1,20}-\d{1,20}$", description="resume after it")] = None,
) -> AsyncIterator[ServerSentEvent]:
    """One event an image that changes status; what was missed since `Last-Event-ID` comes first."""
    async for change in parts.events.follow(last_event_id):
        if parts.stopping.is_set():
            return
        if change is not None:
            data = StatusChange(id=UUID(change.id), status=Status(change.state))
            yield ServerSentEvent(id=change.cursor, event="status", data=data)
