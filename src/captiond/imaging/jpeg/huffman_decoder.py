"""What the next 16 bits of a scan begin with: Huffman decoding by table (T.81 annex F.2.2).

A window is looked up once and remembered. It usually holds two or three symbols, which are then
taken in one step.
"""

from bisect import bisect_right
from functools import lru_cache

from captiond.imaging.errors import NotSpliceable
from captiond.imaging.jpeg.huffman import MAX_DC_SIZE, code_words

WINDOW_BITS = 16  # the longest code word
ENDS = 1 << 10
"""Added to the coefficients of a step that ends the block."""
TOO_LONG = 1 << 12
"""The coefficients of a step that needs more bits than the window has."""

_ONES = (1 << WINDOW_BITS) - 1
_REMEMBERED = 16  # tables; the windows of one take a few megabytes at most
_MAX_AC_SIZE = 10  # bits, F.1.2.2
_END_OF_BLOCK, _ZERO_RUN = 0x00, 0xF0
_ZERO_RUN_COEFFICIENTS = 16


class Code:
    """A Huffman table, asked by windows."""

    def __init__(self, definition: bytes) -> None:
        words = sorted((word, symbol) for symbol, word in code_words(definition).items())
        self._starts = [int(word.ljust(WINDOW_BITS, "0"), 2) for word, _ in words]
        self._symbols = [(len(word), symbol) for word, symbol in words]

    def first(self, window: int) -> tuple[int, int]:
        """The bits of the code word that the window starts with, and its symbol."""
        at = bisect_right(self._starts, window) - 1
        if at < 0 or (window - self._starts[at]) >> (WINDOW_BITS - self._symbols[at][0]):
            raise NotSpliceable("a damaged scan")
        return self._symbols[at]


class DcWindows(dict[int, tuple[int, int]]):
    """Window -> bits to pass and the difference they say; if it has too few, 0 and nothing."""

    def __init__(self, definition: bytes) -> None:
        super().__init__()
        self.code = Code(definition)

    def __missing__(self, window: int) -> tuple[int, int]:
        code_bits, size = self.code.first(window)
        if size > MAX_DC_SIZE:
            raise NotSpliceable("a damaged scan")
        bits = code_bits + size
        step = (0, 0)
        if bits <= WINDOW_BITS:
            step = (bits, signed((window >> (WINDOW_BITS - bits)) & ((1 << size) - 1), size))
        self[window] = step
        return step

    def long(self, window: int, following: int) -> tuple[int, int]:
        """The bits to pass and the difference they say, where a window has too few."""
        code_bits, size = self.code.first(window)
        number = (window << WINDOW_BITS | following) >> (2 * WINDOW_BITS - code_bits - size)
        return code_bits + size, signed(number & ((1 << size) - 1), size)


class AcSteps(dict[int, tuple[int, int, tuple[str, ...]]]):
    """Window -> bits and coefficients to pass, and their tokens; see ENDS and TOO_LONG.

    A token is a symbol as a character and the number behind it in binary.
    """

    def __init__(self, definition: bytes) -> None:
        super().__init__()
        self.code = Code(definition)

    def __missing__(self, window: int) -> tuple[int, int, tuple[str, ...]]:
        bits, coefficients = 0, 0
        tokens: list[str] = []
        while coefficients < ENDS:
            rest = (window << bits) & _ONES
            try:
                code_bits, symbol = self.code.first(rest)
                size, length = meaning(symbol)
            except NotSpliceable:
                if not bits:
                    raise
                break  # the bits beyond the window may make it a symbol
            if bits + code_bits + size > WINDOW_BITS:
                break
            tokens.append(token(symbol, rest << code_bits & _ONES, size))
            bits += code_bits + size
            coefficients += length
        step = (bits, coefficients if bits else TOO_LONG, tuple(tokens))
        self[window] = step
        return step


class AcWindows(dict[int, tuple[int, int, str]]):
    """Window -> bits and coefficients to pass, and the same in another table's code words."""

    def __init__(self, definition: bytes, target: bytes) -> None:
        super().__init__()
        self._steps = _ac_steps(definition)
        self._words = code_words(target)

    def __missing__(self, window: int) -> tuple[int, int, str]:
        bits, coefficients, tokens = self._steps[window]
        try:
            step = (bits, coefficients, "".join(map(self._recode, tokens)))
        except NotSpliceable:  # perhaps a symbol of the next block, which is none of AC
            step = (0, TOO_LONG, "")
        self[window] = step
        return step

    def single(self, window: int, following: int) -> tuple[int, int, str]:
        """The first symbol alone, where the window holds a part of it or of the next block."""
        code_bits, symbol = self._steps.code.first(window)
        size, length = meaning(symbol)
        number = (window << WINDOW_BITS | following) >> (WINDOW_BITS - code_bits) & _ONES
        return code_bits + size, length, self._recode(token(symbol, number, size))

    def _recode(self, recoded: str) -> str:
        try:
            return self._words[ord(recoded[0])] + recoded[1:]
        except KeyError:
            raise NotSpliceable(f"its Huffman tables lack AC symbol {ord(recoded[0]):02x}") from None


def meaning(symbol: int) -> tuple[int, int]:
    """The bits behind an AC symbol, and the coefficients it passes (F.1.2.2)."""
    if symbol == _END_OF_BLOCK:
        return 0, ENDS
    if symbol == _ZERO_RUN:
        return 0, _ZERO_RUN_COEFFICIENTS
    run, size = divmod(symbol, 16)
    if not 0 < size <= _MAX_AC_SIZE:
        raise NotSpliceable("a damaged scan")
    return size, run + 1


def token(symbol: int, window: int, size: int) -> str:
    """The token of a symbol whose number starts the window."""
    return chr(symbol) + (f"{window >> (WINDOW_BITS - size):0{size}b}" if size else "")


def signed(number: int, size: int) -> int:
    """The signed number that `size` bits stand for (F.2.2.1)."""
    return number if not size or number >> (size - 1) else number - (1 << size) + 1


@lru_cache(_REMEMBERED)
def dc_windows(definition: bytes) -> DcWindows:
    """The windows of a DC table."""
    return DcWindows(definition)


@lru_cache(_REMEMBERED)
def ac_windows(definition: bytes, target: bytes) -> AcWindows:
    """The windows of an AC table, to be coded with another or the same."""
    return AcWindows(definition, target)


@lru_cache(_REMEMBERED)
def _ac_steps(definition: bytes) -> AcSteps:
    return AcSteps(definition)
