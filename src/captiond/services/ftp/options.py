"""Options of the service. This module imports no optional package."""

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from captiond.access import KeyDirectory, KeysUnavailable, Principal, Scope, digest_token
from captiond.operations.audit import AuditLog
from captiond.operations.request_rates import OFF, RequestRate

CheckLogin: TypeAlias = Callable[[str, str, str], Principal | None]
"""Returns the client for a user name, a password and an IP address; None if they are not valid."""


def accept_login(user: str, password: str) -> CheckLogin:
    """Accept one user name and one password. The time of a comparison does not depend on them."""
    client = Principal(user, frozenset({Scope.UPLOAD}))

    def check(given_user: str, given_password: str, _address: str) -> Principal | None:
        is_user = hmac.compare_digest(given_user.encode(), user.encode())
        is_password = hmac.compare_digest(given_password.encode(), password.encode())
        return client if is_user and is_password else None

    return check


def accept_keys(keys: KeyDirectory, otherwise: CheckLogin | None) -> CheckLogin:
    """Accept an API key with the scope `upload` as the password of any user, or what `otherwise` accepts."""

    def check(given_user: str, given_password: str, address: str) -> Principal | None:
        digest = digest_token(given_password.encode())
        if digest is None:
            return otherwise(given_user, given_password, address) if otherwise else None
        try:
            key = keys.find(digest)
        except KeysUnavailable:
            return None
        if key is None:
            keys.next_read()  # a new key is valid at the next login
            return None
        is_allowed = Scope.UPLOAD in key.principal.scopes and key.principal.may_come_from(address)
        return key.principal if is_allowed else None

    return check


def accept_all(_client: Principal) -> bool:
    """Return True: without keys, a client that has logged in stays valid."""
    return True


@dataclass(frozen=True, slots=True)
class TransferLimits:
    """Limits of one upload. `min_rate` is in bytes per second."""

    max_bytes: int
    min_rate: int
    max_seconds: float


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Certificate chain and private key in PEM format. Unless TLS is required, the client chooses."""

    certificate: Path
    key: Path
    is_required: bool


@dataclass(frozen=True, slots=True)
class Health:
    """`check` raises an error while nothing can be queued; `report` gets it as text, or None, once per second.

    `count` adds to counters by their names, and raises QueueUnavailable.
    """

    check: Callable[[], None]
    report: Callable[[str | None], None]
    count: Callable[[Mapping[str, int]], None]


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Options of a server. Replies to PASV contain `masquerade_address`, or the address of the connection.

    `is_valid` returns whether a client that has logged in may still upload. `audit` gets an entry for each upload.
    """

    check_login: CheckLogin
    limits: TransferLimits
    max_memory_bytes: int
    max_sessions: int
    passive_ports: Sequence[int] | None = None
    masquerade_address: str | None = None
    tls: TlsFiles | None = None
    is_valid: Callable[[Principal], bool] = accept_all
    audit: AuditLog | None = None
    upload_rate: RequestRate = field(default_factory=lambda: RequestRate(OFF, "uploads"))
