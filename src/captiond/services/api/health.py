"""Liveness and readiness."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Literal, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel

from captiond.archive import ArchiveUnavailable
from captiond.pipeline import ARCHIVER, QUEUES
from captiond.services.api.context import ApiContext, Context
from captiond.services.api.dependency import Dependency
from captiond.services.api.http.problem_types import UNAVAILABLE
from captiond.services.api.http.problems import Problem, problem_responses
from captiond.workqueue.admin import require_safe_server
from captiond.workqueue.errors import QueueUnavailable, UnsafeServer

# The time limit of the readiness check.
READY_SECONDS = 2.0

T = TypeVar("T")

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The check passed."""

    status: Literal["ok"] = "ok"
    warnings: list[str] | None = None


@router.get("/health/live", summary="Check that the process responds", response_model_exclude_none=True)
async def live() -> Health:
    return Health()


@router.get(
    "/health/ready",
    summary="Check Redis, the database, the images directory and the archiver",
    response_model_exclude_none=True,
    responses=problem_responses(UNAVAILABLE),
)
async def ready(context: Context) -> Health:
    warnings, _ = await asyncio.gather(*_checks(context))
    return Health(warnings=warnings)


async def find_problems(context: ApiContext) -> tuple[list[str], list[str]]:
    """Run the readiness check. Returns every problem with its cause, and the warnings."""
    problems, warnings = [], list[str]()
    for result in await asyncio.gather(*_checks(context), return_exceptions=True):
        if isinstance(result, Problem):
            problems.append(result.detail)
        elif isinstance(result, QueueUnavailable | UnsafeServer | ArchiveUnavailable):
            problems.append(str(result))
        elif isinstance(result, BaseException):
            raise result
        else:
            warnings += result or ()
    return problems, warnings


def _checks(context: ApiContext) -> tuple[Coroutine[Any, Any, list[str] | None], Coroutine[Any, Any, None]]:
    """Return the check of Redis, which returns warnings, and that of the archive."""
    return (
        _check(context.redis, lambda: _check_redis(context)),
        _check(context.archive_access, lambda: _check_archive(context)),
    )


async def _check(dependency: Dependency, check: Callable[[], T]) -> T:
    try:
        async with asyncio.timeout(READY_SECONDS):
            return await dependency.run_check(check)
    except TimeoutError as error:
        raise Problem(UNAVAILABLE, f"{dependency.name} did not answer within {READY_SECONDS:g} s.") from error


def _check_redis(context: ApiContext) -> list[str] | None:
    """Return warnings. Raises Problem and the errors of the queue."""
    require_safe_server(context.monitor, context.requirements)
    if problem := context.monitor.find_problem(ARCHIVER):
        raise Problem(UNAVAILABLE, f"The archiver cannot store images: {problem}.")
    used, budget = context.monitor.totals(QUEUES).dead_letter_bytes, context.uploads.budget.max_dead_letter_bytes
    exceeded = f"dead letters exceed their budget: {used} of {budget} bytes; the archiver cannot move them to disk"
    return [exceeded] if used > budget else None


def _check_archive(context: ApiContext) -> None:
    if problem := context.archive.find_schema_problem():
        raise Problem(UNAVAILABLE, f"{problem[0].upper()}{problem[1:]}.")
    context.archive.ping()
