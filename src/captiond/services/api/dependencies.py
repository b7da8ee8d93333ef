"""What the routes work with, opened by whoever builds the app."""

import logging
from dataclasses import dataclass, field
from threading import Event
from typing import Annotated, cast

from fastapi import Depends, Request

from captiond.archive import Archive
from captiond.services.api.batched_log import BatchedLog
from captiond.workqueue import Producer
from captiond.workqueue.admin import Events, Jobs, Monitor, ServerRequirements


@dataclass(frozen=True, slots=True)
class ApiParts:
    """The parts of one app; `stopping` ends the endless responses."""

    uploads: Producer
    jobs: Jobs
    events: Events
    monitor: Monitor
    requirements: ServerRequirements
    archive: Archive
    max_upload_bytes: int
    stopping: Event
    accepted_log: BatchedLog = field(default_factory=lambda: BatchedLog(logging.getLogger(f"{__package__}.uploads")))


async def _parts(request: Request) -> ApiParts:
    return cast("ApiParts", request.app.state.parts)


Parts = Annotated[ApiParts, Depends(_parts)]
