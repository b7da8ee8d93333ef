from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest

from captiond.access import ANONYMOUS, Principal, Scope, digest_token, make_key, make_token
from captiond.access.groups import ProxyUsers, parse_groups

NOW = datetime(2030, 1, 1, tzinfo=UTC)
NETWORKS = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


def test_tokens_have_256_random_bits_and_a_prefix() -> None:
    tokens = {make_token() for _ in range(100)}

    assert len(tokens) == 100
    assert {token[:9] for token in tokens} == {"captiond_"}
    assert {len(token) for token in tokens} == {9 + 43}
    assert len({digest_token(token.encode()) for token in tokens}) == 100


@pytest.mark.parametrize("text", [b"", b"captiond_", b"captiond_" + b"x" * 42, b"captiond_" + b"x" * 44, b"x" * 52])
def test_text_of_another_form_has_no_digest(text: bytes) -> None:
    assert digest_token(text) is None


def test_secret_is_not_part_of_a_key() -> None:
    key, token = make_key("gate", frozenset({Scope.UPLOAD}))

    assert token not in repr(key)
    assert key.digest.hex() not in repr(key)
    assert key.digest == digest_token(token.encode())


def test_names_of_a_key_are_normalised() -> None:
    key, _ = make_key("Cafe\u0301 ", frozenset({Scope.UPLOAD}), camera=" Cafe\u0301")

    assert (key.principal.name, key.principal.camera) == ("Caf\u00e9", "Caf\u00e9")


def test_state_of_a_key_depends_on_the_time() -> None:
    key, _ = make_key("gate", frozenset(), expires_at=NOW)

    assert key.state(NOW - timedelta(seconds=1)) == "active"
    assert key.state(NOW) == "expired"
    assert make_key("gate", frozenset())[0].state(NOW) == "active"


@pytest.mark.parametrize(
    ("address", "is_allowed"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("fd00::1", True),
        ("11.1.2.3", False),
        ("2001:db8::1", False),
        ("", False),
        ("unix:", False),
    ],
)
def test_networks_limit_the_addresses(address: str, is_allowed: bool) -> None:  # noqa: FBT001
    assert Principal("gate", frozenset(), networks=NETWORKS).may_come_from(address) == is_allowed
    assert Principal("gate", frozenset()).may_come_from(address)


def test_one_of_the_accepted_scopes_suffices() -> None:
    reader = Principal("reader", frozenset({Scope.READ}))

    assert reader.may_use(frozenset({Scope.READ, Scope.OPERATE}))
    assert reader.may_use(frozenset())
    assert not reader.may_use(frozenset({Scope.UPLOAD}))
    assert ANONYMOUS.scopes == frozenset(Scope)


def test_groups_of_a_user_add_up() -> None:
    scopes = parse_groups("viewers=read, cn=admins;ou=x=read+operate, *=upload")
    users = ProxyUsers(b"x-user", b"x-groups", scopes)

    assert scopes["cn=admins;ou=x"] == {Scope.READ, Scope.OPERATE}
    assert users.identify("anna", "viewers;other").scopes == {Scope.READ, Scope.UPLOAD}
    assert users.identify("anna", "").scopes == {Scope.UPLOAD}
    assert users.identify("anna", "").key_id is None
    assert users.headers == {b"x-user", b"x-groups"}


@pytest.mark.parametrize("text", ["viewers", "=read", "viewers=", "viewers=write", "viewers=read+"])
def test_invalid_groups_are_rejected(text: str) -> None:
    with pytest.raises(ValueError, match=r"use (for example|upload, read, operate, admin)"):
        parse_groups(text)
