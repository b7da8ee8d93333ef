"""A proxy that injects network faults: lost replies, silence, delays, resets, split segments."""

import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

CHUNK_BYTES = 65_536
POLL_SECONDS = 0.1
# A reply with messages is longer than this, an empty one shorter.
EMPTY_REPLY_BYTES = 16


@dataclass
class NetworkFaults:
    """The faults to inject now; may change while connections are open. The defaults inject none."""

    lose_every: int = 0  # drop every n-th reply and cut its connection
    lose_replies_to: bytes = b""  # drop non-empty replies to requests that contain these bytes
    lose_at_most: int = 0  # limit of lose_replies_to
    swallow_replies: bool = False  # pass requests, hold replies, then cut their connections
    silence: bool = False  # hold both directions and keep connections open
    refuse: bool = False  # reset new connections
    delay_seconds: float = 0.0
    jitter_seconds: float = 0.0
    reset_part: float = 0.0  # share of the chunks whose connection is cut
    split_bytes: int = 0  # send this many bytes of each chunk one by one
    chance: random.Random = field(default_factory=lambda: random.Random(42))  # noqa: S311 - it picks victims


class ChaosProxy:
    """Forwards bytes between its port and a server, on a port or a Unix socket, and injects faults."""

    def __init__(self, server: str | tuple[str, int]) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._replies = 0
        self.network = NetworkFaults()
        self.faults = 0

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def redis_url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def clear(self) -> None:
        """Inject no more faults."""
        self.network = NetworkFaults()

    def cut_all(self) -> None:
        """Cut all connections."""
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
            _cut(self._listener)  # close() alone does not wake a thread in accept()
            thread.join()
            self._listener.close()
            self.cut_all()
            for pump in self._threads:
                pump.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while not self._closed.is_set():
                client, _ = self._listener.accept()
                if self.network.refuse:
                    _reset(client)
                    self._fault()
                    continue
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        try:
            server = _connect(self._server)
        except OSError:
            client.close()
            return
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open |= {client, server}
        pair = _Pair(self, client, server)
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        for pump in (pair.pass_requests, pair.pass_replies):
            thread = threading.Thread(target=pump, daemon=True)
            thread.start()
            self._threads.append(thread)

    def close_all(self, *sockets: socket.socket) -> None:
        """Shut both sockets down, which ends the thread of the other direction too."""
        with self._lock:
            self._open -= set(sockets)
        for one in sockets:
            _cut(one)

    def loses(self, reply: bytes, request: bytes) -> bool:
        """Tell whether to drop this reply, and count it."""
        network = self.network
        with self._lock:
            self._replies += 1
            lost = bool(network.lose_every) and self._replies % network.lose_every == 0
            if network.lose_replies_to and network.lose_replies_to in request and len(reply) > EMPTY_REPLY_BYTES:
                lost = lost or network.lose_at_most > 0
                network.lose_at_most -= 1
            lost = lost or network.chance.random() < network.reset_part
            self.faults += lost
        return lost

    def hold(self, *, of_replies: bool) -> bool:
        """Wait while the network holds this direction; True if the held bytes must be dropped."""
        if not (self.network.silence or (of_replies and self.network.swallow_replies)):
            return False
        self._fault()
        swallowed = of_replies and self.network.swallow_replies
        while (self.network.silence or (of_replies and self.network.swallow_replies)) and not self._closed.is_set():
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
                _send(self._server, chunk, self._proxy.network)
        self._proxy.close_all(self._client, self._server)

    def pass_replies(self) -> None:
        with suppress(OSError):
            while chunk := self._server.recv(CHUNK_BYTES):
                if self._proxy.hold(of_replies=True) or self._proxy.loses(chunk, self._request):
                    break
                _send(self._client, chunk, self._proxy.network)
        self._proxy.close_all(self._client, self._server)
        self._client.close()
        self._server.close()


def _connect(address: str | tuple[str, int]) -> socket.socket:
    if isinstance(address, tuple):
        server = socket.create_connection(address)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return server
    server = socket.socket(socket.AF_UNIX)
    server.connect(address)
    return server


def _send(target: socket.socket, chunk: bytes, network: NetworkFaults) -> None:
    if network.delay_seconds:
        jitter = network.jitter_seconds * network.chance.uniform(-1, 1)
        time.sleep(max(0.0, network.delay_seconds + jitter))
    for at in range(min(network.split_bytes, len(chunk))):
        target.sendall(chunk[at : at + 1])
    target.sendall(chunk[network.split_bytes :])


def _cut(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


def _reset(one: socket.socket) -> None:
    """Close with RST instead of FIN."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    one.close()
