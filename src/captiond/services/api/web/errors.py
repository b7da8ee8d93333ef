"""Shows errors as HTML pages to browsers that request a page."""

import json
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response

from captiond.services.api.http.problems import PROBLEMS
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
        text = describe_problem(problem["type"].rpartition(":")[2])
        page = render(request, "error.html", response.status_code, problem=problem, text=text)
        for name in ("Retry-After", "Allow"):
            if name in response.headers:
                page.headers[name] = response.headers[name]
        return page

    return show


def _is_for_page(request: Request) -> bool:
    path = request.url.path.removeprefix(request.scope.get("root_path", ""))
    return "text/html" in request.headers.get("accept", "") and not path.startswith(NOT_PAGES)
