"""Rejects requests that pages of other sites send from a browser (cross-site request forgery).

Browsers send Sec-Fetch-Site over HTTPS and to loopback addresses, and Origin with each request of an unsafe method.
Cameras and command-line clients send neither, and are not affected.
"""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from captiond.services.api.http.problem_types import CROSS_SITE
from captiond.services.api.http.problems import CLOSE, Problem
from captiond.services.api.http.rejections import find_rejection

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# `none`: the user started the request, for example from a bookmark. `same-site` is another host or port.
_SAME_ORIGIN = frozenset({b"same-origin", b"none"})
_DEFAULT_PORTS = {"http": 80, "https": 443}


class CrossSiteRequests:
    """ASGI middleware. It reads the raw headers, because `Headers` would copy all of them for each upload."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS and (fault := find_fault(scope["headers"])):
            if rejection := find_rejection(Request(scope), CROSS_SITE.name, fault):
                scope["app"].state.context.rejections.add(rejection)
            response = Problem(CROSS_SITE, fault, headers=CLOSE).response()
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)


def find_fault(headers: list[tuple[bytes, bytes]]) -> str | None:
    """Return why a request of an unsafe method comes from another site, or None."""
    host = origin = None
    for name, value in headers:
        if name == b"sec-fetch-site":
            if value in _SAME_ORIGIN:
                return None
            return f"The browser sent the request for a page of another origin (Sec-Fetch-Site: {_text(value)!r})."
        if name == b"origin":
            origin = value
        elif name == b"host":
            host = value
    if origin is None or _is_same_host(_text(origin), _text(host or b"")):
        return None
    return f"The Origin {_text(origin)!r} is not the Host {_text(host or b'')!r}; the proxy must forward Host."


def _text(value: bytes) -> str:
    return value.decode("latin-1")[:255]


def _is_same_host(origin: str, host: str) -> bool:
    """Compare names, and ports if Host has one. Proxies that forward Host often omit its port."""
    try:
        sender, server = urlsplit(origin), urlsplit(f"//{host}")
        if sender.hostname is None or sender.hostname != server.hostname:
            return False
        return server.port is None or server.port == (sender.port or _DEFAULT_PORTS.get(sender.scheme))
    except ValueError:  # brackets or port are invalid
        return False
