"""The block order of the last MCU rows in the scans of a progressive photo (T.81 section A.2)."""

from array import array
from collections.abc import Sequence

from captiond.imaging.jpeg.header import Header


class Rows:
    """The MCU rows from the photo's partial last row on. If no row is partial, the rows below the photo.

    Blocks are numbered in the order of an interleaved scan of all components.
    """

    def __init__(self, header: Header, height_px: int) -> None:
        """Take the photo's header, and the height of the picture with these rows."""
        self.components = header.components
        self._mcus_across = header.mcus_across
        self._size_px = (header.width_px, height_px)
        self._mcu_px = (header.mcu_width_px, header.mcu_height_px)
        self._first = header.height_px // header.mcu_height_px
        self._numbers = [0]  # of each component's first block in an MCU, and of all blocks of an MCU
        for component in header.components:
            self._numbers.append(self._numbers[-1] + component.across * component.down)
        self._orders: dict[tuple[int, ...], array[int]] = {}

    @property
    def mcus(self) -> int:
        """The number of MCUs in these rows."""
        return self._mcus_across * (-(-self._size_px[1] // self._mcu_px[1]) - self._first)

    @property
    def blocks(self) -> int:
        """The number of blocks in these rows."""
        return self.mcus * self._numbers[-1]

    def first_unit(self, components: Sequence[int]) -> int:
        """The number of MCUs (one component: blocks) before these rows in a scan of the components."""
        if len(components) > 1:
            return self._first * self._mcus_across
        component = self.components[components[0]]
        return self._first * component.down * self._blocks_across(components[0])

    def order(self, components: tuple[int, ...]) -> "array[int]":
        """The block numbers in the order of a scan of the components.

        A scan of a single component omits blocks without samples of the picture (A.2.2).
        """
        if components not in self._orders:
            order = self._order_row(components[0]) if len(components) == 1 else self._order_mcus(components)
            self._orders[components] = order
        return self._orders[components]

    def _order_mcus(self, components: tuple[int, ...]) -> "array[int]":
        in_mcu = [at for component in components for at in range(*self._numbers[component : component + 2])]
        order = array("i", bytes(4 * self.mcus * len(in_mcu)))
        for index, at in enumerate(in_mcu):
            order[index :: len(in_mcu)] = array("i", range(at, self.blocks, self._numbers[-1]))
        return order

    def _order_row(self, component: int) -> "array[int]":
        across, down = self.components[component].across, self.components[component].down
        blocks = self._blocks_across(component)
        rows = -(-self._size_px[1] * down // self._mcu_px[1])
        order = array("i")
        for row in range(rows - self._first * down):
            first = row // down * self._mcus_across * self._numbers[-1] + self._numbers[component] + row % down * across
            line = array("i", bytes(4 * self._mcus_across * across))
            for at in range(across):
                end = first + self._mcus_across * self._numbers[-1]
                line[at::across] = array("i", range(first + at, end + at, self._numbers[-1]))
            order += line[:blocks]
        return order

    def _blocks_across(self, component: int) -> int:
        return -(-self._size_px[0] * self.components[component].across // self._mcu_px[0])
