"""API keys in each kind of database."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest
from sqlalchemy import Engine, insert, text, update

from captiond.access import ApiKey, Scope, make_key
from captiond.archive import ArchiveUnavailable, SchemaMismatch, migrate
from captiond.archive.keys import MAX_VALID_KEYS, KeyStore, NameTaken, TooManyKeys
from captiond.archive.sql.api_keys import API_KEYS

SCOPES = frozenset({Scope.READ, Scope.UPLOAD})


@pytest.fixture
def keys(database_url: str) -> Iterator[KeyStore]:
    migrate(database_url)
    with KeyStore.open(database_url) as store:
        yield store


def created(keys: KeyStore, name: str, expires_at: datetime | None = None) -> ApiKey:
    key, _ = make_key(name, SCOPES, expires_at=expires_at)
    keys.create(key)
    return key


def test_key_is_read_as_it_was_created(keys: KeyStore) -> None:
    networks = (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))
    expires_at = datetime.now(UTC) + timedelta(days=90)
    key, _ = make_key("Tor 🚧", SCOPES, camera="Einfahrt", networks=networks, expires_at=expires_at)

    keys.create(key)

    assert keys.load_valid() == keys.load_all() == [key]


def test_only_the_digest_of_the_secret_is_stored(keys: KeyStore, engine: Engine) -> None:
    key, token = make_key("gate", SCOPES)
    keys.create(key)

    with engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM api_keys")).one()

    assert key.digest in [bytes(value) for value in row if isinstance(value, bytes | memoryview)]
    assert token not in str(row)
    assert token.removeprefix("captiond_") not in str(row)


def test_revoked_and_expired_keys_are_not_valid(keys: KeyStore) -> None:
    valid, revoked = created(keys, "valid"), created(keys, "revoked")
    created(keys, "expired", datetime.now(UTC) - timedelta(seconds=1))

    assert keys.revoke(revoked.id)

    assert keys.load_valid() == [valid]
    assert [key.state(datetime.now(UTC)) for key in keys.load_all()] == ["active", "revoked", "expired"]
    assert not keys.revoke(revoked.id)


def test_name_can_be_used_again_after_revocation(keys: KeyStore) -> None:
    first = created(keys, "gate")

    with pytest.raises(NameTaken, match="'gate'"):
        created(keys, "gate")

    keys.revoke(first.id)
    second = created(keys, "gate")
    assert keys.load_valid() == [second]


def test_names_that_earlier_versions_stored_are_normalised(keys: KeyStore, engine: Engine) -> None:
    key = created(keys, "Caf\u00e9")
    with engine.begin() as connection:
        connection.execute(update(API_KEYS).values(name="Cafe\u0301 ", camera="gate "))

    [found] = keys.load_valid()

    assert (found.principal.name, found.principal.camera) == ("Caf\u00e9", "gate")
    assert keys.find(key.id) == found
    with pytest.raises(NameTaken):
        created(keys, "Caf\u00e9")


def test_latest_use_is_stored(keys: KeyStore) -> None:
    key = created(keys, "gate")
    used_at = datetime.now(UTC)

    keys.record_uses({key.id: used_at})
    keys.record_uses({key.id: used_at - timedelta(seconds=5)})

    assert [each.last_used_at for each in keys.load_all()] == [used_at]


def test_scope_of_a_newer_version_is_not_granted(keys: KeyStore, engine: Engine) -> None:
    created(keys, "gate")
    with engine.begin() as connection:
        connection.execute(text("UPDATE api_keys SET scopes = 'read erase'"))

    assert [key.principal.scopes for key in keys.load_valid()] == [{Scope.READ}]


def test_database_without_the_table_is_an_outage(database_url: str) -> None:
    migrate(database_url)
    with KeyStore.open(database_url) as store, store._engine.begin() as connection:  # noqa: SLF001
        connection.execute(text("DROP TABLE api_keys"))

    with KeyStore.open(database_url) as store, pytest.raises(SchemaMismatch):
        store.load_valid()


def test_number_of_valid_keys_is_limited(sqlite_url: str) -> None:
    migrate(sqlite_url)
    key, _ = make_key("gate", SCOPES)
    with KeyStore.open(sqlite_url) as store:
        rows = [
            {"id": make_key("", SCOPES)[0].id, "digest": number.to_bytes(32), "name": f"{number}"}
            for number in range(MAX_VALID_KEYS)
        ]
        with store._engine.begin() as connection:  # noqa: SLF001
            connection.execute(insert(API_KEYS).values(scopes="read", created_at=datetime.now(UTC)), rows)

        with pytest.raises(TooManyKeys, match="10000"):
            store.create(key)


def test_missing_database_is_an_outage() -> None:
    with KeyStore.open("sqlite:////nonexistent/captiond.db") as store, pytest.raises(ArchiveUnavailable):
        store.load_valid()
