"""Access control for routes: the client of a request, and the limits of its key."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import Scope

from captiond.access import ANONYMOUS, KeyDirectory, Principal
from captiond.access.groups import ProxyUsers
from captiond.services.api.http.problem_types import WRONG_CAMERA
from captiond.services.api.http.problems import Problem

PRINCIPAL = "captiond.principal"


@dataclass(frozen=True, slots=True)
class AccessControl:
    """What authenticates clients: API keys, and with `proxy_users` the headers of a trusted proxy."""

    keys: KeyDirectory
    proxy_users: ProxyUsers | None = None


def get_principal(scope: Scope) -> Principal:
    """Return the client of a request. While access control is off, it is anonymous and has every scope."""
    principal: Principal = scope.get(PRINCIPAL, ANONYMOUS)
    return principal


def is_still_valid(request: Request) -> bool:
    """Return whether the client of a long request would still be accepted."""
    access: AccessControl | None = request.app.state.access
    return access is None or access.keys.is_valid(get_principal(request.scope))


def choose_camera(scope: Scope, camera: str | None) -> str | None:
    """Return the camera of an upload that names `camera`: that of the key, if it has one. Raises Problem."""
    limit = get_principal(scope).camera
    if limit is None or camera == limit:
        return camera
    if camera is not None:
        raise Problem(
            WRONG_CAMERA, f"The API key is limited to the camera {limit!r}; the upload names the camera {camera!r}."
        )
    return limit
