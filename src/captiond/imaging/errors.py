"""What can go wrong in imaging, told in words a person can act on."""

from collections.abc import Sequence

_FAMILIES_NAMED = 40  # a message must stay readable on a machine with hundreds of fonts


class ImagingError(Exception):
    """Base of all errors of this package."""


class BadImage(ImagingError):
    """The bytes cannot be captioned, now or ever; the message says what is wrong with them."""


class NotSpliceable(ImagingError):
    """No strip can be joined to this JPEG without decoding it; the message says why."""


class NotRestorable(ImagingError):
    """The upload cannot be had back from these bytes; the message says why."""


class FontNotFound(ImagingError):
    """No installed font has the configured name."""

    def __init__(self, wanted: str, families: Sequence[str]) -> None:
        self.wanted = wanted
        self.families = tuple(families)
        named = ", ".join(self.families[:_FAMILIES_NAMED]) or "none"
        unnamed = len(self.families) - _FAMILIES_NAMED
        more = f" and {unnamed} more" if unnamed > 0 else ""
        super().__init__(f"font {wanted!r} not found; installed families: {named}{more}")
