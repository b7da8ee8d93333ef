"""Client of the HTTP API, without the dependencies of the server.

with Client("http://127.0.0.1:8000") as client:
    accepted = client.upload(Path("photo.jpg"), description="Gate 4")
    client.wait(accepted.id)
"""

from importlib import import_module
from typing import TYPE_CHECKING

from captiond.client.errors import (
    CaptiondError,
    InvalidApiKey,
    InvalidUrl,
    InvalidValue,
    ProblemError,
    Unavailable,
    UnexpectedResponse,
    Unreachable,
    WaitTimeout,
)
from captiond.client.exchange import Retries
from captiond.client.requests import Filters
from captiond.client.synchronous import Client
from captiond.client.values import Accepted, DeadLetter, DeadLetterChanges, Event, Image, Status

if TYPE_CHECKING:
    from captiond.client.asynchronous import AsyncClient

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
    "InvalidValue",
    "ProblemError",
    "Retries",
    "Status",
    "Unavailable",
    "UnexpectedResponse",
    "Unreachable",
    "WaitTimeout",
]


def __getattr__(name: str) -> object:
    """Import `AsyncClient` when it is used (PEP 562): asyncio is a third of the import time."""
    if name == "AsyncClient":
        return import_module("captiond.client.asynchronous").AsyncClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
