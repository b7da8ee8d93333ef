"""A strip that Pillow coded with the standard Huffman tables, in the words of a photo's own (T.81 annex F.1).

Only the words differ: the symbols, and the bits behind each, stay what they are. So nothing is decoded but the words.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from PIL import Image

from captiond.imaging.errors import NotSpliceable
from captiond.imaging.jpeg.header import Component, Header
from captiond.imaging.jpeg.huffman import STANDARD_AC, STANDARD_DC
from captiond.imaging.jpeg.scan_writer import pack_bits
from captiond.imaging.splice.strip_encoder import can_encode, encode_pieces, join_pieces
from captiond.imaging.splice.transducer import COEFFICIENTS, State, make_code

_REMEMBERED = 64  # sets of tables; a camera has one, or one for each of its qualities


def can_recode(strip: Image.Image, header: Header) -> bool:
    """Whether Pillow can write this strip with the photo's sampling and quantisation."""
    return can_encode(strip, _with_standard(header.components))


def recode_strip(strip: Image.Image, header: Header, interval: int) -> bytes:
    """The strip's scan behind the photo's, as `encode_strip` makes it; raises NotSpliceable for a missing word."""
    mcu = _mcu(header.components)
    mcus = -(-strip.height // header.mcu_height_px) * header.mcus_across
    pieces = encode_pieces(strip, replace(header, components=_with_standard(header.components)), interval)
    recoded = [_recode(piece, mcu, min(interval, mcus - at * interval)) for at, piece in enumerate(pieces)]
    return join_pieces(recoded, header.mcus // interval - 1)


@lru_cache(_REMEMBERED)
def _with_standard(components: tuple[Component, ...]) -> tuple[Component, ...]:
    return tuple(replace(c, dc=STANDARD_DC[at > 0], ac=STANDARD_AC[at > 0]) for at, c in enumerate(components))


class _Mcu(dict[tuple[int, str], tuple[str, State, int, int]]):
    """Block and bits that begin it -> what they become, the state they lead to, AC coefficients passed, blocks ended.

    They are fewer than eight bits, so no block is full in them.
    """

    def __init__(self, starts: Sequence[State]) -> None:
        super().__init__()
        self.starts = starts  # of its blocks

    def __missing__(self, key: tuple[int, str]) -> tuple[str, State, int, int]:
        block, rest = key
        ended = 0
        out = ""
        while True:
            words, state, passed, behind = self.starts[(block + ended) % len(self.starts)].walk(rest, 0)
            out += words
            if behind is None:
                break
            rest = behind
            ended += 1
        self[key] = (out, state, passed, ended)
        return self[key]


@lru_cache(_REMEMBERED)
def _mcu(components: tuple[Component, ...]) -> _Mcu:
    """What is known of MCUs of these components."""
    starts = []
    for own, standard in zip(components, _with_standard(components), strict=True):
        code = make_code((standard.dc, standard.ac), (own.dc, own.ac))
        starts += [code.start] * (own.across * own.down)
    return _Mcu(starts)


def _recode(piece: bytes, mcu: _Mcu, mcus: int) -> bytes:
    """One restart interval."""
    blocks = len(mcu.starts)
    state = mcu.starts[0]
    out: list[str] = []
    block = passed = 0
    for byte in piece.replace(b"\xff\0", b"\xff"):
        words, following, more, rest = state[byte]
        if passed + more >= COEFFICIENTS:  # the block may be full, so that no word says that it ends
            words, following, more, rest = state[byte + 256 * (passed + 1)]
        out.append(words)
        if rest is None:
            state = following
            passed += more
        else:
            block += 1
            words, state, passed, ended = mcu[block % blocks, rest]
            block += ended
            out.append(words)
    if block != mcus * blocks or not state.is_padding():
        raise NotSpliceable("the strip's scan is not as long as its MCUs")
    return pack_bits(out)
