"""Recodes a strip from the standard Huffman tables, with which Pillow wrote it, to the photo's own (T.81 section F.1).

Only the codes differ: the symbols and their additional bits stay the same, so nothing but the codes is decoded.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from PIL import Image

from captiond.imaging.errors import MalformedJpeg
from captiond.imaging.jpeg.header import Component, Header
from captiond.imaging.jpeg.huffman import STANDARD_AC, STANDARD_DC
from captiond.imaging.jpeg.scan_writer import pack_bits
from captiond.imaging.splice.strip_encoder import can_encode, encode_intervals, join_intervals
from captiond.imaging.splice.transducer import COEFFICIENTS, State, make_transducer

_CACHED_TABLES = 64  # a camera has one set of tables, or one for each of its qualities


def can_recode(strip: Image.Image, header: Header) -> bool:
    """Whether Pillow can write this strip with the photo's sampling and quantisation."""
    return can_encode(strip, _with_standard_tables(header.components))


def recode_strip(strip: Image.Image, header: Header, interval: int) -> bytes:
    """The strip's scan as `encode_strip` returns it, in the photo's Huffman tables. Raises JpegError."""
    decoder = _mcu_transducer(header.components)
    mcus = -(-strip.height // header.mcu_height_px) * header.mcus_across
    standard = replace(header, components=_with_standard_tables(header.components))
    recoded = [
        _recode(data, decoder, min(interval, mcus - number * interval))
        for number, data in enumerate(encode_intervals(strip, standard, interval))
    ]
    return join_intervals(recoded, header.mcus // interval)


@lru_cache(_CACHED_TABLES)
def _with_standard_tables(components: tuple[Component, ...]) -> tuple[Component, ...]:
    return tuple(replace(c, dc=STANDARD_DC[at > 0], ac=STANDARD_AC[at > 0]) for at, c in enumerate(components))


class _McuTransducer(dict[tuple[int, str], tuple[str, State, int, int]]):
    """Index of a block and its first bits -> output, next state, AC coefficients decoded, blocks ended.

    There are fewer than eight bits, so they cannot fill a block.
    """

    def __init__(self, starts: Sequence[State]) -> None:
        super().__init__()
        self.starts = starts  # the start state of each block

    def __missing__(self, key: tuple[int, str]) -> tuple[str, State, int, int]:
        block, rest = key
        ended = 0
        out = ""
        while True:
            codes, state, decoded, following = self.starts[(block + ended) % len(self.starts)].walk(rest, 0)
            out += codes
            if following is None:
                break
            rest = following
            ended += 1
        self[key] = (out, state, decoded, ended)
        return self[key]


@lru_cache(_CACHED_TABLES)
def _mcu_transducer(components: tuple[Component, ...]) -> _McuTransducer:
    starts = []
    for own, standard in zip(components, _with_standard_tables(components), strict=True):
        transducer = make_transducer((standard.dc, standard.ac), (own.dc, own.ac))
        starts += [transducer.start] * (own.across * own.down)
    return _McuTransducer(starts)


def _recode(interval: bytes, transducer: _McuTransducer, mcus: int) -> bytes:
    """Recode one restart interval of `mcus` MCUs."""
    blocks = len(transducer.starts)
    state = transducer.starts[0]
    out: list[str] = []
    block = decoded = 0
    for byte in interval.replace(b"\xff\0", b"\xff"):
        codes, next_state, more, rest = state[byte]
        if decoded + more >= COEFFICIENTS:  # the block may be full, so that no code marks its end
            codes, next_state, more, rest = state[byte + 256 * (decoded + 1)]
        out.append(codes)
        if rest is None:
            state = next_state
            decoded += more
        else:
            block += 1
            codes, state, decoded, ended = transducer[block % blocks, rest]
            block += ended
            out.append(codes)
    if block != mcus * blocks or not state.is_padding():
        raise MalformedJpeg("strip scan does not match its MCUs")
    return pack_bits(out)
