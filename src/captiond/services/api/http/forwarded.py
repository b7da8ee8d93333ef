"""Applies the path prefix, scheme and client address that a reverse proxy forwards, and removes forged users."""

import re
from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

HEADER = b"x-forwarded-prefix"
# No empty segment: a Location that starts with `//` would lead to another host.
PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")


class ForwardedHeaders:
    """Accepts X-Forwarded-Prefix, -Proto and -For from `trusted_proxies`: addresses and networks, or `*`.

    Links start with the prefix, without the header with `root_path`. The proxy removes the prefix from the path of the
    request. `identity_headers`, in lower case, are removed from the requests of other clients.
    """

    def __init__(
        self, app: ASGIApp, trusted_proxies: str, root_path: str, identity_headers: Collection[bytes] = ()
    ) -> None:
        self._proxy_headers = ProxyHeadersMiddleware(app, trusted_proxies)  # type: ignore[arg-type] # uvicorn has its own types
        self._root_path = root_path
        self._identity_headers = identity_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            is_trusted = self._is_trusted(scope)
            if prefix := self._find_prefix(scope) if is_trusted else self._root_path:
                scope["root_path"] = prefix
                scope["path"] = prefix + scope["path"]
            if self._identity_headers and not is_trusted:
                scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in self._identity_headers]
        await self._proxy_headers(scope, receive, send)  # type: ignore[arg-type] # as above

    def _is_trusted(self, scope: Scope) -> bool:
        client = scope.get("client")
        return client is not None and client[0] in self._proxy_headers.trusted_hosts

    def _find_prefix(self, scope: Scope) -> str:
        # `Headers` would decode every header of every request.
        found = next((value for name, value in scope["headers"] if name == HEADER), b"")
        prefix = found.decode("latin-1").rstrip("/")
        return prefix if PREFIX.fullmatch(prefix) else self._root_path
