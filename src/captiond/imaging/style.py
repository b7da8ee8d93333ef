"""How captions look: the configuration of imaging."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from PIL import ImageColor

Colour: TypeAlias = tuple[int, int, int]
Alignment: TypeAlias = Literal["left", "centre", "right"]
Position: TypeAlias = Literal["below", "above"]


@dataclass(frozen=True, slots=True)
class Style:
    """How captions look, and which photos are too large to take on."""

    font_name: str | None = None
    """A family ("Arial"), a family with its style ("Arial Bold") or a path; None: bundled Roboto."""
    font_size_px: int = 12
    max_pixels: int = 50_000_000
    """Photos of more pixels are refused before any of them is decoded."""
    text_colour: str = "white"
    """A CSS colour; a grey one keeps the photo's chroma out of the strip, and is the fastest."""
    strip_colour: str = "black"
    padding_px: int = 4
    alignment: Alignment = "left"
    position: Position = "below"
    """Of the strip. Nothing can be joined above a photo without encoding it anew."""

    def __post_init__(self) -> None:
        """Raise ValueError for what is no colour."""
        self.text_rgb()
        self.strip_rgb()

    def text_rgb(self) -> Colour:
        """The text's colour."""
        return ImageColor.getrgb(self.text_colour)[:3]

    def strip_rgb(self) -> Colour:
        """The strip's colour."""
        return ImageColor.getrgb(self.strip_colour)[:3]
