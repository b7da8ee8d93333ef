import uuid
from dataclasses import dataclass
from datetime import timedelta
from email.message import Message
from email.parser import BytesParser
from email.utils import format_datetime, parsedate_to_datetime

import httpx
import pytest

from tests.integration.api.serving import Api, jpeg, problem, record

CONTENT = jpeg()
SIZE = len(CONTENT)


@dataclass(frozen=True, slots=True)
class Stored:
    """One archived image and how to ask for it."""

    api: Api
    id: uuid.UUID
    sha256: str

    def get(self, method: str = "GET", **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.api.client.request(method, f"/api/images/{self.id}", headers=named)


@pytest.fixture(scope="module")
def stored(api: Api) -> Stored:
    [kept] = api.keep(record(CONTENT, "x"))
    return Stored(api, kept.id, kept.sha256.hex())


def test_an_image_comes_with_all_that_caches_need(stored: Stored) -> None:
    answer = stored.get()

    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-length"] == str(SIZE)
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["etag"] == f'"{stored.sha256}"'
    assert answer.headers["last-modified"].endswith(" GMT")
    assert "immutable" in answer.headers["cache-control"]


def test_head_says_the_same_without_the_body(stored: Stored) -> None:
    whole, head = stored.get(), stored.get("HEAD")

    assert (head.status_code, head.content) == (200, b"")
    assert {**head.headers, "date": ""} == {**whole.headers, "date": ""}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("tags", ['"{}"', 'W/"{}"', '"other", "{}"', "*"])
def test_a_known_etag_is_304(stored: Stored, method: str, tags: str) -> None:
    answer = stored.get(method, If_None_Match=tags.format(stored.sha256))

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == f'"{stored.sha256}"'
    assert "cache-control" in answer.headers


def test_another_etag_is_200_whatever_the_time_says(stored: Stored) -> None:
    modified = stored.get().headers["last-modified"]

    assert stored.get(If_None_Match='"other"', If_Modified_Since=modified).status_code == 200


def test_if_modified_since_is_told_by_the_second(stored: Stored) -> None:
    modified = stored.get().headers["last-modified"]
    earlier = format_datetime(parsedate_to_datetime(modified) - timedelta(seconds=1), usegmt=True)

    assert stored.get(If_Modified_Since=modified).status_code == 304
    assert stored.get(If_Modified_Since=earlier).status_code == 200
    assert stored.get(If_Modified_Since="no date").status_code == 200
    assert stored.get(If_Modified_Since="Mon, 23 Nov 2099 00:00:00 -0000").status_code == 200


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-9", 0, 10), ("bytes=10-", 10, SIZE), ("bytes=-5", SIZE - 5, SIZE), (f"bytes=5-{SIZE * 2}", 5, SIZE)],
)
def test_a_range_is_206(stored: Stored, asked: str, start: int, end: int) -> None:
    answer = stored.get(Range=asked)

    assert (answer.status_code, answer.content) == (206, CONTENT[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert answer.headers["content-length"] == str(end - start)


def test_several_ranges_come_as_parts(stored: Stored) -> None:
    answer = stored.get(Range="bytes=0-3, 10-19, -2")

    assert answer.status_code == 206
    parts = byteranges(answer)
    assert [part["content-range"] for part in parts] == [
        f"bytes 0-3/{SIZE}",
        f"bytes 10-19/{SIZE}",
        f"bytes {SIZE - 2}-{SIZE - 1}/{SIZE}",
    ]
    assert [part.get_payload(decode=True) for part in parts] == [CONTENT[:4], CONTENT[10:20], CONTENT[-2:]]


def byteranges(answer: httpx.Response) -> list[Message]:
    head = f"Content-Type: {answer.headers['content-type']}\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    message = BytesParser().parsebytes(head.encode() + answer.content)
    parts = message.get_payload()
    assert isinstance(parts, list)
    return [part for part in parts if isinstance(part, Message)]


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=999999999-", "bytes=-0"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_range_beyond_the_end_is_416_and_says_the_size(stored: Stored, asked: str, method: str) -> None:
    answer = stored.get(method, Range=asked)

    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{SIZE}"
    assert answer.headers["content-type"] == "application/problem+json"
    if method == "GET":
        assert problem(answer) == (416, "range-not-satisfiable")


@pytest.mark.parametrize("asked", ["nonsense", "lines=0-3", "bytes=", "bytes=9-3", "bytes=a-b", f"bytes={'9' * 30}-"])
def test_what_is_no_range_is_ignored(stored: Stored, asked: str) -> None:
    assert (stored.get(Range=asked).status_code, len(stored.get(Range=asked).content)) == (200, SIZE)


def test_a_range_of_another_version_is_ignored(stored: Stored) -> None:
    etag = stored.get().headers["etag"]

    assert stored.get(Range="bytes=0-9", If_Range=etag).status_code == 206
    assert stored.get(Range="bytes=0-9", If_Range='"other"').status_code == 200


def test_an_unknown_image_is_404(api: Api) -> None:
    answer = api.client.get(f"/api/images/{uuid.uuid4()}")

    assert problem(answer) == (404, "unknown-image")
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize("path", ["/api/images/nonsense", "/api/images/nonsense/status", "/api/images/0"])
def test_what_is_no_uuid_is_422(api: Api, path: str) -> None:
    answer = api.client.get(path)

    assert problem(answer) == (422, "invalid-request")
    assert [error["field"] for error in answer.json()["errors"]] == ["image_id"]


def test_an_image_in_flight_is_404_with_its_own_type_until_it_is_stored(own_api: Api) -> None:
    location = own_api.send(CONTENT, "x").headers["location"]

    queued = own_api.client.get(location)
    own_api.caption()
    captioned = own_api.client.get(location)
    own_api.store()
    stored = own_api.client.get(location)

    assert problem(queued) == problem(captioned) == (404, "image-in-flight")
    assert [1 <= int(answer.headers["retry-after"]) <= 5 for answer in (queued, captioned)] == [True, True]
    assert ("queued" in queued.text, "captioned" in captioned.text) == (True, True)
    assert (stored.status_code, stored.content) == (200, CONTENT)


def test_an_image_that_failed_is_404_with_its_own_type_and_the_error(own_api: Api) -> None:
    location = own_api.send(CONTENT, "x").headers["location"]
    own_api.fail(ValueError("not a readable JPEG"))

    answer = own_api.client.get(location)

    assert problem(answer) == (404, "image-failed")
    assert answer.json()["detail"] == "ValueError: not a readable JPEG"
    assert "retry-after" not in answer.headers


def test_an_image_whose_file_is_lost_is_500_and_says_what_to_do(own_api: Api) -> None:
    [kept] = own_api.keep(record(CONTENT, "x"))
    own_api.parts.archive.file(kept).unlink()

    answer = own_api.client.get(f"/api/images/{kept.id}")

    assert problem(answer) == (500, "file-missing")
    assert "captiond verify" in answer.json()["detail"]


def test_the_status_follows_the_image(own_api: Api) -> None:
    sent = own_api.send(CONTENT, "x")
    path = f"{sent.headers['location']}/status"

    seen = [own_api.client.get(path).json()]
    own_api.caption()
    seen.append(own_api.client.get(path).json())
    own_api.store()
    seen.append(own_api.client.get(path).json())

    assert seen == [{"id": sent.json()["id"], "status": status} for status in ("queued", "captioned", "stored")]


def test_the_status_of_a_failed_image_has_its_error(own_api: Api) -> None:
    sent = own_api.send(CONTENT, "x")
    own_api.fail(ValueError("not a readable JPEG"))

    answer = own_api.client.get(f"{sent.headers['location']}/status")

    assert answer.json() == {
        "id": sent.json()["id"],
        "status": "failed",
        "error": "ValueError: not a readable JPEG",
    }


def test_an_archived_image_is_stored_even_where_redis_has_forgotten_it(own_api: Api) -> None:
    [kept] = own_api.keep(record(CONTENT, "x"))

    assert own_api.client.get(f"/api/images/{kept.id}/status").json()["status"] == "stored"


def test_the_status_of_an_unknown_image_is_404(api: Api) -> None:
    assert problem(api.client.get(f"/api/images/{uuid.uuid4()}/status")) == (404, "unknown-image")
