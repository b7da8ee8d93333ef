"""Clients that send requests of several kinds at the same time, and record every response."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.e2e.product import photo

PAUSE_SECONDS = 0.5
BOUNDARY = "hostile"
PHOTO = photo(64, 48)


@dataclass(frozen=True, slots=True)
class Response:
    """A response, or status 0 if there was none."""

    kind: str
    status: int
    seconds: float
    retry_after: str | None
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """A kind of request. `key` makes each upload repeatable."""

    kind: str
    path: str
    upload: bool = False


def send(port: int, request: Request, key: str = "") -> Response:
    """Send a request on a connection of its own. Waits at most 60 s."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    began = time.monotonic()
    try:
        if request.upload:
            headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Idempotency-Key": key}
            connection.request("POST", request.path, _form(), headers)
        else:
            connection.request("GET", request.path)
        answer = connection.getresponse()
        body = answer.read()
        return Response(request.kind, answer.status, time.monotonic() - began, answer.getheader("Retry-After"), body)
    except (OSError, http.client.HTTPException) as error:
        return Response(request.kind, 0, time.monotonic() - began, None, repr(error).encode())
    finally:
        connection.close()


@contextmanager
def sending(port: int, requests: list[Request], clients: int) -> Iterator[list[Response]]:
    """Send with this number of clients, each one kind of request, until the context ends. Yields the responses."""
    responses: list[Response] = []
    done = threading.Event()

    def work(number: int) -> None:
        request = requests[number % len(requests)]
        count = 0
        while not done.is_set():
            responses.append(send(port, request, f"key-{number}-{count}"))
            count += responses[-1].status == 202
            done.wait(PAUSE_SECONDS)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield responses
    finally:
        done.set()
        for thread in threads:
            thread.join()


def wait_for(condition: Callable[[], bool], seconds: float) -> float:
    """Poll until a condition holds; return the seconds that it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"not within {seconds} s"
        time.sleep(0.05)
    return time.monotonic() - began


def _form() -> bytes:
    part = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{{}}"\r\n\r\n'
    return b"".join(
        [
            part.format("description").encode() + b"hung\r\n",
            part.format('image"; filename="photo.jpg').encode() + PHOTO + b"\r\n",
            f"--{BOUNDARY}--\r\n".encode(),
        ]
    )
