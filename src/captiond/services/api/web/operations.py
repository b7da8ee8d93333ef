"""The view for operators: the state of queues, workers, archive and settings, and the dead letters."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse

from captiond.archive import ArchiveUnavailable
from captiond.operations.dead_letters import Page, Selection
from captiond.services.api.bodies.dead_letters import (
    DeadLetterDetail,
    EntryText,
    ListedDeadLetter,
    QueueName,
    parse_position,
    write_position,
)
from captiond.services.api.context import ApiContext, Context
from captiond.services.api.health import READY_SECONDS
from captiond.services.api.http.problem_types import UNKNOWN_DEAD_LETTER
from captiond.services.api.http.problems import Problem
from captiond.services.api.operations import read_operations
from captiond.services.api.web.charts import draw
from captiond.services.api.web.operations_forms import OperationsQuery
from captiond.services.api.web.operations_route import OperationsPageRoute
from captiond.services.api.web.options import PageOptions
from captiond.services.api.web.rendering import render
from captiond.webhooks import Webhook
from captiond.workqueue.errors import QueueUnavailable

LETTERS = 10
# More workers and settings are in the JSON of the API.
WORKERS = 20
HOUR_TICKS, HOUR_ROWS = 900, 300
DAY_TICKS, DAY_ROWS = 6 * 3600, 3600

AnyQuery = Annotated[OperationsQuery, Query()]

router = APIRouter(include_in_schema=False, route_class=OperationsPageRoute)


@router.get("/ops")
async def show_operations(request: Request, context: Context, query: AnyQuery) -> HTMLResponse:
    return await _show(request, context, query, "operations/page.html")


@router.get("/ops/live")
async def show_live_part(request: Request, context: Context, query: AnyQuery) -> HTMLResponse:
    """Return the part of the view that changes, which the script of the view requests every few seconds."""
    return await _show(request, context, query, "operations/live.html")


@router.get("/ops/dead-letters/{queue}/{entry}")
async def show_dead_letter(
    request: Request, context: Context, queue: QueueName, entry: Annotated[EntryText, Path()]
) -> HTMLResponse:
    letter = await context.redis.run(lambda: context.operations.dead_letters.find(queue, entry))
    if letter is None:
        raise Problem(UNKNOWN_DEAD_LETTER, UNKNOWN_DEAD_LETTER.example)
    return render(request, "operations/dead_letter.html", letter=DeadLetterDetail.of(letter))


async def _show(request: Request, context: ApiContext, query: OperationsQuery, template: str) -> HTMLResponse:
    options: PageOptions = request.app.state.page
    report, letters, webhooks = await asyncio.gather(
        read_operations(context), _read_letters(context, query), _read_webhooks(context)
    )
    charts = {}
    if report.pipeline:
        history = report.pipeline.history
        charts["hour"] = draw(history.hour, options.zone, tick_seconds=HOUR_TICKS, row_seconds=HOUR_ROWS)
        charts["day"] = draw(history.day, options.zone, tick_seconds=DAY_TICKS, row_seconds=DAY_ROWS)
    return render(
        request,
        template,
        report=report,
        charts=charts,
        query=query,
        letters=letters and [ListedDeadLetter.of(letter) for letter in letters.letters],
        older=letters and letters.next and write_position(letters.next),
        max_workers=WORKERS,
        webhooks=webhooks,
    )


async def _read_letters(context: ApiContext, query: OperationsQuery) -> Page | None:
    """Return a page of dead letters, None if Redis is unavailable."""
    selection = Selection(query.queue, query.reason, parse_position(query.before) if query.before else None)
    try:
        async with asyncio.timeout(READY_SECONDS):
            return await context.redis.run(lambda: context.operations.dead_letters.page(selection, LETTERS))
    except (TimeoutError, Problem, QueueUnavailable):
        return None


async def _read_webhooks(context: ApiContext) -> list[Webhook]:
    """Return the webhooks, none if the database is unavailable."""
    if context.webhooks is None:
        return []
    try:
        async with asyncio.timeout(READY_SECONDS):
            return await context.archive_access.run(context.webhooks.store.load_all)
    except (TimeoutError, Problem, ArchiveUnavailable):
        return []
