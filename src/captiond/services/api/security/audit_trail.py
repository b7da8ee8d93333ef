"""Records who uploads, reads and changes what, in the audit log. Routes add what the request does not show."""

import asyncio
import random
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from uuid import UUID

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from captiond.access import ANONYMOUS, Principal
from captiond.archive import AuditEntry
from captiond.operations.audit import AuditLog
from captiond.operations.request_rates import RequestRate
from captiond.services.api.http.upload_paths import is_upload
from captiond.services.api.security.access_control import PRINCIPAL
from captiond.services.api.security.permissions import ADMIN, OPERATE, READING, find_scopes, is_login
from captiond.services.api.security.rate_limit import name_client

NOTE = "captiond.audit"
# An action is confirmed after this time even if the database has not stored its entry. The file has it.
CONFIRM_SECONDS = 3.0
# The failed logins of an address that each process records. Anyone can send any number of them.
FAILED_LOGINS = "10/minute"
_IMAGES = "/api/images/"
_READS = {"": "read.image", "original": "read.original", "thumbnail": "read.thumbnail"}
# The names of changes whose paths and methods give others. The notes of their routes have the same names.
_CHANGES = {
    "images.hold.put": "images.hold",
    "images.hold.delete": "images.unhold",
    "keys.post": "keys.create",
    "keys.delete": "keys.revoke",
    "webhooks.post": "webhooks.create",
}
_NO_ROUTE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """Which requests are recorded besides the actions of operators and administrators. `reads` is in per cent."""

    uploads: bool = False
    reads: int = 100
    thumbnails: bool = False


@dataclass(frozen=True, slots=True)
class Audit:
    """The audit log of an app."""

    log: AuditLog
    options: AuditOptions = AuditOptions()


class Kind(Enum):
    """A kind of recorded requests."""

    UPLOAD = auto()
    READ = auto()
    CHANGE = auto()
    LOGIN = auto()


@dataclass(frozen=True, slots=True)
class Note:
    """What a route adds to the entries of its request: one entry per image."""

    action: str | None = None
    image_ids: Sequence[UUID] = ()
    detail: str | None = None


def note(scope: Scope, *, action: str | None = None, image_ids: Sequence[UUID] = (), detail: str | None = None) -> None:
    """Add to the entries of this request. Routes call it before they return."""
    scope[NOTE] = Note(action, image_ids, detail)


def install(app: FastAPI) -> None:
    """Record the requests of an app whose context has an audit log, outside of all other middleware."""
    build = app.build_middleware_stack

    def build_audited() -> ASGIApp:
        audit: Audit | None = app.state.context.audit
        return AuditTrail(build(), audit) if audit else build()

    app.build_middleware_stack = build_audited  # type: ignore[method-assign]


class AuditTrail:
    """ASGI middleware. A change is recorded before its response; the others within a second.

    Requests without a valid key are not recorded, because anyone can send any number of them. Of failed logins, a
    limited number per address is.
    """

    def __init__(self, app: ASGIApp, audit: Audit) -> None:
        self._app = app
        self._log = audit.log
        self._options = audit.options
        self._failed_logins = RequestRate(FAILED_LOGINS, "failed logins")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._find_recorded(scope) if scope["type"] == "http" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        kind, action = found
        is_recorded = False

        async def record_and_send(message: Message) -> None:
            nonlocal is_recorded
            if message["type"] == "http.response.start" and not is_recorded:
                is_recorded = True
                await self._record(scope, kind, action, message["status"])
            await send(message)

        try:
            await self._app(scope, receive, record_and_send)
        finally:
            if not is_recorded and NOTE in scope:  # the client has disconnected, after the request took effect
                await self._record(scope, kind, action, 0)

    def _find_recorded(self, scope: Scope) -> tuple[Kind, str] | None:
        """Return the kind and the action of a request that is to be recorded."""
        found = find_action(scope["method"], scope["path"].removeprefix(scope.get("root_path", "")))
        if found is None or found[0] in {Kind.CHANGE, Kind.LOGIN}:
            return found
        kind, action = found
        if kind is Kind.UPLOAD:
            return found if self._options.uploads else None
        if action == "read.thumbnail" and not self._options.thumbnails:
            return None
        return found if random.randrange(100) < self._options.reads else None  # noqa: S311 - no secret

    async def _record(self, scope: Scope, kind: Kind, action: str, status: int) -> None:
        if kind is Kind.LOGIN and (status in _NO_ROUTE or self._is_one_too_many(scope)):
            return
        entries = _make_entries(scope, kind, action, status)
        if kind is not Kind.CHANGE:
            for entry in entries:
                self._log.record(entry)
        elif status not in _NO_ROUTE:
            await _wait([self._log.record_now(entry) for entry in entries])

    def _is_one_too_many(self, scope: Scope) -> bool:
        """Count a failed login, and return whether its address has had too many of them."""
        return PRINCIPAL not in scope and self._failed_logins.count(name_client(scope)) > 0


def find_action(method: str, path: str) -> tuple[Kind, str] | None:  # noqa: PLR0911 - one per rule
    """Return the kind and the name of the action of a request, or None if it is not recorded.

    A change is named after its path without ids: `images.delete`, `images.hold`. Its name is empty if only a note of
    the route names it.
    """
    if is_upload(method, path):
        return Kind.UPLOAD, "upload"
    if is_login(method, path):
        return Kind.LOGIN, "login"
    if method in READING:
        if method == "GET" and path.startswith(_IMAGES):
            action = _READS.get(path.removeprefix(_IMAGES).partition("/")[2])
            return (Kind.READ, action) if action else None
        return (Kind.READ, "read.export") if path.startswith("/api/export") else None
    if find_scopes(method, path) not in (OPERATE, ADMIN):
        return None
    if not path.startswith("/api/"):
        return Kind.CHANGE, ""
    parts = [part for part in path.split("/")[2:] if part and _read_id(part) is None]
    if method != "POST" or len(parts) == 1:
        parts.append(method.lower())
    name = ".".join(parts)
    return Kind.CHANGE, _CHANGES.get(name, name)


def _make_entries(scope: Scope, kind: Kind, action: str, status: int) -> list[AuditEntry]:
    """Return the entries of a request.

    There are none without a valid key, except for a login, and none of a form that has changed nothing.
    """
    needs_key = scope["app"].state.access and kind is not Kind.LOGIN
    client: Principal | None = scope.get(PRINCIPAL) or (None if needs_key else ANONYMOUS)
    noted: Note = scope.get(NOTE) or Note()
    action = noted.action or action
    if client is None or not action:
        return []
    image_ids = noted.image_ids or (_find_image(scope["path"]),)
    return [
        AuditEntry(
            action=action,
            result=str(status) if status else "disconnected",
            actor=None if client is ANONYMOUS else client.name,
            key_id=client.key_id,
            address=scope["client"][0] if scope.get("client") else None,
            image_id=image_id,
            detail=noted.detail,
        )
        for image_id in image_ids
    ]


def _find_image(path: str) -> UUID | None:
    """Return the id in the path of an image."""
    _, _, rest = path.partition(_IMAGES)
    return _read_id(rest.partition("/")[0])


def _read_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


async def _wait(saved: list[Future[bool]]) -> None:
    """Wait until the database has the entries, but not for long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(CONFIRM_SECONDS):
            for each in saved:
                await asyncio.shield(asyncio.wrap_future(each))
