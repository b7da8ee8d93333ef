"""Constructs access control for the services that clients reach."""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from ipaddress import ip_address

from captiond.access import KeyDirectory
from captiond.access.groups import ProxyUsers, parse_groups
from captiond.archive import API_LIMITS, TimeLimits
from captiond.archive.keys import KeyStore
from captiond.settings import ConfigurationError, Settings
from captiond.wiring.archives import open_database

KEYS = "keys"

logger = logging.getLogger(__name__)


def open_key_store(settings: Settings, limits: TimeLimits = API_LIMITS) -> AbstractContextManager[KeyStore]:
    """Open the table of keys. The first use connects to the database. Raises ConfigurationError."""
    return open_database(KeyStore.open(settings.database_url.get_secret_value(), limits))


@contextmanager
def open_required_keys(settings: Settings) -> Iterator[KeyStore | None]:
    """Open the table of keys. None if access control is off."""
    if settings.auth != KEYS:
        yield None
        return
    with open_key_store(settings) as store:
        yield store


@contextmanager
def open_key_directory(store: KeyStore | None) -> Iterator[KeyDirectory | None]:
    """Read the keys until the context ends. None if access control is off."""
    if store is None:
        yield None
        return
    with KeyDirectory(store.load_valid, store.record_uses) as keys:
        yield keys


def make_proxy_users(settings: Settings) -> ProxyUsers | None:
    """Return how a trusted proxy states users; None without its header. Raises ConfigurationError."""
    for name in ("auth_user_header", "auth_groups_header", "auth_groups"):
        if settings.auth != KEYS and getattr(settings, name):
            raise ConfigurationError(f"CAPTIOND_{name.upper()} needs CAPTIOND_AUTH=keys")
    if settings.auth_user_header is None:
        if settings.auth_groups_header or settings.auth_groups:
            raise ConfigurationError(
                "CAPTIOND_AUTH_GROUPS_HEADER and CAPTIOND_AUTH_GROUPS need CAPTIOND_AUTH_USER_HEADER"
            )
        return None
    groups = settings.auth_groups_header.lower().encode() if settings.auth_groups_header else None
    return ProxyUsers(settings.auth_user_header.lower().encode(), groups, parse_groups(settings.auth_groups))


def warn_if_open(settings: Settings, host: str) -> None:
    """Log a warning if other machines reach a service without access control. It also appears on stderr."""
    if settings.auth != KEYS and not _is_loopback(host):
        logger.warning(
            "CAPTIOND_AUTH is off and the API listens on %s: everyone who reaches this address can upload, read and "
            "download all images. Set CAPTIOND_AUTH=keys, or listen on 127.0.0.1",
            host,
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
