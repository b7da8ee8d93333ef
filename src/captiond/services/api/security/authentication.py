"""Checks the API key of every request before its route is chosen and its body is read."""

from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from captiond.access import ApiKey, Principal, digest_token
from captiond.services.api.http.problem_types import MISSING_SCOPE, UNAUTHORIZED, UNAVAILABLE
from captiond.services.api.http.problems import Problem
from captiond.services.api.security.access_control import PRINCIPAL, SESSION, AccessControl, require_network
from captiond.services.api.security.credentials import Credentials, read_credentials
from captiond.services.api.security.permissions import ADMIN, find_scopes
from captiond.services.api.security.rate_limit import RateLimits, name_client, respond
from captiond.services.api.security.session_cookie import is_from_page, read_session, require_page

BEARER, BASIC = 'Bearer realm="captiond"', 'Basic realm="captiond", charset="UTF-8"'


class Authentication:
    """ASGI middleware. It puts the `Principal` into the scope of each request that it passes on.

    Requests without a valid key count towards the rates of their address.
    """

    def __init__(self, app: ASGIApp, access: AccessControl, limits: RateLimits) -> None:
        self._app = app
        self._access = access
        self._limits = limits

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
            await self._access.slow_down()
        response = await respond(request, problem)
        if problem.type is UNAUTHORIZED and response.status_code == HTTPStatus.UNAUTHORIZED:
            # With Basic, a browser would ask for the key in a dialog of its own instead of showing the page's login.
            # One header each, because some browsers do not parse a list.
            for challenge in (BEARER,) if is_from_page(request.scope) else (BEARER, BASIC):
                response.headers.append("WWW-Authenticate", challenge)
        return response

    async def _identify(self, scope: Scope) -> Principal:
        """Return the client of a request. Raises Problem."""
        credentials = read_credentials(scope["headers"], self._access.proxy_users)
        digest = digest_token(credentials.key) if credentials.key else None
        if digest is not None:
            key = await self._access.find(lambda: self._access.keys.find(digest))
            if key is None:
                raise Problem(UNAUTHORIZED, UNAUTHORIZED.example)
        else:
            key = await self._find_key_of_session(scope)
            if key is None:
                return self._identify_user(credentials)
        require_network(key.principal, scope)
        return key.principal

    async def _find_key_of_session(self, scope: Scope) -> ApiKey | None:
        """Return the key of the session, if the request has a valid one. Raises Problem."""
        session = read_session(scope)
        if session is None:
            return None
        access = self._access
        key = await access.find(lambda: access.keys.find_session(session, access.session_secret.value))
        if key is not None:
            require_page(scope)
            scope[SESSION] = session
        return key

    def _identify_user(self, credentials: Credentials) -> Principal:
        """Return the user that a trusted proxy has authenticated. Raises Problem."""
        if self._access.proxy_users is None or not credentials.user:
            raise Problem(UNAUTHORIZED, UNAUTHORIZED.example)
        user, groups = (value.decode("utf-8", "replace") for value in (credentials.user, credentials.groups or b""))
        return self._access.proxy_users.identify(user[:255], groups)


def _is_missing(scope: Scope, accepted: frozenset[object]) -> bool:
    """Return whether a path without a rule has no route, so that the response is 404."""
    if accepted != ADMIN:
        return False
    return all(route.matches(scope)[0] is Match.NONE for route in scope["app"].routes)


def _lacks_scope(principal: Principal, accepted: frozenset[Any]) -> Problem:
    needed, found = (" or ".join(f"`{scope}`" for scope in sorted(scopes)) for scopes in (accepted, principal.scopes))
    client = "the API key" if principal.key_id else "the user"
    return Problem(MISSING_SCOPE, f"The request needs the scope {needed}; {client} has {found or 'none'}.")
