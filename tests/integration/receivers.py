"""HTTP receivers on loopback, which record requests and answer as a test needs."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Answer = Callable[[socket.socket], None]


def status(line: str, *headers: str) -> Answer:
    """Answer with a status line, headers and no body."""
    head = "\r\n".join([f"HTTP/1.1 {line}", *headers, "Content-Length: 0", "", ""])
    return lambda client: client.sendall(head.encode())


NO_CONTENT = status("204 No Content")


def hang(client: socket.socket) -> None:
    """Answer nothing until the sender gives up."""
    client.recv(1)


def drip(client: socket.socket) -> None:
    """Send the head of a response forever, a byte at a time."""
    client.sendall(b"HTTP/1.1 200 OK\r\nX-Endless: ")
    while True:
        client.sendall(b"a")
        time.sleep(0.02)


def endless(client: socket.socket) -> None:
    """Send a body that never ends."""
    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        client.sendall(b"x" * 65536)


@dataclass(slots=True)
class Receiver:
    """The requests so far, each as its head and its body. `answer` may be replaced."""

    port: int
    answer: Answer
    requests: list[tuple[bytes, bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@contextmanager
def receiving(answer: Answer = NO_CONTENT) -> Iterator[Receiver]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        receiver = Receiver(server.getsockname()[1], answer)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

        def serve(client: socket.socket) -> None:
            with suppress(OSError), client:
                stream = client.makefile("rb")
                head = b"".join(iter(stream.readline, b"\r\n"))
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
                receiver.requests.append((head.removesuffix(b"\r\n"), stream.read(length)))
                receiver.answer(client)

        threading.Thread(target=accept, daemon=True).start()
        yield receiver
        server.shutdown(socket.SHUT_RDWR)
