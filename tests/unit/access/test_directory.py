"""The copy of the keys, with a source that tests change and a clock that tests set."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from captiond.access import ApiKey, KeyDirectory, KeysUnavailable, Principal, Scope, make_key
from captiond.access.directory import MAX_AGE_SECONDS

SCOPES = frozenset({Scope.READ})


@dataclass
class Source:
    """A table of keys."""

    keys: list[ApiKey] = field(default_factory=list)
    error: Exception | None = None
    reads: int = 0
    uses: list[Mapping[UUID, datetime]] = field(default_factory=list)
    now: float = 1000.0

    def load(self) -> list[ApiKey]:
        self.reads += 1
        if self.error:
            raise self.error
        return list(self.keys)

    def directory(self) -> KeyDirectory:
        return KeyDirectory(self.load, self.uses.append, clock=lambda: self.now)


def read_again(directory: KeyDirectory) -> bool:
    return directory.next_read().result(10)


def test_created_key_is_found_after_the_next_read() -> None:
    source, (key, _) = Source(), make_key("gate", SCOPES)
    with source.directory() as directory:
        assert directory.find(key.digest) is None

        source.keys.append(key)

        assert read_again(directory)
        assert directory.find(key.digest) == key


def test_revoked_key_is_refused_after_the_next_read() -> None:
    key, _ = make_key("gate", SCOPES)
    source = Source([key])
    with source.directory() as directory:
        assert directory.find(key.digest) == key
        assert directory.is_valid(key.principal)

        source.keys.clear()

        assert read_again(directory)
        assert directory.find(key.digest) is None
        assert not directory.is_valid(key.principal)


def test_key_expires_without_a_read() -> None:
    key, _ = make_key("gate", SCOPES, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    with Source([key]).directory() as directory:
        assert directory.find(key.digest) is None
        assert not directory.is_valid(key.principal)


def test_client_without_a_key_stays_valid() -> None:
    with Source(error=OSError("down")).directory() as directory:
        assert directory.is_valid(Principal("anna", SCOPES))


def test_known_keys_are_valid_for_a_minute_of_an_outage(caplog: pytest.LogCaptureFixture) -> None:
    key, _ = make_key("gate", SCOPES)
    source = Source([key])
    with source.directory() as directory:
        source.error = OSError("the database is down")
        assert not read_again(directory)
        assert not read_again(directory)

        source.now += MAX_AGE_SECONDS
        assert directory.find(key.digest) == key

        source.now += 1
        with pytest.raises(KeysUnavailable):
            directory.find(key.digest)
        assert not directory.is_valid(key.principal)

        source.error = None
        assert read_again(directory)
        assert directory.find(key.digest) == key
    assert [record.levelname for record in caplog.records if "read" in record.message] == ["ERROR"]
    assert "the database is down" in caplog.text


def test_waiting_requests_share_one_read() -> None:
    source = Source()
    with source.directory() as directory:
        reads = source.reads

        futures = [directory.next_read() for _ in range(1000)]

        assert all(future.result(10) for future in futures)
        # One may have been about to begin.
        assert source.reads - reads <= 2


def test_use_of_a_key_is_stored_once() -> None:
    key, _ = make_key("gate", SCOPES)
    source = Source([key])
    with source.directory() as directory:
        before = datetime.now(UTC)
        for _ in range(3):
            directory.find(key.digest)
        assert read_again(directory)

        [stored] = source.uses
        assert before <= stored[key.id] <= datetime.now(UTC)

        source.keys[:] = [replace(key, last_used_at=stored[key.id])]
        directory.find(key.digest)
        assert read_again(directory)
        assert len(source.uses) == 1


def test_use_is_stored_again_after_a_minute() -> None:
    key, _ = make_key("gate", SCOPES)
    source = Source([replace(key, last_used_at=datetime.now(UTC) - timedelta(seconds=61))])
    with source.directory() as directory:
        directory.find(key.digest)
        assert read_again(directory)

        assert [list(uses) for uses in source.uses] == [[key.id]]


def test_use_of_a_revoked_key_is_forgotten() -> None:
    key, _ = make_key("gate", SCOPES)
    source = Source([key])
    with source.directory() as directory:
        directory.find(key.digest)
        source.keys.clear()

        assert read_again(directory)
        assert read_again(directory)

        assert len(source.uses) <= 1


def test_database_that_hangs_delays_neither_start_nor_exit() -> None:
    release = threading.Event()

    def hang() -> list[ApiKey]:
        release.wait(60)
        return []

    with KeyDirectory(hang, lambda _: None) as directory, pytest.raises(KeysUnavailable):
        directory.find(bytes(32))
    release.set()
