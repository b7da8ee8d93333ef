"""The errors of imaging. Each message names what failed and why."""

from collections.abc import Sequence
from typing import Self

_MAX_FAMILIES_LISTED = 40  # keeps the message readable on a machine with hundreds of fonts


class ImagingError(Exception):
    """Base of all errors of this package."""


class BadImage(ImagingError):
    """The bytes cannot be captioned; a retry fails in the same way."""


class JpegError(ImagingError):
    """Base of the errors of the JPEG parser and writer."""


class MalformedJpeg(JpegError):
    """The file violates ITU-T T.81."""


class TooManySegments(MalformedJpeg):
    """The file would take memory out of proportion to its size."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} segments before the scan")


class UnsupportedJpeg(JpegError):
    """The file may be valid, but uses a feature of JPEG that the parser does not implement."""


class UndecodableJpeg(UnsupportedJpeg):
    """The file uses a feature of JPEG that most decoders do not implement, libjpeg among them."""


class MissingHuffmanCode(JpegError):
    """A Huffman table has no code for a symbol that must be written."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        super().__init__(f"Huffman table lacks {symbol}")


class NotSpliceable(ImagingError):
    """No strip can be joined to this JPEG without re-encoding the photo."""


class NoThumbnail(ImagingError):
    """No thumbnail can be made of this file; a retry fails in the same way."""


class NotRestorable(ImagingError):
    """The upload cannot be restored from these bytes."""


class FontNotFound(ImagingError):
    """The configured font cannot be loaded."""

    @classmethod
    def named(cls, name: str, families: Sequence[str]) -> Self:
        """No installed font has this name."""
        listed = ", ".join(families[:_MAX_FAMILIES_LISTED]) or "none"
        unlisted = len(families) - _MAX_FAMILIES_LISTED
        more = f" and {unlisted} more" if unlisted > 0 else ""
        return cls(f"no font named {name!r}; installed families: {listed}{more}")
