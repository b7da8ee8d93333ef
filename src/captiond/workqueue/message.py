"""What travels on a queue: an id and headers, as the flat fields of a stream entry, and a body of bytes beside it.

The body is put once and stays where it is; each queue of the line only has an entry that names it (a claim check).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from uuid import UUID

FORMAT_VERSION = 2
MAX_VERSION_DIGITS = 9
RESERVED_FIELDS = frozenset({"v", "id", "body"})
ABOUT_DEATH = "dead_"
# A script can add an entry of less than 4000 fields; 100 are plenty.
MAX_HEADERS = 100


class MalformedMessage(ValueError):
    """The fields of a stream entry are not a message."""


class UnsupportedVersion(ValueError):
    """A later release wrote the message; a worker of that release can read it."""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"message format {version} is newer than {FORMAT_VERSION}; upgrade the workers, then redrive it"
        )
        self.version = version


@dataclass(frozen=True, slots=True)
class Message:
    """At most 100 headers, opaque to the queue; none is named v, id, body or dead_…, that raises ValueError."""

    id: UUID
    headers: Mapping[str, bytes]
    payload: bytes = field(repr=False)

    def __post_init__(self) -> None:
        require_usable(self.headers)

    def fields(self) -> list[bytes]:
        """Return field, value, field, value … as XADD takes them."""
        return flat_fields(str(self.id), self.headers)

    @property
    def size_bytes(self) -> int:
        """The message's share of the queue's budget."""
        return size_of(self.fields(), self.payload)


@dataclass(frozen=True)
class Delivery:
    """One handing out of a stream entry to one consumer; `deliveries` counts this one too.

    `payload` is None as long as it was not fetched, and where it is gone.
    """

    entry: bytes
    deliveries: int
    fields: Mapping[bytes, bytes] = field(repr=False)
    payload: bytes | None = field(default=None, repr=False)

    @cached_property
    def size_bytes(self) -> int:
        """The message's share of the queue's budget."""
        return size_of(chain(self.fields.keys(), self.fields.values()), self.payload)

    @cached_property
    def id(self) -> str:
        """The message's id as far as it can be read, else an empty string."""
        try:
            return str(UUID(self.fields.get(b"id", b"").decode()))
        except ValueError:
            return ""

    def message(self) -> Message:
        """Decode the entry. Raises MalformedMessage, UnsupportedVersion."""
        version = self.fields.get(b"v", b"")
        if version != b"%d" % FORMAT_VERSION:
            number = version[:MAX_VERSION_DIGITS]
            if number.isdigit() and int(number) > FORMAT_VERSION:
                raise UnsupportedVersion(int(number))
            raise MalformedMessage(f"message format {version!r} is not {FORMAT_VERSION}")
        if not self.id:
            raise MalformedMessage("the message lacks its id")
        if self.payload is None:
            raise MalformedMessage("the message's body is gone")
        try:
            named = {name.decode(): value for name, value in self.fields.items()}
            headers = {name: value for name, value in named.items() if name not in RESERVED_FIELDS}
            return Message(UUID(self.id), headers, self.payload)
        except ValueError as error:
            raise MalformedMessage(f"the headers cannot be read: {error}") from error


def require_usable(headers: Mapping[str, bytes]) -> None:
    """Raise ValueError for headers that a message cannot have."""
    if len(headers) > MAX_HEADERS:
        raise ValueError(f"{len(headers)} headers are more than {MAX_HEADERS}")
    for name in headers:
        if name in RESERVED_FIELDS or name.startswith(ABOUT_DEATH):
            raise ValueError(f"header name {name!r} is reserved")


def flat_fields(message_id: str, headers: Mapping[str, bytes]) -> list[bytes]:
    """Return field, value, field, value … of a message as XADD takes them."""
    flat = [b"v", b"%d" % FORMAT_VERSION, b"id", message_id.encode()]
    for name, value in headers.items():
        flat += (name.encode(), value)
    return flat


def size_of(fields: Iterable[bytes], payload: bytes | None) -> int:
    """Bytes that a message of these fields takes from the queue's budget."""
    return sum(map(len, fields)) + len(payload or b"")
