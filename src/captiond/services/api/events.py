"""Status changes as server-sent events."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import lru_cache
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from pydantic import AfterValidator, BaseModel

from captiond.archive import ArchiveUnavailable, StoredImage
from captiond.messages import Status
from captiond.services.api.bodies.images import Moment
from captiond.services.api.context import ApiContext, Context
from captiond.services.api.http.deadline import deadline
from captiond.services.api.http.problem_types import INVALID_REQUEST, OVERLOADED
from captiond.services.api.http.problems import Problem, problem_responses
from captiond.services.api.http.reserved_response import ReservedResponse
from captiond.services.api.security.access_control import is_still_valid
from captiond.workqueue.admin import Event, EventBatch, FollowerTooSlow
from captiond.workqueue.errors import QueueUnavailable

# A Redis stream id is two unsigned 64-bit numbers.
MAX_STREAM_NUMBER = 2**64 - 1
# Reads of 2 s without an event after which a comment is sent, so that proxies keep the connection open.
KEEP_ALIVE_READS = 7
# For caches, and for nginx.
NOT_BUFFERED = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}

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
    """The new status of one image. The fields of a stored image are included on request."""

    id: UUID
    status: Status
    captured_at: Moment | None = None
    camera: str | None = None
    labels: dict[str, str] | None = None


class EventStream(ReservedResponse, StreamingResponse):
    """The response to one client. `EventSourceResponse` of FastAPI would encode every event for every client."""

    media_type = "text/event-stream"


@router.get(
    "/events",
    summary="Stream status changes",
    response_class=EventStream,
    responses={
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
        **problem_responses(INVALID_REQUEST, OVERLOADED),
    },
)
async def follow(
    request: Request,
    context: Context,
    last_event_id: EventId = None,
    *,
    fields: Annotated[
        bool, Query(description="also send `captured_at`, `camera` and `labels` of stored images that have them")
    ] = False,
) -> EventStream:
    """Return one event per status change, of all images.

    With `Last-Event-ID`, the events after that id come first. The stream ends when Redis becomes unavailable, when the
    client reads too slowly, or when its key is revoked, so that a browser reconnects. Browsers do not
    reconnect after an error status.
    """
    # Before the response: else events between its header and the first read would be missed.
    latest = await _find_latest(context)
    reservation = context.event_streams.reserve(1)  # no await between this and the response, which releases it
    cursor = latest and (last_event_id or latest)
    return EventStream(_stream(request, cursor, fields=fields), headers=NOT_BUFFERED).holding(reservation)


async def _find_latest(context: ApiContext) -> str | None:
    """Return the cursor of the newest event, None while Redis is unavailable."""
    try:
        return await context.events.latest_cursor()
    except QueueUnavailable as error:
        logger.warning("event stream closed: %s", error)
        return None


async def _stream(request: Request, cursor: str | None, *, fields: bool) -> AsyncIterator[bytes]:
    context: ApiContext = request.app.state.context
    silent_reads = 0
    if cursor is None:
        return
    try:
        # Without data, it is no event. A client that loses the connection before the first event resumes there.
        yield f"id: {cursor}\n\n".encode()
        async for batch in context.events.follow(cursor):
            if context.stopping.is_set() or not is_still_valid(request):
                return
            silent_reads = 0 if batch else silent_reads + 1
            if batch:
                yield await asyncio.shield(_start_encoding(context, batch)) if fields else _encode(batch)
            elif silent_reads % KEEP_ALIVE_READS == 0:
                yield KEEPALIVE_COMMENT
    except (QueueUnavailable, FollowerTooSlow) as error:
        logger.warning("event stream closed: %s", error)


@lru_cache(maxsize=16)
def _encode(batch: EventBatch) -> bytes:
    """Encode a batch once for all clients."""
    return b"".join(_encode_event(event, None) for event in batch.events)


@lru_cache(maxsize=16)
def _start_encoding(context: ApiContext, batch: EventBatch) -> "asyncio.Task[bytes]":
    """Start encoding a batch with the fields of stored images, once for all clients that request them."""
    return asyncio.create_task(_encode_with_fields(context, batch))


async def _encode_with_fields(context: ApiContext, batch: EventBatch) -> bytes:
    """Read the fields from the archive. If the archive is unavailable, the events are sent without these fields."""
    stored = [UUID(event.id) for event in batch.events if event.state == Status.STORED]
    images: dict[UUID, StoredImage] = {}
    if stored:
        with suppress(Problem, ArchiveUnavailable):
            async with deadline(context.request_seconds):
                images = await context.archive_access.run(lambda: context.archive.find_many(stored))
    return b"".join(_encode_event(event, images.get(UUID(event.id))) for event in batch.events)


def _encode_event(event: Event, image: StoredImage | None) -> bytes:
    data = StatusChange(id=UUID(event.id), status=Status(event.state))
    if image is not None and event.state == Status.STORED:
        data.captured_at, data.camera, data.labels = image.captured_at, image.camera, image.labels or None
    return format_sse_event(data_str=data.model_dump_json(exclude_none=True), event="status", id=event.cursor)
