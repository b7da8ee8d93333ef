"""The cookie of a login on the web page, and what requests with it must satisfy."""

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Scope

from captiond.access.sessions import SESSION_SECONDS, Session
from captiond.services.api.http.problem_types import CROSS_SITE
from captiond.services.api.http.problems import CLOSE, Problem
from captiond.services.api.security.cross_site import SAFE_METHODS

NAME = "captiond-session"


def cookie_name(scope: Scope) -> str:
    """Return the name of the cookie. Its prefix makes browsers refuse it from HTTP or other hosts (RFC 6265bis)."""
    if scope["scheme"] != "https":
        return NAME
    return f"__Secure-{NAME}" if scope.get("root_path") else f"__Host-{NAME}"


def read_session(scope: Scope) -> Session | None:
    """Return the session that the cookie of a request states, unchecked."""
    connection = HTTPConnection(scope)
    value = connection.cookies.get(cookie_name(scope)) if "cookie" in connection.headers else None
    return Session.parse(value) if value else None


def set_session(response: Response, scope: Scope, session: Session | None) -> None:
    """Set the cookie; None deletes it."""
    response.set_cookie(
        cookie_name(scope),
        session.value if session else "",
        max_age=SESSION_SECONDS if session else 0,
        path=f"{scope.get('root_path', '')}/",
        secure=scope["scheme"] == "https",
        httponly=True,
        samesite="strict",
    )


def require_page(scope: Scope) -> None:
    """Raise Problem for a request of an unsafe method that names no origin.

    CrossSiteRequests compares the origin, and lets pass what no browser sends: requests without one.
    """
    if scope["method"] not in SAFE_METHODS:
        headers = HTTPConnection(scope).headers
        if "origin" not in headers and "sec-fetch-site" not in headers:
            detail = "A request with the cookie of the page has neither Origin nor Sec-Fetch-Site; send the API key."
            raise Problem(CROSS_SITE, detail, headers=CLOSE)


def is_from_page(scope: Scope) -> bool:
    """Return whether a page of this server sent the request.

    Browsers send Sec-Fetch-Site over HTTPS and to loopback addresses only. Without it, the Referer is compared, which
    the page's policy sends to its own server.
    """
    headers = HTTPConnection(scope).headers
    if site := headers.get("sec-fetch-site"):
        return site == "same-origin"
    try:
        sender = urlsplit(headers.get("referer", "")).netloc
    except ValueError:  # invalid brackets
        return False
    return bool(sender) and sender == headers.get("host")
