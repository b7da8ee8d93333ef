"""The login of the page with an API key, and the logout."""

import time
from http import HTTPStatus
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from captiond.access import ApiKey, digest_token
from captiond.access.sessions import Session
from captiond.services.api.http.json_body import read_body
from captiond.services.api.http.problem_types import UNAUTHORIZED, WRONG_NETWORK
from captiond.services.api.http.problems import FieldError, Problem
from captiond.services.api.security.access_control import PRINCIPAL, AccessControl, require_network
from captiond.services.api.security.session_cookie import set_session
from captiond.services.api.web.local_paths import choose_target
from captiond.services.api.web.rendering import render

MAX_FIELDS = 10
# With Basic, the browser would ask for the key in a dialog of its own.
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="captiond"'}
NOT_STORED = {"Cache-Control": "no-store"}

router = APIRouter(include_in_schema=False)


@router.get("/login")
async def show_login(request: Request) -> Response:
    return _show_form(request, HTTPStatus.OK, None)


@router.post("/login")
async def log_in(request: Request) -> Response:
    """Start a session, and return to the view that needed one. Scripts get the name of the key as JSON."""
    access: AccessControl = request.app.state.access
    is_script = "text/html" not in request.headers.get("accept", "")
    try:
        key = await _check_key(access, request)
    except Problem as problem:
        if problem.type is UNAUTHORIZED:
            await access.slow_down()
        if is_script or problem.type not in {UNAUTHORIZED, WRONG_NETWORK}:
            problem.headers.update(CHALLENGE if problem.type is UNAUTHORIZED else {})
            raise
        return _show_form(request, problem.type.status, problem.type.name)
    request.scope[PRINCIPAL] = key.principal  # for the audit log
    response: Response
    if is_script:
        response = JSONResponse({"name": key.principal.name}, headers=NOT_STORED)
    else:
        response = _redirect(request, choose_target(request.query_params.get("next")))
    set_session(response, request.scope, Session.start(key, access.session_secret.value, time.time()))
    return response


@router.post("/logout")
async def log_out(request: Request) -> Response:
    """End the session in this browser."""
    response = _redirect(request, "/login")
    set_session(response, request.scope, None)
    return response


async def _check_key(access: AccessControl, request: Request) -> ApiKey:
    """Return the valid key that the form contains. Raises Problem."""
    try:
        fields = parse_qs((await read_body(request)).decode(), max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise Problem.invalid([FieldError(field="body", detail="must be a form in UTF-8")]) from error
    digest = digest_token(fields.get("key", [""])[-1].strip().encode())
    key = await access.find(lambda: access.keys.find(digest)) if digest else None
    if key is None:
        raise Problem(UNAUTHORIZED, UNAUTHORIZED.example)
    require_network(key.principal, request.scope)
    return key


def _show_form(request: Request, status: HTTPStatus, fault: str | None) -> Response:
    target = choose_target(request.query_params.get("next"))
    # A browser omits the cookie when it follows a link of another site (SameSite=Strict), and sends it when the login
    # opens the view again. If there is none, the view leads back to the login, then as a request of this site.
    is_repeated = fault is None and request.headers.get("sec-fetch-site") in {"cross-site", "same-site"}
    response = render(request, "login.html", status, fault=fault, target=target, is_repeated=is_repeated)
    response.headers.update(NOT_STORED)
    if status is HTTPStatus.UNAUTHORIZED:
        response.headers.update(CHALLENGE)
    return response


def _redirect(request: Request, path: str) -> Response:
    root = request.scope.get("root_path", "")
    return RedirectResponse(root + path, HTTPStatus.SEE_OTHER, NOT_STORED)
