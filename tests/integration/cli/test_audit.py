"""`captiond audit`, and what commands record."""

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from captiond.archive import AuditEntry, AuditStore
from captiond.cli.audit import parse_since
from captiond.cli.errors import UsageError
from tests.e2e.product import Pipeline, Place, photo

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def listed(place: Place, *options: str) -> list[dict[str, str]]:
    done = place.run("audit", "--json", *options)
    assert done.status == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_changes_of_keys_are_recorded_without_their_secrets(migrated: Place) -> None:
    token = migrated.run("keys", "create", "gate", "--scope", "upload", "--scope", "read").stdout.strip()
    assert migrated.run("keys", "revoke", "gate").status == 0

    revoked, created = listed(migrated)

    assert (created["action"], created["result"]) == ("keys.create", "ok")
    assert (revoked["action"], revoked["detail"]) == ("keys.revoke", created["detail"])
    assert created["detail"].endswith(" gate scopes=read,upload")
    assert created["address"].startswith("cli@")
    file = (migrated.folder / "log" / "audit.log").read_text()
    assert [json.loads(line) for line in file.splitlines()] == [created, revoked]
    shown = migrated.run("audit").stdout
    assert shown.splitlines()[1].split("  ")[1:3] == ["keys.create", "ok"]
    assert token.removeprefix("captiond_") not in file + shown


def test_verify_and_restore_are_recorded(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> None:
    image_id = pipeline.send(photo(), "x")
    pipeline.await_status(image_id, "stored")

    pipeline.place.run("restore", image_id, "--output", str(tmp_path_factory.mktemp("restored") / "x.jpg"))
    pipeline.place.run("verify")

    assert [entry["action"] for entry in listed(pipeline.place, "--image", image_id)] == ["read.original"]
    assert len(listed(pipeline.place, "--action", "verify", "--limit", "1")) == 1


def test_changes_of_dead_letters_are_recorded(pipeline: Pipeline) -> None:
    image_id = pipeline.send(photo(32, 32)[:200], "x")
    pipeline.await_status(image_id, "failed")

    assert pipeline.place.run("dead", "drop", image_id, "--yes").status == 0

    [entry] = [each for each in listed(pipeline.place, "--since", "1d") if image_id in each.get("detail", "")]
    assert (entry["action"], entry["detail"]) == ("dead-letters.drop", f"1: {image_id}")


def test_filters_and_limit(migrated: Place) -> None:
    with AuditStore.open(migrated.settings["database_url"]) as store:
        store.add([AuditEntry("upload", "202", actor=f"key {number % 2}", image_id=uuid4()) for number in range(1500)])

    assert len(listed(migrated)) == 100
    assert len(listed(migrated, "--limit", "1200")) == 1200
    assert {entry["actor"] for entry in listed(migrated, "--who", "key 1", "--limit", "9999")} == {"key 1"}
    assert listed(migrated, "--since", "2999-01-01") == []
    assert migrated.run("audit", "--action", "none").stdout == "no entries\n"


def test_unwritable_log_directory_is_a_warning(migrated: Place) -> None:
    (migrated.folder / "file").write_text("")

    done = migrated.but(log_dir=str(migrated.folder / "file" / "log")).run("keys", "create", "gate", "--scope", "read")

    assert done.status == 0
    assert "warning: cannot write the audit log of this keys.create" in done.stderr
    assert [entry["action"] for entry in listed(migrated)] == ["keys.create"]


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("30m", NOW - timedelta(minutes=30)),
        ("12h", NOW - timedelta(hours=12)),
        ("2w", NOW - timedelta(days=14)),
        ("2029-12-31", NOW - timedelta(days=1)),
        ("2030-01-01T03:00:00+03:00", NOW),
    ],
)
def test_start_is_a_period_or_a_time(text: str, start: datetime) -> None:
    assert parse_since(text, NOW) == start


@pytest.mark.parametrize("text", ["", "5y", "99999w", "yesterday", "0001-01-01T00:00:00+03:00"])
def test_invalid_start_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--since"):
        parse_since(text, datetime(1, 2, 1, tzinfo=UTC) if text == "99999w" else NOW)
