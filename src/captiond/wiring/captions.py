"""Constructs the captioner from the settings."""

import os

from captiond.imaging import Captioner, FontNotFound, Style
from captiond.imaging.text.fonts import load_font
from captiond.settings import ConfigurationError, Settings


def make_captioner(settings: Settings) -> Captioner:
    """Load the font. Raises ConfigurationError."""
    try:
        return Captioner(make_style(settings))
    except FontNotFound as error:
        raise ConfigurationError(f"CAPTIOND_FONT_NAME: {error}") from error


def describe_font(settings: Settings) -> str:
    """Return family, style and file of the font that `font_name` selects. Raises ConfigurationError."""
    try:
        font = load_font(settings.font_name, settings.font_size)
    except FontNotFound as error:
        raise ConfigurationError(f"CAPTIOND_FONT_NAME: {error}") from error
    return f"{' '.join(part for part in font.getname() if part)}, {_path(font.path)}"


def _path(path: object) -> str:
    return os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else str(path)


def make_style(settings: Settings) -> Style:
    """Return the style of the captions."""
    return Style(
        font_name=settings.font_name,
        font_size_px=settings.font_size,
        max_pixels=settings.max_pixels,
        max_scans=settings.max_scans,
        text_colour=settings.caption_text_colour,
        strip_colour=settings.caption_strip_colour,
        padding_px=settings.caption_padding,
        alignment=settings.caption_alignment,
        position=settings.caption_position,
        check_damage=settings.check_damage,
    )
