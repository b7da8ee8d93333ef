"""Client of the HTTP API, without the dependencies of the server.

with Client("http://127.0.0.1:8000") as client:
    accepted = client.upload(Path("photo.jpg"), description="Gate 4")
    client.wait(accepted.id)
"""

from captiond.client.asynchronous import AsyncClient
from captiond.client.errors import (
    CaptiondError,
    InvalidApiKey,
    InvalidUrl,
    ProblemError,
    Unavailable,
    UnexpectedResponse,
    WaitTimeout,
)
from captiond.client.exchange import Retries
from captiond.client.requests import Filters
from captiond.client.synchronous import Client
from captiond.client.values import Accepted, DeadLetter, DeadLetterChanges, Event, Image, Status

__all__ = [
    "Accepted",
    "AsyncClient",
    "CaptiondError",
    "Client",
    "DeadLetter",
    "DeadLetterChanges",
    "Event",
    "Filters",
    "Image",
    "InvalidApiKey",
    "InvalidUrl",
    "ProblemError",
    "Retries",
    "Status",
    "Unavailable",
    "UnexpectedResponse",
    "WaitTimeout",
]
