"""What the page needs from the settings."""

from dataclasses import dataclass
from datetime import UTC, tzinfo


@dataclass(frozen=True, slots=True)
class PageOptions:
    """`zone` is the time zone of the times on the page."""

    zone: tzinfo = UTC
