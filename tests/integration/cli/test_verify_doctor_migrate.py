"""The commands `verify`, `doctor` and `migrate`."""

import asyncio
import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from socket import gethostname
from uuid import UUID, uuid4

import pytest
from redis import Redis

from captiond.archive import Archive, StoredImage
from captiond.imaging.jpeg.native import is_native
from captiond.imaging.text.fonts import bundled_font
from captiond.messages import Status
from captiond.operations.verify_report import find_report
from captiond.pipeline import UPLOADS
from captiond.workqueue import Broker, Budget, Message
from captiond.workqueue.admin import ServerRequirements
from tests.e2e.product import VERIFIED, Place
from tests.integration.api.serving import jpeg, record
from tests.servers.ports import free_port
from tests.servers.queues import RedisServer

YESTERDAY_SECONDS = time.time() - 24 * 3600
CONTENT = jpeg()


@pytest.fixture
def archived(migrated: Place) -> list[StoredImage]:
    """Three archived images, which passed no queue."""
    images = Path(migrated.settings["images_dir"])
    with Archive.open(migrated.settings["database_url"], images) as archive:
        archive.prepare()
        found = archive.store([record(CONTENT, f"{n}") for n in range(3)])
    assert migrated.run("queues", "--accept").status == 0
    return [image for image in found if isinstance(image, StoredImage)]


def test_verify_passes_on_an_intact_archive(migrated: Place, archived: list[StoredImage]) -> None:
    done = migrated.run("verify")

    assert len(archived) == 3
    assert (done.status, done.stdout) == (0, VERIFIED)


def test_verify_stores_its_result_in_redis(migrated: Place, archived: list[StoredImage]) -> None:
    (Path(migrated.settings["images_dir"]) / archived[0].path).unlink()

    assert migrated.run("verify").status == 1

    with Broker(migrated.settings["redis_url"]) as broker:
        report = find_report(broker.monitor)
    assert report is not None
    assert (report.images, report.findings, report.host) == (3, {"missing": 1}, gethostname())
    assert report.started_at <= report.finished_at <= datetime.now(UTC)


def test_verify_on_a_full_redis_prints_that_its_result_is_not_stored(
    migrated: Place, archived: list[StoredImage]
) -> None:
    assert archived
    with Redis.from_url(migrated.settings["redis_url"]) as client:
        client.config_set("maxmemory", 1)
        try:
            done = migrated.run("verify")
        finally:
            client.config_set("maxmemory", 0)

    assert (done.status, done.stdout) == (0, VERIFIED)
    assert "the result was not stored in Redis" in done.stderr


def test_verify_lists_missing_altered_and_orphaned_files(migrated: Place, archived: list[StoredImage]) -> None:
    images = Path(migrated.settings["images_dir"])
    (images / archived[0].path).unlink()
    (images / archived[1].path).write_bytes(CONTENT[:-1] + b"!")
    stray = images / "2026" / "stray.jpg"
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(CONTENT)
    os.utime(stray, (YESTERDAY_SECONDS, YESTERDAY_SECONDS))

    done = migrated.run("verify")

    assert done.status == 1
    lines = done.stdout.splitlines()
    assert lines[-2:] == ["archive: 3 problems", "queues: ok"]
    assert sorted(line.split()[0].rstrip(":") for line in lines[:-2]) == ["altered", "missing", "orphaned"]
    assert all(any(name in line for line in lines) for name in (archived[0].path, archived[1].path, "2026/stray.jpg"))


def test_verify_fix_deletes_temporary_files(migrated: Place, archived: list[StoredImage]) -> None:
    leftover = (Path(migrated.settings["images_dir"]) / archived[0].path).with_name(".image.jpg.0a1b2c3d.tmp")
    leftover.touch()
    os.utime(leftover, (YESTERDAY_SECONDS, YESTERDAY_SECONDS))

    found = migrated.run("verify")
    fixed = migrated.run("verify", "--fix")

    assert (found.status, found.stdout.splitlines()[0].split(":")[0]) == (1, "leftover")
    assert (fixed.status, fixed.stdout) == (0, f"temporary files deleted: 1\n{VERIFIED}")
    assert not leftover.exists()


def enqueue(place: Place) -> UUID:
    """Put an upload into queue `uploads`."""
    image_id = uuid4()

    async def put() -> None:
        with Broker(place.settings["redis_url"]) as broker:
            producer = broker.producer(UPLOADS, Budget(), ServerRequirements())
            message = Message(image_id, {}, CONTENT)
            await producer.put(message, state=Status.QUEUED, digest=b"", note=b"", keep_seconds=60)
            await producer.close()

    asyncio.run(put())
    return image_id


def test_verify_finds_a_queued_image(migrated: Place) -> None:
    enqueue(migrated)

    done = migrated.run("verify")

    assert (done.status, done.stdout) == (0, VERIFIED)


def test_verify_lists_a_lost_image(migrated: Place) -> None:
    image_id = enqueue(migrated)
    with Redis.from_url(migrated.settings["redis_url"]) as client:
        client.delete("{captiond:0}:uploads")

    done = migrated.run("verify")

    assert done.status == 1
    assert done.stdout.splitlines()[1:] == [
        f"lost: {image_id}, last state queued, in no queue or dead-letter queue, and not archived",
        (
            "unaccounted: 1 image accepted but neither archived, dropped, queued nor dead-lettered; "
            "a queue was lost or changed manually"
        ),
        "queues: 2 problems",
    ]


def test_verify_lists_an_image_in_two_queues(migrated: Place) -> None:
    image_id = enqueue(migrated)
    with Redis.from_url(migrated.settings["redis_url"]) as client:
        client.xadd("{captiond:0}:captioned:dead", {"id": str(image_id)})

    done = migrated.run("verify")

    assert done.status == 1
    assert f"duplicated: {image_id}, in queue uploads, dead-letter queue of captioned" in done.stdout


def test_verify_lists_a_stored_image_without_a_row(migrated: Place) -> None:
    """As after restoring an older backup of the database."""
    image_id = uuid4()
    with Redis.from_url(migrated.settings["redis_url"]) as client:
        client.hset(f"{{captiond:0}}:job:{image_id}", "state", "stored")

    done = migrated.run("verify")

    lost = f"lost: {image_id}, last state stored, in no queue or dead-letter queue, and not archived"
    assert (done.status, done.stdout.splitlines()[1]) == (1, lost)


def test_verify_checks_the_archive_without_redis(migrated: Place, archived: list[StoredImage]) -> None:
    assert archived

    done = migrated.but(redis_url=f"redis://127.0.0.1:{free_port()}/0").run("verify")

    assert done.status == 1
    first, second = done.stdout.splitlines()
    assert first == "archive: ok"
    assert second.startswith("queues: not checked: Redis ")


def test_verify_of_a_backup_ignores_images_that_were_archived_after_it(
    migrated: Place, archived: list[StoredImage]
) -> None:
    assert archived
    with Redis.from_url(migrated.settings["redis_url"]) as client:
        client.hset(f"{{captiond:0}}:job:{uuid4()}", "state", "stored")

    done = migrated.run("verify", "--backup")

    assert (done.status, done.stdout) == (0, "archive: ok\n")
    last = json.loads(migrated.run("verify", "--backup", "--json").stdout.splitlines()[-1])
    assert (last["ok"], last["complete"]) == (True, False)
    with Broker(migrated.settings["redis_url"]) as broker:
        assert find_report(broker.monitor) is None


def test_doctor_passes_on_a_valid_configuration(migrated: Place) -> None:
    done = migrated.run("doctor")

    assert (done.status, done.stderr) == (0, "")
    assert {line.split()[0] for line in done.stdout.splitlines()} <= {"ok", "warning"}
    assert f"scan decoder: {'compiled' if is_native() else 'interpreted'}" in done.stdout
    assert str(bundled_font()) in done.stdout


def test_doctor_reports_the_interpreted_decoder(migrated: Place) -> None:
    done = migrated.but(native="0").run("doctor")

    assert (done.status, done.stderr) == (0, "")
    assert "warning  scan decoder: interpreted" in done.stdout


def test_doctor_checks_only_what_its_role_needs(here: Place, tmp_path: Path) -> None:
    """A captioner has neither a database nor the images directory, and the API may not write to that."""
    (tmp_path / "file").touch()
    broken = here.but(database_url="postgresql+psycopg://nobody@127.0.0.1:1/none", thumbnails_dir=f"{tmp_path}/file/x")

    results = {role: broken.but(role=role).run("doctor", "--json") for role in ("all", "api", "captioner", "archiver")}

    assert {role: done.status for role, done in results.items()} == {"all": 1, "api": 1, "captioner": 0, "archiver": 1}
    report = json.loads(results["captioner"].stdout)
    assert (report["role"], report["ok"]) == ("captioner", True)
    names = [check["check"] for check in report["checks"]]
    assert names == ["versions", "settings", "font", "scan decoder", "Redis", "directories"]
    assert broken.run("doctor", "--role", "captioner").status == 0
    assert broken.run("doctor", "--role", "camera").status == 2


def test_doctor_of_the_api_reads_the_archive(migrated: Place) -> None:
    images = Path(migrated.settings["images_dir"])
    with Archive.open(migrated.settings["database_url"], images) as archive:
        archive.prepare()

    report = json.loads(migrated.run("doctor", "--role", "api", "--json").stdout)

    assert report["ok"]
    assert {"check": "archive", "level": "ok", "detail": str(images)} in report["checks"]


def test_doctor_shows_the_unusable_value_without_its_password(migrated: Place) -> None:
    refused = migrated.but(redis_url=f"redis://:secret@127.0.0.1:{free_port()}/0")

    [problem] = doctor_problems(refused)

    assert "got redis://:***@127.0.0.1:" in problem
    assert refused.but(font_size="x").run("doctor").problem.endswith("got 'x'")


@pytest.fixture
def server(valkey: RedisServer) -> Iterator[Redis]:
    """A client that may change the server's settings, which are restored at the end."""
    client = valkey.client()
    yield client
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("appendfsync", "always")


def doctor_problems(place: Place) -> list[str]:
    """Run `doctor` and return the problems it lists."""
    done = place.run("doctor")
    problems = [line.removeprefix("error").strip() for line in done.stdout.splitlines() if line.startswith("error ")]
    assert done.status == (1 if problems else 0)
    assert "Traceback" not in done.stderr
    return problems


def test_doctor_lists_every_problem_on_its_own_line(migrated: Place, server: Redis, tmp_path: Path) -> None:
    server.config_set("maxmemory-policy", "allkeys-lru")
    server.config_set("appendfsync", "everysec")
    (tmp_path / "file").touch()

    problems = doctor_problems(
        migrated.but(
            font_name="No Such Font",
            fontsize="12",
            database_url="postgresql+psycopg://nobody@127.0.0.1:1/none",
            log_dir=str(tmp_path / "file" / "log"),
        )
    )

    expected = (
        "FONTSIZE: no such setting; did you mean CAPTIOND_FONT_SIZE?",
        "FONT_NAME",
        "maxmemory-policy",
        "appendfsync",
        "database",
        "LOG_DIR",
    )
    assert len(problems) == len(expected)
    assert [text in line for text, line in zip(expected, problems, strict=True)] == [True] * len(expected)


def test_doctor_reports_invalid_settings_of_the_ftp_service(migrated: Place) -> None:
    ftp = migrated.but(ftp_password=str(uuid4()))
    unreadable = ftp.but(ftp_certificate="missing.pem")

    assert doctor_problems(ftp) == []
    [problem] = doctor_problems(unreadable)
    assert problem.startswith("settings: CAPTIOND_FTP_CERTIFICATE: cannot load missing.pem")


def test_doctor_reports_missing_redis_permissions(migrated: Place, server: Redis) -> None:
    server.acl_setuser("weak", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-xclaim"])

    [problem] = doctor_problems(
        migrated.but(redis_url=migrated.settings["redis_url"].replace("unix://", "unix://weak:x@"))
    )

    assert "CAPTIOND_REDIS_URL" in problem
    assert "xclaim" in problem
    assert doctor_problems(migrated) == []


def test_doctor_reports_an_unreachable_redis(migrated: Place) -> None:
    [problem] = doctor_problems(migrated.but(redis_url=f"redis://127.0.0.1:{free_port()}/0"))

    assert "CAPTIOND_REDIS_URL" in problem
    assert "refused" in problem


def test_doctor_suggests_migrate_for_an_empty_database(here: Place) -> None:
    [problem] = doctor_problems(here)

    assert "captiond migrate" in problem


def test_migrate_is_idempotent(here: Place) -> None:
    done = [here.run("migrate") for _ in range(2)]

    assert [one.status for one in done] == [0, 0]
    assert done[0].stdout == "the database schema is current\n"
    assert here.run("verify").status == 0


def test_schema_is_reverted_to_an_earlier_revision(migrated: Place) -> None:
    done = migrated.run("migrate", "--to", "0009")

    assert (done.status, done.stdout) == (0, "the database schema has the revision 0009\n")
    refused = migrated.run("migrate", "--to", "0010")
    assert (refused.status, refused.problem[:65]) == (
        2,
        "the database schema has no earlier revision 0010; it has 0008, 00",
    )
    assert migrated.run("migrate", "--to", "").status == 2
    assert migrated.run("migrate", "--adopt", "--to", "0009").problem == "--adopt and --to exclude each other"
    assert migrated.run("migrate").status == 0
