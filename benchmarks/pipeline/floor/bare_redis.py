"""The Redis commands that every image needs, over a plain socket: no client library, no scripts, no bookkeeping.

As in captiond, the payload is stored once, under a key of its own. The stream entries carry its name.
"""

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
_UPLOADS, _CAPTIONED = "floor:uploads", "floor:captioned"
_Word = bytes | str | int


@dataclass(frozen=True, slots=True)
class RedisCost:
    """CPU seconds per image: of the client for each leg, and of the server for all legs."""

    enqueue: float
    forward: float
    acknowledge: float
    server: float


def measure_redis(servers: Servers, jpegs: Sequence[bytes]) -> RedisCost:
    """Enqueue, forward and acknowledge all images, eight per round trip."""
    connection = _Connection(servers.redis_socket)
    for stream in (_UPLOADS, _CAPTIONED):
        connection.run([("XGROUP", "CREATE", stream, "workers", "0", "MKSTREAM")])
    server = usage(servers.redis_pid).cpu_seconds
    marks = [time.process_time()]
    for start in range(0, len(jpegs), _BATCH):
        batch = enumerate(jpegs[start : start + _BATCH], start)
        connection.run([command for at, jpeg in batch for command in _enqueue(f"floor:payload:{at}", jpeg)])
    marks.append(time.process_time())
    while entries := connection.read(_UPLOADS):
        added = [("XADD", _CAPTIONED, "*", "payload", key) for _, key, _ in entries]
        connection.run([*added, *_acknowledge(_UPLOADS, [entry for entry, _, _ in entries])])
    marks.append(time.process_time())
    while entries := connection.read(_CAPTIONED):
        keys = [key for _, key, _ in entries]
        connection.run([*_acknowledge(_CAPTIONED, [entry for entry, _, _ in entries]), ("UNLINK", *keys)])
    marks.append(time.process_time())
    server = usage(servers.redis_pid).cpu_seconds - server
    connection.close()
    enqueue, forward, acknowledge = ((after - before) / len(jpegs) for before, after in pairwise(marks))
    return RedisCost(enqueue, forward, acknowledge, server / len(jpegs))


def _enqueue(key: str, jpeg: bytes) -> list[tuple[_Word, ...]]:
    return [("SET", key, jpeg), ("XADD", _UPLOADS, "*", "payload", key)]


def _acknowledge(stream: str, entries: Sequence[bytes]) -> list[tuple[_Word, ...]]:
    return [("XACK", stream, "workers", *entries), ("XDEL", stream, *entries)]


class _Connection:
    def __init__(self, listening: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(listening))
        self._reader = hiredis.Reader()

    def read(self, stream: str) -> list[tuple[bytes, bytes, bytes]]:
        """Read the next entries of a stream and their payloads: entry id, payload key, payload."""
        [reply] = self.run([("XREADGROUP", "GROUP", "workers", "floor", "COUNT", _BATCH, "STREAMS", stream, ">")])
        if not isinstance(reply, list):
            return []
        entries = [(entry, fields[1]) for entry, fields in reply[0][1]]
        payloads = self.run([("GET", key) for _, key in entries])
        return [
            (entry, key, payload)
            for (entry, key), payload in zip(entries, payloads, strict=True)
            if isinstance(payload, bytes)
        ]

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
