"""The view of the archive: images, newest first, with filters."""

import time
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse

from captiond.archive import Archive, PageQuery, SearchBusy, SearchTimeout
from captiond.archive.records import REASON_LENGTH, Cursor
from captiond.services.api.context import Context
from captiond.services.api.http.deadline import DeadlineRoute
from captiond.services.api.http.paging import parse_cursor, write_cursor
from captiond.services.api.http.problems import FieldError, Problem
from captiond.services.api.web.cards import Card, make_card
from captiond.services.api.web.compression import compress
from captiond.services.api.web.filters import FilterForm, list_presets
from captiond.services.api.web.rendering import HEADERS, PageView, make_view, render

PAGE_IMAGES = 48  # fills whole rows of 2, 3, 4, 6 and 8
MAX_COUNT = 10_000
# After a slower search the matches are not counted, which takes about as long again.
MAX_SEARCH_SECONDS = 2.0

router = APIRouter(include_in_schema=False, route_class=DeadlineRoute)


class _Found(NamedTuple):
    """`following` is the link to the next page. `total` is MAX_COUNT + 1 for more, None if counting took too long."""

    cards: list[Card]
    following: str | None
    total: int | None = None


@router.get("/images")
async def show_archive(request: Request, context: Context) -> HTMLResponse:
    """Show a page of images. Invalid filters are shown beside their fields, with status 422."""
    page, form, before = make_view(request), FilterForm.parse(request.query_params), _read_cursor(request)
    query = form.to_query(page.zone, PAGE_IMAGES, before)
    found = _Found([], None)
    if not form.errors:
        found = await context.archive_access.run(lambda: _find_and_count(context.archive, query, form, page))
    presets = [
        (preset.name, form.with_days(preset.first, preset.last))
        for preset in list_presets(datetime.now(UTC), page.zone)
    ]
    return render(
        request,
        "archive.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK,
        form=form,
        found=found,
        before=before,
        presets=presets,
        max_count=MAX_COUNT,
        reason_length=REASON_LENGTH,
    )


@router.get("/images/cards")
async def list_cards(request: Request, context: Context) -> JSONResponse:
    """Return a page as JSON, for endless scrolling: `cards`, and `next`, the link to the next page or null."""
    page, form = make_view(request), FilterForm.parse(request.query_params)
    if form.errors:
        raise Problem.invalid([FieldError(field=name, detail=error) for name, error in form.errors.items()])
    query = form.to_query(page.zone, PAGE_IMAGES, _read_cursor(request))
    found = await context.archive_access.run(lambda: _find(context.archive, query, form, page))
    content = {"cards": [asdict(card) for card in found.cards], "next": found.following}
    response = JSONResponse(content, headers={**HEADERS, "Content-Language": page.language.code})
    compress(request, response)
    return response


def _read_cursor(request: Request) -> Cursor | None:
    """Raise Problem for an invalid cursor, which only a link has."""
    text = request.query_params.get("before")
    try:
        return parse_cursor(text) if text else None
    except ValueError as error:
        raise Problem.invalid([FieldError(field="before", detail=str(error))]) from error


def _find(archive: Archive, query: PageQuery, form: FilterForm, page: PageView) -> _Found:
    # One more than the page shows whether there is a next page.
    found = archive.page(replace(query, limit=query.limit + 1))
    images = found[: query.limit]
    following = None
    if len(found) > query.limit:
        following = page.url("/images") + form.suffix(before=write_cursor(query.cursor_after(images[-1])))
    return _Found([make_card(image, form, page) for image in images], following)


def _find_and_count(archive: Archive, query: PageQuery, form: FilterForm, page: PageView) -> _Found:
    started = time.monotonic()
    found = _find(archive, query, form, page)
    if time.monotonic() - started < MAX_SEARCH_SECONDS:
        with suppress(SearchBusy, SearchTimeout):
            return found._replace(total=archive.count_matching(query, MAX_COUNT))
    return found
