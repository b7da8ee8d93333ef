"""The writer of the audit log: buffering, outages of the database, and the file."""

import json
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from tests.contract.workqueue.queues import wait_until

from captiond.archive import ArchiveUnavailable, AuditEntry, AuditQuery, AuditStore, migrate
from captiond.logs import AUDIT_FILE, open_audit_file
from captiond.operations.audit import EXPIRED, LOST, AuditLog, run_audit_retention, write_entry


class Faulty(AuditStore):
    """A store that fails, or waits, on demand. With `after`, it stores before it fails."""

    def __init__(self, store: AuditStore) -> None:
        super().__init__(store._engine)  # noqa: SLF001
        self.fails = False
        self.after = False
        self.attempts = 0
        self.may_run = threading.Event()
        self.may_run.set()

    def add(self, entries: Sequence[AuditEntry], *, again: bool = False) -> None:
        self.attempts += 1
        self.may_run.wait(30)
        if self.after:
            super().add(entries, again=again)
        if self.fails:
            raise ArchiveUnavailable("stopped")
        super().add(entries, again=again or self.after)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Faulty]:
    url = f"sqlite:///{tmp_path}/captiond.db"
    migrate(url)
    with AuditStore.open(url) as opened:
        yield Faulty(opened)


def actions(store: AuditStore) -> list[str]:
    """The stored actions, the oldest first."""
    return [entry.action for entry in reversed(store.page(AuditQuery(limit=1000)))]


def test_entries_are_in_file_and_database_after_the_context(store: Faulty, tmp_path: Path) -> None:
    entry = AuditEntry("upload", "202", "Tor 🚧\n", uuid4(), "192.0.2.1", uuid4(), "x")

    with open_audit_file(tmp_path) as write_line, AuditLog(store, write_line) as log:
        log.record(entry)
        log.record(AuditEntry("verify", "ok"))

    assert actions(store) == ["upload", "verify"]
    lines = [json.loads(line) for line in (tmp_path / AUDIT_FILE).read_text().splitlines()]
    assert lines[0] == {
        "recorded_at": entry.recorded_at.isoformat().replace("+00:00", "Z"),
        "action": "upload",
        "actor": "Tor 🚧\n",
        "key_id": str(entry.key_id),
        "address": "192.0.2.1",
        "image_id": str(entry.image_id),
        "result": "202",
        "detail": "x",
        "id": str(entry.id),
    }
    assert lines[1].keys() == {"recorded_at", "action", "result", "id"}


def test_recording_now_writes_the_file_at_once_and_the_database_soon(store: Faulty) -> None:
    lines: list[str] = []
    with AuditLog(store, lines.append) as log:
        saved = log.record_now(AuditEntry("keys.create", "ok"))
        assert [json.loads(line)["action"] for line in lines] == ["keys.create"]

        assert saved.result(30)

        assert actions(store) == ["keys.create"]
    assert len(lines) == 1


@pytest.mark.parametrize("after", [False, True])
def test_entries_of_an_outage_are_stored_once_after_it(
    store: Faulty, caplog: pytest.LogCaptureFixture, *, after: bool
) -> None:
    caplog.set_level("INFO")
    store.fails, store.after = True, after
    with AuditLog(store, lambda _: None) as log:
        assert not log.record_now(AuditEntry("first", "ok")).result(30)
        assert not log.record_now(AuditEntry("second", "ok")).result(30)
        store.fails = False

        assert log.record_now(AuditEntry("third", "ok")).result(30)

    assert actions(store) == ["first", "second", "third"]
    assert [record.levelname for record in caplog.records if "captiond" in record.name] == ["ERROR", "INFO"]


def test_memory_is_bounded_and_lost_entries_are_counted(store: Faulty) -> None:
    lines: list[str] = []
    store.fails = True
    with AuditLog(store, lines.append, max_unsaved=3) as log:
        for number in range(10):
            log.record(AuditEntry(f"action {number}", "202"))
        assert not log.record_now(AuditEntry("keys.revoke", "ok")).result(30)
        store.fails = False

        assert log.record_now(AuditEntry("verify", "ok")).result(30)

    *found, lost = reversed(store.page(AuditQuery()))
    assert [entry.action for entry in found] == ["action 0", "action 1", "action 2", "keys.revoke", "verify"]
    assert lost.action == LOST
    assert lost.detail == "7 entries are not in the database"


def test_hung_database_delays_no_caller(store: Faulty) -> None:
    lines: list[str] = []
    store.may_run.clear()
    with AuditLog(store, lines.append) as log:
        log.record_now(AuditEntry("first", "ok"))
        wait_until(lambda: store.attempts == 1)

        saved = log.record_now(AuditEntry("second", "ok"))
        for _ in range(100):
            log.record(AuditEntry("upload", "202"))

        assert [json.loads(line)["action"] for line in lines] == ["first", "second"]
        assert not saved.done()
        store.may_run.set()
    assert len(actions(store)) == 102


def test_retention_deletes_expired_entries_and_records_it(store: Faulty) -> None:
    old = datetime.now(UTC) - timedelta(days=11)
    expired_id = UUID(int=int(old.timestamp() * 1000) << 80)
    store.add([AuditEntry("upload", "202", id=expired_id, recorded_at=old), AuditEntry("verify", "ok")])

    with run_audit_retention(store, 10):
        wait_until(lambda: actions(store) == ["verify", EXPIRED])

    assert str(store.page(AuditQuery())[0].detail).startswith("1 entries before ")


def test_retention_survives_an_outage(store: Faulty, caplog: pytest.LogCaptureFixture) -> None:
    with AuditStore.open("sqlite:////nonexistent/captiond.db") as missing, run_audit_retention(missing, 10):
        wait_until(lambda: "cannot delete entries of the audit log" in caplog.text)

    assert actions(store) == []


def test_line_is_ascii_without_control_characters() -> None:
    line = write_entry(AuditEntry("upload", "202", "\x1b[31m\u202e\ud800\n"))

    assert line.isascii()
    assert line.isprintable()
