"""The resources of the operations API, and who may use it: without API keys, only clients on this host."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Literal, TypeAlias, cast

from fastapi import Request, Response
from starlette.types import Message

from captiond.operations.dead_letters import DeadLetterQueues
from captiond.services.api.bodies.operations import EffectiveSetting
from captiond.services.api.http.deadline import DeadlineRoute
from captiond.services.api.http.json_body import parse_json, read_body
from captiond.services.api.http.problem_types import OPERATIONS_DISABLED, OPERATORS_PATHS
from captiond.services.api.http.problems import CLOSE, Problem
from captiond.services.api.security.allowed_hosts import without_port
from captiond.services.api.threads import DaemonThreads
from captiond.workqueue.admin import History

Audience: TypeAlias = Literal["all", "local", "none"]
"""`local`: clients that address the API by a loopback address, without a reverse proxy."""
# Reading payloads from a disk that hangs must not occupy the threads of other requests.
DISK_THREADS = 2
PROXY_HEADERS = (
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-real-ip",
)


@dataclass(frozen=True, slots=True)
class Operations:
    """The resources of the operations API. Calls that may use the disk run in `threads`."""

    audience: Audience
    dead_letters: DeadLetterQueues
    history: History
    settings: tuple[EffectiveSetting, ...] = ()
    threads: DaemonThreads = field(default_factory=lambda: DaemonThreads("dead letters", DISK_THREADS))


class OperationsRoute(DeadlineRoute):
    """Returns 403 to clients that may not operate captiond, before it reads their body, and limits the body.

    With `takes_json`, the body must be JSON.
    """

    takes_json = True

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_allowed(request: Request) -> Response:
            require_operator(request)
            return await handle(await _read(request, self.takes_json) if request.method == "POST" else request)

        return handle_allowed


def require_operator(request: Request) -> None:
    """Raise Problem unless this client may operate captiond."""
    operations = cast("Operations", request.app.state.context.operations)
    if reason := _find_refusal(request, operations.audience):
        detail = (
            f"{reason} To allow it, set CAPTIOND_AUTH=keys. Or set CAPTIOND_OPERATIONS=on, and restrict access to "
            f"{OPERATORS_PATHS} by a reverse proxy or a firewall."
        )
        raise Problem(OPERATIONS_DISABLED, detail, headers=CLOSE)


def may_operate(request: Request) -> bool:
    """Return whether `require_operator` lets this client pass."""
    operations = cast("Operations", request.app.state.context.operations)
    return _find_refusal(request, operations.audience) is None


def choose_audience(setting: Literal["auto", "on", "off"], host: str, *, requires_keys: bool = False) -> Audience:
    """Return who may use the operations API that listens on this host. Keys with their scopes may use it anywhere."""
    if setting == "auto" and not requires_keys:
        return "local" if is_loopback(host) else "none"
    return "none" if setting == "off" else "all"


def is_loopback(host: str) -> bool:
    """Return whether a name or address is one of this machine that no other machine reaches."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _find_refusal(request: Request, audience: Audience) -> str | None:
    if audience == "none":
        return "The operations API is disabled."
    if audience == "all":
        return None
    if forwarded := next((name for name in PROXY_HEADERS if name in request.headers), None):
        return f"The operations API is for this host only, and a reverse proxy has set the header {forwarded}."
    host = without_port(request.headers.get("host", ""))
    if not is_loopback(host):
        return f"The operations API is for this host only, and {host[:255]!r} is no loopback address."
    return None


async def _read(request: Request, is_json: bool) -> Request:  # noqa: FBT001 - only called above
    """Read the body and check its JSON, because FastAPI returns other problems for some errors. Raises Problem."""
    body = await read_body(request)
    if is_json:
        parse_json(body)

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(request.scope, receive)
