"""Encodes blocks as the end of a scan of a progressive JPEG (T.81 annex G).

Cython compiles this module to `_native_progressive_encoder`, with the C types of `_native_progressive_encoder.pxd`.
Where no compiler is available, the module runs interpreted with the same results.

There are 64 coefficients per block, in zigzag order. `order` contains the block numbers in the order of the scan.
"""

from array import array
from collections.abc import Sequence
from sys import byteorder

from captiond.imaging.errors import MissingHuffmanCode

_RAW = 1024  # no symbol: bits without a code word
_ZERO_RUN = 0xF0
_MAX_RUN = 0x7FFF  # blocks of an end-of-band run, G.1.2.2
_MAX_SIZE = 15  # bits of a coefficient
_RAW_BITS = 15
_LENGTH_BITS, _LENGTH = 5, 31  # see entropy_encoder.py
_UNIT_BITS = 32
_ROOM = bytes(4 * 1024)
_ONE = 1  # 64 bits wide in C, as the buffer


class ProgressiveEncoder:
    """Converts blocks to the symbols of a scan. `finish` converts the symbols to bits.

    In between, the caller adds codes for the symbols in `counts` to the Huffman tables. A symbol here is the symbol of
    the Huffman table plus 256 times the index of the table in the scan.
    """

    def __init__(self, coefficients: "array[int]", lasts: "array[int]", available: bytes) -> None:
        """Take the results of `unpack_blocks`, and one byte per symbol (1024): whether the symbol is available.

        An AC coefficient without an available symbol changes to the nearest coefficient that has one.
        """
        self._available = available
        self._lasts = lasts
        self._coefficients = coefficients
        self._symbols = array("I", _ROOM)  # symbol << 20 | number of additional bits << 16 | additional bits
        self._written = 0  # symbols
        self._run = 0  # blocks of the end-of-band run
        self._run_bits = bytearray()  # correction bits of these blocks, one per byte
        self._block_bits = bytearray()
        self.counts = array("I", bytes(4 * (_RAW + 1)))
        self._counts = self.counts  # as C sees it

    def resume_run(self, blocks: int, data: bytes, start: int, end: int) -> None:
        """Begin with an end-of-band run of `blocks`. Their correction bits are the bits `start` to `end` of `data`."""
        self._run = blocks
        for at in range(start, end):
            self._run_bits.append((data[at >> 3] >> (7 - (at & 7))) & 1)

    def write_dc(self, order: "array[int]", plan: "array[int]", predictors: Sequence[int], low: int) -> None:
        """Append DC coefficients. `plan` has two numbers per block of an MCU: its component and its table.

        Raises MissingHuffmanCode for a difference that no table can code.
        """
        values = array("q", predictors)
        predicted = values  # as C sees it
        at = 0
        for index in range(len(order)):
            value = self._coefficients[64 * order[index]] >> low
            difference = value - predicted[plan[at]]
            predicted[plan[at]] = value
            size = _count_bits(difference if difference > 0 else -difference)
            if size > _MAX_SIZE:
                raise MissingHuffmanCode(f"DC size {size}")
            bits = difference if difference >= 0 else difference + (1 << size) - 1
            self._put(plan[at + 1] << 8 | size, size, bits)
            at += 2
            if at == len(plan):
                at = 0

    def refine_dc(self, order: "array[int]", low: int) -> None:
        """Append one bit of each DC coefficient (G.1.2.1.1)."""
        for index in range(len(order)):
            self._block_bits.append((self._coefficients[64 * order[index]] >> low) & 1)
        self._put_bits(self._block_bits)

    def write_ac(self, order: "array[int]", start: int, last: int, low: int) -> None:
        """Append the first scan of a band of AC coefficients (G.1.2.2)."""
        for index in range(len(order)):
            base = 64 * order[index]
            end = min(last, self._lasts[order[index]])
            zeros = 0
            for at in range(base + start, base + end + 1):
                if self._coefficients[at] == 0:
                    zeros += 1
                    continue
                magnitude = self._fit(at, zeros, low)
                if magnitude == 0:
                    zeros += 1
                    continue
                self._end_run()
                while zeros > 15:  # noqa: PLR2004 - F.1.2.2.1
                    self._put(_ZERO_RUN, 0, 0)
                    zeros -= 16
                size = _count_bits(magnitude)
                bits = magnitude if self._coefficients[at] > 0 else (1 << size) - 1 - magnitude
                self._put(zeros << 4 | size, size, bits)
                zeros = 0
            if zeros or end < last:
                self._extend_run()
        self._end_run()

    def refine_ac(self, order: "array[int]", start: int, last: int, low: int) -> None:
        """Append one bit of each AC coefficient of a band (G.1.2.3)."""
        for index in range(len(order)):
            base = 64 * order[index]
            end = min(last, self._lasts[order[index]])
            newest = 0  # the last coefficient that becomes non-zero in this scan
            for at in range(base + start, base + end + 1):
                value = self._coefficients[at]
                if value and (value if value > 0 else -value) >> low == 1:
                    newest = at
            zeros = 0
            for at in range(base + start, base + end + 1):
                value = self._coefficients[at]
                magnitude = (value if value > 0 else -value) >> low
                if magnitude == 0:
                    zeros += 1
                    continue
                while zeros > 15 and at <= newest and self._available[_ZERO_RUN]:  # noqa: PLR2004 - F.1.2.2.1
                    self._end_run()
                    self._put(_ZERO_RUN, 0, 0)
                    self._put_bits(self._block_bits)
                    zeros -= 16
                if magnitude > 1:
                    self._block_bits.append(magnitude & 1)
                elif zeros > 15 or not self._available[zeros << 4 | 1]:  # noqa: PLR2004
                    self._coefficients[at] = ((1 << low) - 1) * (1 if value > 0 else -1)
                    zeros += 1
                else:
                    self._end_run()
                    self._put(zeros << 4 | 1, 1, 1 if value > 0 else 0)
                    self._put_bits(self._block_bits)
                    zeros = 0
            if zeros or end < last or self._block_bits:
                self._extend_run()
        self._end_run()

    def finish(self, codes: "array[int]", first: int, first_bits: int) -> bytes:
        """The bytes of the scan, padded with ones (F.1.2.3), with byte stuffing (B.1.1.5).

        `first` contains the up to 7 bits of the photo in the first byte. `codes` are the results of `make_codes`.
        Raises MissingHuffmanCode.
        """
        units = array("I", bytes(4 * self._written))  # of 32 bits
        words = units  # as C sees it
        count = 0
        buffer, bits = first, first_bits
        for index in range(self._written):
            entry = self._symbols[index]
            size = (entry >> 16) & 15
            symbol = entry >> 20
            if symbol != _RAW:
                code = codes[symbol]
                if code == 0:
                    raise MissingHuffmanCode(f"symbol 0x{symbol & 0xFF:02X}")
                buffer = buffer << (code & _LENGTH) | code >> _LENGTH_BITS
                bits += code & _LENGTH
            buffer = buffer << size | entry & 0xFFFF
            bits += size
            if bits >= _UNIT_BITS:
                bits -= _UNIT_BITS
                words[count] = buffer >> bits
                count += 1
                buffer &= (_ONE << bits) - 1
        padding = -bits & 7
        rest = buffer << padding | ((_ONE << padding) - 1)
        if byteorder == "little":  # pragma: no branch
            units.byteswap()
        data = units.tobytes()[: 4 * count] + rest.to_bytes((bits + padding) // 8, "big")
        return data.replace(b"\xff", b"\xff\0")

    def _fit(self, at: int, zeros: int, low: int) -> int:
        """The magnitude to code after a run of zeros. Changes the coefficient if its own magnitude has no code."""
        value = self._coefficients[at]
        magnitude = (value if value > 0 else -value) >> low
        if magnitude == 0:
            return 0
        wanted = _count_bits(magnitude)
        if wanted > _MAX_SIZE:
            raise MissingHuffmanCode(f"AC size {wanted}")
        has_zero_run = zeros <= 15 or self._available[_ZERO_RUN]  # noqa: PLR2004
        if has_zero_run and self._available[(zeros & 15) << 4 | wanted]:
            return magnitude
        nearest = (1 << low) - 1  # zero in this scan; the refinement scans code its bits
        value = value if value > 0 else -value
        for size in range(1, _MAX_SIZE + 1):
            if has_zero_run and self._available[(zeros & 15) << 4 | size]:
                candidate = (1 << (size + low)) - 1 if size < wanted else 1 << (size - 1 + low)
                if abs(candidate - value) < abs(nearest - value):
                    nearest = candidate
        self._coefficients[at] = nearest if self._coefficients[at] > 0 else -nearest
        return nearest >> low

    def _put(self, symbol: int, size: int, bits: int) -> None:
        self._counts[symbol] += 1
        if self._written == len(self._symbols):
            self._symbols = array("I", bytes(self._symbols) + bytes(self._symbols))
        self._symbols[self._written] = symbol << 20 | size << 16 | bits
        self._written += 1

    def _put_bits(self, bits: bytearray) -> None:
        """Append bits without code words, and empty the array."""
        size = number = 0
        for bit in bits:
            number = number << 1 | bit
            size += 1
            if size == _RAW_BITS:
                self._put(_RAW, size, number)
                size = number = 0
        if size:
            self._put(_RAW, size, number)
        bits.clear()

    def _extend_run(self) -> None:
        """Add the block to the end-of-band run, with its correction bits."""
        longer = self._run + 1
        if longer > _MAX_RUN or not self._available[(_count_bits(longer) - 1) << 4]:
            self._end_run()
        self._run += 1
        self._run_bits.extend(self._block_bits)
        self._block_bits.clear()

    def _end_run(self) -> None:
        if self._run:
            size = _count_bits(self._run) - 1
            self._put(size << 4, size, self._run - (1 << size))
            self._run = 0
            self._put_bits(self._run_bits)


def _count_bits(magnitude: int) -> int:
    size = 0
    while magnitude >> size:
        size += 1
    return size
