"""Options for the events of cameras."""

from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from captiond.operations.caption_template import DEFAULT_EVENT_TEMPLATE, CaptionTemplate


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """Templates of the descriptions, and the zone of times without offset.

    `only_main_picture` skips the other pictures of an event.
    """

    hikvision: CaptionTemplate = field(default_factory=lambda: CaptionTemplate(DEFAULT_EVENT_TEMPLATE))
    dahua: CaptionTemplate = field(default_factory=lambda: CaptionTemplate(DEFAULT_EVENT_TEMPLATE))
    zone: tzinfo = UTC
    only_main_picture: bool = False
