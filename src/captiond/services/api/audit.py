"""Lists the audit log."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from captiond.archive import AuditQuery
from captiond.services.api.bodies.images import Moment
from captiond.services.api.context import Context
from captiond.services.api.http.paging import Instant
from captiond.services.api.http.problem_types import INVALID_REQUEST, OPERATIONS_DISABLED, UNAVAILABLE
from captiond.services.api.http.problems import problem_responses
from captiond.services.api.operations_access import OperationsRoute

router = APIRouter(tags=["operations"], route_class=OperationsRoute)


class ListedAuditEntry(BaseModel):
    """An entry of the audit log."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    recorded_at: Moment
    action: str = Field(description="such as `upload`, `read.image`, `dead-letters.drop`, `keys.create`")
    result: str = Field(description="HTTP status, FTP reply code, or result of a command")
    actor: str | None = Field(description="name of the API key or of the user; null for a client without a key")
    key_id: UUID | None
    address: str | None
    image_id: UUID | None
    detail: str | None


ENTRIES = TypeAdapter(list[ListedAuditEntry])
Text = Annotated[str | None, Query(min_length=1, max_length=255)]


@router.get(
    "/audit",
    summary="List the audit log",
    response_model=list[ListedAuditEntry],
    responses=problem_responses(OPERATIONS_DISABLED, INVALID_REQUEST, UNAVAILABLE),
)
async def list_entries(  # noqa: PLR0913 - one per query parameter
    request: Request,
    context: Context,
    since: Annotated[Instant | None, Query(description="only entries since this time")] = None,
    who: Annotated[Text, Query(description="name of a key or user, id of a key, or address")] = None,
    action: Text = None,
    image: Annotated[UUID | None, Query(description="only entries about this image")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: Annotated[UUID | None, Query(description="id of the last entry of the previous page")] = None,
) -> Response:
    """Return entries, newest first. The Link header has the URL of the next page (RFC 8288)."""
    since_time: datetime | None = since
    query = AuditQuery(limit, before, since_time, who, action, image)
    audit = context.audit
    entries = await context.archive_access.run(lambda: audit.log.store.page(query)) if audit else []
    headers = {}
    if len(entries) == limit:
        following = request.url.include_query_params(before=entries[-1].id)
        headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    listed = [ListedAuditEntry.model_validate(entry) for entry in entries]
    return Response(ENTRIES.dump_json(listed), headers=headers, media_type="application/json")
