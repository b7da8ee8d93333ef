"""Names that people write in several places, such as those of cameras and API keys."""

from unicodedata import normalize


def normalize_name(text: str) -> str:
    """Return the form that is stored and compared: NFC, without white space at the ends.

    File names of macOS are in NFD, which looks the same.
    """
    return normalize("NFC", text).strip()
