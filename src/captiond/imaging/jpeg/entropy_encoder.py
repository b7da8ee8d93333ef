"""Encodes blocks as the entropy-coded segments of a baseline scan (T.81 F.1).

Cython compiles this module to `_native_encoder`, with the C types of `_native_encoder.pxd`. Where no compiler is
available, the module runs interpreted with the same results. Every integer therefore fits the type that the file gives
it. C does not check the bounds of arrays here: symbols have 8 bits, DC differences less than 64, and a code with its
value is shorter than a unit.
"""

from array import array
from collections.abc import Sequence
from sys import byteorder

from captiond.imaging.errors import MissingHuffmanCode

_LENGTH_BITS, _LENGTH = 5, 31
_MAX_CODE_BITS, _SYMBOLS = 16, 256
_UNIT_BITS = 32
_ONE = 1  # as wide as the buffer
_ONES = 0xFFFF_FFFF  # a unit
_COEFFICIENTS = 64
_ROOM, _BLOCK_UNITS = 1024, 72  # units; a code is shorter than a unit, and a block has at most 65
_NUMBERS = array(
    "H",
    [
        abs(value).bit_length() << 10 | value - (value < 0) & (1 << abs(value).bit_length()) - 1
        for value in range(-1023, 1024)
    ],
)
"""The size of each AC coefficient from -1023 on, and its additional bits: `size << 10 | bits` (F.1.2.2)."""


def make_codes(definition: bytes) -> "array[int]":
    """The code of each symbol of a Huffman table, as `code word << 5 | length`; 0: no code."""
    codes = array("I", [0]) * _SYMBOLS
    numbers = codes  # as C sees it
    word = 0
    at = _MAX_CODE_BITS
    for bits in range(1, _MAX_CODE_BITS + 1):
        for _ in range(definition[bits - 1]):
            numbers[definition[at]] = word << _LENGTH_BITS | bits
            at += 1
            word += 1
        word <<= 1
    return codes


def find_unwritable(plan: "array[int]", codes: "array[int]", blocks: Sequence[tuple[int, list[int]]]) -> list[int]:
    """The indexes of the blocks with an AC symbol that has no code. The blocks form whole MCUs."""
    found: list[int] = []
    at = 0
    for index in range(len(blocks)):
        block = blocks[index]
        symbols = block[1]
        for entry in symbols:
            if codes[plan[at + 2] + (entry >> 16)] == 0:
                found.append(index)
                break
        at = at + 3 if at + 3 < len(plan) else 0
    return found


def _count_codes(blocks: Sequence[tuple[int, list[int]]]) -> int:
    count = len(blocks)
    for _, symbols in blocks:
        count += len(symbols)
    return count


class EntropyEncoder:
    """Encodes the blocks of a restart interval."""

    def __init__(
        self, plan: "array[int]", codes: "array[int]", predictors: Sequence[int], first: tuple[int, int]
    ) -> None:
        """Start with the predictors of the components, and with some bits and their number, less than 8.

        `plan` has three numbers for each block of an MCU: its component, and the offsets of its DC and AC table.
        `codes` are those of the tables, one after the other.
        """
        self._predictors = array("q", predictors)
        self._plan = plan
        self._plan_size = len(plan)
        self._codes = codes
        self._units = array("I")  # of 32 bits
        self._room = array("I", [0]) * _ROOM
        self._new = self._room  # as C sees it
        self._filled = 0  # units in the room
        self._buffer, self._bits = first  # less than a unit

    def write(self, blocks: Sequence[tuple[int, list[int]]]) -> None:
        """Append the blocks of whole MCUs. Raises MissingHuffmanCode."""
        new = array("I", [0]) * _count_codes(blocks)  # each is shorter than a unit, with its value
        units = new  # as C sees it
        filled = 0
        buffer = self._buffer
        bits = self._bits
        at = 0
        for value, symbols in blocks:
            component = self._plan[at]
            difference = value - self._predictors[component]
            self._predictors[component] = value
            size = 0
            while (difference if difference > 0 else -difference) >> size:
                size += 1
            code = self._codes[self._plan[at + 1] + size]
            if code == 0:
                raise MissingHuffmanCode(f"DC size {size}")
            if difference < 0:
                difference += (1 << size) - 1
            bits += (code & _LENGTH) + size
            buffer = (buffer << (code & _LENGTH) | code >> _LENGTH_BITS) << size | difference
            if bits >= _UNIT_BITS:
                bits -= _UNIT_BITS
                units[filled] = buffer >> bits
                filled += 1
                buffer &= (_ONE << bits) - 1
            table = self._plan[at + 2]
            for entry in symbols:
                symbol = entry >> 16
                code = self._codes[table + symbol]
                if code == 0:
                    raise MissingHuffmanCode(f"AC symbol 0x{symbol:02X}")
                size = symbol & 15
                bits += (code & _LENGTH) + size
                buffer = (buffer << (code & _LENGTH) | code >> _LENGTH_BITS) << size | entry & 0xFFFF
                if bits >= _UNIT_BITS:
                    bits -= _UNIT_BITS
                    units[filled] = buffer >> bits
                    filled += 1
                    buffer &= (_ONE << bits) - 1
            at += 3
            if at == self._plan_size:
                at = 0
        self._buffer = buffer
        self._bits = bits
        self._units += new[:filled]

    def write_grey(self, coefficients: "array[int]", component: int, black: "array[int]", mcus: int) -> None:
        """Append MCUs whose blocks are black, except for the first ones of a component. Raises MissingHuffmanCode.

        `coefficients` has those of these blocks, 64 each in zigzag order. `black` has the DC coefficients by component.
        """
        base = 0
        for _ in range(mcus):
            for at in range(0, self._plan_size, 3):
                if self._filled > _ROOM - _BLOCK_UNITS:
                    self._flush()
                last = 0
                if self._plan[at] == component and base < len(coefficients):
                    self._put_dc(at, coefficients[base])
                    last = self._put_ac(self._plan[at + 2], coefficients, base)
                    base += _COEFFICIENTS
                else:
                    self._put_dc(at, black[self._plan[at]])
                if last < _COEFFICIENTS - 1:
                    self._put(self._plan[at + 2], 0, 0)  # the end of block
        self._flush()

    def _flush(self) -> None:
        self._units += self._room[: self._filled]
        self._filled = 0

    def _put_dc(self, at: int, value: int) -> None:
        component = self._plan[at]
        difference = value - self._predictors[component]
        self._predictors[component] = value
        size = 0
        while (difference if difference > 0 else -difference) >> size:
            size += 1
        self._put(self._plan[at + 1] + size, size, difference - (difference < 0) & (_ONE << size) - 1)

    def _put_ac(self, table: int, coefficients: "array[int]", base: int) -> int:
        """Append the AC coefficients of a block. Returns the position of the last one that is not zero, or 0."""
        positions = [0] * 64
        count = 0
        for at in range(1, 64):
            positions[count] = at
            count += coefficients[base + at] != 0
        last = index = 0
        buffer = self._buffer
        bits = self._bits
        filled = self._filled
        while index < count:
            at = positions[index]
            if at - last > 16:  # noqa: PLR2004 - F.1.2.2.1
                symbol = 0xF0
                number = 0
                last += 16
            else:
                number = _NUMBERS[1023 + coefficients[base + at]]
                symbol = at - last - 1 << 4 | number >> 10
                last = at
                index += 1
            code = self._codes[table + symbol]
            if code == 0:
                raise MissingHuffmanCode(f"AC symbol 0x{symbol:02X}")
            size = symbol & 15
            bits += (code & 31) + size
            buffer = (buffer << (code & 31) | code >> 5) << size | number & 1023
            full = bits >> 5
            bits &= 31
            self._new[filled] = buffer >> bits & _ONES
            filled += full
        self._buffer = buffer & (_ONE << bits) - 1
        self._bits = bits
        self._filled = filled
        return last

    def _put(self, index: int, size: int, number: int) -> None:
        """Append the code at an index of the tables, and a number of some bits."""
        code = self._codes[index]
        if code == 0:
            raise MissingHuffmanCode(f"symbol 0x{index % _SYMBOLS:02X}")
        self._bits += (code & _LENGTH) + size
        self._buffer = (self._buffer << (code & _LENGTH) | code >> _LENGTH_BITS) << size | number
        if self._bits >= _UNIT_BITS:
            self._bits -= _UNIT_BITS
            self._new[self._filled] = self._buffer >> self._bits
            self._filled += 1
            self._buffer &= (_ONE << self._bits) - 1

    def size(self) -> int:
        """The number of bits so far, with the first ones."""
        return _UNIT_BITS * len(self._units) + self._bits

    def finish(self) -> bytes:
        """The bytes of the interval, padded with ones (F.1.2.3) and stuffed (B.1.1.5)."""
        padding = -self._bits & 7
        rest = self._buffer << padding | ((_ONE << padding) - 1)
        units = array("I", self._units)
        if byteorder == "little":  # pragma: no branch
            units.byteswap()
        data = units.tobytes() + rest.to_bytes((self._bits + padding) // 8, "big")
        return data.replace(b"\xff", b"\xff\0")
