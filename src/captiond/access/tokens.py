"""The secret of a key: a prefix, which secret scanners can find, and 256 random bits in base64url."""

import re
import secrets
from hashlib import sha256

TOKEN_PREFIX = "captiond_"  # noqa: S105 - no secret
RANDOM_BYTES = 32
_TOKEN = re.compile(rb"captiond_[A-Za-z0-9_-]{43}")


def make_token() -> str:
    """Return a new random token of 52 characters."""
    return TOKEN_PREFIX + secrets.token_urlsafe(RANDOM_BYTES)


def digest_token(token: bytes) -> bytes | None:
    """Return the SHA-256 of a token, 32 bytes, or None for text of another form.

    A slow hash would add nothing, because 256 random bits cannot be guessed.
    """
    return sha256(token).digest() if _TOKEN.fullmatch(token) else None
