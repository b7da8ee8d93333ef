"""Rewrites a baseline JPEG with other Huffman tables, as some cameras use them, and unchanged coefficients."""

import re
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

_SOI_BYTES = 2
_SOF0, _DHT, _SOS = 0xC0, 0xC4, 0xDA
_AC = 0x10
_LENGTHS = 16
_COEFFICIENTS = 64
_MAX_PADDING_BITS = 7  # ones (T.81 F.1.2.3)
_RESTART = re.compile(rb"(\xff[\xd0-\xd7])")
_Table = tuple[bytes, bytes]
"""The number of code words of each length, and the symbols by increasing length (T.81 B.2.4.2)."""


@dataclass(frozen=True, slots=True)
class _File:
    segments: list[tuple[int, bytes]]
    scan: bytes

    def body(self, marker: int) -> bytes:
        return next(body for found, body in self.segments if found == marker)

    def tables(self) -> dict[int, _Table]:
        found = {}
        for body in (body for marker, body in self.segments if marker == _DHT):
            at = 0
            while at < len(body):
                counts = body[at + 1 : at + 1 + _LENGTHS]
                end = at + 1 + _LENGTHS + sum(counts)
                found[body[at]] = (counts, body[at + 1 + _LENGTHS : end])
                at = end
        return found

    def blocks(self) -> list[int]:
        """The DC table of each block of an MCU. The AC table has the same number."""
        frame, scan = self.body(_SOF0), self.body(_SOS)
        components = zip(frame[7::3], scan[2 : 2 + 2 * scan[0] : 2], strict=True)
        if scan[0] == 1:
            return [scan[2] & 15]
        return [table & 15 for factors, table in components for _ in range((factors >> 4) * (factors & 15))]


_Token = tuple[int, int, str]
"""A table, a symbol encoded with it, and the additional bits."""


def rewrite_huffman_tables(jpeg: bytes, model: bytes | None = None) -> bytes:
    """Encode the coefficients with complete tables that give frequent symbols short code words.

    The frequencies are those of `model`, by default of the file itself. A camera has one set for all photos.
    """
    file = _parse(jpeg)
    parts = _RESTART.split(file.scan)
    tables = _fit_tables(model or jpeg)
    parts[0::2] = [_encode(_decode(part, file.tables(), file.blocks()), tables) for part in parts[0::2]]
    return _assemble(file, tables, b"".join(parts))


def _fit_tables(jpeg: bytes) -> dict[int, _Table]:
    file = _parse(jpeg)
    tables = file.tables()
    intervals = _RESTART.split(file.scan)[0::2]
    seen = Counter(token[:2] for part in intervals for token in _decode(part, tables, file.blocks()))
    return {number: (counts, _sort(symbols, number, seen)) for number, (counts, symbols) in tables.items()}


def _sort(symbols: bytes, table: int, seen: Counter[tuple[int, int]]) -> bytes:
    counted = [(-seen[table, symbol], symbol) for symbol in symbols]
    return bytes(symbol for _, symbol in sorted(counted))


def _parse(jpeg: bytes) -> _File:
    segments: list[tuple[int, bytes]] = []
    at = _SOI_BYTES
    while not segments or segments[-1][0] != _SOS:
        marker, length = struct.unpack_from(">xBH", jpeg, at)
        segments.append((marker, jpeg[at + 4 : at + 2 + length]))
        at += 2 + length
    return _File(segments, jpeg[at:-2])


def _words(table: _Table) -> Iterator[tuple[str, int]]:
    """Code words as binary strings, with their symbols (T.81 annex C)."""
    word = 0
    symbols = iter(table[1])
    for length, count in enumerate(table[0], start=1):
        for _ in range(count):
            yield f"{word:0{length}b}", next(symbols)
            word += 1
        word <<= 1


def _decode(interval: bytes, tables: dict[int, _Table], blocks: list[int]) -> Iterator[_Token]:
    words = {number: dict(_words(table)) for number, table in tables.items()}
    plain = interval.replace(b"\xff\0", b"\xff")
    bits = f"{int.from_bytes(plain, 'big'):0{8 * len(plain)}b}"
    at = 0

    def take(number: int) -> _Token:
        nonlocal at
        end = at + 1
        while bits[at:end] not in words[number]:
            end += 1
        symbol = words[number][bits[at:end]]
        at = end + (symbol & 15)
        return number, symbol, bits[end:at]

    while len(bits) - at > _MAX_PADDING_BITS or "0" in bits[at:]:
        for number in blocks:
            yield take(number)
            coefficient = 1
            while coefficient < _COEFFICIENTS:
                token = take(_AC | number)
                yield token
                coefficient = _COEFFICIENTS if token[1] == 0 else coefficient + (token[1] >> 4) + 1


def _encode(interval: Iterator[_Token], tables: dict[int, _Table]) -> bytes:
    words = {number: {symbol: word for word, symbol in _words(table)} for number, table in tables.items()}
    bits = "".join(words[number][symbol] + more for number, symbol, more in interval)
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")


def _assemble(file: _File, tables: dict[int, _Table], scan: bytes) -> bytes:
    definitions = b"".join(bytes([number]) + b"".join(table) for number, table in tables.items())
    segments = [segment for segment in file.segments if segment[0] != _DHT]
    segments.insert(-1, (_DHT, definitions))
    written = (struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body for marker, body in segments)
    return b"\xff\xd8" + b"".join(written) + scan + b"\xff\xd9"
