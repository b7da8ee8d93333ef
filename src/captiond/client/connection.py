"""The connection settings that both clients share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from captiond.client.errors import InvalidApiKey, InvalidUrl, InvalidValue
from captiond.client.requests import Request, check_text


@dataclass(frozen=True, slots=True)
class Server:
    """A server and how to reach it. `shown_url` is its URL without user and password."""

    url: httpx.URL
    headers: Mapping[str, str]
    timeout_seconds: float

    @classmethod
    def parse(cls, url: str, api_key: str | None, timeout_seconds: float) -> "Server":
        """Check URL and key. Raises InvalidUrl, InvalidApiKey."""
        if api_key and not (api_key.isascii() and api_key.isprintable() and " " not in api_key):
            raise InvalidApiKey
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise InvalidUrl(url) from error
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            raise InvalidUrl(url)
        return cls(parsed, key_headers(parsed, api_key), timeout_seconds)

    @property
    def shown_url(self) -> str:
        return str(self.url.copy_with(username=None, password=None))

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of `httpx.Client` and `httpx.AsyncClient`."""
        return {"base_url": self.url, "headers": self.headers, "timeout": self.timeout_seconds}


def key_headers(url: httpx.URL, api_key: str | None) -> dict[str, str]:
    """Return the header that sends an API key to a server."""
    if not api_key:
        return {}
    # User and password of the URL, such as those of a proxy, need the header Authorization.
    return {"X-API-Key": api_key} if url.userinfo else {"Authorization": f"Bearer {api_key}"}


def request_arguments(request: Request, timeout: httpx.Timeout) -> dict[str, Any]:
    """Return the arguments of `build_request` of both clients. Raises InvalidValue."""
    for name, text in (*request.parameters, *(request.data or {}).items()):
        check_text(name, text)
    for name, text in request.headers.items():
        if not (text.isascii() and text.isprintable() and text == text.strip()):
            raise InvalidValue(f"{name}: {text!r} cannot be sent in a header; use visible ASCII characters")
    arguments: dict[str, Any] = {"method": request.method, "url": request.path, "headers": request.headers}
    if request.parameters:
        arguments["params"] = list(request.parameters)
    if request.jpeg is not None:
        arguments["files"] = {"image": ("image.jpg", request.jpeg, "image/jpeg")}
        arguments["data"] = request.data
    if request.json is not None:
        arguments["json"] = request.json
    if request.max_seconds is not None:
        arguments["timeout"] = min(request.max_seconds, timeout.read or request.max_seconds)
    return arguments
