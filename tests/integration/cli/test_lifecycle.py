"""The commands `hold`, `unhold`, `delete` and `prune`."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import update

from captiond.archive import Actor, Archive, PageQuery, Record, StoredImage
from captiond.archive.sql.engine import open_engine
from captiond.archive.sql.lifecycle_tables import TOMBSTONES
from tests.e2e.product import VERIFIED, Place, wait_until
from tests.integration.api.serving import jpeg, record
from tests.servers.ports import free_port
from tests.servers.queues import RedisServer

CONTENT = jpeg()
AGES_DAYS = (400, 100, 40, 10, 0)


@contextmanager
def archive_of(place: Place) -> Iterator[Archive]:
    with Archive.open(place.settings["database_url"], Path(place.settings["images_dir"])) as archive:
        yield archive


def aged(days: int, camera: str | None = None) -> Record:
    made = record(CONTENT, f"{days} days old", datetime.now(UTC) - timedelta(days=days))
    return replace(made, image=replace(made.image, camera=camera))


@pytest.fixture
def archived(migrated: Place) -> list[StoredImage]:
    """Images of these ages, the oldest first, which passed no queue; every second is of the camera `gate`."""
    with archive_of(migrated) as archive:
        archive.prepare()
        cameras = ["gate", None, "gate", None, "gate"]
        found = archive.store([aged(days, camera) for days, camera in zip(AGES_DAYS, cameras, strict=True)])
    assert migrated.run("queues", "--accept").status == 0
    return [image for image in found if isinstance(image, StoredImage)]


def remaining(place: Place) -> set[str]:
    with archive_of(place) as archive:
        found = archive.page(PageQuery(limit=100))
        files = {path.name for path in Path(place.settings["images_dir"]).rglob("*.jpg")}
    assert files == {f"{image.id}.jpg" for image in found}
    return {image.description.removesuffix(" days old") for image in found}


def test_prune_deletes_by_age_and_keeps_held_images(migrated: Place, archived: list[StoredImage]) -> None:
    assert migrated.run("hold", str(archived[0].id), "--reason", "case 1").stdout == f"held {archived[0].id}\n"

    dry = migrated.run("prune", "--older-than", "30d", "--dry-run")
    before = remaining(migrated)
    done = migrated.run("prune", "--older-than", "30d", "--reason", "order 7")

    assert [line.split()[0] for line in dry.stdout.splitlines()] == [str(archived[1].id), str(archived[2].id), "would"]
    assert dry.stdout.splitlines()[1].endswith(f"  {len(CONTENT)}  gate")
    assert dry.stdout.splitlines()[2] == f"would delete 2 images, {2 * len(CONTENT)} bytes"
    assert before == {"400", "100", "40", "10", "0"}
    assert (done.status, done.stdout) == (0, f"deleted 2 images, {2 * len(CONTENT)} bytes\n")
    assert remaining(migrated) == {"400", "10", "0"}
    with archive_of(migrated) as archive:
        tombstone = archive.lifecycle.tombstone(archived[1].id)
    assert tombstone
    assert (tombstone.reason, "@" in tombstone.deleted_by) == ("order 7", True)
    assert migrated.run("verify").stdout == VERIFIED


def test_prune_keeps_the_newest_bytes_of_a_camera(migrated: Place, archived: list[StoredImage]) -> None:
    assert archived
    size = str(len(CONTENT))

    done = migrated.run("prune", "--keep-bytes", size, "--camera", "gate")

    assert (done.status, done.stdout) == (0, f"deleted 2 images, {2 * len(CONTENT)} bytes\n")
    assert remaining(migrated) == {"100", "10", "0"}
    assert migrated.run("prune", "--keep-bytes", "1G", "--older-than", "1w").status == 0
    assert remaining(migrated) == {"0"}


def test_prune_finds_a_camera_by_its_normalised_name(migrated: Place, archived: list[StoredImage]) -> None:
    assert archived
    with archive_of(migrated) as archive:
        archive.store([aged(50, "Caf\u00e9")])

    done = migrated.run("prune", "--older-than", "30d", "--camera", "Cafe\u0301 ", "--dry-run")

    assert done.stdout.splitlines()[-1] == f"would delete 1 image, {len(CONTENT)} bytes"


def test_prune_without_options_applies_the_settings(migrated: Place, archived: list[StoredImage]) -> None:
    assert archived
    place = migrated.but(retention="30d", retention_cameras="gate=off")

    dry = place.run("prune", "--dry-run")

    assert place.run("prune").stdout == f"deleted 1 image, {len(CONTENT)} bytes\n"
    assert dry.stdout.splitlines()[-1] == f"would delete 1 image, {len(CONTENT)} bytes"
    assert remaining(migrated) == {"400", "40", "10", "0"}


def test_dry_run_lists_each_image_once(migrated: Place, archived: list[StoredImage]) -> None:
    dry = migrated.run("prune", "--older-than", "90d", "--keep-bytes", str(2 * len(CONTENT)), "--dry-run")

    assert [line.split()[0] for line in dry.stdout.splitlines()] == [
        *(str(image.id) for image in archived[:3]),
        "would",
    ]
    assert remaining(migrated) == {"400", "100", "40", "10", "0"}


def refuse_deletion(place: Place, image: StoredImage) -> None:
    """Let the database refuse the deletion of an image."""
    engine = open_engine(place.settings["database_url"])
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"CREATE TRIGGER refusal BEFORE DELETE ON images WHEN old.id = x'{image.id.hex}'"
            " BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )
    engine.dispose()


def test_prune_that_fails_records_and_prints_what_it_deleted(migrated: Place, archived: list[StoredImage]) -> None:
    size = len(CONTENT)
    refuse_deletion(migrated, archived[2])

    # The limit of age selects two images, the size one more.
    done = migrated.run("prune", "--older-than", "90d", "--keep-bytes", str(2 * size), "--json")

    assert done.status == 1
    assert json.loads(done.stdout) == {"deleted": 2, "bytes": 2 * size}
    assert remaining(migrated) == {"40", "10", "0"}
    [entry] = [json.loads(line) for line in migrated.run("audit", "--action", "prune", "--json").stdout.splitlines()]
    assert (entry["result"], entry["detail"]) == ("incomplete", f"2: age=90 days, 0:00:00 bytes={2 * size}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "give --older-than, --keep-bytes or both, or set CAPTIOND_RETENTION"),
        (["--camera", "gate"], "give --older-than, --keep-bytes or both"),
        (["--older-than", "soon"], "--older-than: 'soon' is not valid; use for example 36h, 90d or 2w"),
        (["--keep-bytes", "1GB"], "--keep-bytes: '1GB' is not valid"),
        (["--keep-bytes", "0"], "--keep-bytes: '0' would delete every image; use for example 1000000, 500M or 100G"),
        (["--keep-bytes", "0G", "--dry-run"], "--keep-bytes: '0G' would delete every image"),
        (["--older-than", "0d"], "--older-than: '0d' would delete every image; use for example 36h, 90d or 2w"),
        (["--older-than", "1d", "--reason", "x" * 201], "--reason: the reason exceeds 200 characters"),
    ],
)
def test_invalid_options_of_prune_exit_with_2(migrated: Place, options: list[str], message: str) -> None:
    done = migrated.run("prune", *options)

    assert done.status == 2
    assert done.problem.startswith(message)


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_delete_that_fails_prints_the_images_that_it_deleted(
    migrated: Place, archived: list[StoredImage], *, as_json: bool
) -> None:
    done_id, refused_id = (str(image.id) for image in archived[:2])
    refuse_deletion(migrated, archived[1])

    done = migrated.run("delete", done_id, refused_id, *["--json"] * as_json)

    assert done.status == 1
    printed = json.loads(done.stdout) if as_json else done.stdout
    assert printed == ({"id": done_id, "result": "deleted"} if as_json else f"deleted {done_id}\n")
    [entry] = [
        json.loads(line) for line in migrated.run("audit", "--action", "images.delete", "--json").stdout.splitlines()
    ]
    assert entry["detail"] == f"1: {done_id}"


def test_delete_that_is_interrupted_records_the_deleted_image(
    migrated: Place, valkey: RedisServer, archived: list[StoredImage]
) -> None:
    deleted = archived[0]
    engine = open_engine(migrated.settings["database_url"])
    with valkey.client() as client:

        def waits_for_the_database() -> bool:
            """Whether the command has asked Redis for the deployment, and continues."""
            return any(each["db"] == "1" and int(each["idle"]) >= 1 for each in client.client_list())

        with engine.begin() as connection:
            connection.execute(update(TOMBSTONES).values(reason="locked"))  # no other connection can write
            command = migrated.start("delete", str(deleted.id))
            wait_until(waits_for_the_database, 30, "the command waits for the database")
            valkey.suspend()
        try:
            wait_until(lambda: is_deleted(migrated, deleted), 30, "the row is deleted")
            command.send_signal(signal.SIGINT)
            assert command.wait(30) == 130
        finally:
            valkey.resume()
            command.kill()
    engine.dispose()

    [entry] = [
        json.loads(line) for line in migrated.run("audit", "--action", "images.delete", "--json").stdout.splitlines()
    ]
    assert entry["detail"] == f"1: {deleted.id}"


def is_deleted(place: Place, image: StoredImage) -> bool:
    with archive_of(place) as archive:
        return archive.find(image.id) is None


def test_holds_are_listed_and_released(migrated: Place, archived: list[StoredImage]) -> None:
    ids = [str(image.id) for image in archived[:2]]
    assert migrated.run("hold").stdout == "no legal holds\n"
    assert migrated.run("hold", *ids, "--reason", "case 1").status == 0

    lines = migrated.run("hold").stdout.splitlines()

    assert {line.split()[0] for line in lines[::2]} == set(ids)
    assert all(line.startswith("    by ") and line.endswith(": case 1") for line in lines[1::2])
    assert migrated.run("unhold", *ids).stdout == f"released {ids[0]}\nreleased {ids[1]}\n"
    assert migrated.run("hold").stdout == "no legal holds\n"


def test_unknown_ids_exit_with_1_and_invalid_ones_with_2(migrated: Place, archived: list[StoredImage]) -> None:
    unknown = str(uuid4())
    for command in ("hold", "unhold", "delete"):
        done = migrated.run(command, unknown)
        assert (done.status, done.problem) == (1, f"no archived image {unknown}")
        invalid = migrated.run(command, str(archived[0].id), "7")
        assert (invalid.status, invalid.problem) == (
            2,
            "'7' is not an image id, such as those that `captiond list` prints",
        )
    assert len(remaining(migrated)) == 5


def test_delete_refuses_held_images_and_deletes_the_others(migrated: Place, archived: list[StoredImage]) -> None:
    held, free = archived[:2]
    with archive_of(migrated) as archive:
        archive.lifecycle.hold(held.id, Actor("anna"))

    done = migrated.run("delete", str(held.id), str(free.id))

    assert (done.status, done.stdout) == (1, f"deleted {free.id}\n")
    assert done.problem == f"the image {held.id} has a legal hold; `captiond unhold {held.id}` releases it"
    assert remaining(migrated) == {"400", "40", "10", "0"}
    assert migrated.run("verify").stdout == VERIFIED


def test_prune_without_redis_leaves_the_rest_to_the_archiver(migrated: Place, archived: list[StoredImage]) -> None:
    place = migrated.but(redis_url=f"redis://127.0.0.1:{free_port()}/0")

    done = place.run("prune", "--older-than", "90d")

    assert (done.status, done.stdout) == (0, f"deleted 2 images, {2 * len(CONTENT)} bytes\n")
    with archive_of(migrated) as archive:
        assert {pending.image_id for pending in archive.lifecycle.pending()} == {image.id for image in archived[:2]}


def test_verify_fix_deletes_files_of_deleted_images(migrated: Place, archived: list[StoredImage]) -> None:
    """As after restoring the files of an older backup."""
    file = Path(migrated.settings["images_dir"]) / archived[0].path
    assert migrated.run("delete", str(archived[0].id)).status == 0
    file.write_bytes(CONTENT)
    age(migrated, file)

    found = migrated.run("verify")
    fixed = migrated.run("verify", "--fix")

    assert (found.status, found.stdout.splitlines()[0]) == (1, f"leftover: {archived[0].path} (of a deleted image)")
    assert (fixed.status, fixed.stdout) == (0, f"deleted: {archived[0].path}\n{VERIFIED}")
    assert not file.exists()


def age(place: Place, file: Path) -> None:
    """Make a file and all deletions older than the grace period."""
    long_ago = time.time() - 7200
    os.utime(file, (long_ago, long_ago))
    engine = open_engine(place.settings["database_url"])
    with engine.begin() as connection:
        connection.execute(update(TOMBSTONES).values(deleted_at=datetime.now(UTC) - timedelta(hours=2)))
    engine.dispose()
