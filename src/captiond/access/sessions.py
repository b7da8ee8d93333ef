"""Sessions of the web page: signed values that prove a login with a key, and that contain no key.

A value is the id of the key, the time of the login and an HMAC-SHA256 (RFC 2104) over both. The key of the HMAC is a
secret of the server, followed by the stored digest of the API key: whoever has only one of them cannot make a session.
Every process that has both can check the value, so that no session is stored, and a session is invalid as soon as
its key is.
"""

import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Self
from uuid import UUID

from captiond.access.keys import ApiKey

SESSION_SECONDS = 12 * 3600
# The clocks of API processes on different hosts may differ.
CLOCK_SKEW_SECONDS = 60
SECRET_BYTES = 32
_CONTEXT = b"captiond session 2\0"
_PAYLOAD = struct.Struct(">16sQ")
_SIGNATURE_BYTES = 32


@dataclass(frozen=True, slots=True)
class Session:
    """What a value states. It proves nothing until `is_valid_for` has returned true.

    `started_at` is the time of the login in seconds since the epoch.
    """

    key_id: UUID
    started_at: int
    signature: bytes = field(repr=False)

    @classmethod
    def start(cls, key: ApiKey, secret: bytes, now_seconds: float) -> Self:
        """Return the session of a client that has sent this key."""
        started_at = int(now_seconds)
        return cls(key.id, started_at, _sign(key, secret, _PAYLOAD.pack(key.id.bytes, started_at)))

    @classmethod
    def parse(cls, value: str) -> Self | None:
        """Decode a value; None if it has another form."""
        try:
            decoded = urlsafe_b64decode(value.encode("ascii") + b"=")
        except ValueError:
            return None
        if len(decoded) != _PAYLOAD.size + _SIGNATURE_BYTES:
            return None
        key_id, started_at = _PAYLOAD.unpack_from(decoded)
        return cls(UUID(bytes=key_id), started_at, decoded[_PAYLOAD.size :])

    @property
    def value(self) -> str:
        """The session as 75 characters of base64url, without padding."""
        return urlsafe_b64encode(self._payload + self.signature).decode("ascii").rstrip("=")

    def has_expired(self, now_seconds: float) -> bool:
        """Return whether the session is too old. One of the future is invalid, too."""
        return not -CLOCK_SKEW_SECONDS <= now_seconds - self.started_at < SESSION_SECONDS

    def is_valid_for(self, key: ApiKey, secret: bytes, now_seconds: float) -> bool:
        """Return whether a login with this key started the session, and it has not expired. In constant time."""
        is_signed = hmac.compare_digest(self.signature, _sign(key, secret, self._payload))
        return is_signed and not self.has_expired(now_seconds)

    @property
    def _payload(self) -> bytes:
        return _PAYLOAD.pack(self.key_id.bytes, self.started_at)


def _sign(key: ApiKey, secret: bytes, payload: bytes) -> bytes:
    return hmac.digest(secret + key.digest, _CONTEXT + payload, "sha256")
