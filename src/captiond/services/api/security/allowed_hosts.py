"""Rejects requests for other hosts, which protects browsers in the network of the API from DNS rebinding."""

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from captiond.operations.rejection_log import RejectionLog
from captiond.services.api.http.problem_types import UNKNOWN_HOST
from captiond.services.api.http.problems import Problem
from captiond.services.api.http.rejections import find_rejection

ANY_HOST = "*"
# Probes of load balancers and orchestrators send an IP address that changes.
OPEN_PREFIX = "/health/"


class AllowedHosts:
    """ASGI middleware. A name such as `*.example.com` allows all its subdomains."""

    def __init__(self, app: ASGIApp, names: Collection[str], rejections: RejectionLog) -> None:
        self._app = app
        self._rejections = rejections
        self._names = frozenset(name.lower() for name in names)
        self._suffixes = tuple(name.removeprefix("*") for name in self._names if name.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].removeprefix(scope.get("root_path", "")).startswith(
            OPEN_PREFIX
        ):
            host = Headers(scope=scope).get("host", "")
            if not self._is_allowed(without_port(host).lower()):
                detail = f"This server does not serve the host {host[:255]!r}; see the setting CAPTIOND_ALLOWED_HOSTS."
                if rejection := find_rejection(Request(scope), UNKNOWN_HOST.name, detail):
                    self._rejections.add(rejection)
                response = Problem(UNKNOWN_HOST, detail, headers={"Connection": "close"}).response()
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_allowed(self, name: str) -> bool:
        return name in self._names or (name.endswith(self._suffixes) and name not in self._suffixes)


def without_port(host: str) -> str:
    """Return the name or address of a Host header, without brackets, port and final dot."""
    if host.startswith("["):
        address, bracket, _ = host[1:].partition("]")
        return address if bracket else host
    return host.partition(":")[0].removesuffix(".")
