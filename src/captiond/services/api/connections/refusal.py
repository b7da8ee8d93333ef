"""Errors below the framework: requests that are refused before the app sees them, as problem documents."""

from collections.abc import Iterable

import httptools

from captiond.services.api.http.problem_types import (
    HTTP_VERSION,
    MALFORMED,
    NOT_IMPLEMENTED,
    ProblemType,
)
from captiond.services.api.http.problems import Problem
from captiond.services.api.security.headers import SECURITY_HEADERS


class Refusal(Exception):
    """Ends a connection with a problem document."""

    def __init__(self, problem_type: ProblemType, detail: str) -> None:
        super().__init__(detail)
        self.type = problem_type
        self.detail = detail

    def encode(self, default_headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """Return the whole response."""
        response = Problem(self.type, self.detail).response()
        headers = [*default_headers, *response.raw_headers, *SECURITY_HEADERS, (b"connection", b"close")]
        lines = [b"HTTP/1.1 %d %s" % (self.type.status.value, self.type.status.phrase.encode())]
        lines += [name + b": " + value for name, value in headers]
        return b"\r\n".join([*lines, b"", bytes(response.body)])


def explain(error: httptools.HttpParserError) -> Refusal:
    """Return the refusal for an error of the parser, or the one that a callback of the parser raised."""
    cause = error.__context__
    if isinstance(cause, Refusal):
        return cause
    if isinstance(error, httptools.HttpParserInvalidMethodError):
        return Refusal(NOT_IMPLEMENTED, "The request does not start with a method of HTTP; HTTPS is not served here.")
    text = str(error)
    if "HTTP version" in text or "PRI/Upgrade" in text:
        return Refusal(HTTP_VERSION, HTTP_VERSION.example)
    if isinstance(error, httptools.HttpParserCallbackError):
        text = "invalid request target"
    return Refusal(MALFORMED, f"The request violates RFC 9112: {text}.")
