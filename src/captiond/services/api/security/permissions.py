"""Which scopes each request needs. A path that no rule names needs the scope `admin`."""

from captiond.access import Scope
from captiond.services.api.http.upload_paths import is_upload

OPEN_PATHS = frozenset({"/login", "/docs", "/redoc", "/redoc.standalone.js", "/openapi.json", "/.well-known/jwks.json"})
# Probes, and files without data: those of the page and of the documentation.
OPEN_PREFIXES = ("/health/", "/static/", "/static-offline-docs/")
READING = frozenset({"GET", "HEAD"})
# A login checks the key itself, and a logout deletes a cookie only.
_LOGIN = ("POST", "/login")
_SESSIONS = frozenset({_LOGIN, ("POST", "/logout")})

UPLOAD, READ, OPERATE, ADMIN = (frozenset({scope}) for scope in Scope)
MONITOR = READ | OPERATE
# The scopes of views; the address `/` leads to the first view that the client may open.
VIEWS = UPLOAD | READ | OPERATE | ADMIN
_PREVIEWING = ("POST", "/api/preview")
_READ_PATHS = frozenset({"/images", "/api/images", "/api/export.zip", "/api/events", "/seals", "/api/seals"})
_READ_PREFIXES = ("/images/", "/api/images/")
# The views for administrators are below the one for operators.
_ADMIN_PATHS = frozenset({"/ops/audit", "/ops/keys", "/ops/webhooks"})
_ADMIN_PREFIXES = ("/ops/keys/", "/ops/webhooks/")
_OPERATE_PATHS = frozenset({"/ops", "/api/operations", "/api/dead-letters"})
_OPERATE_PREFIXES = ("/ops/", "/api/operations/", "/api/dead-letters/")


def is_login(method: str, path: str) -> bool:
    """Return whether a request logs in to the page. It needs no key, and contains one."""
    return (method, path) == _LOGIN


def find_scopes(method: str, path: str) -> frozenset[Scope] | None:  # noqa: PLR0911 - one per rule
    """Return the scopes, of which a client needs one; None if no key is needed.

    `path` has no prefix of a proxy. Routes match the same text, so that no other spelling of a path avoids its rule.
    """
    if is_upload(method, path) or (method, path) == _PREVIEWING:
        return UPLOAD
    if path in _ADMIN_PATHS or path.startswith(_ADMIN_PREFIXES):
        return ADMIN
    if path in _OPERATE_PATHS or path.startswith(_OPERATE_PREFIXES):
        return OPERATE
    if (method, path) in _SESSIONS:
        return None
    if method not in READING:
        return ADMIN
    if path in OPEN_PATHS or path.startswith(OPEN_PREFIXES):
        return None
    if path in _READ_PATHS or path.startswith(_READ_PREFIXES):
        return READ
    if path == "/metrics":
        return MONITOR
    return VIEWS if path == "/" else ADMIN
