"""The view of one image, from its acceptance on."""

from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.datastructures import QueryParams

from captiond.archive import Archive, Neighbours, SearchBusy, SearchTimeout, StoredImage, Tombstone
from captiond.archive.records import REASON_LENGTH, Hold, PageQuery
from captiond.archive.seals import RecordKind
from captiond.image import UNCHECKED
from captiond.messages import Status
from captiond.services.api.context import Context
from captiond.services.api.http.deadline import DeadlineRoute
from captiond.services.api.http.problem_types import UNKNOWN_IMAGE
from captiond.services.api.http.problems import Problem
from captiond.services.api.image_lookup import read_status
from captiond.services.api.web.filters import FilterForm
from captiond.services.api.web.highlights import Part, split_at_hits
from captiond.services.api.web.rendering import make_view, render
from captiond.services.api.web.seals import SealView

router = APIRouter(include_in_schema=False, route_class=DeadlineRoute)


@dataclass(frozen=True, slots=True)
class ImageView:
    """An archived image, and its place in the list that the query string describes."""

    image: StoredImage
    parts: tuple[Part, ...]
    neighbours: Neighbours
    seal: SealView | None
    hold: Hold | None

    @property
    def is_checked(self) -> bool:
        return self.image.damage != UNCHECKED

    @property
    def has_original(self) -> bool:
        """Whether the upload was stored, or can be restored unless its file was altered."""
        return self.image.has_original or self.image.reencode_reason is None


@dataclass(frozen=True, slots=True)
class DeletedView:
    """What remains of a deleted image, and the seals of its record and of the record of its deletion."""

    tombstone: Tombstone
    seal: SealView | None
    deletion_seal: SealView | None


@router.get("/images/{image_id}")
async def show_image(image_id: str, request: Request, context: Context) -> HTMLResponse:
    """Show an archived image, or the state of an image that is not archived. Raises Problem for an unknown image."""
    page, form = make_view(request), FilterForm.parse(request.query_params)
    if form.errors:
        form = FilterForm.parse(QueryParams())  # the image does not depend on the filters of the list
    id_ = _parse_id(image_id)
    list_url = page.url("/images") + form.suffix()
    find = partial(_find_view, context.archive, id_, form.values["q"], form.to_query(page.zone))
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
    if isinstance(view, DeletedView):
        return render(request, "deleted.html", HTTPStatus.GONE, view=view, image=view.tombstone, list_url=list_url)
    newer, older = (page.url(f"/images/{each}") + form.suffix() if each else None for each in view.neighbours)
    return render(
        request,
        "image.html",
        view=view,
        image=view.image,
        form=form,
        list_url=list_url,
        newer=newer,
        older=older,
        signs=context.signing.keys.signer is not None,
        reason_length=REASON_LENGTH,
    )


def _find_view(archive: Archive, image_id: UUID, searched: str, query: PageQuery) -> ImageView | DeletedView | None:
    image = archive.find(image_id)
    if image is None:
        return _find_deleted(archive, image_id)
    parts = split_at_hits(image.description, searched)
    try:
        neighbours = archive.neighbours(image, query)
    except (SearchBusy, SearchTimeout):
        neighbours = Neighbours(None, None)
    seal = archive.seals.find(image_id)
    hold = archive.lifecycle.find_hold(image_id) if image.held else None
    return ImageView(image, parts, neighbours, SealView.of(seal), hold)


def _find_deleted(archive: Archive, image_id: UUID) -> DeletedView | None:
    tombstone = archive.lifecycle.tombstone(image_id)
    if tombstone is None:
        return None
    image_seal, deletion_seal = (archive.seals.find(image_id, kind) for kind in RecordKind)
    return DeletedView(tombstone, SealView.of(image_seal), SealView.of(deletion_seal))


def _parse_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Problem(UNKNOWN_IMAGE, f"{quote(text[:64])} is not the ID of an image.") from error
