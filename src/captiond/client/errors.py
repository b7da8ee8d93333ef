"""The errors of the client. The message of each names the cause; texts of the server are not escaped."""

import re

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


class InvalidValue(ValueError):
    """An argument cannot be sent. The message names it."""


class CaptiondError(Exception):
    """Base of all errors after a request was sent."""


class Unavailable(CaptiondError):
    """The client gave up after its retries. Whether the last request had an effect is unknown; it can be repeated.

    `retry_after_seconds` is the pause that the server asked for, if it did.
    """

    def __init__(self, reason: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds


class Unreachable(Unavailable):
    """The server did not answer."""


class ProblemError(CaptiondError):
    """The server refused the request: a problem document (RFC 9457).

    `type` is a URN such as `urn:captiond:problem:unknown-image`, or `about:blank` if the response has no document.
    `attempts` counts the requests, this one included.
    """

    def __init__(self, status: int, kind: str, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.type = kind
        self.title = title
        self.detail = detail
        self.attempts = 1

    @property
    def name(self) -> str:
        """The last part of `type`, such as `unknown-image`."""
        return self.type.rpartition(":")[2]


class UnexpectedResponse(CaptiondError):
    """A successful response has another content than that of the API, or is too large."""


class WaitTimeout(CaptiondError, TimeoutError):
    """An image was neither stored nor failed in time. `status` is the last known one."""

    def __init__(self, image_id: str, status: str, seconds: float) -> None:
        super().__init__(f"image {image_id} is still {status} after {seconds:g} s")
        self.image_id = image_id
        self.status = status
