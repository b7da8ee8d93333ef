"""Redis is unavailable or full, or the service restarts: every confirmed upload is stored exactly once."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from ftplib import all_errors
from io import BytesIO
from pathlib import Path

import pytest

from tests.e2e.product import Place, photo, wait_until
from tests.integration.ftp.receiver import PASSWORD, FtpService, running_service, store
from tests.servers.ports import free_port
from tests.servers.queues import RedisServer

PHOTO = photo()
REQUEST_SECONDS = 2
OUTAGE_SECONDS = 20.0


@pytest.fixture
def own_service(valkey: RedisServer, tmp_path: Path) -> Iterator[FtpService]:
    """A service that a test may stop."""
    valkey.client().flushall()
    with running_service(tmp_path, valkey, request_timeout=str(REQUEST_SECONDS), max_backlog="300") as service:
        yield service


def test_hung_redis_returns_452_within_the_request_timeout(own_service: FtpService) -> None:
    with own_service.session() as ftp:
        assert store(ftp, "before.jpg", PHOTO).startswith("226")
        own_service.redis.suspend()
        try:
            started = time.monotonic()
            first = store(ftp, "during.jpg", PHOTO)
            waited = time.monotonic() - started
            wait_until(lambda: own_service.problem is not None, OUTAGE_SECONDS, "the heartbeat reports the outage")
            second = store(ftp, "during.jpg", PHOTO)
        finally:
            own_service.redis.resume()
        wait_until(lambda: store(ftp, "during.jpg", PHOTO).startswith("226"), OUTAGE_SECONDS, "uploads are accepted")

    assert first.startswith("452 Redis")
    assert waited < REQUEST_SECONDS + 5
    assert second == "452 Redis is unavailable; retry later."
    assert own_service.count() == 2


def test_stopped_redis_returns_452_until_it_runs_again(own_service: FtpService) -> None:
    with own_service.session() as ftp:
        assert store(ftp, "before.jpg", PHOTO).startswith("226")
        own_service.redis.kill()
        try:
            assert store(ftp, "during.jpg", PHOTO).startswith("452 Redis")
        finally:
            own_service.redis.start()
        wait_until(lambda: store(ftp, "during.jpg", PHOTO).startswith("226"), OUTAGE_SECONDS, "uploads are accepted")
        wait_until(lambda: own_service.problem is None, OUTAGE_SECONDS, "the service is healthy")

    assert {image.description for image in own_service.queued()} == {"before", "during"}


def test_full_queue_returns_452_and_queues_nothing(own_service: FtpService) -> None:
    with own_service.session() as ftp:
        replies = [store(ftp, f"{number}.jpg", PHOTO)[:3] for number in range(302)]

        assert replies == ["226"] * 300 + ["452"] * 2
        assert own_service.count() == 300
        own_service.redis.client().flushall()
        assert store(ftp, "300.jpg", PHOTO).startswith("226")


@pytest.mark.parametrize("way", ["kill", "terminate"])
def test_restarts_lose_and_duplicate_nothing(own_service: FtpService, way: str) -> None:
    confirmed: set[str] = set()
    names = [f"{camera}-{number}.jpg" for camera in range(4) for number in range(40)]
    cameras = [
        threading.Thread(target=send_like_a_camera, args=(own_service, names[camera::4], confirmed))
        for camera in range(4)
    ]
    for camera in cameras:
        camera.start()

    for _ in range(2):
        await_more(confirmed, len(names))
        if way == "kill":
            own_service.kill()
        else:
            assert own_service.terminate() == 0
        own_service.start()
    for camera in cameras:
        camera.join()

    assert confirmed == {*names}
    assert sorted(f"{image.description}.jpg" for image in own_service.queued()) == sorted(names)


def await_more(confirmed: set[str], at_most: int) -> None:
    """Wait until eight more uploads, or all uploads, are confirmed."""
    wanted = min(len(confirmed) + 8, at_most)
    wait_until(lambda: len(confirmed) >= wanted, 60, "uploads are confirmed")


def send_like_a_camera(service: FtpService, names: list[str], confirmed: set[str]) -> None:
    """Send each file until it is confirmed, in a new session after each failure."""
    left = list(names)
    while left:
        with suppress(*all_errors), service.session() as ftp:
            while left:
                ftp.storbinary(f"STOR {left[0]}", BytesIO(PHOTO))
                confirmed.add(left.pop(0))


def test_shutdown_finishes_an_upload_in_progress(own_service: FtpService) -> None:
    idle, busy = own_service.raw(), own_service.raw()
    with busy.connect_data() as data:
        busy.ask("STOR photo.jpg")
        data.sendall(PHOTO[:1000])
        stopped = threading.Thread(target=own_service.terminate)
        stopped.start()
        assert idle.read().startswith("421")
        data.sendall(PHOTO[1000:])

    assert busy.read().startswith("226")
    assert busy.read().startswith("421")
    stopped.join()
    idle.close()
    busy.close()
    assert own_service.count() == 1


def test_server_that_becomes_unsafe_is_reported_and_receives_no_upload(own_service: FtpService) -> None:
    client = own_service.redis.client()
    client.config_set("appendfsync", "everysec")
    try:
        wait_until(
            lambda: "appendfsync is everysec" in (own_service.problem or ""),
            OUTAGE_SECONDS,
            "the heartbeat reports the server",
        )
        with own_service.session() as ftp:
            reply = store(ftp, "photo.jpg", PHOTO)
    finally:
        client.config_set("appendfsync", "always")

    assert "appendfsync is everysec" in own_service.log
    assert reply.startswith("452 Redis")
    assert own_service.count() == 0


def test_unsafe_server_stops_the_start(valkey: RedisServer, tmp_path: Path) -> None:
    client = valkey.client()
    client.config_set("appendfsync", "everysec")
    try:
        done = Place(tmp_path, {"redis_url": valkey.url, "ftp_password": PASSWORD}).run(
            "ftp", "--port", str(free_port())
        )
    finally:
        client.config_set("appendfsync", "always")

    assert done.status == 2
    assert "appendfsync" in done.problem
