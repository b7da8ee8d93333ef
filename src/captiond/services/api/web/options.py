"""What the page needs from the settings."""

from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Literal


@dataclass(frozen=True, slots=True)
class PageOptions:
    """`zone` is the time zone of the times on the page, `caption_position` the place of the strip in previews."""

    zone: tzinfo = UTC
    caption_position: Literal["below", "above"] = "below"
