"""Decodes the entropy-coded segments of a baseline scan (T.81 F.2).

Cython compiles this module to `_native`, with the C types of `_native.pxd`. Where no compiler is available, the module
runs interpreted with the same results. Every integer therefore fits the type that `_native.pxd` gives it. The inner
loops have literal numbers, because C takes a global name for a variable: a word has 32 bits, a block 64 coefficients,
and its end counts as 128. The AC steps of a component follow its 4096 DC steps.

C does not check the bounds of arrays here, which would take 8 % of the time of a caption. So offsets of data are
compared with its size, and offsets of tables are those of `plan` plus a window of as many bits as the tables are for.
"""

from array import array

ENDS_EARLY = "the scan ends early"
INVALID_CODE = "invalid Huffman code"
TOO_MANY_COEFFICIENTS = "more than 64 coefficients in a block"
EXTRA_DATA = "data after the last MCU"
WRONG_MARKER = "wrong restart marker"

_INVALID = 65 << 8  # see decoder_table.py
_MASK_64 = 0xFFFF_FFFF_FFFF_FFFF
_ONES, _LOWEST, _HIGHEST = 0xFFFF_FFFF, 0x0101_0101, 0x8080_8080  # all, the lowest, the highest bits of four bytes
_FF, _RST0 = 0xFF, 0xD0
_ONE = 1  # as wide as a coefficient
_STARTS = 512  # blocks whose DC differences are added at a time


class EntropyDecoder:
    """Decodes the MCUs of a scan one after another, across restart markers.

    After a fault, `fault` names it, `mcu` is the number of the faulty MCU, and only `resume` may follow.
    """

    def __init__(self, data: bytes, at: int, plan: "array[int]", tables: "array[int]", steps: "array[int]") -> None:
        """Start at the first byte of a restart interval.

        `plan` has the number of MCUs in an interval (0 is all), in the scan, and before `at`. Then it has four numbers
        for each block of an MCU: its component, and the offsets of its DC table, of its AC table and of its steps.
        `tables` and `steps` are those of decoder_table.py, one after the other. Without steps, decoding is slower.
        """
        self.fault = ""
        self.mcu = plan[2]  # decoded so far
        self.at = at  # of the next byte to load
        self.end = at  # of the last complete restart interval
        self._data = data
        self._size = len(data)
        self._words = memoryview(data)[: len(data) & ~7].cast("Q")
        self._interval = plan[0]
        self._mcus = plan[1]
        self._plan = plan
        self._plan_size = len(plan)
        self._tables = tables
        self._steps = steps
        self._order = plan[6::4] + plan[6:7] + plan[6:7]  # offsets of steps: of each block, and the next
        self._blocks = len(plan) // 4 if steps else 0
        self._starts = array("Q", [0]) * (_STARTS + self._blocks + 1)
        self._restarts = plan[2] // plan[0] if plan[0] else 0
        self._interval_end = min(plan[2] + (plan[0] or plan[1]), plan[1])  # MCUs
        self._predictors = array("q", bytes(32))
        self._buffer = 0  # the next bits, from the highest of 64 on
        self._bits = 0  # how many of them are loaded
        self._predicts = True
        self._padding = 0  # of these, zeros that stand for bits beyond the end of the interval

    def skip(self, mcus: int, *, predict: bool = True) -> bool:
        """Decode MCUs without keeping their values; False is a fault.

        Without `predict`, `predictors` and `read` have no meaning until the next restart interval.
        """
        self._predicts = predict
        return self._decode(mcus, None)

    def read(self, mcus: int, blocks: list[tuple[int, list[int]]]) -> bool:
        """Decode MCUs and append their blocks; False is a fault.

        A block is its DC coefficient and its AC symbols, each with its additional bits: `symbol << 16 | bits`.
        """
        return self._decode(mcus, blocks)

    def resume(self) -> bool:
        """After a fault, continue at the next marker; False where the fault is in the last interval or in a marker."""
        if self._interval_end >= self._mcus or self.fault == WRONG_MARKER:
            return False
        while self.at < self._size and not self._is_marker(self.at):
            self.at += 1
        self.mcu = self._interval_end
        self._reset()
        return True

    def position(self) -> int:
        """The offset of the next bit to decode; behind a complete restart interval, of the marker."""
        bits = self._bits - self._padding
        at = self.at
        for _ in range(-(-bits >> 3)):
            at -= 1
            if self._data[at] == 0 and at and self._data[at - 1] == _FF:
                at -= 1
        return 8 * at + (-bits & 7)

    def predictors(self) -> list[int]:
        """The DC coefficients that the next differences are added to (F.1.1.5.1)."""
        return list(self._predictors)

    def _decode(self, mcus: int, blocks: list[tuple[int, list[int]]] | None) -> bool:
        last = self.mcu + mcus
        while self.mcu < last:
            if self.mcu == self._interval_end and not self._restart():
                return False
            end = min(last, self._interval_end)
            if blocks is None and self._blocks > 0:
                self._pass(end)
            if self.mcu < end:
                for at in range(3, self._plan_size, 4):
                    if not self._decode_block(at, blocks):
                        return False
                if self._bits < self._padding:
                    return self._fail(ENDS_EARLY)
                self.mcu += 1
            if self.mcu == self._interval_end and not self._finish_interval():
                return False
        return True

    def _pass(self, last: int) -> None:  # noqa: C901, PLR0912, PLR0915 - one loop, whose variables stay in registers
        """Pass MCUs up to number `last`, several symbols per look-up. Stop before an MCU near a marker or with a fault.

        The end of a block takes no branch, which would be mispredicted. The DC differences are added later, because the
        next look-up does not need them.
        """
        at = self.at
        buffer = self._buffer
        bits = self._bits
        lowest = 0x0101_0101  # as C sees constants of 64 bits: in two halves
        lowest |= lowest << 32
        mask = 255 * lowest
        block = 0
        table = self._order[0]
        is_dc = 1
        passed = 0
        count = complete = 0  # of blocks that began, and of those in complete MCUs
        while self.mcu < last and at + 16 <= self._size and not self._padding:
            word = self._load_word(at)
            if not ((word ^ mask) - lowest) & word & lowest << 7:  # no byte is FF
                buffer = buffer & mask | word >> bits
                at += (63 - bits) >> 3
                bits |= 56
            else:
                buffer &= ~(mask >> bits)
                while bits < 56 and not self._is_marker(at):
                    word = self._data[at]
                    buffer |= word << (56 - bits)
                    bits += 8
                    at += 2 if self._data[at] == _FF else 1
                if bits < 32:
                    break
            for _ in range(2):
                if bits < 32:
                    break
                own = self._order[block] + 4096
                following = self._order[block + 1]
                self._starts[count] = buffer & mask
                count += is_dc
                entry = self._steps[table + (buffer >> 52 & 4095)]
                after = passed + (entry >> 8)
                if after & 64:  # a long code, or the block ends within the step
                    entry = self._find(self._plan[4 * block + (4 if is_dc else 5)], buffer & mask)
                    run = entry >> 8 & 255
                    after = 0 if is_dc else passed + run + (run >> 7)
                    if after & 64 or entry == _INVALID:
                        last = 0
                        break
                buffer <<= entry & 63
                bits -= entry & 63
                is_dc = after >= 63
                table = own ^ (own ^ following) & -is_dc
                passed = after & (is_dc - 1)
                block += is_dc
                if block == self._blocks:
                    block = 0
                    self.at = at
                    self._buffer = buffer & mask & ~(mask >> bits)
                    self._bits = bits
                    self.mcu += 1
                    complete = count
                    if count > _STARTS:
                        if self._predicts:
                            self._add_differences(count)
                        count = complete = 0
                    if self.mcu == last:
                        break
        if self._predicts:
            self._add_differences(complete)

    def _load_word(self, at: int) -> int:
        """Eight bytes, from two words and with their order reversed, which takes C one instruction."""
        pairs = 0x00FF_00FF
        pairs |= pairs << 32
        low = 0xFFFF
        halves = low << 32 | low
        low |= low << 16
        shift = 8 * (at & 7)
        word = self._words[at >> 3] >> shift | self._words[(at >> 3) + 1] << 1 << (63 - shift)
        word = word >> 8 & pairs | (word & pairs) << 8
        word = word >> 16 & halves | (word & halves) << 16
        return word >> 32 | (word & low) << 32

    def _find(self, table: int, buffer: int) -> int:
        """The entry of the next code word."""
        longer = self._tables[table]
        return self._tables[table + (1 + (buffer >> 56) if buffer >> 48 < longer else 257 - longer + (buffer >> 48))]

    def _add_differences(self, count: int) -> None:
        """Add to the predictors the DC differences of blocks, from the bits that these begin with."""
        at = 3
        for index in range(count):
            buffer = self._starts[index]
            entry = self._find(self._plan[at + 1], buffer)
            if entry >> 16:
                ones = (_ONE << (entry >> 16)) - 1
                number = buffer >> (64 - (entry & 63)) & ones
                self._predictors[self._plan[at]] += number - ones * (2 * number <= ones)
            at = at + 4 if at + 4 < self._plan_size else 3

    def _decode_block(self, at: int, blocks: list[tuple[int, list[int]]] | None) -> bool:
        component = self._plan[at]
        if not self._decode_dc(component, self._plan[at + 1]):
            return False
        if blocks is None:
            return self._skip_ac(self._plan[at + 2])
        symbols: list[int] = []
        blocks.append((self._predictors[component], symbols))
        return self._read_ac(self._plan[at + 2], symbols)

    def _decode_dc(self, component: int, table: int) -> bool:
        """Add the difference to the predictor (F.2.2.1)."""
        bits = self._bits
        buffer = self._buffer
        if bits < 32:
            buffer |= self._load() << (32 - bits)
            bits += 32
        longer = self._tables[table]
        index = 1 + (buffer >> 56) if buffer >> 48 < longer else 257 - longer + (buffer >> 48)
        entry = self._tables[table + index]
        self._buffer = (buffer << (entry & 63)) & _MASK_64
        self._bits = bits - (entry & 63)
        if entry == _INVALID:
            return self._fail(INVALID_CODE)
        if entry >> 16:
            ones = (_ONE << (entry >> 16)) - 1
            number = buffer >> (64 - (entry & 63)) & ones
            self._predictors[component] += number - ones * (2 * number <= ones)  # a branch would be mispredicted
        return True

    def _skip_ac(self, table: int) -> bool:
        """Pass the AC coefficients of a block (F.2.2.2)."""
        bits = self._bits
        buffer = self._buffer
        longer = self._tables[table]
        entry = 0
        passed = 1
        while passed < 64:
            if bits < 32:
                buffer |= self._load() << (32 - bits)
                bits += 32
            index = 1 + (buffer >> 56) if buffer >> 48 < longer else 257 - longer + (buffer >> 48)
            entry = self._tables[table + index]
            bits -= entry & 63
            passed += (entry >> 8) & 255
            buffer = (buffer << (entry & 63)) & _MASK_64
        self._buffer = buffer
        self._bits = bits
        return passed == 64 or passed > 128 or self._fail_ac(entry)

    def _read_ac(self, table: int, symbols: list[int]) -> bool:
        """Append the AC symbols of a block and their additional bits (F.2.2.2)."""
        bits = self._bits
        buffer = self._buffer
        longer = self._tables[table]
        entry = 0
        passed = 1
        while passed < 64:
            if bits < 32:
                buffer |= self._load() << (32 - bits)
                bits += 32
            index = 1 + (buffer >> 56) if buffer >> 48 < longer else 257 - longer + (buffer >> 48)
            entry = self._tables[table + index]
            bits -= entry & 63
            passed += (entry >> 8) & 255
            symbol = entry >> 16
            symbols.append(symbol << 16 | ((buffer >> (64 - (entry & 63))) & ((1 << (symbol & 15)) - 1)))
            buffer = (buffer << (entry & 63)) & _MASK_64
        self._buffer = buffer
        self._bits = bits
        return passed == 64 or passed > 128 or self._fail_ac(entry)

    def _fail_ac(self, entry: int) -> bool:
        return self._fail(INVALID_CODE if entry == _INVALID else TOO_MANY_COEFFICIENTS)

    def _load(self) -> int:
        """The next four bytes without their byte stuffing (B.1.1.5), or zeros from the next marker on."""
        at = self.at
        if at + 4 <= self._size:
            word = self._data[at]
            word = word << 24 | self._data[at + 1] << 16 | self._data[at + 2] << 8 | self._data[at + 3]
            if not ((word ^ _ONES) - _LOWEST) & word & _HIGHEST:  # no byte is FF
                self.at = at + 4
                return word
        word = 0
        for _ in range(4):
            word <<= 8
            if at == self._size or self._is_marker(at):
                self._padding += 8
            else:
                word |= self._data[at]
                at += 2 if self._data[at] == _FF else 1
        self.at = at
        return word

    def _is_marker(self, at: int) -> bool:
        return self._data[at] == _FF and (at + 1 == self._size or self._data[at + 1] != 0)

    def _finish_interval(self) -> bool:
        """Require that only padding follows: the rest of the last byte (F.1.2.3), and surplus bytes of ones."""
        at = self.position() + 7 >> 3
        if at < self._size and self._data[at] == 0 and self._data[at - 1] == _FF:
            at += 1
        self.end = at
        while at < self._size and not self._is_marker(at):
            if self._data[at] != _FF:
                return self._fail(EXTRA_DATA)
            at += 2
        if self._interval and self.mcu % self._interval == 0:
            self.at = at
            self._reset()
        return True

    def _restart(self) -> bool:
        """Pass the restart marker at `at` (E.2.4)."""
        at = self.at
        while at < self._size and self._data[at] == _FF:
            at += 1
        if at == self._size or self._data[at] != _RST0 + (self._restarts & 7):
            return self._fail(WRONG_MARKER)
        self.at = at + 1
        self._restarts += 1
        self._interval_end = min(self._interval_end + self._interval, self._mcus)
        return True

    def _reset(self) -> None:
        """Begin a restart interval (F.2.1.3.1)."""
        self._buffer = 0
        self._bits = 0
        self._padding = 0
        for component in range(4):
            self._predictors[component] = 0

    def _fail(self, fault: str) -> bool:
        self.fault = ENDS_EARLY if self._bits < self._padding else fault
        return False
