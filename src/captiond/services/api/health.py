"""Liveness and readiness."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from captiond.services.api.context import Context
from captiond.services.api.http.problem_types import UNAVAILABLE
from captiond.services.api.http.problems import problem_responses
from captiond.workqueue.admin import require_safe_server

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The check passed."""

    status: Literal["ok"] = "ok"


@router.get("/health/live", summary="Check that the process responds")
async def live() -> Health:
    return Health()


@router.get(
    "/health/ready",
    summary="Check Redis, the database and the images directory",
    responses=problem_responses(UNAVAILABLE),
)
def ready(context: Context) -> Health:
    require_safe_server(context.monitor, context.requirements)
    context.archive.ping()
    return Health()
