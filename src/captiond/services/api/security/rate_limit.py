"""Refuses the requests of clients that exceed a rate, with 429."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from captiond.access import ANONYMOUS
from captiond.operations.request_rates import OFF, RequestRate, name_network
from captiond.services.api.http.problem_types import RATE_LIMITED
from captiond.services.api.http.problems import CLOSE, Problem
from captiond.services.api.http.upload_paths import is_upload
from captiond.services.api.security.access_control import get_principal
from captiond.services.api.security.permissions import READING, find_scopes, is_login


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The rates of uploads, and of all other requests, except those that need no key. Logins count, too."""

    uploads: RequestRate = field(default_factory=lambda: RequestRate(OFF, "uploads"))
    requests: RequestRate = field(default_factory=lambda: RequestRate(OFF, "requests"))

    def __iter__(self) -> Iterator[RequestRate]:
        return iter((self.uploads, self.requests))

    @property
    def is_on(self) -> bool:
        """Whether any of them limits anything."""
        return any(rate.is_on for rate in self)

    def check(self, scope: Scope, client: str) -> None:
        """Count a request. Raises Problem if the client exceeds the rate."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if is_upload(scope["method"], path):
            require_rate(self.uploads, client, CLOSE)
        elif self.requests.is_on and (
            find_scopes(scope["method"], path) is not None or is_login(scope["method"], path)
        ):
            require_rate(self.requests, client, {} if scope["method"] in READING else CLOSE)


class RateLimiter:
    """ASGI middleware, inside of the authentication. It counts by API key, by user of a proxy, or by address."""

    def __init__(self, app: ASGIApp, limits: RateLimits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._limits.check(scope, name_client(scope))
            except Problem as problem:
                response = await respond(Request(scope, receive), problem)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


def require_rate(rate: RequestRate, client: str, headers: Mapping[str, str]) -> None:
    """Count a request. Raises Problem with the seconds to wait if the client exceeds the rate."""
    if wait := rate.count(client):
        seconds = max(1, math.ceil(wait))
        # Of draft-ietf-httpapi-ratelimit-headers-10.
        limits = {
            "RateLimit-Policy": f'"{rate.name}";q={rate.limit};w={rate.period_seconds}',
            "RateLimit": f'"{rate.name}";r=0;t={seconds}',
        }
        detail = f"The limit of {rate.rate} per client is reached; retry after {seconds} s."
        raise Problem(RATE_LIMITED, detail, headers={"Retry-After": str(seconds), **limits, **headers})


async def respond(request: Request, problem: Problem) -> Response:
    """Return the response to a problem that a middleware finds, as if a route had raised it."""
    handlers: Mapping[object, Any] = request.app.exception_handlers
    return cast("Response", await handlers[Problem](request, problem))


def name_client(scope: Scope) -> str:
    """Return the API key of a request, the user of a proxy, or the network of the address.

    Behind a trusted proxy, the address is the forwarded one.
    """
    principal = get_principal(scope)
    if principal.key_id:
        return f"key:{principal.key_id}"
    if principal is not ANONYMOUS:
        return f"user:{principal.name}"
    return name_network(scope["client"][0] if scope.get("client") else "")
