"""`captiond up --ftp-port`: from an upload over FTP to the archived image."""

from datetime import UTC, datetime
from ftplib import FTP
from io import BytesIO
from pathlib import Path

from tests.e2e.product import START_SECONDS, Place, assert_captioned, photo, wait_until
from tests.e2e.up.stack import up
from tests.servers.ports import free_port

SETTINGS = {
    "ftp_password": "secret",
    "ftp_path_pattern": r"^/(?P<site>[^/]+)/(?P<camera>IP_\d+)_(?P<captured_at>\d{14})",
    "ftp_description": "Lane {description}",
    "caption_template": "{camera} {labels.site}\\t{captured_at:%H:%M:%S}",
    "timezone": "Europe/Moscow",
}


def test_image_from_a_camera_is_archived_with_its_caption(tmp_path: Path) -> None:
    original, port = photo(), free_port()
    with up(Place(tmp_path, SETTINGS), tmp_path / "data") as stack:
        stack.start(1, options=("--ftp-port", str(port)))
        assert f"FTP: ftp://127.0.0.1:{port}\n" in stack.stdout
        with FTP(timeout=60) as ftp:  # noqa: S321 - it is under test
            wait_until(lambda: connects(ftp, port), START_SECONDS, "the FTP service listens")
            ftp.login("camera", "secret")
            ftp.mkd("gate")
            ftp.cwd("gate")
            reply = ftp.storbinary("STOR IP_01_20261126104501.jpg", BytesIO(original))
        image_id = reply.removeprefix("226 Queued as image ").removesuffix(".")
        stack.await_status(image_id, "stored")
        metadata = stack.client.get(f"/api/images/{image_id}/metadata").json()
        captioned = stack.client.get(f"/api/images/{image_id}").content

    assert_captioned(captioned, original)
    assert metadata["description"] == "Lane IP_01_20261126104501"
    assert metadata["caption"] == "IP_01 gate\t10:45:01"
    assert metadata["camera"] == "IP_01"
    assert metadata["labels"] == {"site": "gate"}
    assert datetime.fromisoformat(metadata["captured_at"]) == datetime(2026, 11, 26, 7, 45, 1, tzinfo=UTC)


def test_stack_without_a_password_for_ftp_does_not_start(tmp_path: Path) -> None:
    done = Place(tmp_path).run("up", "--data-dir", "data", "--port", str(free_port()), "--ftp-port", str(free_port()))

    assert done.status == 2
    assert "CAPTIOND_FTP_PASSWORD is not set" in done.stderr


def connects(ftp: FTP, port: int) -> bool:
    try:
        return ftp.connect("127.0.0.1", port).startswith("220")
    except OSError:
        return False
