"""Reads the scan of a baseline JPEG to its end: whether it is intact, and how it ends (T.81 F.2)."""

import os
import re
from array import array
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from itertools import islice
from typing import NamedTuple, Protocol, TypeAlias

from captiond.imaging.jpeg.entropy_decoder import EXTRA_DATA, EntropyDecoder
from captiond.imaging.jpeg.header import Component, Header
from captiond.imaging.jpeg.huffman import MAX_CODE_BITS, MAX_DC_SIZE

_SWITCH = "CAPTIOND_NATIVE"
_NATIVE = "captiond.imaging.jpeg._native"
_CACHED = 64  # a camera uses the same few tables in all its photos
_WINDOWS = 1 << 16  # a window has as many bits as the longest code word
_STEPS = 1 << 12
_INVALID = 0
_MAX_AC_SIZE = 10  # bits, F.1.2.2
_DC_SYMBOLS = frozenset(range(MAX_DC_SIZE + 1))
_AC_SYMBOLS = frozenset({0x00, 0xF0, *(symbol for symbol in range(256) if 0 < symbol & 15 <= _MAX_AC_SIZE)})
_END = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])")  # with fill bytes, B.1.1.2


EncodedBlock: TypeAlias = tuple[int, list[int]]
"""The DC coefficient, and the AC symbols, each with its additional bits: `symbol << 16 | bits` (F.1.2.2)."""


@dataclass(frozen=True, slots=True)
class Tail:
    """The state of a scan before one of its MCUs, and all blocks from this MCU on.

    `bit_at` counts bits from the start of the file, byte stuffing included. Where a restart interval ends before the
    MCU, it is the offset of the marker.
    """

    mcu: int
    bit_at: int
    predictors: tuple[int, ...]
    blocks: list[EncodedBlock]


@dataclass(frozen=True, slots=True)
class ScanReading:
    """A scan that was read to its end.

    `end` is the offset behind its last entropy-coded byte. `marker` is the code of the marker that ends the scan, or
    None where the file ends without one; a restart marker ends no scan. `damage` is the first fault, or None.
    `tail` is None where a fault makes it unreadable.
    """

    end: int
    marker: int | None
    damage: str | None
    tail: Tail | None


class Decoder(Protocol):
    """Both builds of `entropy_decoder.EntropyDecoder`."""

    @property
    def fault(self) -> str: ...
    @property
    def mcu(self) -> int: ...
    @property
    def at(self) -> int: ...
    def skip(self, mcus: int) -> bool: ...
    def read(self, mcus: int, blocks: list[EncodedBlock]) -> bool: ...
    def resume(self) -> bool: ...
    def position(self) -> int: ...
    def predictors(self) -> list[int]: ...


class DecoderBuild(Protocol):
    """The constructor of a decoder."""

    def __call__(
        self, data: bytes, at: int, plan: "array[int]", tables: "array[int]", steps: "array[int]"
    ) -> Decoder: ...


def read_scan(
    jpeg: bytes,
    header: Header,
    first: int,
    build: DecoderBuild | None = None,
    start: tuple[int, int] | None = None,
) -> ScanReading:
    """Decode the scan to its end, and keep the blocks from MCU number `first` on.

    `start` is the offset and the first MCU of the restart interval to begin with, if that is not the first one.

    Time and memory are linear in the size of the scan. After a fault, reading continues at the next restart marker.
    """
    layout = lay_out(header.components)
    start_at, start_mcu = start or (header.scan_start, 0)
    plan = array("i", (header.restart_interval, header.mcus, start_mcu)) + layout.plan
    decoder = (build or default_build())(jpeg, start_at, plan, layout.tables, layout.steps)
    damage = None
    tail = None
    while decoder.mcu < header.mcus:
        if decoder.mcu < first:
            is_intact = decoder.skip(first - decoder.mcu)
        else:
            tail = tail or _begin_tail(decoder, header)
            is_intact = decoder.read(header.mcus - decoder.mcu, tail.blocks)
        if not is_intact:
            damage = damage or f"{decoder.fault} (MCU {decoder.mcu} of {header.mcus})"
            if tail and decoder.fault != EXTRA_DATA:
                tail = None
                break
            if not decoder.resume():
                break
    if decoder.mcu == header.mcus == first:
        tail = _begin_tail(decoder, header)
    marker_at, marker = find_end(jpeg, decoder.at)
    readable = tail if tail and tail.mcu == first else None
    return ScanReading(marker_at if damage else decoder.at, marker, damage, readable)


def read_blocks(data: bytes, component: Component, count: int, build: DecoderBuild | None = None) -> list[EncodedBlock]:
    """The blocks of a scan of one component without restart markers; raises ValueError for a fault."""
    layout = lay_out((component,))
    plan = array("i", (0, count, 0)) + layout.plan
    decoder = (build or default_build())(data, 0, plan, layout.tables, layout.steps)
    blocks: list[EncodedBlock] = []
    if not decoder.read(count, blocks):
        raise ValueError(decoder.fault)
    return blocks


def find_end(jpeg: bytes, at: int) -> tuple[int, int | None]:
    """The offset of the marker that ends a scan, and its code; the file's size and None where there is none."""
    found = _END.search(jpeg, at)
    return (found.start(), found[1][0]) if found else (len(jpeg), None)


def is_native() -> bool:
    """Whether scans are read by the compiled module."""
    return default_build() is not EntropyDecoder


@cache
def default_build() -> DecoderBuild:
    """The compiled decoder; the interpreted one where it was not built, or where `CAPTIOND_NATIVE` is 0."""
    if os.environ.get(_SWITCH) == "0":
        return EntropyDecoder
    try:
        build: DecoderBuild = import_module(_NATIVE).EntropyDecoder
    except ImportError:
        return EntropyDecoder
    return build


def _begin_tail(decoder: Decoder, header: Header) -> Tail:
    predictors = tuple(decoder.predictors()[: len(header.components)])
    return Tail(decoder.mcu, decoder.position(), predictors, [])


class Layout(NamedTuple):
    """What `EntropyDecoder` takes, but for the first numbers of its plan."""

    plan: "array[int]"
    tables: "array[int]"
    steps: "array[int]"


@lru_cache(_CACHED)
def lay_out(components: tuple[Component, ...]) -> Layout:
    """The blocks of an MCU and the decoder's tables, as `EntropyDecoder` takes them."""
    plan, tables = array("i"), array("H")
    offsets: dict[tuple[bytes, frozenset[int]], int] = {}
    for index, component in enumerate(components):
        for key in ((component.dc, _DC_SYMBOLS), (component.ac, _AC_SYMBOLS)):
            if key not in offsets:
                offsets[key] = len(tables)
                tables += _make_table(*key)
        block = (index, offsets[component.dc, _DC_SYMBOLS], offsets[component.ac, _AC_SYMBOLS])
        plan.extend(block * (component.across * component.down))
    return Layout(plan, tables, array("H", bytes(array("H").itemsize * len(tables) * _STEPS // _WINDOWS)))


@lru_cache(_CACHED)
def _make_table(definition: bytes, valid: frozenset[int]) -> "array[int]":
    """Each window -> the symbol of the code word it begins with, and the length of that (C.2, F.2.2.3).

    Code words in order of length are also in order of the windows they begin, so the table is their concatenation.
    """
    table = array("H")
    symbols = iter(definition[MAX_CODE_BITS:])
    for bits in range(1, MAX_CODE_BITS + 1):
        for symbol in islice(symbols, definition[bits - 1]):
            entry = symbol << 8 | bits if symbol in valid else _INVALID
            table += array("H", (entry,)) * (_WINDOWS >> bits)
    table += array("H", (_INVALID,)) * (_WINDOWS - len(table))
    return table
