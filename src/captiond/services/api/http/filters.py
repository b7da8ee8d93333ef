"""The filters of the list of images, which an export has too."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query

from captiond.archive import PageQuery
from captiond.services.api.http.paging import CameraName, CursorText, Instant, LabelText, parse_label

MAX_PAGE = 1000
# Proxies accept a request line of 8 KiB, as nginx does.
MAX_IDS = 200
Before = Annotated[CursorText | None, Query(description="cursor from the Link header of the previous page")]


async def _read_filters(  # noqa: PLR0913, PLR0917 - one per query parameter
    q: Annotated[
        str | None, Query(min_length=1, max_length=200, description="text to find in the description, ignoring case")
    ] = None,
    since: Annotated[Instant | None, Query(alias="from", description="received at or after")] = None,
    until: Annotated[Instant | None, Query(alias="to", description="received before")] = None,
    damaged: Annotated[
        bool | None, Query(description="true: only damaged photos; false: only photos that were checked and are intact")
    ] = None,
    reencoded: Annotated[
        bool | None,
        Query(description="true: only re-encoded photos; false: only photos that were captioned losslessly"),
    ] = None,
    camera: Annotated[CameraName | None, Query(description="name of the camera")] = None,
    label: Annotated[
        list[LabelText], Query(max_length=16, description="`NAME:VALUE` of a label; repeatable, an image must have all")
    ] = [],  # noqa: B006 - FastAPI copies it
    captured_since: Annotated[Instant | None, Query(alias="captured_from", description="captured at or after")] = None,
    captured_until: Annotated[Instant | None, Query(alias="captured_to", description="captured before")] = None,
    ids: Annotated[
        list[UUID], Query(alias="id", max_length=MAX_IDS, description="id of an image; repeatable, only these images")
    ] = [],  # noqa: B006 - FastAPI copies it
) -> PageQuery:
    return PageQuery(
        limit=MAX_PAGE,
        text=q,
        since=since,
        until=until,
        damaged=damaged,
        reencoded=reencoded,
        camera=camera,
        labels=tuple(parse_label(text) for text in label),
        captured_since=captured_since,
        captured_until=captured_until,
        ids=tuple(ids),
    )


Filters = Annotated[PageQuery, Depends(_read_filters)]
