import uuid
from dataclasses import replace
from hashlib import sha256

import pytest

from captiond.archive import Record, StoredImage
from captiond.imaging import Captioner, Style
from captiond.services.api.http.problem_types import ORIGINAL_GONE
from tests.contract.archive.making import replace_image
from tests.e2e.product import photo
from tests.integration.api.serving import Api, jpeg, problem, record

UPLOAD = photo(64, 48)


@pytest.fixture(scope="module")
def captioned() -> Record:
    """The record of an upload that was captioned losslessly."""
    made = Captioner(Style()).add_caption(UPLOAD, "Привет")
    assert made.reencode_reason is None
    made_record = record(made.jpeg, "Привет")
    return replace_image(made_record, width=made.width, height=made.height, upload_sha256=sha256(UPLOAD).digest())


def archive(api: Api, image: Record) -> StoredImage:
    [stored] = api.archive(replace_image(image, id=uuid.uuid4()))
    return stored


def test_original_is_restored_from_the_captioned_image(api: Api, captioned: Record) -> None:
    image = archive(api, captioned)

    response = api.client.get(f"/api/images/{image.id}/original")

    assert (response.status_code, response.content) == (200, UPLOAD)
    assert response.headers["content-type"] == "image/jpeg"
    assert response.headers["etag"] == f'"{sha256(UPLOAD).hexdigest()}"'


def test_stored_original_is_returned(api: Api, captioned: Record) -> None:
    image = archive(api, replace(captioned, jpeg=jpeg(), original=UPLOAD))

    assert api.client.get(f"/api/images/{image.id}/original").content == UPLOAD


def test_original_of_a_reencoded_photo_returns_404_with_the_reason(api: Api, captioned: Record) -> None:
    image = archive(api, replace_image(captioned, reencode_reason="more than one scan"))

    response = api.client.get(f"/api/images/{image.id}/original")

    assert problem(response) == (404, "original-gone")
    assert response.json()["detail"] == ORIGINAL_GONE.example


def test_original_of_an_image_without_restore_data_returns_404(api: Api, captioned: Record) -> None:
    image = archive(api, replace(captioned, jpeg=jpeg()))

    assert problem(api.client.get(f"/api/images/{image.id}/original")) == (404, "original-gone")


def test_original_with_a_wrong_checksum_returns_404(api: Api, captioned: Record) -> None:
    image = archive(api, replace_image(captioned, upload_sha256=sha256(b"another").digest()))

    response = api.client.get(f"/api/images/{image.id}/original")

    assert problem(response) == (404, "original-gone")
    assert response.json()["detail"] == "the original does not match upload_sha256"


def test_original_of_a_missing_file_returns_500(api: Api, captioned: Record) -> None:
    image = archive(api, captioned)
    api.context.archive.file(image).unlink()

    assert problem(api.client.get(f"/api/images/{image.id}/original")) == (500, "file-missing")


def test_original_of_an_unknown_image_returns_404(api: Api) -> None:
    assert problem(api.client.get(f"/api/images/{uuid.uuid4()}/original")) == (404, "unknown-image")
