"""Holds a request's body against the digests that its client sent (RFC 9530)."""

import base64
import hashlib
import re
from binascii import Error as NotBase64

from starlette.datastructures import Headers

# A dictionary of byte sequences, RFC 8941 section 3.2; algorithms that we do not know are passed over.
ENTRY = re.compile(r"(?:^|,)[ \t]*(sha-256|sha-512)=:([^:]*):")
ALGORITHMS = {"sha-256": "sha256", "sha-512": "sha512"}
# A form has no content coding here, so its content and its representation are the same bytes.
HEADERS = ("content-digest", "repr-digest")


class BodyDigest:
    """Digests of a body as it streams past; costs nothing where none was sent."""

    def __init__(self, headers: Headers) -> None:
        self._sent = [
            (name, hashlib.new(ALGORITHMS[algorithm]), value)
            for name in HEADERS
            for algorithm, value in ENTRY.findall(headers.get(name, ""))
        ]

    def update(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""
        for _, digest, _ in self._sent:
            digest.update(chunk)

    def mismatch(self) -> str | None:
        """Name the header that does not hold, None when all do."""
        return next((name for name, digest, value in self._sent if _decode(value) != digest.digest()), None)


def _decode(value: str) -> bytes | None:
    try:
        return base64.b64decode(value, validate=True)
    except NotBase64:
        return None
