"""Options of the service. This module imports no optional package."""

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

CheckLogin: TypeAlias = Callable[[str, str], bool]
"""Returns whether a user name and a password are valid. Other kinds of credentials need another function."""


def accept_login(user: str, password: str) -> CheckLogin:
    """Accept one user name and one password. The time of a comparison does not depend on them."""

    def check(given_user: str, given_password: str) -> bool:
        is_user = hmac.compare_digest(given_user.encode(), user.encode())
        return hmac.compare_digest(given_password.encode(), password.encode()) and is_user

    return check


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
    """Options of a server. Replies to PASV contain `masquerade_address`, or the address of the connection."""

    check_login: CheckLogin
    limits: TransferLimits
    max_memory_bytes: int
    max_sessions: int
    passive_ports: Sequence[int] | None = None
    masquerade_address: str | None = None
    tls: TlsFiles | None = None
