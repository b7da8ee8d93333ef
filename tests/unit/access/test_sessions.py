"""Sessions: what they contain, and which are valid."""

from base64 import urlsafe_b64decode

import pytest

from captiond.access import Scope, make_key
from captiond.access.sessions import CLOCK_SKEW_SECONDS, SESSION_SECONDS, Session

NOW = 1_800_000_000.5
SECRET = bytes(range(32))
KEY, TOKEN = make_key("anna", frozenset({Scope.READ}))


def decode(value: str) -> bytes:
    return urlsafe_b64decode(value + "=" * (-len(value) % 4))


def test_value_is_parsed_into_the_same_session() -> None:
    session = Session.start(KEY, SECRET, NOW)

    assert Session.parse(session.value) == session
    assert len(session.value) == 75
    assert session.is_valid_for(KEY, SECRET, NOW)


def test_value_contains_neither_key_nor_digest() -> None:
    value = Session.start(KEY, SECRET, NOW).value

    assert TOKEN.removeprefix("captiond_") not in value
    assert KEY.digest not in decode(value)


@pytest.mark.parametrize(
    ("age", "is_valid"),
    [
        (0, True),
        (SESSION_SECONDS - 1, True),
        (SESSION_SECONDS, False),
        (-CLOCK_SKEW_SECONDS, True),
        (-CLOCK_SKEW_SECONDS - 1, False),
    ],
)
def test_session_is_valid_for_a_limited_time(age: int, is_valid: bool) -> None:  # noqa: FBT001 - a parameter of the test
    session = Session.start(KEY, SECRET, NOW)

    assert session.is_valid_for(KEY, SECRET, session.started_at + age) is is_valid


def test_session_of_another_key_is_invalid() -> None:
    other, _ = make_key("boris", frozenset({Scope.READ}))
    signed = Session.start(other, SECRET, NOW)

    assert not Session(KEY.id, signed.started_at, signed.signature).is_valid_for(KEY, SECRET, NOW)


def test_session_needs_the_secret_of_the_server() -> None:
    """Whoever has read the digests of all keys cannot sign without it."""
    forged = Session.start(KEY, b"", NOW)

    assert not forged.is_valid_for(KEY, SECRET, NOW)


def test_every_changed_character_makes_the_value_invalid() -> None:
    value = Session.start(KEY, SECRET, NOW).value

    for position, character in enumerate(value[:-1]):
        changed = value[:position] + ("A" if character != "A" else "B") + value[position + 1 :]
        session = Session.parse(changed)
        assert session is None or session.key_id != KEY.id or not session.is_valid_for(KEY, SECRET, NOW), position


@pytest.mark.parametrize("value", ["", "x", "é" * 75, "A" * 74, "A" * 80, f"captiond_{'A' * 43}", '"' * 75])
def test_other_text_is_no_session(value: str) -> None:
    assert Session.parse(value) is None
