"""What travels on a queue: an id, headers and a body of bytes, as the flat fields of a stream entry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

FORMAT_VERSION = b"1"
RESERVED_FIELDS = frozenset({"v", "id", "body"})
ABOUT_DEATH = "dead_"


class MalformedMessage(ValueError):
    """The fields of a stream entry are no message of a format this version reads."""


@dataclass(frozen=True, slots=True)
class Message:
    """Headers are opaque to the queue; their names must not be reserved ones or begin with `dead_`."""

    id: UUID
    headers: Mapping[str, bytes]
    body: bytes = field(repr=False)

    def fields(self) -> list[bytes]:
        """Return field, value, field, value … as XADD takes them."""
        flat = [b"v", FORMAT_VERSION, b"id", str(self.id).encode()]
        for name, value in self.headers.items():
            if name in RESERVED_FIELDS or name.startswith(ABOUT_DEATH):
                raise ValueError(f"header name {name!r} is reserved")
            flat += (name.encode(), value)
        return [*flat, b"body", self.body]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One handing out of a stream entry to one consumer; `deliveries` counts this one too."""

    entry: bytes
    deliveries: int
    fields: Mapping[bytes, bytes] = field(repr=False)

    @property
    def size_bytes(self) -> int:
        """The entry's share of the queue's budget."""
        return sum(len(name) + len(value) for name, value in self.fields.items())

    @property
    def id(self) -> str:
        """The message's id as far as it can be read, else an empty string."""
        try:
            return str(UUID(self.fields.get(b"id", b"").decode()))
        except ValueError:
            return ""

    def message(self) -> Message:
        """Decode the entry. Raises MalformedMessage."""
        version = self.fields.get(b"v")
        if version != FORMAT_VERSION:
            raise MalformedMessage(f"message format {version!r} is not {FORMAT_VERSION!r}")
        body = self.fields.get(b"body")
        if body is None or not self.id:
            raise MalformedMessage("the message lacks its id or its body")
        try:
            headers = {
                name.decode(): value for name, value in self.fields.items() if name not in {b"v", b"id", b"body"}
            }
        except UnicodeDecodeError as error:
            raise MalformedMessage("a header name is not UTF-8") from error
        return Message(UUID(self.id), headers, body)


def size_of(flat_fields: list[bytes]) -> int:
    """Bytes that an entry of these fields takes from the queue's budget."""
    return sum(map(len, flat_fields))
