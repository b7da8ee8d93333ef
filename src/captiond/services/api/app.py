"""Builds the FastAPI app."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from captiond.logs import log_unhandled_of_loop
from captiond.services.api import (
    audit,
    dead_letters,
    documentation,
    events,
    evidence,
    health,
    images,
    keys,
    lifecycle,
    metrics,
    operations,
    thumbnails,
    uploads,
    web,
    webhooks,
)
from captiond.services.api.context import ApiContext
from captiond.services.api.export import routes as export
from captiond.services.api.http import audit_trail, problems, security_headers, security_schemes
from captiond.services.api.http.access_control import AccessControl
from captiond.services.api.http.allowed_hosts import ANY_HOST, AllowedHosts
from captiond.services.api.http.authentication import Authentication
from captiond.services.api.http.cross_site import CrossSiteRequests
from captiond.services.api.http.problem_types import RATE_LIMITED, UNKNOWN_HOST
from captiond.services.api.http.problems import problem_responses
from captiond.services.api.http.rate_limit import RateLimiter, RateLimits
from captiond.services.api.ingest import routes as ingest
from captiond.services.api.preview import routes as preview
from captiond.services.api.web import PageOptions

DESCRIPTION = """
Writes a short text into a black strip below a JPEG and archives the result.

`POST /api/images` returns 202 once the image is durably queued. When the image is archived, `GET /api/images` lists it
and `GET /api/images/{id}` returns it with its caption.
Errors are `application/problem+json` documents (RFC 9457) with a stable `type`. Times are RFC 3339 in UTC.
"""


def create_app(
    context: ApiContext,
    allowed_hosts: Collection[str] = (ANY_HOST,),
    page: PageOptions | None = None,
    access: AccessControl | None = None,
    rates: RateLimits | None = None,
) -> FastAPI:
    """Build the app. Its lifespan closes the connections and ends the threads of the context.

    Without `page`, the app has no web page, and `/` redirects to the documentation of the API. Without
    `access`, every client may send every request, and without `rates`, at any rate.
    """
    app = FastAPIOffline(
        title="captiond",
        version=version("captiond"),
        description=DESCRIPTION,
        license_info={"name": "MIT", "identifier": "MIT"},
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.context = context
    app.state.access = access
    _include_routers(app)
    problems.install(app)
    security_schemes.install(app, is_required=access is not None)
    if page:
        web.install(app, page)
    else:
        app.include_router(documentation.root_router)
    rates = rates or RateLimits()
    if rates.is_on:
        app.add_middleware(RateLimiter, limits=rates)
    if access:
        app.add_middleware(Authentication, access=access, limits=rates)
    app.add_middleware(CrossSiteRequests)
    if ANY_HOST not in allowed_hosts:
        app.add_middleware(AllowedHosts, names=allowed_hosts, rejections=context.rejections)
    audit_trail.install(app)
    security_headers.install(app)
    return app


def _include_routers(app: FastAPI) -> None:
    responses = problem_responses(UNKNOWN_HOST, RATE_LIMITED)
    for router in (
        uploads.router,
        preview.router,
        ingest.router,
        images.router,
        lifecycle.router,
        thumbnails.router,
        evidence.router,
        export.router,
        events.router,
        operations.router,
        dead_letters.router,
        audit.router,
        webhooks.router,
        keys.router,
    ):
        app.include_router(router, prefix="/api", responses=responses)
    app.include_router(health.router)
    app.include_router(evidence.public_router, responses=responses)
    app.include_router(metrics.router, responses=responses)
    app.include_router(documentation.router)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    log_unhandled_of_loop(asyncio.get_running_loop())
    context: ApiContext = app.state.context
    async with context.redis.watched(), context.archive_access.watched():
        yield
    context.thumbnails.close()
    context.strips.close()
    context.operations.threads.close()
    await context.uploads.close()
    await context.events.close()
