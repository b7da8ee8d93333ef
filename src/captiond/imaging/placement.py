"""The place of the strip in the stored picture, which viewers may turn by its Exif orientation."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from PIL import Image

from captiond.imaging.jpeg.exif import read_orientation
from captiond.imaging.jpeg.mcu_layout import pad
from captiond.imaging.jpeg.segments import APP1, FRAMES, find_segments
from captiond.imaging.style import Position

Side: TypeAlias = Literal["top", "bottom", "left", "right"]

_SIDEWAYS: frozenset[Side] = frozenset({"left", "right"})
_BEFORE_THE_PHOTO: frozenset[Side] = frozenset({"top", "left"})
_OPPOSITE: dict[Side, Side] = {"top": "bottom", "bottom": "top", "left": "right", "right": "left"}
_BOTTOMS: dict[int, Side] = {
    1: "bottom",
    2: "bottom",
    3: "top",
    4: "top",
    5: "right",
    6: "right",
    7: "left",
    8: "left",
}
"""Orientation -> the side of the stored picture that viewers show at the bottom (Exif 2.32 section 4.6.4)."""
_FROM_VIEWED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""Orientation -> the transposition from the viewed picture to the stored one."""
_ROTATIONS = {
    Image.Transpose.ROTATE_90: Image.Transpose.ROTATE_270,
    Image.Transpose.ROTATE_270: Image.Transpose.ROTATE_90,
}
"""The transpositions that are not their own inverse."""


@dataclass(frozen=True, slots=True)
class Placement:
    """The side of the stored picture that takes the strip, for a picture of some orientation (1 to 8)."""

    orientation: int
    side: Side

    @property
    def is_sideways(self) -> bool:
        """Whether the strip runs along a left or right side, so that viewers exchange width and height."""
        return self.side in _SIDEWAYS

    def viewed(self, size: tuple[int, int]) -> tuple[int, int]:
        """Width and height of the stored picture as viewers show it."""
        return (size[1], size[0]) if self.is_sideways else size

    def turn(self, strip: Image.Image, mcu_size: tuple[int, int]) -> Image.Image:
        """The strip as stored. Before the photo it consists of whole MCUs, so that the photo's blocks keep their grid.

        The strip's background fills them, half above the text and half below.
        """
        if self.side in _BEFORE_THE_PHOTO:
            missing_px = -strip.height % mcu_size[0 if self.is_sideways else 1]
            strip = pad(strip, (strip.width, strip.height + missing_px), missing_px // 2)
        transposition = _FROM_VIEWED.get(self.orientation)
        return strip if transposition is None else strip.transpose(transposition)

    def arrange(self, photo: tuple[int, int], strip: tuple[int, int]) -> tuple[tuple[int, int], ...]:
        """The size of photo and strip together, the photo's place in it and the strip's."""
        if self.is_sideways:
            size = (photo[0] + strip[0], photo[1])
            places = ((0, 0), (photo[0], 0))
        else:
            size = (photo[0], photo[1] + strip[1])
            places = ((0, 0), (0, photo[1]))
        if self.side in _BEFORE_THE_PHOTO:
            places = ((strip[0], 0), (0, 0)) if self.is_sideways else ((0, strip[1]), (0, 0))
        return size, *places


def place(orientation: int, position: Position) -> Placement:
    """The placement of a strip that viewers show below or above the photo."""
    bottom = _BOTTOMS[orientation]
    return Placement(orientation, bottom if position == "below" else _OPPOSITE[bottom])


def turn_to_viewed(stored: Image.Image, orientation: int) -> Image.Image:
    """The picture as viewers show it."""
    transposition = _FROM_VIEWED.get(orientation)
    return stored if transposition is None else stored.transpose(_ROTATIONS.get(transposition, transposition))


def measure_viewed(jpeg: bytes) -> tuple[int, int] | None:
    """Width and height of a JPEG as viewers show it, or None without a readable frame header."""
    exif: list[bytes] = []
    for segment in find_segments(jpeg):
        if segment.marker == APP1:
            exif.append(segment.body)
        elif segment.marker in FRAMES:
            height_px, width_px = int.from_bytes(segment.body[1:3], "big"), int.from_bytes(segment.body[3:5], "big")
            return place(read_orientation(exif), "below").viewed((width_px, height_px))
    return None
