"""Junk that starts like a JPEG: 415 at the door, and a budget of their own for the dead letters that pass."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.product import Pipeline, photo, place, running_pipeline, wait_until
from tests.servers.queues import RedisServer

JUNK_BYTES = 1 << 20
BUDGET_BYTES = 4 << 20
PHOTO = photo()
FRAME = PHOTO.index(b"\xff\xc0") + 19


def junk(size_bytes: int = JUNK_BYTES) -> bytes:
    """A header that may be a JPEG, and then random bytes."""
    return PHOTO[:FRAME] + os.urandom(size_bytes)


@pytest.fixture
def pipeline(tmp_path: Path, own_redis_server: RedisServer) -> Iterator[Pipeline]:
    """Budgets of 4 MiB for the queues, and for the dead letters."""
    where = place(tmp_path, own_redis_server.url, f"sqlite:///{tmp_path / 'captiond.db'}").but(
        max_backlog_bytes=str(2 * BUDGET_BYTES), max_dead_letter_bytes=str(BUDGET_BYTES)
    )
    log = tmp_path / "log" / "captioner.log"
    with running_pipeline(where) as running:
        # Before that, the captioner does not handle the SIGTERM of the end of a short test.
        wait_until(lambda: log.exists() and "started" in log.read_text(), 60, "the captioner has started")
        yield running


def post(pipeline: Pipeline, image: bytes) -> httpx.Response:
    files = {"image": ("junk.jpg", image, "image/jpeg")}
    return pipeline.client.post("/api/images", files=files, data={"description": "junk"})


def used_ratio(pipeline: Pipeline) -> float:
    [line] = [
        line
        for line in pipeline.client.get("/metrics").text.splitlines()
        if line.startswith("captiond_dead_letter_used_ratio ")
    ]
    return float(line.split()[1])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("count", [24, pytest.param(1200, marks=pytest.mark.full)])
def test_junk_of_many_times_the_budget_refuses_no_upload(pipeline: Pipeline, tmp_path: Path, count: int) -> None:
    junk_ids = []
    for _ in range(count):
        junk_ids.append(pipeline.send(junk(), "junk"))
        pipeline.await_status(junk_ids[-1], "failed")
        if len(junk_ids) % 3 == 0:
            wait_until(lambda: used_ratio(pipeline) <= 1, 60, "the dead letters are within their budget")
    good = pipeline.send(PHOTO, "good")
    pipeline.await_status(good, "stored")

    folder = tmp_path / "images" / "dead-letters"
    on_disk = sorted(folder.iterdir())
    assert count - BUDGET_BYTES // JUNK_BYTES <= len(on_disk) < count
    assert pipeline.place.run("verify").status == 0
    assert "moved images to disk count=" in (tmp_path / "log" / "archiver.log").read_text()

    oldest = junk_ids[0]
    assert f"image: on disk, {FRAME + JUNK_BYTES} bytes" in pipeline.place.run("dead", "show", oldest).stdout
    exported = tmp_path / "exported"
    assert pipeline.place.run("dead", "export", str(exported), oldest).status == 0
    assert [file.stat().st_size for file in exported.glob("*.jpg")] == [FRAME + JUNK_BYTES]
    assert pipeline.place.run("dead", "retry", oldest).status == 0
    pipeline.await_status(oldest, "failed")
    on_disk[0].unlink(missing_ok=True)
    assert pipeline.place.run("dead", "drop", "--all", "--yes").status == 0
    assert list(folder.iterdir()) == []
    assert pipeline.place.run("verify").status == 0


def test_dead_letters_that_cannot_move_to_disk_are_reported_by_readiness(pipeline: Pipeline, tmp_path: Path) -> None:
    (tmp_path / "images" / "dead-letters").write_bytes(b"no directory")
    for _ in range(5):
        pipeline.await_status(pipeline.send(junk(), "junk"), "failed")

    ready = pipeline.client.get("/health/ready")

    assert ready.status_code == 200
    assert ready.json()["status"] == "ok"
    [warning] = ready.json()["warnings"]
    assert warning.startswith("dead letters exceed their budget: ")
    log = tmp_path / "log" / "archiver.log"
    wait_until(lambda: "cannot move dead letters to disk" in log.read_text(), 30, "the archiver logs the reason")


@pytest.mark.parametrize("start", [b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\0\4ab", b"\xff\xd8\xff\xe0\0\x10JFIF"])
def test_junk_without_a_header_gets_415(pipeline: Pipeline, start: bytes) -> None:
    refused = [post(pipeline, start + bytes(range(100)) * 1000).status_code for _ in range(5)]

    assert refused == [415] * 5
    assert used_ratio(pipeline) == 0
