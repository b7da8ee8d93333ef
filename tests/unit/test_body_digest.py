"""The digests that a client sends with a body (RFC 9530)."""

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
def test_a_digest_holds_for_its_own_body_alone(name: str, algorithm: str) -> None:
    assert mismatch({name: field(algorithm, BODY)}) is None
    assert mismatch({name: field(algorithm, BODY + b"!")}) == name


def test_every_digest_of_a_list_must_hold() -> None:
    right, wrong = field("sha-256", BODY), field("sha-512", b"")

    assert mismatch({"content-digest": f"{right}, {wrong}"}) == "content-digest"
    assert mismatch({"content-digest": f"{right},{field('sha-512', BODY)}"}) is None


def test_algorithms_that_nobody_knows_here_are_passed_over() -> None:
    assert mismatch({"content-digest": "crc32c=:AAAA:, unixsum=:AAAA:"}) is None


def test_a_digest_that_is_no_base64_does_not_hold() -> None:
    assert mismatch({"content-digest": "sha-256=:%%%%:"}) == "content-digest"
