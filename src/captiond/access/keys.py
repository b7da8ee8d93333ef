"""An API key without its secret."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from captiond.access.principal import Network, Principal
from captiond.access.scopes import Scope
from captiond.access.tokens import digest_token, make_token

MAX_NAME_CHARACTERS = 40


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
    """Return a new key and its secret, which nothing stores."""
    token = make_token()
    digest = digest_token(token.encode())
    if digest is None:
        raise ValueError("a new token has no digest")
    principal = Principal(name, scopes, uuid7(), camera, networks)
    return ApiKey(principal=principal, digest=digest, created_at=datetime.now(UTC), expires_at=expires_at), token
