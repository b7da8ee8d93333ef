"""The message format: an id and headers are the flat fields of a stream entry, the payload is a string of its own.

The payload is written once. Entries only refer to it, so moving a message between queues does not copy it (the claim
check of *Enterprise Integration Patterns*).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from uuid import UUID

from captiond.workqueue.errors import MalformedMessage, UnsupportedVersion

FORMAT_VERSION = 2
# Format 1 has the payload in the entry, as its field `body`.
_PREVIOUS_VERSION = b"1"
# int() refuses more than 4300 digits, so only the first digits of a version are read.
MAX_VERSION_DIGITS = 9
RESERVED_FIELDS = frozenset({"v", "id", "body"})
# Prefix of the fields that a dead letter has in addition.
DEAD_LETTER_PREFIX = "dead_"
# The scripts pass all names and values to XADD at once. Lua's `unpack` returns fewer than 8000, of which 100 headers
# and the fields of a dead letter take about 220.
MAX_HEADERS = 100


@dataclass(frozen=True, slots=True)
class Message:
    """An id, at most 100 headers, which the queue does not read, and a payload.

    Raises ValueError for a header named v, id, body or dead_….
    """

    id: UUID
    headers: Mapping[str, bytes]
    payload: bytes = field(repr=False)

    def __post_init__(self) -> None:
        validate_headers(self.headers)

    @property
    def size_bytes(self) -> int:
        """The message's share of the queue's budget."""
        return size_of(flat_fields(str(self.id), self.headers), self.payload)


@dataclass(frozen=True)
class Delivery:
    """A stream entry delivered to one consumer; `deliveries` includes this one.

    `payload` is None until it is read, and if it no longer exists. A message of format 1 has none.
    """

    entry: bytes
    deliveries: int
    fields: Mapping[bytes, bytes] = field(repr=False)
    payload: bytes | None = field(default=None, repr=False)

    @cached_property
    def size_bytes(self) -> int:
        """The message's share of the queue's budget."""
        payload = None if self.is_previous_format else self.payload
        return size_of(chain(self.fields.keys(), self.fields.values()), payload)

    @property
    def is_previous_format(self) -> bool:
        """Whether an early version 0.1 wrote the message."""
        return self.fields.get(b"v") == _PREVIOUS_VERSION

    @property
    def body(self) -> bytes | None:
        """The payload, wherever it is."""
        return self.fields.get(b"body") if self.is_previous_format else self.payload

    @cached_property
    def id(self) -> str:
        """The message's id, or an empty string if it is not a UUID."""
        try:
            return str(UUID(self.fields.get(b"id", b"").decode()))
        except ValueError:
            return ""

    def decode(self) -> Message:
        """Decode the entry. Raises MalformedMessage, UnsupportedVersion."""
        version = self.fields.get(b"v", b"")
        if version != b"%d" % FORMAT_VERSION and not self.is_previous_format:
            number = version[:MAX_VERSION_DIGITS]
            if number.isdigit() and int(number) > FORMAT_VERSION:
                raise UnsupportedVersion(int(number), FORMAT_VERSION)
            raise MalformedMessage(f"message format {version!r} is not {FORMAT_VERSION}")
        if not self.id:
            raise MalformedMessage(f"id {self.fields.get(b'id', b'')!r} is not a UUID")
        body = self.body
        if body is None:
            raise MalformedMessage(f"payload key of message {self.id} is missing in Redis")
        try:
            named = {name.decode(): value for name, value in self.fields.items()}
            headers = {name: value for name, value in named.items() if name not in RESERVED_FIELDS}
            return Message(UUID(self.id), headers, body)
        except ValueError as error:
            raise MalformedMessage(f"invalid headers: {error}") from error


def validate_headers(headers: Mapping[str, bytes]) -> None:
    """Raise ValueError for too many headers and for reserved names."""
    if len(headers) > MAX_HEADERS:
        raise ValueError(f"{len(headers)} headers; at most {MAX_HEADERS} are allowed")
    for name in headers:
        if name in RESERVED_FIELDS or name.startswith(DEAD_LETTER_PREFIX):
            raise ValueError(f"header name {name!r} is reserved")


def flat_fields(message_id: str, headers: Mapping[str, bytes]) -> list[bytes]:
    """Return field, value, field, value … of a message, as XADD takes them."""
    flat = [b"v", b"%d" % FORMAT_VERSION, b"id", message_id.encode()]
    for name, value in headers.items():
        flat += (name.encode(), value)
    return flat


def size_of(fields: Iterable[bytes], payload: bytes | None) -> int:
    """Return the bytes that a message takes from the queue's budget."""
    return sum(map(len, fields)) + len(payload or b"")
