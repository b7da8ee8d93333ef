"""Responses that release a reservation after they were sent."""

from contextlib import ExitStack
from typing import Self

from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class ReservedResponse(Response):
    """Holds a reservation, such as the memory of its content, until it was sent or the client has left."""

    _reservation: ExitStack

    def holding(self, reservation: ExitStack) -> Self:
        self._reservation = reservation
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._reservation:
            await super().__call__(scope, receive, send)
