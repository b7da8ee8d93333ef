"""The time limit of a request."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, cast

from fastapi import Request, Response
from fastapi.routing import APIRoute

from captiond.services.api.http.problem_types import UNAVAILABLE
from captiond.services.api.http.problems import Problem


@asynccontextmanager
async def deadline(seconds: float) -> AsyncIterator[None]:
    """Raise Problem if the block takes longer. It may or may not have taken effect."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        detail = f"Redis or the archive did not answer within {seconds:g} s; repeat the request unchanged."
        raise Problem(UNAVAILABLE, detail) from error


class DeadlineRoute(APIRoute):
    """Returns 503 if the endpoint takes longer than the request timeout. Streaming the response is not included."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_in_time(request: Request) -> Response:
            async with deadline(cast("float", request.app.state.context.request_seconds)):
                return await handle(request)

        return handle_in_time
