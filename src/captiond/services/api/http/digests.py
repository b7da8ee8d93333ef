"""Verifies `Content-Digest` and `Repr-Digest` of a request body (RFC 9530)."""

import base64
import hashlib
import re
from binascii import Error as InvalidBase64

from starlette.datastructures import Headers

# A dictionary of byte sequences (RFC 8941 section 3.2). Other algorithms are ignored, as RFC 9530 section 2 allows.
ENTRY = re.compile(r"(?:^|,)[ \t]*(sha-256|sha-512)=:([^:]*):")
ALGORITHMS = {"sha-256": "sha256", "sha-512": "sha512"}
# Requests have no content coding here, so content and representation are the same bytes.
HEADERS = ("content-digest", "repr-digest")


class BodyDigest:
    """Computes the digests that the request headers declare, chunk by chunk."""

    def __init__(self, headers: Headers) -> None:
        self._declared = [
            (name, hashlib.new(ALGORITHMS[algorithm]), value)
            for name in HEADERS
            for algorithm, value in ENTRY.findall(headers.get(name, ""))
        ]

    def update(self, chunk: bytes) -> None:
        """Add the next bytes of the body."""
        for _, digest, _ in self._declared:
            digest.update(chunk)

    def mismatch(self) -> str | None:
        """Return the name of the first header that does not match the body, or None."""
        return next((name for name, digest, value in self._declared if _decode(value) != digest.digest()), None)


def _decode(value: str) -> bytes | None:
    try:
        return base64.b64decode(value, validate=True)
    except InvalidBase64:
        return None
