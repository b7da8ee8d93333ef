"""Simulated cameras that store files over FTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.ftp.receiver import PASSWORD, USER, FtpService, running_service
from tests.servers.queues import RedisServer


@pytest.fixture
def service(valkey: RedisServer, tmp_path: Path) -> Iterator[FtpService]:
    pattern = r"^/(?P<camera>camera-\d+)/\d+/.*_(?P<captured_at>\d{14})_"
    with running_service(tmp_path, valkey, ftp_path_pattern=pattern) as running:
        yield running


def test_every_image_is_queued_with_camera_and_time(service: FtpService) -> None:
    url = f"ftp://{USER}:{PASSWORD}@127.0.0.1:{service.port}"
    arguments = ("--cameras", "3", "--images", "9", "--rate", "50", "--start", "2026-11-26T10:45:01+03:00")

    sent = service.place.run("simulate", "--protocol", "ftp", "--ftp-url", url, *arguments)
    refused = service.place.run(
        "simulate", "--protocol", "ftp", "--ftp-url", url.replace(PASSWORD, "x"), "--images", "1"
    )

    assert (sent.status, sent.stderr) == (0, "")
    assert "9 of 9 images accepted" in sent.stdout
    images = service.queued()
    assert [image.camera for image in images].count("camera-03") == 3
    assert {f"{image.captured_at:%Y-%m-%d %H:%M:%S}" for image in images} == {"2026-11-26 07:45:01"}
    assert refused.status == 1
    assert "refused: 1 × ftp 530" in refused.stdout
