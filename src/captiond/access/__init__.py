"""API keys: secrets, scopes, limits, sessions, and the copy of all valid keys in memory. Imports no SQL or HTTP."""

from captiond.access.directory import KeyDirectory, KeysUnavailable
from captiond.access.keys import ApiKey, make_key
from captiond.access.principal import ANONYMOUS, Principal
from captiond.access.scopes import Scope
from captiond.access.tokens import TOKEN_PREFIX, digest_token, make_token

__all__ = [
    "ANONYMOUS",
    "TOKEN_PREFIX",
    "ApiKey",
    "KeyDirectory",
    "KeysUnavailable",
    "Principal",
    "Scope",
    "digest_token",
    "make_key",
    "make_token",
]
