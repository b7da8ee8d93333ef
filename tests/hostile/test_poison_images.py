"""Images that take the captioner long: they become dead letters, and delay others by less than 5 s each."""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from captiond.imaging.jpeg.segments import find_segments
from tests.e2e.product import Pipeline, photo, place, running_pipeline
from tests.servers.queues import RedisServer

GOOD, MAX_DELAY_SECONDS = 20, 5.0
EOI = b"\xff\xd9"
PHOTO = photo(320, 208)
SIZE = b"\0\xd0\x01\x40"  # of the photo, as in its frame header


def progressive(image: Image.Image, **options: int) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=60, progressive=True, **options)
    return file.getvalue()


def many_scans(scans: int, size_bytes: int) -> bytes:
    """A progressive photo of at least this size whose second scan is repeated."""
    jpeg = progressive(Image.effect_noise((1000, 700), 40).convert("RGB"))
    segments = list(find_segments(jpeg))
    [start, end, *_] = [segment.start for segment in segments if segment.marker == 0xDA][1:]
    unit = jpeg[start:end]
    repeated = jpeg[:end] + unit * (min(scans, size_bytes // len(unit))) + jpeg[end:]
    return repeated.ljust(size_bytes, b"\0")


POISON = {
    "40,000 scans": (many_scans(40_000, 3 << 20), "photo has more than 100 scans"),
    "fill bytes": (PHOTO[:2] + b"\xff" * (3 << 20) + PHOTO[2:], "photo has more than 65536 fill bytes"),
    "segments": (PHOTO[:-2] + b"\xff\xe1\0\2" * 700_000 + EOI, "photo has more than 10000 marker segments"),
    "tables": (PHOTO[:2] + (b"\xff\xdb\xff\xfe" + bytes(65_532)) * 47 + PHOTO[2:], "bytes of tables"),
    "pixels": (PHOTO.replace(SIZE, b"\xff\xdc\xff\xdc"), "photo too large: 65500x65500"),
}


@contextmanager
def running(folder: Path, server: RedisServer, **settings: str) -> Iterator[Pipeline]:
    """One captioner, which has captioned its first image."""
    where = place(folder, server.url, f"sqlite:///{folder / 'captiond.db'}").but(**settings)
    with running_pipeline(where) as pipeline:
        pipeline.await_status(pipeline.send(PHOTO, "the first"), "stored")
        yield pipeline


def error_of(pipeline: Pipeline, image_id: str) -> str:
    error: str = pipeline.client.get(f"/api/images/{image_id}/status").json()["error"]
    return error


def store_good_images(pipeline: Pipeline) -> float:
    """Send photos. Returns the seconds until all are stored."""
    began = time.monotonic()
    for image_id in [pipeline.send(PHOTO, "good") for _ in range(GOOD)]:
        pipeline.await_status(image_id, "stored")
    return time.monotonic() - began


@pytest.mark.parametrize("each", [2, pytest.param(10, marks=pytest.mark.full)])
def test_poison_images_are_dead_letters_at_once_and_delay_no_other(
    tmp_path: Path, own_redis_server: RedisServer, each: int
) -> None:
    with running(tmp_path, own_redis_server) as pipeline:
        undelayed_seconds = store_good_images(pipeline)
        poisoned = {pipeline.send(jpeg, name): reason for jpeg, reason in POISON.values() for name in ["poison"] * each}

        assert store_good_images(pipeline) - undelayed_seconds < MAX_DELAY_SECONDS

        for image_id, reason in poisoned.items():
            pipeline.await_status(image_id, "failed", MAX_DELAY_SECONDS)
            assert reason in error_of(pipeline, image_id)


def test_image_over_the_cpu_limit_is_isolated_then_a_dead_letter(tmp_path: Path, own_redis_server: RedisServer) -> None:
    with running(tmp_path, own_redis_server, max_cpu_seconds="0.2") as pipeline:
        slow = pipeline.send(progressive(Image.new("RGB", (7000, 7000)), restart_marker_rows=1), "slow")
        good = [pipeline.send(PHOTO, "good") for _ in range(GOOD)]
        for image_id in good:
            pipeline.await_status(image_id, "stored", 2 * MAX_DELAY_SECONDS)
        pipeline.await_status(slow, "failed", 2 * MAX_DELAY_SECONDS)

        assert error_of(pipeline, slow) == "captioning takes more than 0.2 s of CPU time"
        assert f"isolating image={slow}" in (tmp_path / "log" / "captioner.log").read_text()
