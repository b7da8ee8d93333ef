"""Status changes as server-sent events."""

import logging
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import AfterValidator, BaseModel

from captiond.messages import Status
from captiond.services.api.context import Context
from captiond.services.api.http.problem_types import INVALID_REQUEST
from captiond.services.api.http.problems import problem_responses
from captiond.workqueue.errors import QueueUnavailable

# A Redis stream id is two unsigned 64-bit numbers.
MAX_STREAM_NUMBER = 2**64 - 1

logger = logging.getLogger(__name__)
router = APIRouter(tags=["images"])


def _check_range(event_id: str | None) -> str | None:
    if event_id and any(int(number) > MAX_STREAM_NUMBER for number in event_id.split("-")):
        raise ValueError("is not an event id: both numbers must be below 2^64")
    return event_id


EventId = Annotated[
    str | None,
    Header(pattern=r"^\d{1,20}-\d{1,20}$", description="id of the last received event; the stream resumes after it"),
    AfterValidator(_check_range),
]


class StatusChange(BaseModel):
    """The new status of one image."""

    id: UUID
    status: Status


@router.get(
    "/events",
    summary="Stream status changes",
    response_class=EventSourceResponse,
    responses=problem_responses(INVALID_REQUEST),
)
async def follow(context: Context, last_event_id: EventId = None) -> AsyncIterator[ServerSentEvent]:
    """Return one event per status change, of all images.

    With `Last-Event-ID`, the events after that id come first. The stream ends when Redis becomes unavailable, so that
    a browser reconnects. Browsers do not reconnect after an error status.
    """
    try:
        async for change in context.events.follow(last_event_id):
            if context.stopping.is_set():
                return
            if change is not None:
                data = StatusChange(id=UUID(change.id), status=Status(change.state))
                yield ServerSentEvent(id=change.cursor, event="status", data=data)
    except QueueUnavailable as error:
        logger.warning("event stream closed: %s", error)
