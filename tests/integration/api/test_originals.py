import uuid
from dataclasses import replace
from hashlib import sha256

import httpx
import pytest

from captiond.archive import Record, StoredImage
from captiond.imaging import Captioner, Style
from captiond.services.api.http.problem_types import ORIGINAL_GONE
from captiond.services.api.http.problems import Problem
from tests.contract.archive.making import replace_image
from tests.e2e.product import photo, wait_until
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


def test_current_original_is_not_restored_again(api: Api, captioned: Record) -> None:
    image = archive(api, captioned)
    url = f"/api/images/{image.id}/original"
    etag = api.client.get(url).headers["etag"]
    # Without its content, it can no longer be restored.
    api.context.archive.file(image).write_bytes(b"")

    with api.context.original_memory.reserve(64 << 20):
        current = api.client.get(url, headers={"If-None-Match": f'"other", {etag}'})
        other = api.client.get(url, headers={"If-None-Match": '"other"'})

    assert (current.status_code, current.content, current.headers["etag"]) == (304, b"", etag)
    assert problem(other) == (503, "overloaded")


@pytest.mark.parametrize("condition", [{"If-None-Match": "*"}, {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}])
def test_condition_is_ignored_without_an_original(api: Api, captioned: Record, condition: dict[str, str]) -> None:
    gone, missing = archive(api, replace_image(captioned, reencode_reason="x")), archive(api, captioned)
    api.context.archive.file(missing).unlink()

    responses = [api.client.get(f"/api/images/{image.id}/original", headers=condition) for image in (gone, missing)]

    assert list(map(problem, responses)) == [(404, "original-gone"), (500, "file-missing")]


def test_original_has_ranges(api: Api, captioned: Record) -> None:
    image = archive(api, captioned)
    size = len(UPLOAD)

    def get(requested: str, **headers: str) -> httpx.Response:
        return api.client.get(f"/api/images/{image.id}/original", headers={"Range": requested, **headers})

    part, several, beyond, invalid = (get(f"bytes={each}") for each in ("5-9", "0-3,-2", f"{size}-", "9-3"))
    other = get("bytes=5-9", **{"If-Range": '"other"'})

    assert (part.status_code, part.content) == (206, UPLOAD[5:10])
    assert part.headers["content-range"] == f"bytes 5-9/{size}"
    assert several.headers["content-type"].startswith("multipart/byteranges; boundary=")
    assert several.content.count(UPLOAD[:4]) == 1
    assert problem(beyond) == (416, "range-not-satisfiable")
    assert beyond.headers["content-range"] == f"bytes */{size}"
    assert [(each.status_code, each.content) for each in (invalid, other)] == [(200, UPLOAD)] * 2


def test_memory_of_an_original_is_released_after_the_response(api: Api, captioned: Record) -> None:
    image = archive(api, captioned)

    for requested in ("bytes=0-0", f"bytes={len(UPLOAD)}-", ""):
        api.client.get(f"/api/images/{image.id}/original", headers={"Range": requested})

    wait_until(lambda: _can_reserve(api), 10, "the memory is released")


def _can_reserve(api: Api) -> bool:
    """Return whether no memory is reserved. A reservation beyond the limit succeeds only then."""
    try:
        with api.context.original_memory.reserve(1 << 60):
            return True
    except Problem:
        return False


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
