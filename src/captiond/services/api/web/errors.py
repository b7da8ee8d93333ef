"""Shows errors as HTML pages to browsers that request a page."""

import json
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from captiond.services.api.http.problem_types import MISSING_SCOPE, UNAUTHORIZED
from captiond.services.api.http.problems import PROBLEMS
from captiond.services.api.security.permissions import find_scopes
from captiond.services.api.web.local_paths import find_view
from captiond.services.api.web.problem_texts import describe_problem
from captiond.services.api.web.rendering import render

# Paths of programs, whose errors stay problem documents.
NOT_PAGES = ("/api/", "/health/", "/metrics", "/openapi.json", "/static/")


def install_error_pages(app: FastAPI) -> None:
    """Wrap the handlers of problems, which also write the log."""
    for error_class in PROBLEMS:
        app.add_exception_handler(error_class, _show(app.exception_handlers[error_class]))


def _show(handle: Any) -> Any:  # noqa: ANN401 - a handler is synchronous or not, for Starlette
    async def show(request: Request, error: Exception) -> Response:
        response: Response = await handle(request, error)
        if not _is_for_page(request):
            return response
        problem = json.loads(bytes(response.body))
        name = problem["type"].rpartition(":")[2]
        if name == UNAUTHORIZED.name and request.headers.get("x-requested-with") is None:
            return redirect_to_login(request)
        page = render(
            request,
            "error.html",
            response.status_code,
            problem=problem,
            text=describe_problem(name),
            needed=_find_needed(request) if name == MISSING_SCOPE.name else (),
        )
        for name in ("Retry-After", "Allow"):
            if name in response.headers:
                page.headers[name] = response.headers[name]
        return page

    return show


def redirect_to_login(request: Request) -> Response:
    """Lead a browser to the login, which returns to the view of the request."""
    query = urlencode({"next": find_view(request.scope)})
    url = f"{request.scope.get('root_path', '')}/login?{query}"
    return RedirectResponse(url, HTTPStatus.SEE_OTHER, {"Cache-Control": "no-store"})


def _find_needed(request: Request) -> list[str]:
    path = request.url.path.removeprefix(request.scope.get("root_path", ""))
    return sorted(find_scopes(request.method, path) or ())


def _is_for_page(request: Request) -> bool:
    path = request.url.path.removeprefix(request.scope.get("root_path", ""))
    return "text/html" in request.headers.get("accept", "") and not path.startswith(NOT_PAGES)
