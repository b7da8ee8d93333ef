"""The audit log in each kind of database."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from captiond.archive import ArchiveUnavailable, AuditEntry, AuditQuery, AuditStore, migrate

NOW = datetime.now(UTC)
KEY, IMAGE = uuid4(), uuid4()


@pytest.fixture
def store(database_url: str) -> Iterator[AuditStore]:
    migrate(database_url)
    with AuditStore.open(database_url) as opened:
        yield opened


def entry(age: timedelta = timedelta(), action: str = "upload", **fields: str | UUID | None) -> AuditEntry:
    """An entry of an earlier time, with the id of that time."""
    at = NOW - age
    entry_id = UUID(int=int(at.timestamp() * 1000) << 80 | 0x7 << 76 | uuid4().int & (1 << 64) - 1)
    return AuditEntry(action, "202", id=entry_id, recorded_at=at, **fields)  # type: ignore[arg-type]


def test_entry_is_read_as_it_was_added(store: AuditStore) -> None:
    full = AuditEntry("upload", "202", "Tor 🚧", KEY, "2001:db8::1", IMAGE, "Detail")
    sparse = AuditEntry("verify", "ok")

    store.add([full])
    store.add([sparse])

    assert store.page(AuditQuery()) == [sparse, full]


def test_filters_select_entries(store: AuditStore) -> None:
    old = entry(timedelta(days=3), actor="anna")
    by_key = entry(timedelta(hours=2), actor="gate", key_id=KEY)
    read = entry(timedelta(hours=1), "read.image", address="192.0.2.1", image_id=IMAGE)
    store.add([old, by_key, read])

    assert store.page(AuditQuery(who="anna")) == [old]
    assert store.page(AuditQuery(who="gate")) == store.page(AuditQuery(who=str(KEY))) == [by_key]
    assert store.page(AuditQuery(who="gate ")) == [by_key]
    assert store.page(AuditQuery(who="192.0.2.1")) == [read]
    assert store.page(AuditQuery(who="\0")) == []
    assert store.page(AuditQuery(action="upload")) == [by_key, old]
    assert store.page(AuditQuery(image_id=IMAGE)) == [read]
    assert store.page(AuditQuery(since=NOW - timedelta(hours=3))) == [read, by_key]
    assert store.page(AuditQuery(since=datetime(1960, 1, 1, tzinfo=UTC), action="upload", who="gate")) == [by_key]


def test_pages_contain_every_entry_once(store: AuditStore) -> None:
    added = [entry(timedelta(seconds=number)) for number in range(1100)]
    store.add(added)

    first = store.page(AuditQuery(limit=600))
    second = store.page(AuditQuery(limit=600, before=first[-1].id))

    assert first + second == added


def test_repeated_attempt_adds_nothing_twice(store: AuditStore) -> None:
    first, second = entry(timedelta(seconds=1)), entry()
    store.add([first])

    store.add([first, second], again=True)
    store.add([first], again=True)

    assert store.page(AuditQuery()) == [second, first]


def test_hostile_texts_are_stored(store: AuditStore) -> None:
    hostile = "\0\ud800\n'; DROP TABLE audit_log; --🚧"

    store.add([AuditEntry("a" * 100, "r" * 100, hostile * 100, None, "x" * 100, None, hostile * 100)])

    [found] = store.page(AuditQuery())
    assert found.actor == (hostile * 100)[:255].replace("\0", "?").replace("\ud800", "?")
    assert found.detail == (hostile * 100)[:500].replace("\0", "?").replace("\ud800", "?")
    assert (found.action, found.result, found.address) == ("a" * 64, "r" * 64, "x" * 64)


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_log SET actor = 'other'", "DELETE FROM audit_log", "DELETE FROM audit_log WHERE 1 = 1"]
)
def test_database_refuses_changes(store: AuditStore, engine: Engine, statement: str) -> None:
    added = entry(actor="gate")
    store.add([added])

    with pytest.raises(DBAPIError, match="audit_log: rows cannot be changed"), engine.begin() as connection:
        connection.execute(text(statement))

    assert store.page(AuditQuery()) == [added]


def test_old_entries_cannot_be_changed_either(store: AuditStore, engine: Engine) -> None:
    store.add([entry(timedelta(days=30))])

    with pytest.raises(DBAPIError, match="audit_log"), engine.begin() as connection:
        connection.execute(text("UPDATE audit_log SET result = '500'"))


def test_expired_entries_are_deleted(store: AuditStore) -> None:
    expired = [entry(timedelta(days=8, seconds=number)) for number in range(1001)]
    kept = entry(timedelta(days=6))
    store.add([*expired, kept])

    assert store.delete_before(NOW - timedelta(days=7)) == len(expired)

    assert store.page(AuditQuery()) == [kept]
    assert store.delete_before(NOW - timedelta(days=7)) == 0


def test_missing_database_is_an_outage() -> None:
    with AuditStore.open("sqlite:////nonexistent/captiond.db") as store, pytest.raises(ArchiveUnavailable):
        store.add([AuditEntry("verify", "ok")])
