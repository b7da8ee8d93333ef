"""Signatures, compared with the vector of the specification and with a receiver written from its text."""

import base64
import hashlib
import hmac
import secrets

import pytest

from captiond.webhooks import make_secret, sign

# From the test of the reference libraries of Standard Webhooks.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - a published example
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
BODY = b'{"test": 2432232314}'


def test_signature_is_that_of_the_reference_libraries() -> None:
    headers = sign(MESSAGE_ID, 1614265330, BODY, [SECRET])

    assert headers == {
        "webhook-id": MESSAGE_ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_each_secret_signs_during_a_rotation() -> None:
    new, old = make_secret(), make_secret()

    signatures = sign("id", 7, b"body", [new, old])["webhook-signature"].split(" ")

    for signature, secret in zip(signatures, (new, old), strict=True):
        key = base64.b64decode(secret.removeprefix("whsec_"))
        expected = hmac.new(key, b"id.7.body", hashlib.sha256).digest()
        assert signature == "v1," + base64.b64encode(expected).decode()


def test_secret_has_256_random_bits_and_its_prefix() -> None:
    made = {make_secret() for _ in range(100)}

    assert len(made) == 100
    assert {len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) for secret in made} == {32}


def test_secret_that_is_not_base64_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"base64|padding|character"):
        sign("id", 7, b"", ["whsec_" + secrets.token_hex(3) + "!"])
