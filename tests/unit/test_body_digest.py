"""Content-Digest and Repr-Digest of request bodies (RFC 9530)."""

import base64
import hashlib

import pytest
from starlette.datastructures import Headers

from captiond.services.api.http.digests import BodyDigest

BODY = b"the body of a request"


def field(algorithm: str, body: bytes) -> str:
    digest = hashlib.new(algorithm.replace("-", ""), body).digest()
    return f"{algorithm}=:{base64.b64encode(digest).decode()}:"


def mismatch(headers: dict[str, str]) -> str | None:
    digest = BodyDigest(Headers(headers))
    digest.update(BODY[:7])
    digest.update(BODY[7:])
    return digest.mismatch()


@pytest.mark.parametrize("algorithm", ["sha-256", "sha-512"])
@pytest.mark.parametrize("name", ["content-digest", "repr-digest"])
def test_digest_matches_only_its_body(name: str, algorithm: str) -> None:
    assert mismatch({name: field(algorithm, BODY)}) is None
    assert mismatch({name: field(algorithm, BODY + b"!")}) == name


def test_every_digest_of_a_list_must_match() -> None:
    matching, other = field("sha-256", BODY), field("sha-512", b"")

    assert mismatch({"content-digest": f"{matching}, {other}"}) == "content-digest"
    assert mismatch({"content-digest": f"{matching},{field('sha-512', BODY)}"}) is None


def test_unknown_algorithms_are_ignored() -> None:
    assert mismatch({"content-digest": "crc32c=:AAAA:, unixsum=:AAAA:"}) is None


def test_invalid_base64_does_not_match() -> None:
    assert mismatch({"content-digest": "sha-256=:%%%%:"}) == "content-digest"
