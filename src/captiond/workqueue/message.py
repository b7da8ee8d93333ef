"""What travels on a queue: an id, headers and a body of bytes, as the flat fields of a stream entry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from uuid import UUID

FORMAT_VERSION = 1
MAX_VERSION_DIGITS = 9
RESERVED_FIELDS = frozenset({"v", "id", "body"})
ABOUT_DEATH = "dead_"
# A script can add an entry of less than 4000 fields; 100 are plenty.
MAX_HEADERS = 100


class MalformedMessage(ValueError):
    """The fields of a stream entry are no message of a format this version reads."""


@dataclass(frozen=True, slots=True)
class Message:
    """At most 100 headers, opaque to the queue; none is named v, id, body or dead_…, that raises ValueError."""

    id: UUID
    headers: Mapping[str, bytes]
    body: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.headers) > MAX_HEADERS:
            raise ValueError(f"{len(self.headers)} headers are more than {MAX_HEADERS}")
        for name in self.headers:
            if name in RESERVED_FIELDS or name.startswith(ABOUT_DEATH):
                raise ValueError(f"header name {name!r} is reserved")

    def fields(self) -> list[bytes]:
        """Return field, value, field, value … as XADD takes them."""
        flat = [b"v", b"%d" % FORMAT_VERSION, b"id", str(self.id).encode()]
        for name, value in self.headers.items():
            flat += (name.encode(), value)
        return [*flat, b"body", self.body]


@dataclass(frozen=True)
class Delivery:
    """One handing out of a stream entry to one consumer; `deliveries` counts this one too."""

    entry: bytes
    deliveries: int
    fields: Mapping[bytes, bytes] = field(repr=False)

    @cached_property
    def size_bytes(self) -> int:
        """The entry's share of the queue's budget."""
        return sum(len(name) + len(value) for name, value in self.fields.items())

    @property
    def is_newer(self) -> bool:
        """Whether a newer version of this program has written it, which a newer worker can read."""
        version = self.fields.get(b"v", b"")[:MAX_VERSION_DIGITS]
        return version.isdigit() and int(version) > FORMAT_VERSION

    @property
    def queued_at(self) -> float:
        """When it was put on its queue, seconds since the epoch by the server's clock."""
        return int(self.entry.partition(b"-")[0]) / 1000

    @cached_property
    def id(self) -> str:
        """The message's id as far as it can be read, else an empty string."""
        try:
            return str(UUID(self.fields.get(b"id", b"").decode()))
        except ValueError:
            return ""

    def message(self) -> Message:
        """Decode the entry. Raises MalformedMessage."""
        version = self.fields.get(b"v")
        if version != b"%d" % FORMAT_VERSION:
            raise MalformedMessage(f"message format {version!r} is not {FORMAT_VERSION}")
        body = self.fields.get(b"body")
        if body is None or not self.id:
            raise MalformedMessage("the message lacks its id or its body")
        try:
            named = {name.decode(): value for name, value in self.fields.items()}
            headers = {name: value for name, value in named.items() if name not in RESERVED_FIELDS}
            return Message(UUID(self.id), headers, body)
        except ValueError as error:
            raise MalformedMessage(f"the headers cannot be read: {error}") from error


def size_of(flat_fields: list[bytes]) -> int:
    """Bytes that an entry of these fields takes from the queue's budget."""
    return sum(map(len, flat_fields))
