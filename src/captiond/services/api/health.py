"""Is it alive, and can it work?"""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from captiond.services.api.dependencies import Parts
from captiond.services.api.http.problems import UNAVAILABLE, documented
from captiond.workqueue.admin import require_safe_server

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """All is well."""

    status: Literal["ok"] = "ok"


@router.get("/health/live", summary="The process answers")
async def live() -> Health:
    return Health()


@router.get(
    "/health/ready", summary="Redis, the database and the images can be used", responses=documented(UNAVAILABLE)
)
def ready(parts: Parts) -> Health:
    require_safe_server(parts.monitor, parts.requirements)
    parts.archive.ping()
    return Health()
