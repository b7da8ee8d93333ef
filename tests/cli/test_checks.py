"""`verify`, `doctor` and `migrate`."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from captiond.archive import Archive, StoredImage, migrate
from tests.api.serving import jpeg, record
from tests.integration.product import Place, free_port
from tests.queue_servers import RedisServer

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
        found = archive.keep([record(CONTENT, f"{n}") for n in range(3)])
    return [image for image in found if isinstance(image, StoredImage)]


def test_verify_finds_nothing_wrong_where_nothing_is(migrated: Place, kept: list[StoredImage]) -> None:
    done = migrated.run("verify")

    assert len(kept) == 3
    assert (done.status, done.stdout) == (0, "every row has its whole file, every file its row\n")


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
    assert lines[-1] == "3 found"
    assert sorted(line.split()[0].rstrip(":") for line in lines[:-1]) == ["altered", "missing", "orphaned"]
    assert all(any(name in line for line in lines) for name in (kept[0].path, kept[1].path, "2026/stray.jpg"))


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
    complaints = [line.removeprefix("wrong").strip() for line in done.stdout.splitlines() if line.startswith("wrong")]
    assert done.status == (1 if complaints else 0)
    assert "Traceback" not in done.stderr
    return complaints


def test_doctor_names_everything_that_is_wrong_in_a_line_each(migrated: Place, settable: Redis, tmp_path: Path) -> None:
    settable.config_set("maxmemory-policy", "allkeys-lru")
    settable.config_set("appendfsync", "everysec")
    (tmp_path / "file").touch()

    complaints = wrong(
        migrated.but(
            font_name="No Such Font",
            fontsize="12",
            database_url="postgresql+psycopg://nobody@127.0.0.1:1/none",
            log_dir=str(tmp_path / "file" / "log"),
        )
    )

    expected = ("FONTSIZE is no setting", "FONT_NAME", "maxmemory-policy", "appendfsync", "database", "LOG_DIR")
    assert len(complaints) == len(expected)
    assert [text in line for text, line in zip(expected, complaints, strict=True)] == [True] * len(expected)


def test_doctor_says_that_redis_is_away(migrated: Place) -> None:
    [complaint] = wrong(migrated.but(redis_url=f"redis://127.0.0.1:{free_port()}/0"))

    assert "CAPTIOND_REDIS_URL" in complaint
    assert "refused" in complaint


def test_doctor_says_what_to_do_about_an_empty_database(here: Place) -> None:
    [complaint] = wrong(here)

    assert "captiond migrate" in complaint


def test_migrate_makes_the_database_and_does_it_again_unharmed(here: Place) -> None:
    done = [here.run("migrate") for _ in range(2)]

    assert [one.status for one in done] == [0, 0]
    assert done[0].stdout == "the database is at the newest schema\n"
    assert here.run("verify").status == 0
