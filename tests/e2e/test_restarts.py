"""Kills the API and Redis while cameras upload by every HTTP format and `captiond watch` uploads a directory."""

import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from captiond.simulator import Plan, Protocol, Target
from captiond.simulator.plan import Shot
from captiond.simulator.sending import open_sender
from tests.e2e.conftest import Stack
from tests.e2e.product import START_SECONDS, TAKEOVER_SECONDS, Pipeline, Place, wait_until

PROTOCOLS = [protocol for protocol in Protocol if protocol is not Protocol.FTP]
# The last camera stores files in the directory. The capture time identifies an image.
PLAN = Plan(len(PROTOCOLS) + 1, 1000, 20 * (len(PROTOCOLS) + 1), datetime.fromisoformat("2026-03-01T12:00:00Z"), 7)
PATTERN = r"IP_(?P<captured_at>\d{8}_\d{6}_\d{3})"


def test_images_sent_during_restarts_are_archived_once(stacks: Mapping[str, Stack], tmp_path: Path) -> None:
    stack = stacks["SQLite and Valkey"]
    pipeline, shots = stack.pipeline, [PLAN.take(number) for number in range(PLAN.count)]
    random.Random(7).shuffle(shots)  # noqa: S311 - the order of arrival
    by_camera = [[shot for shot in shots if shot.camera_number == camera] for camera in range(PLAN.cameras)]
    accepted: list[Shot] = []
    cameras = [
        threading.Thread(target=send_until_accepted, args=(protocol, pipeline.url, shots_of_camera, accepted))
        for protocol, shots_of_camera in zip(PROTOCOLS, by_camera[:-1], strict=True)
    ]

    with watching(tmp_path, pipeline.url) as folder:
        for camera in cameras:
            camera.start()
        for files in (by_camera[-1][:10], by_camera[-1][10:]):
            await_more(accepted)
            pipeline.kill("api")
            store(folder, files)
            stack.redis.restart()
            time.sleep(1)  # the cameras and the watcher get errors meanwhile
            pipeline.start("api")
            pipeline.await_ready()
        for camera in cameras:
            camera.join()
        wait_until(lambda: len([*(folder / "done").glob("*.jpg")]) == 20, START_SECONDS, "all files are uploaded")

    sent = sorted(f"{shot.captured_at:%Y-%m-%dT%H:%M:%S.%f}Z" for shot in shots)
    wait_until(lambda: len(archived(pipeline)) >= len(sent), TAKEOVER_SECONDS, "all images are archived")
    assert archived(pipeline) == sent


def send_until_accepted(protocol: Protocol, url: str, shots: Sequence[Shot], accepted: list[Shot]) -> None:
    """Send each image until it is accepted, then once more, like a camera that did not receive the response."""
    sender = open_sender(protocol, Target(url))
    for shot in shots:
        for _ in range(2):
            while not sender.send(shot).is_accepted:
                time.sleep(0.05)
        accepted.append(shot)
        time.sleep(0.05)
    sender.close()


def await_more(accepted: Sequence[Shot]) -> None:
    """Wait until the API has accepted ten more images."""
    wanted = len(accepted) + 10
    wait_until(lambda: len(accepted) >= wanted, START_SECONDS, "images are accepted")


@contextmanager
def watching(folder: Path, url: str) -> Iterator[Path]:
    """Run `captiond watch` on the yielded directory."""
    watched = folder / "incoming"
    watched.mkdir()
    place = Place(folder, {"log_dir": str(folder / "log"), "api_url": url})
    process = place.start("watch", str(watched), "--settle", "0.2", "--scan", "0.5", "--pattern", PATTERN)
    try:
        yield watched
    finally:
        process.terminate()
        assert process.wait(START_SECONDS) == 0


def store(folder: Path, shots: Sequence[Shot]) -> None:
    for shot in shots:
        name = f"IP_{shot.captured_at:%Y%m%d_%H%M%S}_{shot.captured_at.microsecond // 1000:03}.jpg"
        (folder / name).write_bytes(shot.jpeg)


def archived(pipeline: Pipeline) -> list[str]:
    """The capture times of the archived images, in ascending order."""
    query = {"captured_from": "2026-03-01T12:00:00Z", "captured_to": "2026-03-01T13:00:00Z", "limit": "1000"}
    return sorted(image["captured_at"] for image in pipeline.client.get("/api/images", params=query).json())
