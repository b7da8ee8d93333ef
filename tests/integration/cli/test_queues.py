import json
import re
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import cast
from uuid import uuid4
from zlib import crc32

import pytest
from redis import Redis

from captiond.cli.errors import CONTROLS
from captiond.patch import Patch
from captiond.workqueue.streams.keys import Keys
from tests.e2e.product import Pipeline, photo, place, running_pipeline
from tests.servers.queues import RedisServer

BROKEN = photo(32, 32)[:200]


@pytest.fixture
def dead_image(pipeline: Pipeline) -> str:
    """The id of a dead-lettered image."""
    image_id = pipeline.send(BROKEN, "не картинка")
    pipeline.await_status(image_id, "failed")
    return image_id


def find_dead_letter(pipeline: Pipeline, image_id: str) -> str:
    [line] = [line for line in pipeline.place.run("dead", "list").stdout.splitlines() if image_id in line]
    [found] = re.findall(r"uploads/\d+-\d+", line)
    assert isinstance(found, str)
    return found


def test_queues_shows_statistics_and_totals(pipeline: Pipeline, dead_image: str) -> None:
    shown = pipeline.place.run("queues")

    assert (shown.status, shown.stderr) == (0, ""), shown.stdout
    rows = [re.split("  +", line.strip()) for line in shown.stdout.splitlines()[:-3]]
    names, uploads, captioned, webhooks = zip(*(cells for cells in rows if cells), strict=True)
    assert {"depth", "in flight", "delayed", "oldest age", "dead letters", "bytes", "consumers"} <= set(names)
    row = dict(zip(names, uploads, strict=True))
    assert (row["queue"], row["depth"], row["consumers"]) == ("uploads", "0", "1")
    assert int(row["dead letters"]) >= 1
    assert (captioned[0], webhooks[0]) == ("captioned", "webhooks")
    total, now = shown.stdout.splitlines()[-2:]
    assert re.match(r"total: [1-9]\d* accepted, \d+ archived, \d+ dropped, ", total)
    assert re.fullmatch(r"now: \d+\.\d% of max_backlog_bytes used, 0 images unaccounted for", now)
    assert dead_image not in shown.stdout


def test_deleted_queue_is_reported_until_it_is_accepted(own_redis_server: RedisServer, tmp_path: Path) -> None:
    here = place(tmp_path, own_redis_server.url, f"sqlite:///{tmp_path}/captiond.db")
    with running_pipeline(here) as pipeline:
        stored = [pipeline.send(photo(), "stored") for _ in range(2)]
        for image_id in stored:
            pipeline.await_status(image_id, "stored")
        assert here.run("queues").status == 0
        pipeline.kill("captioner")
        for _ in range(5):
            pipeline.send(photo(), "waiting")
        created = totals_of(own_redis_server)["created"]
        time.sleep(1)
        own_redis_server.client().flushall()
        pipeline.send(photo(), "after")

        for command in ("queues", "verify"):
            shown = here.run(command)
            assert shown.status == 1
            assert "the queue was deleted or restored from an older copy: Redis lacks 2 of 2 archived" in shown.stdout
        assert totals_of(own_redis_server)["created"] > created
        [shown_at] = re.findall(r"^captiond_queue_created_timestamp_seconds (.*)$", metrics_of(pipeline), re.MULTILINE)
        assert float(shown_at) == totals_of(own_redis_server)["created"]
        assert here.run("queues", "--accept").status == 0
        assert here.run("verify").status == 0


def test_queue_deleted_before_any_image_was_archived_is_reported(own_redis_server: RedisServer, tmp_path: Path) -> None:
    here = place(tmp_path, own_redis_server.url, f"sqlite:///{tmp_path}/captiond.db")
    with running_pipeline(here) as pipeline:
        pipeline.kill("captioner")
        pipeline.send(photo(), "waiting")
        own_redis_server.client().flushall()

        for command in ("queues", "verify"):
            shown = here.run(command)
            assert shown.status == 1
            assert "the queue was deleted: the images directory has a deployment id, but Redis has none" in shown.stdout
        assert here.run("queues", "--accept").status == 0
        assert here.run("verify").status == 0


def metrics_of(pipeline: Pipeline) -> str:
    return pipeline.client.get("/metrics").text


def totals_of(server: RedisServer) -> dict[str, int]:
    totals = cast("dict[bytes, bytes]", server.client().hgetall(Keys().totals))
    return {name.decode(): int(value) for name, value in totals.items()}


def test_dead_list_and_show_print_the_error_and_traceback(pipeline: Pipeline, dead_image: str) -> None:
    listed = pipeline.place.run("dead", "list")
    shown = pipeline.place.run("dead", "show", dead_image)

    assert (listed.status, shown.status) == (0, 0)
    lines = listed.stdout.splitlines()
    [at] = [at for at, line in enumerate(lines) if dead_image in line]
    assert re.fullmatch(rf"uploads/\d+-\d+  {dead_image}", lines[at])
    assert re.fullmatch(r"    rejected at [-0-9]+ [:0-9]+Z, deliveries: 1, bytes: \d+", lines[at + 1])
    assert lines[at + 2].startswith("    BadImage: ")
    assert "description: не картинка" in shown.stdout
    assert "Traceback (most recent call last)" in shown.stdout


HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m \u202eA123BC\u202c [/red] да 🚦"
ESCAPED = r"\u001b]0;owned\u0007\u001b[2J\u009b31m \u202eA123BC\u202c [/red] да 🚦"


def test_control_characters_of_an_upload_are_escaped(pipeline: Pipeline, tmp_path: Path) -> None:
    image_id = pipeline.send(BROKEN, f"{HOSTILE}\nerror: none")
    pipeline.await_status(image_id, "failed")

    shown = pipeline.place.run("dead", "show", image_id)
    pipeline.place.run("dead", "export", str(tmp_path), image_id)

    assert f"description: {ESCAPED}\\u000aerror: none\n" in shown.stdout
    [file] = tmp_path.glob("*.json")
    assert ESCAPED in file.read_text("utf-8")
    assert json.loads(file.read_text("utf-8"))["description"] == f"{HOSTILE}\nerror: none"


def test_control_characters_of_a_foreign_message_are_escaped(pipeline: Pipeline, tmp_path: Path) -> None:
    with Redis.from_url(pipeline.place.settings["redis_url"]) as client:
        fields = {b"id": HOSTILE.encode(), HOSTILE.encode(): b"x", b"dead_error": HOSTILE.encode()}
        fields[b"dead_traceback"] = f"first\n{HOSTILE}".encode()
        entry = client.xadd("{captiond:0}:uploads:dead", fields)
        assert isinstance(entry, bytes)
    name = f"uploads/{entry.decode()}"

    listed = pipeline.place.run("dead", "list")
    shown = pipeline.place.run("dead", "show", name)
    exported = pipeline.place.run("dead", "export", str(tmp_path), name)
    unknown = pipeline.place.run("dead", "show", HOSTILE)
    pipeline.place.run("dead", "drop", name, "--yes")

    assert [done.status for done in (listed, shown, exported, unknown)] == [0, 0, 0, 1]
    assert f"{ESCAPED}: x\n" in shown.stdout
    assert f"first\n{ESCAPED}\n" in shown.stdout
    assert unknown.problem == f"no dead letter {ESCAPED}; list them with `captiond dead list`"
    for done in (listed, shown, exported, unknown):
        assert not CONTROLS.search((done.stdout + done.stderr).replace("\n", ""))


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "koi8-r"])
def test_dead_letters_are_shown_on_a_terminal_without_utf_8(pipeline: Pipeline, dead_image: str, encoding: str) -> None:
    for args in (("dead", "list"), ("dead", "show", dead_image)):
        ran = subprocess.run(
            [sys.executable, "-m", "captiond", *args],
            cwd=pipeline.place.folder,
            env={**pipeline.place.environment, "PYTHONIOENCODING": encoding, "LANG": "C"},
            capture_output=True,
            check=False,
            timeout=60,
        )

        assert (ran.returncode, ran.stderr) == (0, b"")
        assert dead_image.encode() in ran.stdout
    expected = "не картинка".encode(encoding, "backslashreplace")
    assert b"description: " + expected in ran.stdout


def test_dead_retry_returns_a_message_to_its_queue(pipeline: Pipeline, dead_image: str) -> None:
    before = find_dead_letter(pipeline, dead_image)

    retried = pipeline.place.run("dead", "retry", before)

    assert (retried.status, retried.stdout) == (0, "1 dead letter returned to its queue\n")
    pipeline.await_status(dead_image, "failed")
    assert find_dead_letter(pipeline, dead_image) != before


def test_dead_export_writes_the_image_and_keeps_the_dead_letter(
    pipeline: Pipeline, dead_image: str, tmp_path: Path
) -> None:
    name = find_dead_letter(pipeline, dead_image).replace("/", "-")

    exported = pipeline.place.run("dead", "export", str(tmp_path / "letters"), dead_image)

    assert (exported.status, exported.stdout) == (0, "1 dead letter exported\n")
    assert (tmp_path / "letters" / f"{name}.jpg").read_bytes() == BROKEN
    about = json.loads((tmp_path / "letters" / f"{name}.json").read_text("utf-8"))
    assert (about["id"], about["queue"], about["description"]) == (dead_image, "uploads", "не картинка")
    assert datetime.fromisoformat(about["rejected_at"]).tzinfo is not None
    assert "Traceback (most recent call last)" in about["dead_traceback"]
    assert find_dead_letter(pipeline, dead_image)


def test_dead_export_writes_the_upload_beside_the_captioned_image(pipeline: Pipeline, tmp_path: Path) -> None:
    """The archiver rejects a re-encoded photo."""
    original, image, image_id = bytes(70_000), b"captioned", str(uuid4())
    with Redis.from_url(pipeline.place.settings["redis_url"]) as client:
        client.set(f"{{captiond:0}}:body:{image_id}", original)
        fields = {b"id": image_id.encode(), b"patch": Patch(crc32(original), (image,)).to_bytes()}
        entry = client.xadd("{captiond:0}:captioned:dead", fields)
        assert isinstance(entry, bytes)

    exported = pipeline.place.run("dead", "export", str(tmp_path), f"captioned/{entry.decode()}")

    assert exported.status == 0
    assert (tmp_path / f"captioned-{entry.decode()}.jpg").read_bytes() == image
    assert (tmp_path / f"captioned-{entry.decode()}.original.jpg").read_bytes() == original


def test_dead_export_reports_an_unwritable_directory(pipeline: Pipeline, dead_image: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    exported = pipeline.place.run("dead", "export", str(tmp_path / "file" / "below"), dead_image)

    assert exported.status == 2
    assert exported.problem.startswith("cannot write ")


def test_dead_retry_all_respects_the_rate(pipeline: Pipeline, dead_image: str) -> None:
    other_image = pipeline.send(BROKEN, "тоже")
    pipeline.await_status(other_image, "failed")
    started = time.monotonic()

    retried = pipeline.place.run("dead", "retry", "--all", "--rate", "1")

    assert retried.status == 0
    assert int(retried.stdout.removesuffix(" dead letters returned to their queues\n")) >= 2
    assert time.monotonic() - started > 1
    for image_id in (dead_image, other_image):
        pipeline.await_status(image_id, "failed")


def test_dead_drop_asks_for_confirmation(pipeline: Pipeline, dead_image: str) -> None:
    refused = pipeline.place.run("dead", "drop", dead_image, answer="n\n")
    assert refused.status == 1
    assert find_dead_letter(pipeline, dead_image)

    dropped = pipeline.place.run("dead", "drop", dead_image, answer="y\n")

    assert (dropped.status, "1 dead letter deleted" in dropped.stdout) == (0, True)
    assert dead_image not in pipeline.place.run("dead", "list").stdout
    assert pipeline.client.get(f"/api/images/{dead_image}/status").status_code == 404


def test_dead_drop_all(pipeline: Pipeline, dead_image: str) -> None:
    assert pipeline.place.run("dead", "drop", "--all", "--yes").status == 0

    assert pipeline.place.run("dead", "list").stdout == "no dead letters\n"
    assert pipeline.client.get(f"/api/images/{dead_image}/status").status_code == 404


def test_unknown_dead_letter_exits_with_1(pipeline: Pipeline) -> None:
    shown = pipeline.place.run("dead", "show", "uploads/1-1")

    assert (shown.status, shown.problem) == (
        1,
        "no dead letter uploads/1-1; list them with `captiond dead list`",
    )
