"""Builds the FastAPI app."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_redoc_html
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi_offline import FastAPIOffline

from captiond.logs import log_unhandled_of_loop
from captiond.services.api import events, health, images, metrics, uploads
from captiond.services.api.context import ApiContext
from captiond.services.api.http import problems

DESCRIPTION = """
Writes a short text into a black strip below a JPEG and archives the result.

`POST /api/images` returns 202 once the image is durably queued. When the image is archived, `GET /api/images` lists it
and `GET /api/images/{id}` returns it with its caption.
Errors are `application/problem+json` documents (RFC 9457) with a stable `type`. Times are RFC 3339 in UTC.
"""


# ReDoc loads its logo from a CDN and has no option to omit it. The policy blocks other hosts; ReDoc then shows no logo.
SAME_ORIGIN_POLICY = "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'"


def create_app(context: ApiContext) -> FastAPI:
    """Build the app. Its lifespan closes the connections of `context.uploads` and `context.events`."""
    app = FastAPIOffline(
        title="captiond",
        version=version("captiond"),
        description=DESCRIPTION,
        license_info={"name": "MIT", "identifier": "MIT"},
        lifespan=_lifespan,
        redoc_url=None,
        swagger_ui_parameters={"validatorUrl": None},
    )
    app.state.context = context
    for router in (uploads.router, images.router, events.router):
        app.include_router(router, prefix="/api")
    app.include_router(health.router)
    app.include_router(metrics.router)
    app.add_api_route("/", _redirect_to_docs, include_in_schema=False)
    app.add_api_route("/redoc", _show_redoc, include_in_schema=False)
    problems.install(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    log_unhandled_of_loop(asyncio.get_running_loop())
    yield
    context: ApiContext = app.state.context
    await context.uploads.close()
    await context.events.close()


async def _redirect_to_docs(request: Request) -> RedirectResponse:
    return RedirectResponse(f"{request.scope.get('root_path', '')}/docs")


async def _show_redoc(request: Request) -> HTMLResponse:
    root = request.scope.get("root_path", "")
    page = get_redoc_html(
        openapi_url=f"{root}/openapi.json",
        title="captiond - ReDoc",
        redoc_js_url=f"{root}/static-offline-docs/redoc.standalone.js",
        redoc_favicon_url=f"{root}/static-offline-docs/favicon.png",
        with_google_fonts=False,
    )
    page.headers["Content-Security-Policy"] = SAME_ORIGIN_POLICY
    return page
