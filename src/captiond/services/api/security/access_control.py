"""Access control for routes: the client of a request, and the limits of its key."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.types import Scope

from captiond.access import ANONYMOUS, ApiKey, KeyDirectory, KeysUnavailable, Principal
from captiond.access.groups import ProxyUsers
from captiond.access.sessions import Session
from captiond.names import normalize_name
from captiond.operations.session_secret import SessionSecret
from captiond.services.api.http.problem_types import UNAVAILABLE, WRONG_CAMERA, WRONG_NETWORK
from captiond.services.api.http.problems import Problem
from captiond.services.api.security.pace import Pace

PRINCIPAL = "captiond.principal"
SESSION = "captiond.session"
# Requests without a valid key are refused at most at this rate, until 1000 wait.
REFUSALS_PER_SECOND = 100.0
REFUSALS_AT_ONCE = 100
# The longest wait for a read of the keys, which another read may delay.
READ_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class AccessControl:
    """What authenticates clients: API keys, and with `proxy_users` the headers of a trusted proxy.

    `session_secret` signs the sessions of the page.
    `pace` delays the refusals of all requests together.
    """

    keys: KeyDirectory
    proxy_users: ProxyUsers | None = None
    session_secret: SessionSecret = field(default_factory=SessionSecret)
    pace: Pace = field(default_factory=lambda: Pace(REFUSALS_PER_SECOND, REFUSALS_AT_ONCE))

    async def find(self, find: Callable[[], ApiKey | None]) -> ApiKey | None:
        """Return a key that `find` returns, now or after the next read, because a key may be new. Raises Problem."""
        try:
            if key := find():
                return key
            # Shielded, because other requests wait for the same future.
            read = asyncio.shield(asyncio.wrap_future(self.keys.next_read()))
            if not await asyncio.wait_for(read, READ_SECONDS):
                raise _unavailable()
            return find()
        except (KeysUnavailable, TimeoutError) as error:
            raise _unavailable() from error

    async def refresh(self) -> None:
        """Read the keys again, so that changes apply to this process at once. Others read them in 2 s."""
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(self.keys.next_read())), READ_SECONDS)

    async def slow_down(self) -> None:
        """Wait before a refusal of a client that has no valid key."""
        await asyncio.sleep(self.pace.delay(asyncio.get_running_loop().time()))


def get_principal(scope: Scope) -> Principal:
    """Return the client of a request. While access control is off, it is anonymous and has every scope."""
    principal: Principal = scope.get(PRINCIPAL, ANONYMOUS)
    return principal


def is_still_valid(request: Request) -> bool:
    """Return whether the client of a long request would still be accepted."""
    access: AccessControl | None = request.app.state.access
    session: Session | None = request.scope.get(SESSION)
    if session and session.has_expired(time.time()):
        return False
    return access is None or access.keys.is_valid(get_principal(request.scope))


def require_network(principal: Principal, scope: Scope) -> None:
    """Raise Problem if the key is limited to other networks than that of the client."""
    address = scope["client"][0] if scope.get("client") else ""
    if not principal.may_come_from(address):
        detail = f"The API key is limited to other networks than that of {address[:64] or 'the client'}."
        raise Problem(WRONG_NETWORK, detail)


def choose_camera(scope: Scope, camera: str | None) -> str | None:
    """Return the camera of an upload that names `camera`: that of the key, if it has one. Raises Problem."""
    limit = get_principal(scope).camera
    if limit is None:
        return camera
    if camera and normalize_name(camera) not in {"", limit}:
        raise Problem(
            WRONG_CAMERA, f"The API key is limited to the camera {limit!r}; the upload names the camera {camera!r}."
        )
    return limit


def _unavailable() -> Problem:
    problem = Problem(UNAVAILABLE, "The API keys cannot be read; retry after the time in Retry-After.")
    problem.logged = False  # the log has the outage
    return problem
