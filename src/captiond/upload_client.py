"""The HTTP client of the API: uploads of `captiond send` and `captiond watch`, downloads of `captiond export`."""

import json
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Self, TypeAlias

import httpx

TIMEOUT_SECONDS = 60.0
MAX_RESPONSE_BYTES = 64 << 10
MAX_RETRY_AFTER_SECONDS = 60.0
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504, 507})
# Up to the last `@`, because an unescaped password may contain `/` or `@`.
_CREDENTIALS = re.compile(r"^([a-z][a-z0-9+.-]*:/+)?.*@", re.IGNORECASE | re.DOTALL)


class InvalidUrl(ValueError):
    """The URL of the server is not an HTTP URL. The message hides user and password."""

    def __init__(self, url: str) -> None:
        shown = _CREDENTIALS.sub(r"\1***@", url)
        super().__init__(f"invalid URL {shown!r}; use for example http://127.0.0.1:8000")


class InvalidApiKey(ValueError):
    """The API key cannot be sent in a header."""

    def __init__(self) -> None:
        super().__init__("an API key may contain only visible ASCII characters")


@dataclass(frozen=True, slots=True)
class ImageUpload:
    """A JPEG and its form fields: `description`, and optionally `captured_at`, `camera` and `labels` (JSON)."""

    jpeg: bytes
    fields: Mapping[str, str]
    key: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """The image is queued. A repeated upload with the same key has the same id."""

    image_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The response is a permanent error. A retry would fail in the same way."""

    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """No response, or a transient error. The image may have been accepted: retry with the same key."""

    reason: str
    retry_after_seconds: float | None = None


Answer: TypeAlias = Accepted | Refused | Unavailable


def open_client(url: str, api_key: str | None) -> tuple[httpx.Client, str]:
    """Return a client for a server, and the URL without user and password. Raises InvalidUrl, InvalidApiKey."""
    headers = {}
    if api_key:
        if not (api_key.isascii() and api_key.isprintable() and " " not in api_key):
            raise InvalidApiKey
        headers["Authorization"] = f"Bearer {api_key}"
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise InvalidUrl(url) from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise InvalidUrl(url)
    shown_url = str(parsed.copy_with(username=None, password=None))
    return httpx.Client(base_url=parsed, headers=headers, timeout=TIMEOUT_SECONDS), shown_url


@dataclass(slots=True)
class UploadClient:
    """Sends uploads to one server. Threads may share a client. The constructor raises InvalidUrl and InvalidApiKey.

    `shown_url` is the URL without user and password.
    """

    url: str
    api_key: str | None = None
    shown_url: str = field(init=False)
    _client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self._client, self.shown_url = open_client(self.url, self.api_key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def send(self, upload: ImageUpload) -> Answer:
        """Upload once."""
        try:
            with self._client.stream(
                "POST",
                "/api/images",
                files={"image": ("image.jpg", upload.jpeg, "image/jpeg")},
                data=upload.fields,
                headers={"Idempotency-Key": upload.key},
            ) as response:
                return _read_answer(response, _read_body(response))
        except httpx.HTTPError as error:
            return Unavailable(f"{self.shown_url} is unreachable: {str(error) or type(error).__name__}")


def _read_body(response: httpx.Response) -> object:
    """Read a JSON body of limited size, for a limited time. Return None for other bodies."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    body = b""
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > MAX_RESPONSE_BYTES or time.monotonic() > deadline:
            return None
    try:
        content: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return content


def _read_answer(response: httpx.Response, body: object) -> Answer:
    values = body if isinstance(body, dict) else {}
    if response.status_code == HTTPStatus.ACCEPTED and "id" in values:
        return Accepted(str(values["id"]))
    target = response.headers.get("Location") if response.is_redirect else None
    reason = f"redirect to {target}" if target else str(values.get("detail") or f"HTTP {response.status_code}")
    if response.status_code in TRANSIENT:
        return Unavailable(reason, read_retry_after(response.headers.get("Retry-After", "")))
    return Refused(response.status_code, reason)


def read_retry_after(text: str) -> float | None:
    """Return Retry-After in seconds. A date is ignored, because the clocks of both machines may differ."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS) if math.isfinite(seconds) else None
