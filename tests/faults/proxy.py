"""A proxy between the product and a server that makes bad weather: lost replies, silence, delays, cut connections."""

import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

CHUNK_BYTES = 65_536
POLL_SECONDS = 0.1
# Of an answer of several messages; "nothing there" is shorter.
SOMETHING_BYTES = 16


@dataclass
class Weather:
    """What goes wrong now; changed while connections are open. All zero is fair weather."""

    lose_every: int = 0  # of the replies each n-th
    lose_replies_to: bytes = b""  # requests with these bytes in them, when the reply says anything
    lose_at_most: int = 0
    swallow_replies: bool = False  # requests arrive, and nothing comes back until this ends; then cut
    silence: bool = False  # nothing passes, nobody is told
    refuse: bool = False  # connections are cut at once
    delay_seconds: float = 0.0
    jitter_seconds: float = 0.0
    reset_part: float = 0.0  # of the chunks
    split_bytes: int = 0  # so many bytes of each chunk travel one by one
    chance: random.Random = field(default_factory=lambda: random.Random(42))  # noqa: S311 - it picks victims


class ChaosProxy:
    """Passes bytes on between its port and a server as the weather allows."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._replies = 0
        self.weather = Weather()
        self.faults = 0

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def redis_url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def clear(self) -> None:
        """Fair weather again."""
        self.weather = Weather()

    def cut_all(self) -> None:
        """Cut what is open."""
        with self._lock:
            for one in self._open:
                _cut(one)

    @contextmanager
    def serving(self) -> Iterator[None]:
        thread = threading.Thread(target=self._accept)
        thread.start()
        try:
            yield
        finally:
            self._closed.set()
            _cut(self._listener)  # closing alone does not wake a thread in accept()
            thread.join()
            self._listener.close()
            self.cut_all()
            for pump in self._threads:
                pump.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while not self._closed.is_set():
                client, _ = self._listener.accept()
                if self.weather.refuse:
                    _reset(client)
                    self._fault()
                    continue
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._server)
        except OSError:
            client.close()
            return
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open |= {client, server}
        pair = _Pair(self, client, server)
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        for pump in (pair.pass_requests, pair.pass_replies):
            thread = threading.Thread(target=pump, daemon=True)
            thread.start()
            self._threads.append(thread)

    def forget(self, *sockets: socket.socket) -> None:
        """Close them, both directions at once: the other pump notices."""
        with self._lock:
            self._open -= set(sockets)
        for one in sockets:
            _cut(one)

    def loses(self, reply: bytes, request: bytes) -> bool:
        """Tell whether this reply is lost, and count it."""
        weather = self.weather
        with self._lock:
            self._replies += 1
            lost = bool(weather.lose_every) and self._replies % weather.lose_every == 0
            if weather.lose_replies_to and weather.lose_replies_to in request and len(reply) > SOMETHING_BYTES:
                lost = lost or weather.lose_at_most > 0
                weather.lose_at_most -= 1
            lost = lost or weather.chance.random() < weather.reset_part
            self.faults += lost
        return lost

    def hold(self, *, of_replies: bool) -> bool:
        """Wait while nothing may pass; True when what was held must not arrive after all."""
        if not (self.weather.silence or (of_replies and self.weather.swallow_replies)):
            return False
        self._fault()
        swallowed = of_replies and self.weather.swallow_replies
        while (self.weather.silence or (of_replies and self.weather.swallow_replies)) and not self._closed.is_set():
            time.sleep(POLL_SECONDS)
        return swallowed

    def _fault(self) -> None:
        with self._lock:
            self.faults += 1


class _Pair:
    """One connection through the proxy."""

    def __init__(self, proxy: ChaosProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._request = b""

    def pass_requests(self) -> None:
        with suppress(OSError):
            while chunk := self._client.recv(CHUNK_BYTES):
                self._request = chunk[:512]
                self._proxy.hold(of_replies=False)
                _send(self._server, chunk, self._proxy.weather)
        self._proxy.forget(self._client, self._server)

    def pass_replies(self) -> None:
        with suppress(OSError):
            while chunk := self._server.recv(CHUNK_BYTES):
                if self._proxy.hold(of_replies=True) or self._proxy.loses(chunk, self._request):
                    break
                _send(self._client, chunk, self._proxy.weather)
        self._proxy.forget(self._client, self._server)
        self._client.close()
        self._server.close()


def _send(target: socket.socket, chunk: bytes, weather: Weather) -> None:
    if weather.delay_seconds:
        jitter = weather.jitter_seconds * weather.chance.uniform(-1, 1)
        time.sleep(max(0.0, weather.delay_seconds + jitter))
    for at in range(min(weather.split_bytes, len(chunk))):
        target.sendall(chunk[at : at + 1])
    target.sendall(chunk[weather.split_bytes :])


def _cut(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


def _reset(one: socket.socket) -> None:
    """Close with RST in place of FIN."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    one.close()
