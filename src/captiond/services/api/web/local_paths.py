"""Addresses of this server, to which a login returns."""

import re

from starlette.types import Scope

from captiond.services.api.security.cross_site import SAFE_METHODS

HOME = "/"
MAX_CHARACTERS = 2000
# Browsers read `//host` and `/\\host` as another host, and ignore tabs and line breaks in addresses.
_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*")
# A form leads to its view: one of these, or the first part of its path.
_NESTED_VIEWS = re.compile(r"/(ops/keys|ops/webhooks|images/[0-9A-Fa-f-]{36})(?![^/])")
_NOT_VIEWS = re.compile(r"/(login|logout)(?![^?/#])")


def choose_target(path: str | None) -> str:
    """Return a path of this server without its prefix, or HOME for any other text."""
    if path is None or len(path) > MAX_CHARACTERS or not _LOCAL.fullmatch(path) or _NOT_VIEWS.match(path):
        return HOME
    return path


def find_view(scope: Scope) -> str:
    """Return the path and query of a request, to open it again. A form leads to its view."""
    path: str = scope["raw_path"].decode("latin-1")
    if scope["method"] not in SAFE_METHODS:
        nested = _NESTED_VIEWS.match(path)
        return nested[0] if nested else f"/{path.split('/')[1]}"
    query: str = scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path
