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
SIZE = len(UPLOAD)


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


def test_head_of_an_original_returns_the_headers_of_get_without_a_body(api: Api, captioned: Record) -> None:
    url = f"/api/images/{archive(api, captioned).id}/original"

    whole, head = api.client.get(url), api.client.head(url)

    assert (head.status_code, head.content) == (200, b"")
    assert {**head.headers, "date": ""} == {**whole.headers, "date": ""}


def fetch_range(api: Api, image: StoredImage, requested: str, **headers: str) -> httpx.Response:
    return api.client.get(f"/api/images/{image.id}/original", headers={"Range": requested, **headers})


@pytest.mark.parametrize(
    ("requested", "start", "end"),
    [
        ("bytes=5-9", 5, 10),
        ("bytes=10-", 10, SIZE),
        ("BYTES= -5", SIZE - 5, SIZE),
        (f"bytes=-{SIZE * 2}", 0, SIZE),
        (f"bytes={SIZE - 1}-{SIZE * 2}", SIZE - 1, SIZE),
    ],
)
def test_range_of_an_original_returns_206(api: Api, captioned: Record, requested: str, start: int, end: int) -> None:
    part = fetch_range(api, archive(api, captioned), requested)

    assert (part.status_code, part.content) == (206, UPLOAD[start:end])
    assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert part.headers["content-length"] == str(end - start)
    assert part.headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize("requested", [f"bytes={SIZE}-", "bytes=-0"])
def test_unsatisfiable_range_of_an_original_returns_416(api: Api, captioned: Record, requested: str) -> None:
    beyond = fetch_range(api, archive(api, captioned), requested)

    assert problem(beyond) == (416, "range-not-satisfiable")
    assert beyond.headers["content-range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize("requested", ["bytes=9-3", "lines=0-3", "", "bytes=0-3,-2", f"bytes=0-3,{SIZE}-"])
def test_original_is_whole_for_an_invalid_range_and_for_several(api: Api, captioned: Record, requested: str) -> None:
    whole = fetch_range(api, archive(api, captioned), requested)

    assert (whole.status_code, whole.content) == (200, UPLOAD)
    assert (whole.headers["accept-ranges"], whole.headers["content-length"]) == ("bytes", str(SIZE))
    assert "content-range" not in whole.headers


def test_range_of_an_original_depends_on_if_range(api: Api, captioned: Record) -> None:
    image = archive(api, captioned)
    current = fetch_range(api, image, "bytes=0-").headers

    conditions = (current["etag"], current["last-modified"], '"other"', f"W/{current['etag']}")
    responses = [fetch_range(api, image, "bytes=5-9", **{"If-Range": condition}) for condition in conditions]

    assert [response.status_code for response in responses] == [206, 206, 200, 200]


def test_large_original_is_sent_in_chunks(api: Api, captioned: Record) -> None:
    large = UPLOAD + bytes(range(256)) * 1000
    image = archive(api, replace_image(replace(captioned, original=large), upload_sha256=sha256(large).digest()))

    part = fetch_range(api, image, "bytes=100-200000")

    assert api.client.get(f"/api/images/{image.id}/original").content == large
    assert part.content == large[100:200001]


def test_memory_of_an_original_is_released_after_the_response(api: Api, captioned: Record) -> None:
    image = archive(api, captioned)

    for requested in ("bytes=0-0", f"bytes={SIZE}-", ""):
        api.client.get(f"/api/images/{image.id}/original", headers={"Range": requested})

    wait_until(lambda: _can_reserve(api), 10, "the memory is released")


def test_memory_of_an_original_is_reserved_until_the_client_has_read_it(api: Api, captioned: Record) -> None:
    large = UPLOAD + bytes(16 << 20)  # more than the buffers of a connection
    image = archive(api, replace_image(replace(captioned, original=large), upload_sha256=sha256(large).digest()))

    with api.client.stream("GET", f"/api/images/{image.id}/original") as response:
        assert response.status_code == 200
        assert not _can_reserve(api)
        assert response.read() == large

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
