"""Exchanges with the server without input and output: retries, limits, problem documents.

An operation is a generator. It yields steps, which a shell performs with a synchronous or an asynchronous HTTP client,
and receives their outcomes. So both clients have the same logic, and tests need no server.
"""

import json
import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar, cast

import httpx

from captiond.backoff import backoff_seconds
from captiond.client.errors import CaptiondError, ProblemError, Unavailable, UnexpectedResponse, Unreachable
from captiond.client.requests import Request

S = TypeVar("S")
T = TypeVar("T")
V_co = TypeVar("V_co", covariant=True)

TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504, 507})
MAX_RETRY_AFTER_SECONDS = 60.0
# For a body in memory. The largest JSON document is a page of images.
MAX_JSON_BYTES = 32 << 20
MAX_PROBLEM_BYTES = 64 << 10
MAX_BODY_SECONDS = 60.0
# Responses that a retry does not change, although their status is that of an error of the server.
PERMANENT = frozenset({"original-gone", "file-missing", "file-altered", "record-altered"})


def _ignore(_failure: Unavailable, _attempts: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a request is sent, and the pauses between attempts: exponential with full jitter, in seconds.

    A `Retry-After` of the server replaces the pause, up to 60 s. Before each pause, `on_failure` is called with the
    failure and the number of attempts.
    """

    max_attempts: int = 5
    first_pause_seconds: float = 1.0
    max_pause_seconds: float = 15.0
    on_failure: Callable[[Unavailable, int], None] = _ignore

    def pause_after(self, attempts: int) -> float:
        """Return the seconds to wait after this number of attempts."""
        return backoff_seconds(attempts, self.first_pause_seconds, self.max_pause_seconds)


@dataclass(frozen=True, slots=True)
class Open:
    """Send a request and read the header of the response. Outcome: `httpx.Response`. Ends the previous response."""

    request: Request


@dataclass(frozen=True, slots=True)
class Read:
    """Read the next bytes of the body. Outcome: bytes, empty at the end."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait. Outcome: None."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Emit(Generic[V_co]):
    """Give a value to the caller of an iteration. Outcome: None."""

    value: V_co


@dataclass(frozen=True, slots=True)
class Done(Generic[V_co]):
    """The end of an operation, with its result."""

    value: V_co


Step: TypeAlias = Open | Read | Pause
# An error of the connection is raised in the operation.
Outcome: TypeAlias = httpx.Response | bytes | httpx.HTTPError | None
Operation: TypeAlias = Generator[Step, Outcome, T]
Iteration: TypeAlias = Generator[Step | Emit[T], Outcome, None]


def advance(operation: Generator[S, Outcome, T], outcome: Outcome) -> S | Done[T]:
    """Give the outcome of the last step to an operation, None at its start. Returns its next step."""
    try:
        return operation.throw(outcome) if isinstance(outcome, httpx.HTTPError) else operation.send(outcome)
    except StopIteration as end:
        return Done(cast("T", end.value))


def fetch(request: Request, retries: Retries, receive: Callable[[httpx.Response], Operation[T]]) -> Operation[T]:
    """Send a request until its response is received or permanent. Raises Unavailable, ProblemError.

    `receive` reads the body of a successful response. It runs again after a broken connection.
    """
    attempts = 0
    while True:
        attempts += 1
        try:
            response = cast("httpx.Response", (yield Open(request)))
            if response.is_success:
                return (yield from receive(response))
            problem = yield from _read_problem(response)
            failure = Unavailable(problem.detail, read_retry_after(response.headers.get("Retry-After", "")))
        except httpx.HTTPError as error:
            reason = f"{_server(error)} is unreachable: {str(error) or type(error).__name__}"
            if isinstance(error, httpx.LocalProtocolError):  # the request itself is wrong
                raise Unavailable(reason) from error
            failure = Unreachable(reason)
        else:
            if problem.status not in TRANSIENT or problem.name in PERMANENT:
                problem.attempts = attempts
                raise problem
        if attempts >= retries.max_attempts:
            raise failure
        pause = failure.retry_after_seconds
        retries.on_failure(failure, attempts)
        yield Pause(retries.pause_after(attempts) if pause is None else pause)


def fetch_json(request: Request, retries: Retries, parse: Callable[[object], T]) -> Operation[T]:
    """Fetch a JSON document. Raises UnexpectedResponse, Unavailable, ProblemError."""
    document, _ = yield from fetch_page(request, retries, parse)
    return document


def fetch_page(request: Request, retries: Retries, parse: Callable[[object], T]) -> Operation[tuple[T, str | None]]:
    """As `fetch_json`; also returns the query of the next page from the Link header (RFC 8288)."""

    def receive(response: httpx.Response) -> Operation[tuple[T, str | None]]:
        body = yield from read_body(MAX_JSON_BYTES)
        following = response.links.get("next", {}).get("url")
        return parse(_parse_json(body)), httpx.URL(following).query.decode() if following else None

    return fetch(request, retries, receive)


def read_body(max_bytes: int) -> Operation[bytes]:
    """Read a body of limited size, in limited time. Raises UnexpectedResponse, httpx.HTTPError."""
    deadline = time.monotonic() + MAX_BODY_SECONDS
    body = bytearray()
    while chunk := cast("bytes", (yield Read())):
        body += chunk
        if len(body) > max_bytes:
            raise UnexpectedResponse(f"the response has more than {max_bytes} bytes")
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout(f"no complete response in {MAX_BODY_SECONDS:g} s")
    return bytes(body)


def _parse_json(body: bytes) -> object:
    try:
        return cast("object", json.loads(body))
    except (ValueError, RecursionError) as error:
        raise UnexpectedResponse("the response is not JSON; is this the URL of captiond?") from error


def _read_problem(response: httpx.Response) -> Operation[ProblemError]:
    try:
        document = _parse_json((yield from read_body(MAX_PROBLEM_BYTES)))
    except CaptiondError:
        document = None
    values = document if isinstance(document, dict) else {}
    status = response.status_code
    target = response.headers.get("Location") if response.is_redirect else None
    title = str(values.get("title") or f"HTTP {status}")
    detail = f"redirect to {target}" if target else str(values.get("detail") or f"HTTP {status}")
    return ProblemError(status, str(values.get("type", "about:blank")), title, detail)


def _server(error: httpx.HTTPError) -> str:
    """Return the URL of the server without path, user and password."""
    try:
        url = error.request.url
    except RuntimeError:  # an error that httpx did not raise
        return "the server"
    return f"{url.scheme}://{url.netloc.decode()}"


def read_retry_after(text: str) -> float | None:
    """Return Retry-After in seconds. A date is ignored, because the clocks of both machines may differ."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS) if math.isfinite(seconds) else None
