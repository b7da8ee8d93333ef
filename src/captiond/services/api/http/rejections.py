"""Log entries and metrics of rejected uploads, for every route."""

from starlette.requests import Request
from starlette.routing import Match

from captiond.operations.rejection_log import Rejection, RejectionLog
from captiond.services.api.http.problem_types import PROBLEM_TYPES
from captiond.services.api.http.upload_paths import is_upload

# Reasons that are not problem types: an unread response, and the errors of the framework.
SLOW_READER = "slow-reader"
FRAMEWORK_REASONS = ("not-found", "method-not-allowed")
# Set in the scope of a request whose connection was refused and logged while its body was read.
REFUSED = "captiond.refused"
# Every route that takes uploads has one of these methods.
UPLOAD_METHODS = frozenset({"POST", "PUT"})
SOURCES = {
    "/api/images": "images",
    "/api/ingest/hikvision": "hikvision",
    "/api/ingest/dahua": "dahua",
    "/": "page",
}
# A path that takes no uploads, such as a mistyped URL in a camera.
NO_SOURCE = "unknown"
# A wrong method at these paths, or below them, is a mistake of an operator. At others it is one of a camera.
ADMINISTRATION_PATHS = ("/ops", "/api/keys", "/api/webhooks", "/api/dead-letters")


def make_rejection_log() -> RejectionLog:
    """Return an empty log whose reasons are the names of the problem types."""
    return RejectionLog([*(type_.name for type_ in PROBLEM_TYPES), *FRAMEWORK_REASONS, SLOW_READER])


def find_rejection(request: Request, reason: str, detail: str) -> Rejection | None:
    """Return what to log about a request that ended with a problem, or None if it was no upload."""
    if request.method not in UPLOAD_METHODS or request.scope.get(REFUSED):
        return None
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    source = _find_source(path)
    if not is_upload(request.method, path) and _is_for_another_route(request, path):
        return None
    return Rejection(
        peer=request.client.host if request.client else "unknown",
        source=source,
        reason=reason,
        detail=detail,
        camera=request.query_params.get("camera"),
    )


def _is_for_another_route(request: Request, path: str) -> bool:
    """Return whether a route that takes no uploads has this path and method, or is for operators."""
    matches = {route.matches(request.scope)[0] for route in request.app.routes}
    is_operators = any(_is_in(path, start) for start in ADMINISTRATION_PATHS)
    return Match.FULL in matches or (Match.PARTIAL in matches and is_operators)


def _find_source(path: str) -> str:
    """Return the name of the endpoint. Devices append to the path of their endpoint."""
    return next((name for start, name in SOURCES.items() if _is_in(path, start)), NO_SOURCE)


def _is_in(path: str, start: str) -> bool:
    return path == start or path.startswith(f"{start}/")
