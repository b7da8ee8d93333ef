"""Adds the page to the app."""

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from captiond.services.api.web import archive, dead_letter_actions, image, login, operations, send
from captiond.services.api.web.assets import Assets, assets_path
from captiond.services.api.web.errors import install_error_pages
from captiond.services.api.web.options import PageOptions


def install(app: FastAPI, options: PageOptions) -> None:
    """Add the routes of the page. Call it after the handlers of problems are installed."""
    app.state.page = options
    app.mount(assets_path(), GZipMiddleware(Assets()), name="assets")
    for router in (send.router, archive.router, image.router, operations.router, dead_letter_actions.router):
        app.include_router(router)
    if app.state.access:
        app.include_router(login.router)
    install_error_pages(app)
