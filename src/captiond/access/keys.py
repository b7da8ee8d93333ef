"""An API key without its secret."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from captiond.access.principal import Network, Principal
from captiond.access.scopes import Scope
from captiond.access.tokens import digest_token, make_token
from captiond.names import normalize_name

MAX_NAME_CHARACTERS = 40
MAX_NETWORKS = 32
# Control characters, those that change the direction of a text, and lone surrogates.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key. `digest` is the SHA-256 of its secret, 32 bytes. Times are aware UTC.

    `last_used_at` is up to a minute early. `principal` has the name, scopes and limits.
    """

    principal: Principal
    digest: bytes = field(repr=False)
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def id(self) -> UUID:
        """The id, which is no secret."""
        if self.principal.key_id is None:
            raise ValueError(f"the key {self.principal.name!r} has no id")
        return self.principal.key_id

    @property
    def summary(self) -> str:
        """What the audit log has about the key."""
        return f"{self.id} {self.principal.name} scopes={','.join(sorted(self.principal.scopes))}"

    def state(self, now: datetime) -> str:
        """Return `active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.has_expired(now.timestamp()) else "active"

    def has_expired(self, now_seconds: float) -> bool:
        """Return whether the key has expired at a time in seconds since the epoch."""
        return self.expires_at is not None and now_seconds >= self.expires_at.timestamp()


def make_key(
    name: str,
    scopes: frozenset[Scope],
    *,
    camera: str | None = None,
    networks: tuple[Network, ...] = (),
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Return a new key and its secret, which nothing stores. Both names are normalised."""
    token = make_token()
    digest = digest_token(token.encode())
    if digest is None:
        raise ValueError("a new token has no digest")
    camera = None if camera is None else normalize_name(camera)
    principal = Principal(normalize_name(name), scopes, uuid7(), camera, networks)
    return ApiKey(principal=principal, digest=digest, created_at=datetime.now(UTC), expires_at=expires_at), token


def is_valid_name(text: str, max_characters: int = MAX_NAME_CHARACTERS) -> bool:
    """Return whether a key, or the camera of a key, may have this name. An id is no name."""
    is_printable = bool(text.strip()) and not _UNPRINTABLE.search(text)
    return is_printable and len(text) <= max_characters and not _is_id(text)


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
