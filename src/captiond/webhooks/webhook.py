"""A subscription: which events go to which URL."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit
from uuid import UUID

from captiond.names import normalize_name

MAX_NAME_CHARACTERS = 40
MAX_URL_CHARACTERS = 2000
_URL_TEXT = re.compile(r"[!-~]+")


class EventType(StrEnum):
    """What happened to an image."""

    STORED = "image.stored"
    FAILED = "image.failed"
    DAMAGED = "image.damaged"

    @property
    def topic(self) -> str:
        """The topic under which the queues report it."""
        return self.value.removeprefix("image.")

    @classmethod
    def of_topic(cls, topic: str) -> "EventType":
        """Return the type of a topic. Raises ValueError."""
        return cls(f"image.{topic}")


class InvalidWebhook(ValueError):
    """A webhook cannot have this URL or name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A subscription with its secrets, the newest first, and its last result.

    A `disabled_reason` stops its deliveries. `failures` counts failed attempts since `succeeded_at`, the time of the
    last success. `result` describes the last attempt, which ended at `attempted_at`. Times are aware UTC.
    """

    id: UUID
    name: str
    url: str = field(repr=False)  # its path may contain a token
    secrets: tuple[str, ...] = field(repr=False)
    events: frozenset[EventType]
    created_at: datetime
    disabled_reason: str | None = None
    attempted_at: datetime | None = None
    succeeded_at: datetime | None = None
    result: str | None = None
    failures: int = 0

    @property
    def topics(self) -> frozenset[str]:
        """The topics to which the queues subscribe it; none while it is disabled."""
        return frozenset() if self.disabled_reason else frozenset(event.topic for event in self.events)

    @property
    def state(self) -> str:
        """`disabled`, `failing`, `ok`, or `new` before its first attempt."""
        if self.disabled_reason:
            return "disabled"
        if self.failures:
            return "failing"
        return "ok" if self.attempted_at else "new"


def check_name(name: str) -> str:
    """Return the normalised name. Raises InvalidWebhook unless it has 1 to MAX_NAME_CHARACTERS printable characters."""
    name = normalize_name(name)
    if not name or not name.isprintable() or len(name) > MAX_NAME_CHARACTERS:
        raise InvalidWebhook(f"the name {name!r} must have 1 to {MAX_NAME_CHARACTERS} printable characters")
    return name


def check_url(url: str) -> str:
    """Return the URL. Raises InvalidWebhook unless it is an HTTP URL without user, password and fragment.

    The address is checked at each delivery, because a name may change its addresses.
    """
    if len(url) > MAX_URL_CHARACTERS:
        raise InvalidWebhook(f"the URL has {len(url)} characters; the limit is {MAX_URL_CHARACTERS}")
    if not _URL_TEXT.fullmatch(url):
        raise InvalidWebhook("the URL may contain only visible ASCII characters; percent-encode the others")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidWebhook(f"invalid URL: {error}") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidWebhook("the URL must start with https:// or http:// and name a host")
    if port == 0:
        raise InvalidWebhook("the URL has port 0, to which nothing can connect")
    if parts.username is not None or parts.password is not None:
        raise InvalidWebhook("the URL must not contain a user or a password; the receiver checks the signature")
    if parts.fragment:
        raise InvalidWebhook("the URL must not contain a fragment")
    return url
