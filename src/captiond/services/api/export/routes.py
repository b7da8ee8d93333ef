"""The route of exports."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request

from captiond.operations.export import ZipExport, choose_folders
from captiond.services.api.context import Context
from captiond.services.api.export.source import ArchiveImages
from captiond.services.api.export.stream import ExportStream, stream
from captiond.services.api.http.deadline import DeadlineRoute
from captiond.services.api.http.filters import MAX_PAGE, Before, Filters
from captiond.services.api.http.paging import make_link, parse_cursor
from captiond.services.api.http.problem_types import (
    INVALID_REQUEST,
    OVERLOADED,
    SEARCH_BUSY,
    SEARCH_TIMEOUT,
    UNAVAILABLE,
)
from captiond.services.api.http.problems import problem_responses

router = APIRouter(tags=["images"], route_class=DeadlineRoute)


@router.get(
    "/export.zip",
    summary="Export images as a ZIP archive",
    response_class=ExportStream,
    responses={
        200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}},
        **problem_responses(INVALID_REQUEST, OVERLOADED, UNAVAILABLE, SEARCH_BUSY, SEARCH_TIMEOUT),
    },
)
async def export_images(  # noqa: PLR0913 - one per query parameter
    request: Request,
    context: Context,
    filters: Filters,
    limit: Annotated[
        int | None, Query(ge=1, le=MAX_PAGE, description="images of this part of the export; default: all")
    ] = None,
    before: Before = None,
    originals: Annotated[bool, Query(description="also the uploads")] = False,  # noqa: FBT002 - passed by name
    proofs: Annotated[bool, Query(description="also the proofs")] = False,  # noqa: FBT002 - passed by name
) -> ExportStream:
    """Return the images that the list has with these filters, with `index.html`, `index.csv` and `SHA256SUMS`.

    With `proofs`, there are also `seals.json` with the seals from the oldest one of these images to the newest, and
    `jwks.json` with the public keys.
    `MISSING.txt` names files that are missing or altered. With `limit`, the Link header has the URL of the next part
    (RFC 8288). An export that is interrupted ends without the last chunk of the response.
    """
    query = replace(filters, limit=limit or MAX_PAGE, before=parse_cursor(before) if before else None)
    with context.exports.reserve(1) as reservation:
        source = ArchiveImages(context.archive, context.signing.keys, query, one_page=limit is not None)
        await context.archive_access.run(source.read_ahead)
        folders = choose_folders(originals=originals, proofs=proofs)
        headers = {
            "Content-Disposition": f'attachment; filename="captiond-{datetime.now(UTC):%Y%m%d-%H%M%S}.zip"',
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",  # nginx would write the response to a temporary file
        }
        if limit is not None and source.following is not None:
            headers |= make_link(request.url, source.following)
        response = ExportStream(stream(request, ZipExport(source, folders)), headers=headers)
        return response.holding(reservation.pop_all())
