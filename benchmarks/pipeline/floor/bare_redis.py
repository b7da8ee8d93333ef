"""The commands that carry the bytes through Redis, over a bare socket: no client library, no script, no bookkeeping."""

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import hiredis
from benchmarks.pipeline.servers import Servers
from benchmarks.pipeline.usage import usage

_BATCH = 8
_READ_BYTES = 1 << 18
_Word = bytes | str | int


@dataclass(frozen=True, slots=True)
class Legs:
    """Seconds of the processor an image: of the client on each leg of the journey, and of the server on all of them."""

    put: float
    hand_on: float
    finish: float
    server: float


def measure_legs(servers: Servers, jpegs: Sequence[bytes]) -> Legs:
    """Put every image on one stream, hand it on to another, and finish it there; eight a round trip."""
    connection = _Connection(servers.redis_socket)
    for stream in ("floor:uploads", "floor:captioned"):
        connection.run([("XGROUP", "CREATE", stream, "workers", "0", "MKSTREAM")])
    server = usage(servers.redis_pid).cpu_seconds
    marks = [time.process_time()]
    for start in range(0, len(jpegs), _BATCH):
        connection.run([_add("floor:uploads", jpeg) for jpeg in jpegs[start : start + _BATCH]])
    marks.append(time.process_time())
    while entries := connection.read("floor:uploads"):
        commands = [_add("floor:captioned", fields[1]) for _, fields in entries]
        connection.run([*commands, *_end("floor:uploads", [entry for entry, _ in entries])])
    marks.append(time.process_time())
    while entries := connection.read("floor:captioned"):
        connection.run(_end("floor:captioned", [entry for entry, _ in entries]))
    marks.append(time.process_time())
    server = usage(servers.redis_pid).cpu_seconds - server
    connection.close()
    put, hand_on, finish = ((after - before) / len(jpegs) for before, after in pairwise(marks))
    return Legs(put, hand_on, finish, server / len(jpegs))


def _add(stream: str, jpeg: bytes) -> tuple[_Word, ...]:
    return ("XADD", stream, "*", "body", jpeg)


def _end(stream: str, entries: Sequence[bytes]) -> list[tuple[_Word, ...]]:
    return [("XACK", stream, "workers", *entries), ("XDEL", stream, *entries)]


class _Connection:
    def __init__(self, listening: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(listening))
        self._reader = hiredis.Reader()

    def read(self, stream: str) -> list[tuple[bytes, list[bytes]]]:
        """Take the next entries of a stream."""
        [reply] = self.run([("XREADGROUP", "GROUP", "workers", "floor", "COUNT", _BATCH, "STREAMS", stream, ">")])
        return reply[0][1] if isinstance(reply, list) else []

    def run(self, commands: Sequence[tuple[_Word, ...]]) -> list[object]:
        self._socket.sendall(b"".join(part for command in commands for part in _pack(command)))
        replies: list[object] = []
        while len(replies) < len(commands):
            reply = self._reader.gets()
            if reply is False:
                self._reader.feed(self._socket.recv(_READ_BYTES))
            elif isinstance(reply, Exception):
                raise reply
            else:
                replies.append(reply)
        return replies

    def close(self) -> None:
        self._socket.close()


def _pack(command: tuple[_Word, ...]) -> list[bytes]:
    parts = [b"*%d\r\n" % len(command)]
    for word in command:
        data = word if isinstance(word, bytes) else str(word).encode()
        parts += (b"$%d\r\n" % len(data), data, b"\r\n")
    return parts
