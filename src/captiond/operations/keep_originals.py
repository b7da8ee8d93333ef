"""Which uploads are stored as originals."""

from enum import StrEnum
from typing import Self


class KeepOriginals(StrEnum):
    """Which uploads are stored beside their captioned images. The others can be restored from these."""

    REENCODED = "reencoded"
    ALWAYS = "always"
    NEVER = "never"

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        """Accept "redrawn", the name of `reencoded` in version 0.1."""
        return cls("reencoded") if value == "redrawn" else None

    def applies(self, *, reencoded: bool) -> bool:
        return self is KeepOriginals.ALWAYS or (self is KeepOriginals.REENCODED and reencoded)
