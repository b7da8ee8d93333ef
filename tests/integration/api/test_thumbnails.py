"""Thumbnails over HTTP, on a real archive and a real cache directory."""

import io
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from PIL import Image

from captiond.archive import StoredImage
from captiond.imaging import BadImage
from captiond.operations.thumbnail_cache import ThumbnailCache
from captiond.services.api import Quota, Thumbnailer
from tests.integration.api.serving import Api, Backends, jpeg, open_api, problem, record
from tests.servers.queues import RedisServer

MAX_CACHE_BYTES = 64 << 20


@pytest.fixture
def cached_api(valkey: RedisServer, tmp_path: Path) -> Iterator[Api]:
    """An app with a cache in `thumbnails`."""
    thumbnailer = Thumbnailer(cache=ThumbnailCache(tmp_path / "thumbnails", MAX_CACHE_BYTES))
    with open_api(Backends(valkey.url, tmp_path, thumbnails=thumbnailer)) as opened:
        yield opened


def archive(api: Api, content: bytes | None = None) -> StoredImage:
    (image,) = api.archive(record(content or jpeg(640, 496), "gate"))
    return image


def fetch(api: Api, image: StoredImage, **headers: str) -> httpx.Response:
    return api.client.get(
        f"/api/images/{image.id}/thumbnail", headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


def size(response: httpx.Response) -> tuple[int, int]:
    assert response.status_code == 200
    return Image.open(io.BytesIO(response.content)).size


def cached_files(folder: Path) -> list[Path]:
    return [path for path in (folder / "thumbnails").rglob("*") if path.is_file()]


def test_thumbnail_is_a_small_jpeg_that_browsers_may_cache(api: Api) -> None:
    image = archive(api)

    response = fetch(api, image)

    assert size(response) == (320, 248)
    assert response.headers["content-type"] == "image/jpeg"
    assert response.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert response.headers["content-disposition"] == f'inline; filename="{image.id}-thumbnail.jpg"'
    assert response.headers["etag"] != api.client.get(f"/api/images/{image.id}").headers["etag"]


def test_current_copy_is_not_sent_again(api: Api) -> None:
    image = archive(api)
    headers = fetch(api, image).headers

    by_tag = fetch(api, image, if_none_match=headers["etag"])
    by_time = fetch(api, image, if_modified_since=headers["last-modified"])

    assert (by_tag.status_code, by_time.status_code) == (304, 304)
    assert by_tag.headers["etag"] == headers["etag"]
    assert fetch(api, image, if_none_match='"another"').status_code == 200


@pytest.mark.parametrize("requests_before", [0, 1])
def test_head_returns_the_headers_of_the_thumbnail(cached_api: Api, requests_before: int) -> None:
    image = archive(cached_api)
    for _ in range(requests_before):
        fetch(cached_api, image)

    head = cached_api.client.head(f"/api/images/{image.id}/thumbnail")

    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == fetch(cached_api, image).headers["content-length"]


def test_thumbnail_is_made_once(cached_api: Api, tmp_path: Path) -> None:
    image = archive(cached_api)
    first = fetch(cached_api, image)
    (file,) = cached_files(tmp_path)
    written = file.stat().st_ino

    second = fetch(cached_api, image)

    assert second.content == first.content
    assert [path.stat().st_ino for path in cached_files(tmp_path)] == [written]


@pytest.mark.parametrize("damage", [b"", b"truncated"])
def test_damaged_cache_file_is_replaced(cached_api: Api, tmp_path: Path, damage: bytes) -> None:
    image = archive(cached_api)
    first = fetch(cached_api, image)
    (file,) = cached_files(tmp_path)
    file.write_bytes(damage)

    assert fetch(cached_api, image).content == first.content
    assert file.read_bytes().endswith(first.content)


def test_unusable_cache_directory_costs_the_cache_only(
    cached_api: Api, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "thumbnails").write_text("a file instead of a folder")
    image = archive(cached_api)

    responses = [fetch(cached_api, image) for _ in range(3)]

    assert [size(response) for response in responses] == [(320, 248)] * 3
    assert caplog.text.count("the thumbnail cache") == 1


def test_status_of_an_image_without_a_file_is_explained(own_api: Api) -> None:
    queued = own_api.send(jpeg(), "queued").json()["id"]
    assert problem(own_api.client.get(f"/api/images/{queued}/thumbnail")) == (404, "image-in-flight")
    own_api.fail(BadImage("not a readable JPEG"))

    failed = own_api.client.get(f"/api/images/{queued}/thumbnail")
    unknown = own_api.client.get(f"/api/images/{uuid.uuid4()}/thumbnail")
    invalid = own_api.client.get("/api/images/1/thumbnail")

    assert problem(failed) == (404, "image-failed")
    assert problem(unknown) == (404, "unknown-image")
    assert problem(invalid) == (422, "invalid-request")


def test_missing_and_altered_files_are_problems_despite_the_cache(cached_api: Api) -> None:
    image = archive(cached_api)
    fetch(cached_api, image)
    file = cached_api.context.archive.file(image)

    file.write_bytes(b"altered")
    assert problem(fetch(cached_api, image)) == (500, "file-altered")

    file.unlink()
    assert problem(fetch(cached_api, image)) == (500, "file-missing")


def test_truncated_photo_has_a_thumbnail(api: Api) -> None:
    content = jpeg(640, 496)

    assert size(fetch(api, archive(api, content[: len(content) // 2]))) == (320, 248)


def test_file_that_cannot_be_decoded_has_no_thumbnail(api: Api) -> None:
    response = fetch(api, archive(api, b"\xff\xd8\xff no JPEG"))

    assert problem(response) == (404, "no-thumbnail")
    assert response.json()["detail"] == "the file has no readable JPEG header"


def test_image_over_the_limit_of_pixels_has_no_thumbnail(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path, thumbnails=Thumbnailer(max_photo_pixels=1000))) as api:
        assert size(fetch(api, archive(api, jpeg(40, 50)))) == (40, 50)
        assert problem(fetch(api, archive(api, jpeg(41, 50)))) == (404, "no-thumbnail")


def test_thumbnails_above_the_limit_of_waiting_requests_get_503(valkey: RedisServer, tmp_path: Path) -> None:
    waiting = Quota(1, "thumbnails in progress")
    with open_api(Backends(valkey.url, tmp_path, thumbnails=Thumbnailer(waiting=waiting))) as api:
        image = archive(api)

        with waiting.reserve(1):
            response = fetch(api, image)

        assert problem(response) == (503, "overloaded")
        assert 1 <= int(response.headers["retry-after"]) <= 5
        assert size(fetch(api, image)) == (320, 248)


def test_file_altered_without_a_change_of_size_leaves_no_thumbnail(cached_api: Api, tmp_path: Path) -> None:
    content = jpeg(640, 496)
    image = archive(cached_api, content)
    file = cached_api.context.archive.file(image)
    other = jpeg(640, 496, "red")
    file.write_bytes(other[: len(content)].ljust(len(content), b"\0"))

    assert problem(fetch(cached_api, image)) == (500, "file-altered")
    assert cached_files(tmp_path) == []

    file.write_bytes(content)
    assert size(fetch(cached_api, image)) == (320, 248)


def test_cache_on_a_hung_disk_blocks_thumbnails_only(valkey: RedisServer, tmp_path: Path) -> None:
    released = threading.Event()

    class HungCache(ThumbnailCache):
        def read(self, key: str) -> bytes | None:
            released.wait(30)
            return super().read(key)

    thumbnails = Thumbnailer(cache=HungCache(tmp_path / "thumbnails", MAX_CACHE_BYTES))
    with open_api(Backends(valkey.url, tmp_path, thumbnails=thumbnails)) as api, ThreadPoolExecutor(30) as clients:
        image = archive(api)
        requests = [clients.submit(fetch, api, image) for _ in range(30)]
        try:
            assert api.client.get(f"/api/images/{image.id}").status_code == 200
            assert not any(request.done() for request in requests)
        finally:
            released.set()
        assert {request.result().status_code for request in requests} == {200}
