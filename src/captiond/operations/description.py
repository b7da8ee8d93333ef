"""Writes the description of an image whose sender cannot correct it, such as a camera."""

from dataclasses import replace
from unicodedata import normalize

import regex  # type: ignore[import-untyped] # it has no types

from captiond.image import MAX_DESCRIPTION_CHARACTERS, ReceivedImage
from captiond.operations.caption_template import CaptionTemplate

# Visible characters: neither space nor default ignorable (UAX #44), control or format character, nor the blank braille
# pattern. Format characters that enclose numbers are visible.
_VISIBLE = regex.compile(
    r"(?V1)[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\u2800]|\p{Prepended_Concatenation_Mark}"
)


def is_blank(text: str) -> bool:
    """Return whether a text has no visible character."""
    return not _VISIBLE.search(text)


def describe(image: ReceivedImage, template: CaptionTemplate, fallback: str) -> ReceivedImage:
    """Render the template as the description. Text beyond the limit is cut; the fallback replaces blank text."""
    text = shorten(normalize("NFC", template.fill(image)).replace("\0", " "))  # a template in YAML may have U+0000
    return replace(image, description=shorten(fallback) if is_blank(text) else text)


def shorten(text: str, max_characters: int = MAX_DESCRIPTION_CHARACTERS) -> str:
    """Shorten a text to the limit. An ellipsis marks the cut."""
    return text if len(text) <= max_characters else text[: max_characters - 1] + "…"
