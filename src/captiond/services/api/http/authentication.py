"""Checks the API key of every request before its route is chosen and its body is read."""

import asyncio
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from captiond.access import KeysUnavailable, Principal, digest_token
from captiond.services.api.http.access_control import PRINCIPAL, AccessControl
from captiond.services.api.http.credentials import Credentials, read_credentials
from captiond.services.api.http.pace import Pace
from captiond.services.api.http.permissions import ADMIN, find_scopes
from captiond.services.api.http.problem_types import MISSING_SCOPE, UNAUTHORIZED, UNAVAILABLE, WRONG_NETWORK
from captiond.services.api.http.problems import Problem
from captiond.services.api.http.rate_limit import RateLimits, name_client, respond

CHALLENGES = ('Bearer realm="captiond"', 'Basic realm="captiond", charset="UTF-8"')
# Requests without a valid key are refused at most at this rate, until 1000 wait.
REFUSALS_PER_SECOND = 100.0
REFUSALS_AT_ONCE = 100
# The longest wait for a read of the keys, which another read may delay.
READ_SECONDS = 5.0


class Authentication:
    """ASGI middleware. It puts the `Principal` into the scope of each request that it passes on.

    Requests without a valid key count towards the rates of their address.
    """

    def __init__(self, app: ASGIApp, access: AccessControl, limits: RateLimits) -> None:
        self._app = app
        self._limits = limits
        self._keys = access.keys
        self._proxy_users = access.proxy_users
        self._pace = Pace(REFUSALS_PER_SECOND, REFUSALS_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            accepted = find_scopes(scope["method"], scope["path"].removeprefix(scope.get("root_path", "")))
            if accepted is not None:
                try:
                    scope[PRINCIPAL] = principal = await self._identify(scope)
                    if not principal.may_use(accepted) and not _is_missing(scope, accepted):
                        raise _lacks_scope(principal, accepted)
                except Problem as problem:
                    response = await self._refuse(Request(scope, receive), problem)
                    await response(scope, receive, send)
                    return
        await self._app(scope, receive, send)

    async def _refuse(self, request: Request, problem: Problem) -> Response:
        """Return the response. Clients without a valid key wait for it, unless they exceed their rate."""
        if problem.type is not UNAVAILABLE:
            try:
                self._limits.check(request.scope, name_client(request.scope))
            except Problem as limited:
                return await respond(request, limited)
        if problem.type.status != HTTPStatus.FORBIDDEN:  # only clients with a key get that
            await asyncio.sleep(self._pace.delay(asyncio.get_running_loop().time()))
        response = await respond(request, problem)
        if problem.type is UNAUTHORIZED:
            for challenge in CHALLENGES:  # one header each, because some browsers do not parse a list
                response.headers.append("WWW-Authenticate", challenge)
        return response

    async def _identify(self, scope: Scope) -> Principal:
        """Return the client of a request. Raises Problem."""
        credentials = read_credentials(scope["headers"], self._proxy_users)
        digest = digest_token(credentials.key) if credentials.key else None
        if digest is None:
            return self._identify_user(credentials)
        try:
            principal = await self._find(digest)
        except KeysUnavailable as error:
            raise _unavailable() from error
        address = scope["client"][0] if scope.get("client") else ""
        if not principal.may_come_from(address):
            detail = f"The API key is limited to other networks than that of {address[:64] or 'the client'}."
            raise Problem(WRONG_NETWORK, detail)
        return principal

    async def _find(self, digest: bytes) -> Principal:
        """Return the principal of a key. An unknown key may be newer than the last read. Raises KeysUnavailable."""
        if key := self._keys.find(digest):
            return key.principal
        try:
            # Shielded, because other requests wait for the same future.
            read = asyncio.shield(asyncio.wrap_future(self._keys.next_read()))
            succeeded = await asyncio.wait_for(read, READ_SECONDS)
        except TimeoutError as error:
            raise KeysUnavailable from error
        if not succeeded:
            raise KeysUnavailable
        if key := self._keys.find(digest):
            return key.principal
        raise Problem(UNAUTHORIZED, UNAUTHORIZED.example)

    def _identify_user(self, credentials: Credentials) -> Principal:
        """Return the user that a trusted proxy has authenticated. Raises Problem."""
        if self._proxy_users is None or not credentials.user:
            raise Problem(UNAUTHORIZED, UNAUTHORIZED.example)
        user, groups = (value.decode("utf-8", "replace") for value in (credentials.user, credentials.groups or b""))
        return self._proxy_users.identify(user[:255], groups)


def _is_missing(scope: Scope, accepted: frozenset[object]) -> bool:
    """Return whether a path without a rule has no route, so that the response is 404."""
    if accepted != ADMIN:
        return False
    return all(route.matches(scope)[0] is Match.NONE for route in scope["app"].routes)


def _lacks_scope(principal: Principal, accepted: frozenset[Any]) -> Problem:
    needed, found = (" or ".join(f"`{scope}`" for scope in sorted(scopes)) for scopes in (accepted, principal.scopes))
    client = "the API key" if principal.key_id else "the user"
    return Problem(MISSING_SCOPE, f"The request needs the scope {needed}; {client} has {found or 'none'}.")


def _unavailable() -> Problem:
    problem = Problem(UNAVAILABLE, "The API keys cannot be read; retry after the time in Retry-After.")
    problem.logged = False  # the log has the outage
    return problem
