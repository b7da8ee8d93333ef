"""Adds the page to the app."""

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from captiond.services.api.web import (
    archive,
    audit,
    dead_letter_actions,
    image,
    image_actions,
    keys,
    login,
    operations,
    seals,
    send,
    webhooks,
)
from captiond.services.api.web.assets import Assets, assets_path
from captiond.services.api.web.errors import install_error_pages
from captiond.services.api.web.options import PageOptions


def install(app: FastAPI, options: PageOptions) -> None:
    """Add the routes of the page. Call it after the handlers of problems are installed."""
    app.state.page = options
    app.mount(assets_path(), GZipMiddleware(Assets()), name="assets")
    for view in (
        *(send, archive, image, image_actions, seals),
        *(operations, dead_letter_actions, audit, keys, webhooks),
    ):
        app.include_router(view.router)
    if app.state.access:
        app.include_router(login.router)
    install_error_pages(app)
