"""Lists, redrives and deletes dead letters. Every request takes bounded time."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import TypeAdapter
from starlette.datastructures import URL

from captiond.operations.dead_letter_files import PayloadElsewhere
from captiond.operations.dead_letters import DeadLetterQueues, Page, Position, Selection
from captiond.services.api.bodies.dead_letters import (
    AllDeadLetters,
    ChosenDeadLetters,
    DeadLetterDetail,
    DropResult,
    EntryText,
    ListedDeadLetter,
    PositionText,
    QueueName,
    ReasonText,
    RetryResult,
    parse_position,
    write_position,
)
from captiond.services.api.context import ApiContext, Context
from captiond.services.api.http.problem_types import (
    INCOMPLETE_BODY,
    INVALID_REQUEST,
    MALFORMED_BODY,
    OPERATIONS_DISABLED,
    TOO_LARGE,
    UNAVAILABLE,
    UNKNOWN_DEAD_LETTER,
)
from captiond.services.api.http.problems import Problem, problem_responses
from captiond.services.api.operations_access import OperationsRoute
from captiond.services.api.security.audit_trail import note
from captiond.workqueue.admin import DeadLetter

# Dead letters that one request with `all` changes at most.
BATCH = 100
# The share of the request timeout after which a batch ends.
BATCH_SHARE = 0.4
LISTED = TypeAdapter(list[ListedDeadLetter])

router = APIRouter(tags=["operations"], route_class=OperationsRoute)
CHANGING = problem_responses(
    MALFORMED_BODY, INCOMPLETE_BODY, OPERATIONS_DISABLED, TOO_LARGE, INVALID_REQUEST, UNAVAILABLE
)

Change: TypeAlias = Callable[[DeadLetter], bool]
AnySelection: TypeAlias = ChosenDeadLetters | AllDeadLetters


@dataclass(slots=True)
class Batch:
    """Counts what one request has done until its time is over."""

    ends_at: float
    done: int = 0
    missing: int = 0
    failed: int = 0
    error: str | None = None
    changed: list[str] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """What has changed, for the audit log. Cut there."""
        return f"{self.done} of {self.done + self.missing + self.failed}: {' '.join(self.changed)}"

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.ends_at

    def apply(self, change: Change, letter: DeadLetter | None) -> None:
        """Change a dead letter and count the result. A missing file or a disk error does not end the batch."""
        try:
            if letter is not None and change(letter):
                self.done += 1
                self.changed.append(letter.id or f"{letter.queue}/{letter.entry}")
            else:
                self.missing += 1
        except (PayloadElsewhere, OSError) as error:
            self.failed += 1
            self.error = self.error or str(error)


# The batch, the number of dead letters to do, and the next request.
Result: TypeAlias = tuple[Batch, int, AnySelection | None]


@router.get(
    "/dead-letters",
    summary="List dead letters",
    response_model=list[ListedDeadLetter],
    responses=problem_responses(OPERATIONS_DISABLED, INVALID_REQUEST, UNAVAILABLE),
)
async def list_dead_letters(  # noqa: PLR0913 - one per query parameter
    request: Request,
    context: Context,
    queue: Annotated[QueueName | None, Query(description="only those of this queue")] = None,
    reason: Annotated[ReasonText | None, Query(description="text in the error, ignoring case")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    before: Annotated[PositionText | None, Query(description="position from the Link header of the last page")] = None,
) -> Response:
    """Return dead letters, newest first. The Link header has the URL of the next page (RFC 8288).

    With `reason`, one request reads at most 1000 dead letters. A page may then have fewer than `limit` although there
    is a next one.
    """
    selection = Selection(queue, reason, parse_position(before) if before else None)
    page = await context.redis.run(lambda: context.operations.dead_letters.page(selection, limit))
    listed = [ListedDeadLetter.of(letter) for letter in page.letters]
    return Response(LISTED.dump_json(listed), headers=_link(request.url, page), media_type="application/json")


@router.get(
    "/dead-letters/{queue}/{entry}",
    summary="Get a dead letter",
    responses=problem_responses(OPERATIONS_DISABLED, UNKNOWN_DEAD_LETTER, INVALID_REQUEST, UNAVAILABLE),
)
async def get_dead_letter(
    context: Context, queue: QueueName, entry: Annotated[EntryText, Path(description="entry from the list")]
) -> DeadLetterDetail:
    """Return the error, the traceback and the headers."""
    letter = await context.redis.run(lambda: context.operations.dead_letters.find(queue, entry))
    if letter is None:
        raise Problem(UNKNOWN_DEAD_LETTER, UNKNOWN_DEAD_LETTER.example)
    return DeadLetterDetail.of(letter)


@router.post("/dead-letters/retry", summary="Return dead letters to their queues", responses=CHANGING)
async def retry_dead_letters(request: Request, context: Context, selection: AnySelection) -> RetryResult:
    """Return a batch of dead letters to their queues, with their counters reset. Each is moved atomically.

    With `all`, one request changes at most 100. If `next` is not null, send it as the next request. Repeating a request
    is safe: dead letters that no longer exist count as `missing`.
    """
    batch, remaining, following = await change_dead_letters(context, selection, context.operations.dead_letters.redrive)
    note(request.scope, detail=batch.summary)
    return RetryResult(
        retried=batch.done,
        **_describe(batch, remaining, following),
    )


@router.post("/dead-letters/drop", summary="Delete dead letters", responses=CHANGING)
async def drop_dead_letters(request: Request, context: Context, selection: AnySelection) -> DropResult:
    """Delete a batch of dead letters. Their images are lost.

    The batches are those of `retry`.
    """
    batch, remaining, following = await change_dead_letters(context, selection, context.operations.dead_letters.delete)
    note(request.scope, detail=batch.summary)
    return DropResult(
        dropped=batch.done,
        **_describe(batch, remaining, following),
    )


async def change_dead_letters(context: ApiContext, selection: AnySelection, change: Change) -> Result:
    """Change a batch in a thread for disk access. Returns what is left to do."""
    dead_letters = context.operations.dead_letters
    batch = Batch(time.monotonic() + BATCH_SHARE * context.request_seconds)

    await context.redis.require_available()
    running = context.operations.threads.submit(lambda: change_batch(dead_letters, selection, change, batch))
    return await asyncio.wrap_future(running)


def _describe(batch: Batch, remaining: int, following: AnySelection | None) -> dict[str, Any]:
    return {
        "missing": batch.missing,
        "failed": batch.failed,
        "error": batch.error,
        "remaining": remaining,
        "next": following,
    }


def change_batch(dead_letters: DeadLetterQueues, selection: AnySelection, change: Change, batch: Batch) -> Result:
    """Change dead letters until the time is over, one at least. Returns what is left. Raises QueueUnavailable."""
    if isinstance(selection, ChosenDeadLetters):
        return _change_chosen(dead_letters, selection, change, batch)
    return _change_all(dead_letters, selection, change, batch)


def _change_chosen(
    dead_letters: DeadLetterQueues, selection: ChosenDeadLetters, change: Change, batch: Batch
) -> Result:
    for number, chosen in enumerate(selection.letters):
        if number and batch.is_over:
            rest = selection.letters[number:]
            return batch, len(rest), ChosenDeadLetters(letters=rest)
        batch.apply(change, dead_letters.find(chosen.queue, chosen.entry))
    return batch, 0, None


def _change_all(dead_letters: DeadLetterQueues, selection: AllDeadLetters, change: Change, batch: Batch) -> Result:
    """Change the newest first: a message that fails again is newer than the position, so no batch repeats it."""
    before = parse_position(selection.before) if selection.before else None
    page = dead_letters.page(Selection(selection.queue, selection.reason, before), BATCH)
    position = page.next
    for number, letter in enumerate(page.letters):
        if number and batch.is_over:
            position = Position.of(page.letters[number - 1])
            break
        batch.apply(change, letter)
    if position is None:
        return batch, 0, None
    remaining = dead_letters.count(selection.queue)
    return batch, remaining, selection.model_copy(update={"before": write_position(position)})


def _link(url: URL, page: Page) -> dict[str, str]:
    if page.next is None:
        return {}
    following = url.include_query_params(before=write_position(page.next))
    return {"Link": f'<{following.path}?{following.query}>; rel="next"'}
