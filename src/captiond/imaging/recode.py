"""A strip that Pillow coded with the standard Huffman tables, in the words of a photo's own (T.81 annex F.1).

Only the words differ: the symbols, and the bits behind each, stay what they are. So nothing is decoded but the words,
and whole windows of bits are remembered with what becomes of them.
"""

from dataclasses import replace
from functools import lru_cache

from PIL import Image

from captiond.imaging.encoder import can_encode, encode_pieces, join_pieces
from captiond.imaging.errors import NotSpliceable
from captiond.imaging.huffman import STANDARD_AC, STANDARD_DC, code_words
from captiond.imaging.jpeg import Component, Header
from captiond.imaging.writer import pack_bits

_DC_WINDOW = 11  # bits of the longest standard DC word
_AC_WINDOW = 16
_SYMBOLS_WINDOW = 14  # holds several symbols; wider ones are seen again too seldom
_COEFFICIENTS = 64
_ZEROS_16 = 0xF0  # F.1.2.2.1
_REMEMBERED = 64  # pairs of tables

_Plan = list[tuple["_DcWindows", "_AcWindows"]]


def can_recode(strip: Image.Image, header: Header) -> bool:
    """Whether Pillow can write this strip with the photo's sampling and quantisation."""
    return can_encode(strip, _standard(header).components)


def recode_strip(strip: Image.Image, header: Header, interval: int) -> bytes:
    """The strip's scan behind the photo's, as `encode_strip` makes it; raises NotSpliceable for a missing word."""
    plan = [
        _windows(at > 0, component.dc, component.ac)
        for at, component in enumerate(header.components)
        for _ in range(component.across * component.down)
    ]
    mcus = -(-strip.height // header.mcu_height_px) * header.mcus_across
    pieces = encode_pieces(strip, _standard(header), interval)
    recoded = [_recode(piece, plan, min(interval, mcus - at * interval)) for at, piece in enumerate(pieces)]
    return join_pieces(recoded, header.mcus // interval - 1)


def _standard(header: Header) -> Header:
    return replace(header, components=tuple(_with_standard(at, c) for at, c in enumerate(header.components)))


def _with_standard(at: int, component: Component) -> Component:
    return replace(component, dc=STANDARD_DC[at > 0], ac=STANDARD_AC[at > 0])


def _recode(piece: bytes, plan: _Plan, mcus: int) -> bytes:
    bits = bin(int.from_bytes(b"\x01" + piece.replace(b"\xff\0", b"\xff"), "big"))[3:]
    end = len(bits)
    bits += "1" * (_AC_WINDOW + _DC_WINDOW)  # room for a window at the end
    blank = "".join(dc.blank + ac.blank for dc, ac in plan)
    blank_recoded = "".join(dc.blank_recoded + ac.blank_recoded for dc, ac in plan)
    out: list[str] = []
    at = 0
    for _ in range(mcus):
        if bits.startswith(blank, at):  # most of a strip is
            out.append(blank_recoded)
            at += len(blank)
            continue
        for dc, ac in plan:
            at = _recode_block(bits, at, dc, ac, out)
    if not 0 <= end - at < 8:  # noqa: PLR2004 - the bits of a byte
        raise NotSpliceable("the strip's scan is not as long as its MCUs")
    return pack_bits(out)


def _recode_block(bits: str, at: int, dc: "_DcWindows", ac: "_AcWindows", out: list[str]) -> int:
    """Append one block; return where the next begins."""
    length, word, extra = dc[bits[at : at + _DC_WINDOW]]
    out += (word, bits[at + length : at + length + extra])
    at += length + extra
    coefficient = 1
    while coefficient < _COEFFICIENTS:
        window = bits[at : at + _SYMBOLS_WINDOW]
        length, words, advance, ended = ac[window]
        if length and coefficient + advance < _COEFFICIENTS:
            out.append(words)
            at += length
        else:  # a long symbol, or what may lie behind the block's end
            length, extra, words, advance, ended = ac.first(bits[at : at + _AC_WINDOW])
            out += (words, bits[at + length : at + length + extra])
            at += length + extra
        coefficient += advance
        if ended:
            break
    return at


class _DcWindows(dict[str, tuple[int, str, int]]):
    """Window -> length of its word, the photo's word, bits that follow."""

    def __init__(self, standard: bytes, own: bytes) -> None:
        super().__init__()
        self._symbols = {word: symbol for symbol, word in code_words(standard).items()}
        self._own = code_words(own)
        self.blank = code_words(standard)[0]
        self.blank_recoded = self._own.get(0, "")
        if not self.blank_recoded:
            raise NotSpliceable("its Huffman tables lack DC size 0")

    def __missing__(self, window: str) -> tuple[int, str, int]:
        word, size = _leading(window, self._symbols)
        if size not in self._own:
            raise NotSpliceable(f"its Huffman tables lack DC size {size}")
        self[window] = (len(word), self._own[size], size)
        return self[window]


class _AcWindows(dict[str, tuple[int, str, int, bool]]):
    """Window -> bits of the symbols that are whole in it, these in the photo's words, coefficients, end of block."""

    def __init__(self, standard: bytes, own: bytes) -> None:
        super().__init__()
        self._symbols = {word: symbol for symbol, word in code_words(standard).items()}
        self._own = code_words(own)
        self.blank = code_words(standard)[0]
        self.blank_recoded = self._own.get(0, "")
        if not self.blank_recoded:
            raise NotSpliceable("its Huffman tables lack an end of block")

    def first(self, window: str) -> tuple[int, int, str, int, bool]:
        """The first symbol alone: bits of its word, bits that follow, the photo's word, coefficients, end of block."""
        word, symbol = _leading(window, self._symbols)
        if symbol not in self._own:
            raise NotSpliceable(f"its Huffman tables lack AC symbol {symbol:02x}")
        return len(word), symbol & 15, self._own[symbol], _advance(symbol), symbol == 0

    def __missing__(self, window: str) -> tuple[int, str, int, bool]:
        words, at, advance, ended = "", 0, 0, False
        while not ended:
            try:
                length, extra, word, coefficients, ended = self.first(window[at:])
            except NotSpliceable:
                break  # cut off, or perhaps no symbol at all but the next block's
            if at + length + extra > len(window):
                ended = False
                break
            words += word + window[at + length : at + length + extra]
            at += length + extra
            advance += coefficients
        self[window] = (at, words, advance, ended)
        return self[window]


def _leading(window: str, symbols: dict[str, int]) -> tuple[str, int]:
    """The word that the window begins with, and its symbol."""
    for length in range(2, len(window) + 1):
        symbol = symbols.get(window[:length])
        if symbol is not None:
            return window[:length], symbol
    raise NotSpliceable("no word of the standard Huffman tables")


def _advance(symbol: int) -> int:
    return 16 if symbol == _ZEROS_16 else (symbol >> 4) + (1 if symbol else 0)


@lru_cache(_REMEMBERED)
def _windows(chroma: bool, dc: bytes, ac: bytes) -> tuple[_DcWindows, _AcWindows]:  # noqa: FBT001 - a key of the cache
    return _DcWindows(STANDARD_DC[chroma], dc), _AcWindows(STANDARD_AC[chroma], ac)
