"""The view of one image, from its acceptance on."""

from dataclasses import dataclass
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.datastructures import QueryParams

from captiond.archive import Neighbours, SearchBusy, SearchTimeout, StoredImage
from captiond.image import UNCHECKED
from captiond.messages import Status
from captiond.services.api.context import Context
from captiond.services.api.http.deadline import DeadlineRoute
from captiond.services.api.http.problem_types import UNKNOWN_IMAGE
from captiond.services.api.http.problems import Problem
from captiond.services.api.image_lookup import read_status, require_not_deleted
from captiond.services.api.web.cards import is_damaged
from captiond.services.api.web.filters import FilterForm
from captiond.services.api.web.highlights import Part, split_at_hits
from captiond.services.api.web.rendering import make_view, render

router = APIRouter(include_in_schema=False, route_class=DeadlineRoute)


@dataclass(frozen=True, slots=True)
class ImageView:
    """An archived image, and its place in the list that the query string describes."""

    image: StoredImage
    parts: tuple[Part, ...]
    neighbours: Neighbours

    @property
    def is_damaged(self) -> bool:
        return is_damaged(self.image)

    @property
    def is_checked(self) -> bool:
        return self.image.damage != UNCHECKED

    @property
    def has_original(self) -> bool:
        """Whether the upload was stored, or can be restored unless its file was altered."""
        return self.image.has_original or self.image.reencode_reason is None


@router.get("/images/{image_id}")
async def show_image(image_id: str, request: Request, context: Context) -> HTMLResponse:
    """Show an archived image, or the state of an image that is not archived. Raises Problem for an unknown image."""
    page, form = make_view(request), FilterForm.parse(request.query_params)
    if form.errors:
        form = FilterForm.parse(QueryParams())  # the image does not depend on the filters of the list
    id_ = _parse_id(image_id)
    list_url = page.url("/images") + form.suffix()
    query = form.to_query(page.zone)

    def find() -> ImageView | None:
        image = context.archive.find(id_)
        if image is None:
            require_not_deleted(context.archive, id_)
            return None
        parts = split_at_hits(image.description, form.values["q"])
        try:
            return ImageView(image, parts, context.archive.neighbours(image, query))
        except (SearchBusy, SearchTimeout):
            return ImageView(image, parts, Neighbours(None, None))

    view = await context.archive_access.run(find)
    if view is None:
        status = await read_status(id_, context)
        if status.status is not Status.STORED:
            is_failed = status.status is Status.FAILED
            return render(request, "in_flight.html", progress=status, list_url=list_url, is_failed=is_failed)
        # Archived between both reads, or deleted since.
        view = await context.archive_access.run(find)
    if view is None:
        raise Problem(UNKNOWN_IMAGE, UNKNOWN_IMAGE.example)
    newer, older = (page.url(f"/images/{each}") + form.suffix() if each else None for each in view.neighbours)
    return render(
        request, "image.html", view=view, image=view.image, form=form, list_url=list_url, newer=newer, older=older
    )


def _parse_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Problem(UNKNOWN_IMAGE, f"{quote(text[:64])} is not the ID of an image.") from error
