"""Changes of status as they happen, as server-sent events."""

import logging
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import AfterValidator, BaseModel

from captiond.messages import Status
from captiond.services.api.dependencies import Parts
from captiond.services.api.http.problems import INVALID_REQUEST, documented
from captiond.workqueue.errors import QueueUnavailable

LARGEST_PART = 2**64 - 1

logger = logging.getLogger(__name__)
router = APIRouter(tags=["images"])


def _possible(cursor: str | None) -> str | None:
    if cursor and any(int(part) > LARGEST_PART for part in cursor.split("-")):
        raise ValueError("is no id of an event")
    return cursor


EventId = Annotated[
    str | None,
    Header(pattern=r"^\d{1,20}-\d{1,20}$", description="resume after it"),
    AfterValidator(_possible),
]


class StatusChange(BaseModel):
    """One image has changed its status."""

    id: UUID
    status: Status


@router.get(
    "/events",
    summary="Follow all images",
    response_class=EventSourceResponse,
    responses=documented(INVALID_REQUEST),
)
async def follow(parts: Parts, last_event_id: EventId = None) -> AsyncIterator[ServerSentEvent]:
    """One event an image that changes status; what was missed since `Last-Event-ID` comes first.

    The stream ends while Redis is away: a browser then comes back by itself, after an error it would not.
    """
    try:
        async for change in parts.events.follow(last_event_id):
            if parts.stopping.is_set():
                return
            if change is not None:
                data = StatusChange(id=UUID(change.id), status=Status(change.state))
                yield ServerSentEvent(id=change.cursor, event="status", data=data)
    except QueueUnavailable as error:
        logger.warning("a stream of events ends: %s", error)
