"""Constructs the captioner from the settings."""

from captiond.imaging import Captioner, FontNotFound, Style
from captiond.settings import ConfigurationError, Settings


def make_captioner(settings: Settings) -> Captioner:
    """Load the font. Raises ConfigurationError."""
    try:
        return Captioner(make_style(settings))
    except FontNotFound as error:
        raise ConfigurationError(f"CAPTIOND_FONT_NAME: {error}") from error


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
