"""One attempt to deliver: an HTTP POST to a checked address within a time limit, without proxies and redirects."""

import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import cast
from urllib.parse import urlsplit

from captiond.webhooks.addresses import AddressRefused, NameNotFound, Networks, SocketAddress

# For all of an attempt: resolution, connection, handshake, request and status line.
ATTEMPT_SECONDS = 10.0
USER_AGENT = "captiond"
MAX_REASON_CHARACTERS = 300


class DeliveryFailed(Exception):
    """An event was not delivered. `status` is that of the response.

    `kind` is `status` (another than 2xx), `unreachable` (no connection or no HTTP), `timeout` (no response in time),
    `refused` (a forbidden address), or `paused` (no attempt).
    """

    def __init__(self, kind: str, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.kind = kind
        self.status = status


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request: its URL, its headers and its body."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Sender:
    """Sends deliveries. Threads may share it."""

    networks: Networks
    attempt_seconds: float = ATTEMPT_SECONDS
    clock: Callable[[], float] = time.monotonic

    def send(self, delivery: Delivery) -> int:
        """POST once and return the status, 200 to 299. Raises DeliveryFailed. The body of the response is not read."""
        try:
            status = self._exchange(delivery)
        except AddressRefused as error:
            raise DeliveryFailed("refused", str(error)) from error
        except TimeoutError as error:
            raise DeliveryFailed("timeout", f"no response within {self.attempt_seconds:g} s") from error
        except (OSError, HTTPException, NameNotFound, ValueError) as error:
            # The text may have bytes of the receiver, such as NUL, which a database or a log line cannot take.
            text = f"{type(error).__name__}: {error}".encode("unicode_escape").decode()
            raise DeliveryFailed("unreachable", text[:MAX_REASON_CHARACTERS]) from error
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            is_redirect = HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST
            note = "; redirects are not followed" if is_redirect else ""
            raise DeliveryFailed("status", f"status {status}{note}", status)
        return status

    def _exchange(self, delivery: Delivery) -> int:
        parts = urlsplit(delivery.url)
        host, is_tls = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if is_tls else 80)
        deadline = self.clock() + self.attempt_seconds
        connected = self._connect(self._resolve(host, port, deadline), deadline)
        try:
            if is_tls:
                connected.settimeout(self._remaining(deadline))
                connected = self._tls.wrap_socket(connected, server_hostname=host)
            # It only writes and parses; its socket is connected already, so that it resolves nothing itself.
            connection = HTTPConnection(host, port)
            connection.sock = cast("socket.socket", _DeadlineSocket(connected, lambda: self._remaining(deadline)))
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            # `Host` as in the URL: without the default port, with the brackets of an IPv6 address.
            headers = {"Host": parts.netloc, "User-Agent": USER_AGENT, "Connection": "close", **delivery.headers}
            connection.request("POST", path, delivery.body, headers)
            response = connection.getresponse()
            response.close()
            return response.status
        finally:
            connected.close()

    def _resolve(self, host: str, port: int, deadline: float) -> list[tuple[int, SocketAddress]]:
        """Resolve in a thread, which is abandoned at the deadline: `getaddrinfo` accepts no time limit."""
        found: Future[list[tuple[int, SocketAddress]]] = Future()

        def resolve() -> None:
            try:
                found.set_result(self.networks.resolve(host, port))
            except Exception as error:  # noqa: BLE001 - the caller raises it
                found.set_exception(error)

        threading.Thread(target=resolve, name="resolve", daemon=True).start()
        return found.result(self._remaining(deadline))

    def _connect(self, addresses: list[tuple[int, SocketAddress]], deadline: float) -> socket.socket:
        """Connect to the first address that accepts, within an equal share of the time for each. Raises OSError."""
        problem = OSError("no address")
        for number, (family, address) in enumerate(addresses):
            seconds = self._remaining(deadline) / (len(addresses) - number)
            try:
                return _open_connection(family, address, seconds)
            except OSError as error:
                problem = error
        raise problem

    def _remaining(self, deadline: float) -> float:
        """Return the seconds that remain. Raises TimeoutError."""
        remaining = deadline - self.clock()
        if remaining <= 0:
            raise TimeoutError
        return remaining

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()


def _open_connection(family: int, address: SocketAddress, seconds: float) -> socket.socket:
    """Connect to an address. Raises OSError, also if this host lacks the family."""
    connecting = socket.socket(family, socket.SOCK_STREAM)
    try:
        connecting.settimeout(seconds)
        connecting.connect(address)
    except OSError:
        connecting.close()
        raise
    return connecting


@dataclass(frozen=True, slots=True)
class _DeadlineSocket:
    """What http.client uses of a socket. All writes and reads together end at a deadline.

    A timeout of each alone would allow a peer to send a byte at a time forever.
    """

    connected: socket.socket
    remaining: Callable[[], float]

    def sendall(self, data: bytes) -> None:
        self.connected.settimeout(self.remaining())
        self.connected.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_DeadlineReader(self))

    def close(self) -> None:
        """Leave it to the caller of http.client."""


class _DeadlineReader(io.RawIOBase):
    def __init__(self, reading: _DeadlineSocket) -> None:
        super().__init__()
        self._reading = reading

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # io calls it with a memoryview
        self._reading.connected.settimeout(self._reading.remaining())
        return self._reading.connected.recv_into(buffer)
