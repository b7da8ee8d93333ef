"""A proxy that loses replies: the server has done what was asked, and the client never hears of it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

CHUNK_BYTES = 65_536


class ReplyLosingProxy:
    """Passes everything on but each n-th reply, in whose place it cuts the connection."""

    def __init__(self, server: str | tuple[str, int], every: int) -> None:
        self._server = server
        self._every = every
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._replies = 0
        self.lost = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    @contextmanager
    def serving(self) -> Iterator[None]:
        thread = threading.Thread(target=self._accept)
        thread.start()
        try:
            yield
        finally:
            # Closing alone does not wake a thread in accept().
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            thread.join()

    def _accept(self) -> None:
        with suppress(OSError), ExitStack() as opened:
            while True:
                client, _ = self._listener.accept()
                server = self._connect()
                opened.enter_context(client)
                opened.enter_context(server)
                for source, target, losing in ((client, server, False), (server, client, True)):
                    thread = threading.Thread(target=self._pump, args=(source, target), kwargs={"losing": losing})
                    thread.start()
                    opened.callback(thread.join)
                opened.callback(_cut, client)

    def _connect(self) -> socket.socket:
        if isinstance(self._server, tuple):
            return socket.create_connection(self._server)
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._server)
        return server

    def _pump(self, source: socket.socket, target: socket.socket, *, losing: bool) -> None:
        with suppress(OSError):
            while (chunk := source.recv(CHUNK_BYTES)) and not (losing and self._is_lost()):
                target.sendall(chunk)
        _cut(source)
        _cut(target)

    def _is_lost(self) -> bool:
        with self._lock:
            self._replies += 1
            lost = self._replies % self._every == 0
            self.lost += lost
            return lost


def _cut(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
