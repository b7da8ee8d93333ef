"""Is it alive, and can it work?"""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from captiond.services.api.parts import Parts
from captiond.services.api.problems import UNAVAILABLE, documented

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
    parts.monitor.ping()
    parts.archive.ping()
    return Health()
