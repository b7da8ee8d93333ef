"""Builds the FastAPI app; its documentation pages come from a package, so that they work offline."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.responses import RedirectResponse
from fastapi_offline import FastAPIOffline

from captiond.logs import log_unhandled_of_loop
from captiond.services.api import events, health, images, metrics, uploads
from captiond.services.api.dependencies import ApiParts
from captiond.services.api.http import problems

DESCRIPTION = """
Takes a JPEG and a short text, writes the text into a black strip under the photo and archives it.

`POST /api/images` answers 202 once the image is kept in the queue; a moment later it is listed by
`GET /api/images` and comes back captioned from `GET /api/images/{id}`.
Every error is `application/problem+json` (RFC 9457) with a stable `type`. Times are RFC 3339, UTC.
"""


def create_app(parts: ApiParts) -> FastAPI:
    """Put the routes together."""
    app = FastAPIOffline(
        title="captiond",
        version=version("captiond"),
        description=DESCRIPTION,
        license_info={"name": "MIT", "identifier": "MIT"},
        lifespan=_lifespan,
    )
    app.state.parts = parts
    # Routes are tried in turn, those of an included router twice.
    app.router.routes[:0] = uploads.router.routes
    app.include_router(images.router, prefix="/api")
    app.include_router(events.router, prefix="/api")
    app.include_router(health.router)
    app.include_router(metrics.router)
    app.add_api_route("/", _start, include_in_schema=False)
    problems.install(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    log_unhandled_of_loop(asyncio.get_running_loop())
    yield
    parts: ApiParts = app.state.parts
    await parts.uploads.close()
    await parts.events.close()


async def _start() -> RedirectResponse:
    return RedirectResponse("/docs")
