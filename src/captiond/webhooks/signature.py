"""Signatures by the Standard Webhooks specification 1.0: HMAC-SHA256 with a shared secret.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hmac
import secrets
from collections.abc import Sequence

SECRET_PREFIX = "whsec_"  # noqa: S105 - no secret
# The specification allows 24 to 64.
SECRET_BYTES = 32


def make_secret() -> str:
    """Return a new random secret: the prefix, and 32 bytes in base64."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sign(message_id: str, timestamp: int, body: bytes, used_secrets: Sequence[str]) -> dict[str, str]:
    """Return the three headers of a delivery, with a signature per secret.

    `timestamp` is the time of the attempt in seconds since 1970. Raises ValueError for a secret that is not base64.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(_sign(signed, secret) for secret in used_secrets),
    }


def _sign(signed: bytes, secret: str) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
