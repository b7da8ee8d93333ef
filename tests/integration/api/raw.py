"""Raw HTTP over a socket, for requests that no HTTP client sends."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.integration.api.serving import Api

GET = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"


@dataclass(frozen=True, slots=True)
class RawResponse:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> tuple[int, str]:
        """The status and the last part of the type of a problem document."""
        assert self.headers["content-type"] == "application/problem+json", self.body
        document = json.loads(self.body)
        assert document["status"] == self.status
        assert document["title"]
        assert document["detail"]
        return self.status, document["type"].removeprefix("urn:captiond:problem:")


@contextmanager
def connect(api: Api, receive_buffer_bytes: int | None = None) -> Iterator[socket.socket]:
    address = urlsplit(api.url)
    with socket.socket() as connection:
        if receive_buffer_bytes is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        connection.settimeout(20)
        connection.connect((address.hostname, address.port))
        yield connection


def read_to_end(connection: socket.socket) -> bytes:
    """Return everything until the server closes the connection."""
    received = b""
    while data := connection.recv(1 << 16):
        received += data
    return received


def exchange(api: Api, request: bytes) -> list[RawResponse]:
    """Send bytes; return the responses until the server closes the connection."""
    with connect(api) as connection:
        connection.sendall(request)
        return parse(read_to_end(connection))


def parse(received: bytes) -> list[RawResponse]:
    """Split responses, each with a Content-Length."""
    responses = []
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        status_line, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        size = int(headers["content-length"])
        responses.append(RawResponse(int(status_line.split(" ")[1]), headers, rest[:size]))
        received = rest[size:]
    return responses
