"""Liveness and readiness."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from captiond.pipeline import QUEUES
from captiond.services.api.context import Context
from captiond.services.api.http.problem_types import UNAVAILABLE
from captiond.services.api.http.problems import problem_responses
from captiond.workqueue.admin import require_safe_server

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
    summary="Check Redis, the database and the images directory",
    response_model_exclude_none=True,
    responses=problem_responses(UNAVAILABLE),
)
def ready(context: Context) -> Health:
    require_safe_server(context.monitor, context.requirements)
    context.archive.ping()
    used, budget = context.monitor.totals(QUEUES).dead_letter_bytes, context.uploads.budget.max_dead_letter_bytes
    exceeded = f"dead letters exceed their budget: {used} of {budget} bytes; the archiver cannot move them to disk"
    return Health(warnings=[exceeded] if used > budget else None)
