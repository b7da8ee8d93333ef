import uuid
from dataclasses import replace
from hashlib import sha256

import pytest

from captiond.archive import Record, StoredImage
from captiond.imaging import Captioner, Style
from tests.contract.archive.making import replace_image
from tests.e2e.product import photo
from tests.integration.api.serving import Api, jpeg, problem, record

UPLOAD = photo(64, 48)


@pytest.fixture(scope="module")
def captioned() -> Record:
    """What an archiver keeps of an upload that was captioned without touching its photo."""
    made = Captioner(Style()).add_caption(UPLOAD, "Привет")
    assert made.reencode_reason is None
    kept = record(made.jpeg, "Привет")
    return replace_image(kept, width=made.width, height=made.height, upload_sha256=sha256(UPLOAD).digest())


def keep(api: Api, image: Record) -> StoredImage:
    [kept] = api.keep(replace_image(image, id=uuid.uuid4()))
    return kept


def test_an_upload_is_had_back_out_of_its_captioned_image(api: Api, captioned: Record) -> None:
    image = keep(api, captioned)

    answer = api.client.get(f"/api/images/{image.id}/original")

    assert (answer.status_code, answer.content) == (200, UPLOAD)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["etag"] == f'"{sha256(UPLOAD).hexdigest()}"'


def test_an_upload_that_was_kept_beside_is_served_from_there(api: Api, captioned: Record) -> None:
    image = keep(api, replace(captioned, jpeg=jpeg(), original=UPLOAD))

    assert api.client.get(f"/api/images/{image.id}/original").content == UPLOAD


def test_an_upload_that_was_not_kept_is_404_with_the_reason(api: Api, captioned: Record) -> None:
    image = keep(api, replace_image(captioned, reencode_reason="progressive"))

    answer = api.client.get(f"/api/images/{image.id}/original")

    assert problem(answer) == (404, "original-gone")
    assert "progressive" in answer.json()["detail"]


def test_an_image_that_gives_nothing_back_is_404(api: Api, captioned: Record) -> None:
    image = keep(api, replace(captioned, jpeg=jpeg()))

    assert problem(api.client.get(f"/api/images/{image.id}/original")) == (404, "original-gone")


def test_an_altered_image_does_not_pass_for_the_upload(api: Api, captioned: Record) -> None:
    image = keep(api, replace_image(captioned, upload_sha256=sha256(b"another").digest()))

    answer = api.client.get(f"/api/images/{image.id}/original")

    assert problem(answer) == (404, "original-gone")
    assert "altered" in answer.json()["detail"]


def test_a_lost_file_is_500(api: Api, captioned: Record) -> None:
    image = keep(api, captioned)
    api.parts.archive.file(image).unlink()

    assert problem(api.client.get(f"/api/images/{image.id}/original")) == (500, "file-missing")


def test_an_unknown_image_has_no_upload(api: Api) -> None:
    assert problem(api.client.get(f"/api/images/{uuid.uuid4()}/original")) == (404, "unknown-image")
