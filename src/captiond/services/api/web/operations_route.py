"""The route class of the view for operators, which explains why a client may not use it."""

from collections.abc import Callable, Coroutine
from typing import Any, cast

from fastapi import Request, Response

from captiond.services.api.http.problem_types import OPERATIONS_DISABLED
from captiond.services.api.http.problems import Problem
from captiond.services.api.operations_access import Operations, OperationsRoute
from captiond.services.api.web.rendering import render


class OperationsPageRoute(OperationsRoute):
    """Shows a page with the reason to clients that may not operate captiond."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_or_explain(request: Request) -> Response:
            try:
                return await handle(request)
            except Problem as problem:
                if problem.type is not OPERATIONS_DISABLED:
                    raise
                operations = cast("Operations", request.app.state.context.operations)
                return render(request, "operations/disabled.html", problem.type.status, audience=operations.audience)

        return handle_or_explain
