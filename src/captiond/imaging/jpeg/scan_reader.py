"""Reads the scan of a baseline JPEG to its end: whether it is intact, and how it ends (T.81 F.2)."""

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from captiond.imaging.errors import MalformedJpeg
from captiond.imaging.jpeg.entropy_decoder import EXTRA_DATA, EntropyDecoder
from captiond.imaging.jpeg.header import Component, Header
from captiond.imaging.jpeg.huffman import MAX_DECODED_SIZE
from captiond.imaging.jpeg.native import Build, default_build
from captiond.imaging.jpeg.scan import find_end

_CACHED = 64  # a camera uses the same few tables in all its photos
DC_SYMBOLS = frozenset(range(MAX_DECODED_SIZE + 1))
_AC_SYMBOLS = frozenset({0x00, 0xF0, *(symbol for symbol in range(256) if symbol & 15)})
_SURPLUS = re.compile(rb"(?:\xff[\x00\xd0-\xd7]?+)*+")  # padding, fill bytes and restart markers

Block: TypeAlias = tuple[int, list[int]]
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
    blocks: list[Block]


@dataclass(frozen=True, slots=True)
class ScanReading:
    """A scan that was read to its end.

    `end` is the offset behind its last MCU. `marker_start` and `marker` are the offset and the code of the marker that
    ends the scan; a restart marker ends no scan. Where the file ends without a marker, they are its size and None.
    Between the two are surplus bytes, unless the last MCU is missing. `damage` is the first fault, or None. `tail` is
    None where a fault makes it unreadable.
    """

    end: int
    marker_start: int
    marker: int | None
    damage: str | None
    tail: Tail | None


def read_scan(
    jpeg: bytes,
    header: Header,
    first: int | None,
    build: Build | None = None,
    start: tuple[int, int] | None = None,
) -> ScanReading:
    """Decode the scan to its end, and keep the blocks from MCU number `first` on; None keeps neither them nor a tail.

    `start` is the offset and the first MCU of the restart interval to begin with, if that is not the first one.

    Time and memory are linear in the size of the scan. After a fault, reading continues at the next restart marker.
    """
    layout = lay_out(header.components)
    start_at, start_mcu = start or (header.scan_start, 0)
    plan = array("i", (header.restart_interval, header.mcus, start_mcu)) + layout.plan
    decoder = (build or default_build()).decoder(jpeg, start_at, plan, layout.tables, layout.steps)
    damage = None
    tail = None
    skipped = header.mcus if first is None else first
    while decoder.mcu < header.mcus:
        if decoder.mcu < skipped:
            is_intact = decoder.skip(skipped - decoder.mcu, predict=first is not None)
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
    marker_start, marker = find_end(jpeg, decoder.at)
    end = decoder.end if decoder.mcu == header.mcus else marker_start
    if not damage and not _SURPLUS.fullmatch(jpeg, end, marker_start):
        damage = f"{EXTRA_DATA} (MCU {header.mcus} of {header.mcus})"
    return ScanReading(end, marker_start, marker, damage, tail if tail and tail.mcu == first else None)


def read_blocks(data: bytes, components: Sequence[Component], mcus: int, build: Build | None = None) -> list[Block]:
    """The blocks of a scan without restart markers. Raises MalformedJpeg."""
    layout = lay_out(tuple(components))
    plan = array("i", (0, mcus, 0)) + layout.plan
    decoder = (build or default_build()).decoder(data, 0, plan, layout.tables, layout.steps)
    blocks: list[Block] = []
    if not decoder.read(mcus, blocks):
        raise MalformedJpeg(decoder.fault)
    return blocks


def _begin_tail(decoder: EntropyDecoder, header: Header) -> Tail:
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
    build = default_build()
    plan = array("i")
    tables = array("I")
    steps = array("H")
    offsets: dict[tuple[bytes, bytes], tuple[int, int, int]] = {}
    for index, component in enumerate(components):
        pair = component.dc, component.ac
        if pair not in offsets:
            dc, ac = build.make_table(component.dc, DC_SYMBOLS), build.make_table(component.ac, _AC_SYMBOLS)
            offsets[pair] = len(tables), len(tables) + len(dc), len(steps)
            tables += dc + ac
            if build.make_steps:
                steps += build.make_steps(dc, ac)
        plan.extend((index, *offsets[pair]) * (component.across * component.down))
    return Layout(plan, tables[:], steps[:])  # without the room that growing arrays reserve
