"""Files that the API cannot read. The API runs without root's permission to read every file."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest

from captiond.archive import Archive, Record, StoredImage
from captiond.image import CaptionedImage
from tests.e2e.product import photo, wait_until
from tests.hostile.api_process import ApiProcess, running_api

WITHOUT_OVERRIDE = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
NOBODY = 65534
PHOTO = photo(64, 48)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiProcess]:
    if os.geteuid() != 0:
        pytest.skip("not possible here: give a file to another user")
    if shutil.which("setpriv") is None:
        pytest.skip("not installed: setpriv")
    with running_api(tmp_path, before=WITHOUT_OVERRIDE) as running:
        yield running


@pytest.fixture
def image(api: ApiProcess) -> StoredImage:
    digest = sha256(PHOTO).digest()
    captioned = CaptionedImage(
        id=uuid4(), received_at=datetime.now(UTC), description="x", upload_sha256=digest, width=64, height=48
    )
    settings = api.where.settings
    with Archive.open(settings["database_url"], Path(settings["images_dir"])) as archive:
        archive.prepare()
        [stored] = archive.store([Record(captioned, PHOTO, PHOTO)])
    assert isinstance(stored, StoredImage)
    return stored


@pytest.mark.parametrize("unreadable", ["file", "folder"])
def test_unreadable_file_returns_503_before_the_first_byte(
    api: ApiProcess, image: StoredImage, unreadable: str
) -> None:
    file = Path(api.where.settings["images_dir"]) / image.path
    original = file.with_suffix(".original.jpg")
    paths = [file.parent] if unreadable == "folder" else [file, original]
    urls = [f"/api/images/{image.id}{what}" for what in ("", "/original")]
    assert [api.client.get(url).content for url in urls] == [PHOTO, PHOTO]

    for path in paths:
        os.chown(path, NOBODY, NOBODY)
        path.chmod(0o700)
    for url in urls:
        response = api.client.get(url)
        assert response.status_code == 503
        assert response.headers["content-type"] == "application/problem+json"
        assert response.headers["retry-after"]
        assert response.json()["detail"] == "The archive is unavailable."
    assert "Permission denied" in api.log

    for path in paths:
        path.chmod(0o755)
    assert [api.client.get(url).content for url in urls] == [PHOTO, PHOTO]


def test_unreadable_images_directory_fails_the_readiness_check(api: ApiProcess, image: StoredImage) -> None:
    folder = Path(api.where.settings["images_dir"])
    os.chown(folder, NOBODY, NOBODY)
    folder.chmod(0o700)

    response = api.client.get("/health/ready")
    assert (response.status_code, response.json()["detail"]) == (503, "The archive is unavailable.")

    folder.chmod(0o755)
    wait_until(lambda: api.client.get("/health/ready").status_code == 200, 10, "the API is ready")
    assert api.client.get(f"/api/images/{image.id}").content == PHOTO
