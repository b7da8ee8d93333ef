"""`verify`, `doctor` and `migrate`."""

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from redis import Redis

from captiond.archive import Archive, StoredImage, migrate
from captiond.messages import Status
from captiond.pipeline import UPLOADS
from captiond.workqueue import Broker, Budget, Message
from captiond.workqueue.admin import ServerRequirements
from tests.e2e.product import VERIFIED, Place, free_port
from tests.integration.api.serving import jpeg, record
from tests.servers.queues import RedisServer

LONG_AGO_SECONDS = time.time() - 24 * 3600
CONTENT = jpeg()


@pytest.fixture
def migrated(here: Place) -> Place:
    migrate(here.settings["database_url"])
    return here


@pytest.fixture
def kept(migrated: Place) -> list[StoredImage]:
    """Three archived images."""
    images = Path(migrated.settings["images_dir"])
    with Archive.open(migrated.settings["database_url"], images) as archive:
        found = archive.store([record(CONTENT, f"{n}") for n in range(3)])
    return [image for image in found if isinstance(image, StoredImage)]


def test_verify_finds_nothing_wrong_where_nothing_is(migrated: Place, kept: list[StoredImage]) -> None:
    done = migrated.run("verify")

    assert len(kept) == 3
    assert (done.status, done.stdout) == (0, VERIFIED)


def test_verify_names_what_is_missing_altered_and_orphaned(migrated: Place, kept: list[StoredImage]) -> None:
    images = Path(migrated.settings["images_dir"])
    (images / kept[0].path).unlink()
    (images / kept[1].path).write_bytes(CONTENT[:-1] + b"!")
    stray = images / "2026" / "stray.jpg"
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(CONTENT)
    os.utime(stray, (LONG_AGO_SECONDS, LONG_AGO_SECONDS))

    done = migrated.run("verify")

    assert done.status == 1
    lines = done.stdout.splitlines()
    assert lines[-2:] == ["3 found", "every accepted image is in one place"]
    assert sorted(line.split()[0].rstrip(":") for line in lines[:-2]) == ["altered", "missing", "orphaned"]
    assert all(any(name in line for line in lines) for name in (kept[0].path, kept[1].path, "2026/stray.jpg"))


def test_verify_removes_what_dead_writers_left_if_asked_to(migrated: Place, kept: list[StoredImage]) -> None:
    leftover = (Path(migrated.settings["images_dir"]) / kept[0].path).with_name(".image.jpg.0a1b2c3d.tmp")
    leftover.touch()
    os.utime(leftover, (LONG_AGO_SECONDS, LONG_AGO_SECONDS))

    found = migrated.run("verify")
    fixed = migrated.run("verify", "--fix")

    assert (found.status, found.stdout.splitlines()[0].split(":")[0]) == (1, "leftover")
    assert (fixed.status, fixed.stdout) == (0, f"1 leftovers removed\n{VERIFIED}")
    assert not leftover.exists()


def accept(place: Place) -> UUID:
    """Put an upload on the queue `uploads`."""
    image_id = uuid4()

    async def put() -> None:
        with Broker(place.settings["redis_url"]) as broker:
            producer = broker.producer(UPLOADS, Budget(), ServerRequirements())
            message = Message(image_id, {}, CONTENT)
            await producer.put(message, state=Status.QUEUED, digest=b"", note=b"", keep_seconds=60)
            await producer.close()

    asyncio.run(put())
    return image_id


def test_verify_finds_an_accepted_image_wherever_it_is(migrated: Place) -> None:
    accept(migrated)

    done = migrated.run("verify")

    assert (done.status, done.stdout) == (0, VERIFIED)


def test_verify_names_an_accepted_image_that_is_nowhere(migrated: Place) -> None:
    image_id = accept(migrated)
    with Redis.from_url(migrated.settings["redis_url"]) as client:
        client.delete("{captiond:0}:uploads")

    done = migrated.run("verify")

    assert done.status == 1
    assert done.stdout.splitlines()[1:] == [
        f"lost: {image_id}, last state queued, is in no queue, no dead-letter queue and no row",
        "unbalanced: 1 images neither stored, dropped, queued nor dead; were queues changed by hand?",
        "2 found in the queues",
    ]


def test_verify_names_an_image_that_is_in_two_places(migrated: Place) -> None:
    image_id = accept(migrated)
    with Redis.from_url(migrated.settings["redis_url"]) as client:
        client.xadd("{captiond:0}:captioned:dead", {"id": str(image_id)})

    done = migrated.run("verify")

    assert done.status == 1
    assert f"duplicated: {image_id} is in queue uploads and in dead-letter queue of captioned" in done.stdout


def test_verify_names_a_stored_image_without_a_row(migrated: Place) -> None:
    """As after a database was set back to an older backup."""
    image_id = uuid4()
    with Redis.from_url(migrated.settings["redis_url"]) as client:
        client.hset(f"{{captiond:0}}:job:{image_id}", "state", "stored")

    done = migrated.run("verify")

    assert (done.status, done.stdout.splitlines()[1]) == (1, f"lost: {image_id}, last state stored, has no row")


def test_an_archive_is_verified_without_its_queues(migrated: Place, kept: list[StoredImage]) -> None:
    assert kept

    done = migrated.but(redis_url=f"redis://127.0.0.1:{free_port()}/0").run("verify")

    assert done.status == 1
    first, second = done.stdout.splitlines()
    assert first == "every row has its whole file, every file its row"
    assert second.startswith("the queues were not looked at: Redis is not available: ")


def test_doctor_finds_nothing_wrong_where_nothing_is(migrated: Place) -> None:
    done = migrated.run("doctor")

    assert (done.status, done.stderr) == (0, "")
    assert done.stdout.count("ok ") == len(done.stdout.splitlines())


@pytest.fixture
def settable(valkey: RedisServer) -> Iterator[Redis]:
    """The server's settings, put right again at the end."""
    client = valkey.client()
    yield client
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("appendfsync", "always")


def wrong(place: Place) -> list[str]:
    """What doctor complains of."""
    done = place.run("doctor")
    problems = [line.removeprefix("wrong").strip() for line in done.stdout.splitlines() if line.startswith("wrong")]
    assert done.status == (1 if problems else 0)
    assert "Traceback" not in done.stderr
    return problems


def test_doctor_names_everything_that_is_wrong_in_a_line_each(migrated: Place, settable: Redis, tmp_path: Path) -> None:
    settable.config_set("maxmemory-policy", "allkeys-lru")
    settable.config_set("appendfsync", "everysec")
    (tmp_path / "file").touch()

    problems = wrong(
        migrated.but(
            font_name="No Such Font",
            fontsize="12",
            database_url="postgresql+psycopg://nobody@127.0.0.1:1/none",
            log_dir=str(tmp_path / "file" / "log"),
        )
    )

    expected = ("FONTSIZE is no setting", "FONT_NAME", "maxmemory-policy", "appendfsync", "database", "LOG_DIR")
    assert len(problems) == len(expected)
    assert [text in line for text, line in zip(expected, problems, strict=True)] == [True] * len(expected)


def test_doctor_says_what_the_user_of_redis_may_not_do(migrated: Place, settable: Redis) -> None:
    settable.acl_setuser("weak", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-xclaim"])

    [problem] = wrong(migrated.but(redis_url=migrated.settings["redis_url"].replace("unix://", "unix://weak:x@")))

    assert "CAPTIOND_REDIS_URL" in problem
    assert "xclaim" in problem
    assert wrong(migrated) == []


def test_doctor_says_that_redis_is_away(migrated: Place) -> None:
    [problem] = wrong(migrated.but(redis_url=f"redis://127.0.0.1:{free_port()}/0"))

    assert "CAPTIOND_REDIS_URL" in problem
    assert "refused" in problem


def test_doctor_says_what_to_do_about_an_empty_database(here: Place) -> None:
    [problem] = wrong(here)

    assert "captiond migrate" in problem


def test_migrate_makes_the_database_and_does_it_again_unharmed(here: Place) -> None:
    done = [here.run("migrate") for _ in range(2)]

    assert [one.status for one in done] == [0, 0]
    assert done[0].stdout == "the database is at the newest schema\n"
    assert here.run("verify").status == 0
