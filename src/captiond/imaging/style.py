"""How captions look: the configuration of imaging."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Style:
    """How captions look, and which photos are too large to take on."""

    font_name: str | None = None
    """A family ("Arial"), a family with its style ("Arial Bold") or a path; None: bundled Roboto."""
    font_size_px: int = 12
    max_pixels: int = 50_000_000
    """Photos of more pixels are refused before any of them is decoded."""
