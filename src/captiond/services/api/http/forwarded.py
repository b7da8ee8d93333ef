"""Applies the path prefix, scheme and client address that a reverse proxy forwards."""

import re

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

HEADER = b"x-forwarded-prefix"
# No empty segment: a Location that starts with `//` would lead to another host.
PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")


class ForwardedHeaders:
    """Accepts X-Forwarded-Prefix, -Proto and -For from `trusted_proxies`: addresses and networks, or `*`.

    Links start with the prefix, without the header with `root_path`. The proxy removes the prefix from the path of the
    request.
    """

    def __init__(self, app: ASGIApp, trusted_proxies: str, root_path: str) -> None:
        self._proxy_headers = ProxyHeadersMiddleware(app, trusted_proxies)  # type: ignore[arg-type] # uvicorn has its own types
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (prefix := self._find_prefix(scope)):
            scope["root_path"] = prefix
            scope["path"] = prefix + scope["path"]
        await self._proxy_headers(scope, receive, send)  # type: ignore[arg-type] # as above

    def _find_prefix(self, scope: Scope) -> str:
        client = scope.get("client")
        if client and client[0] in self._proxy_headers.trusted_hosts:
            # `Headers` would decode every header of every request.
            found = next((value for name, value in scope["headers"] if name == HEADER), b"")
            prefix = found.decode("latin-1").rstrip("/")
            if PREFIX.fullmatch(prefix):
                return prefix
        return self._root_path
