"""The configuration of imaging."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from PIL import ImageColor

Colour: TypeAlias = tuple[int, int, int]
Alignment: TypeAlias = Literal["left", "centre", "right"]
Position: TypeAlias = Literal["below", "above"]


@dataclass(frozen=True, slots=True)
class Style:
    """The appearance of captions, and the limits of photos. Raises ValueError for invalid colours."""

    font_name: str | None = None
    """A family ("Arial"), a family with its style ("Arial Bold") or a path; None: the bundled Roboto."""
    font_size_px: int = 12
    max_pixels: int = 50_000_000
    """Larger photos are rejected before any pixel is decoded."""
    max_scans: int = 100
    """Photos with more scans are rejected: each costs time even if it is empty."""
    text_colour: str = "white"
    """A CSS colour. Grey is fastest: the strip then needs no chroma."""
    strip_colour: str = "black"
    padding_px: int = 4
    alignment: Alignment = "left"
    position: Position = "below"
    """The position of the strip, as viewers show the photo."""
    check_damage: bool = True
    """Whether to look for damage in the compressed data of every photo."""

    def __post_init__(self) -> None:
        """Raise ValueError for invalid colours."""
        self.text_rgb()
        self.strip_rgb()

    def text_rgb(self) -> Colour:
        """The text's colour."""
        return ImageColor.getrgb(self.text_colour)[:3]

    def strip_rgb(self) -> Colour:
        """The strip's colour."""
        return ImageColor.getrgb(self.strip_colour)[:3]
