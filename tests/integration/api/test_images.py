import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.parser import BytesParser
from email.utils import format_datetime, parsedate_to_datetime
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from captiond.imaging import BadImage, Captioner, Style
from captiond.services.api.http.problem_types import IMAGE_FAILED, IN_FLIGHT
from captiond.services.api.web.options import PageOptions
from tests.contract.archive.making import replace_image
from tests.e2e.product import photo
from tests.integration.api.serving import Api, Backends, jpeg, open_api, problem, record
from tests.servers.queues import RedisServer

CONTENT = jpeg()
SIZE = len(CONTENT)


@dataclass(frozen=True, slots=True)
class Stored:
    """An archived image."""

    api: Api
    id: uuid.UUID
    sha256: str

    def get(self, method: str = "GET", **headers: str) -> httpx.Response:
        dashed = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.api.client.request(method, f"/api/images/{self.id}", headers=dashed)


@pytest.fixture(scope="module")
def stored(api: Api) -> Stored:
    [image] = api.archive(record(CONTENT, "x"))
    return Stored(api, image.id, image.sha256.hex())


def test_image_response_has_caching_headers(stored: Stored) -> None:
    response = stored.get()

    assert (response.status_code, response.content) == (200, CONTENT)
    assert response.headers["content-type"] == "image/jpeg"
    assert response.headers["content-length"] == str(SIZE)
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["etag"] == f'"{stored.sha256}"'
    assert response.headers["last-modified"].endswith(" GMT")
    assert "immutable" in response.headers["cache-control"]


def test_head_returns_the_headers_of_get_without_a_body(stored: Stored) -> None:
    whole, head = stored.get(), stored.get("HEAD")

    assert (head.status_code, head.content) == (200, b"")
    assert {**head.headers, "date": ""} == {**whole.headers, "date": ""}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("tags", ['"{}"', 'W/"{}"', '"other", "{}"', "*"])
def test_matching_etag_returns_304(stored: Stored, method: str, tags: str) -> None:
    response = stored.get(method, If_None_Match=tags.format(stored.sha256))

    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["etag"] == f'"{stored.sha256}"'
    assert "cache-control" in response.headers


def test_if_none_match_takes_precedence_over_if_modified_since(stored: Stored) -> None:
    modified = stored.get().headers["last-modified"]

    assert stored.get(If_None_Match='"other"', If_Modified_Since=modified).status_code == 200


def test_if_modified_since_has_a_resolution_of_one_second(stored: Stored) -> None:
    modified = stored.get().headers["last-modified"]
    earlier = format_datetime(parsedate_to_datetime(modified) - timedelta(seconds=1), usegmt=True)

    assert stored.get(If_Modified_Since=modified).status_code == 304
    assert stored.get(If_Modified_Since=earlier).status_code == 200
    assert stored.get(If_Modified_Since="no date").status_code == 200
    for huge in ("Mon, 01 Jan 2024 00:00:00 +99999999999999999999", "Mon, 99999999999999999999 Jan 2024 00:00:00 GMT"):
        assert stored.get(If_Modified_Since=huge).status_code == 200
    assert stored.get(If_Modified_Since="Mon, 23 Nov 2099 00:00:00 -0000").status_code == 200


@pytest.mark.parametrize(
    ("requested", "start", "end"),
    [("bytes=0-9", 0, 10), ("bytes=10-", 10, SIZE), ("bytes=-5", SIZE - 5, SIZE), (f"bytes=5-{SIZE * 2}", 5, SIZE)],
)
def test_range_returns_206(stored: Stored, requested: str, start: int, end: int) -> None:
    response = stored.get(Range=requested)

    assert (response.status_code, response.content) == (206, CONTENT[start:end])
    assert response.headers["content-range"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert response.headers["content-length"] == str(end - start)


def test_several_ranges_return_multipart_byteranges(stored: Stored) -> None:
    response = stored.get(Range="bytes=0-3, 10-19, -2")

    assert response.status_code == 206
    parts = byteranges(response)
    assert [part["content-range"] for part in parts] == [
        f"bytes 0-3/{SIZE}",
        f"bytes 10-19/{SIZE}",
        f"bytes {SIZE - 2}-{SIZE - 1}/{SIZE}",
    ]
    assert [part.get_payload(decode=True) for part in parts] == [CONTENT[:4], CONTENT[10:20], CONTENT[-2:]]


def byteranges(response: httpx.Response) -> list[Message]:
    head = f"Content-Type: {response.headers['content-type']}\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    message = BytesParser().parsebytes(head.encode() + response.content)
    parts = message.get_payload()
    assert isinstance(parts, list)
    return [part for part in parts if isinstance(part, Message)]


@pytest.mark.parametrize("requested", [f"bytes={SIZE}-", "bytes=999999999-", "bytes=-0"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_unsatisfiable_range_returns_416_with_the_size(stored: Stored, requested: str, method: str) -> None:
    response = stored.get(method, Range=requested)

    assert response.status_code == 416
    assert response.headers["content-range"] == f"bytes */{SIZE}"
    assert response.headers["content-type"] == "application/problem+json"
    if method == "GET":
        assert problem(response) == (416, "range-not-satisfiable")


@pytest.mark.parametrize(
    "requested", ["nonsense", "lines=0-3", "bytes=", "bytes=9-3", "bytes=a-b", f"bytes={'9' * 30}-"]
)
def test_invalid_range_is_ignored(stored: Stored, requested: str) -> None:
    assert (stored.get(Range=requested).status_code, len(stored.get(Range=requested).content)) == (200, SIZE)


def test_range_is_ignored_if_if_range_does_not_match(stored: Stored) -> None:
    etag = stored.get().headers["etag"]

    assert stored.get(Range="bytes=0-9", If_Range=etag).status_code == 206
    assert stored.get(Range="bytes=0-9", If_Range='"other"').status_code == 200


def test_unknown_image_returns_404(api: Api) -> None:
    response = api.client.get(f"/api/images/{uuid.uuid4()}")

    assert problem(response) == (404, "unknown-image")
    assert "retry-after" not in response.headers


@pytest.mark.parametrize(
    "path", ["/api/images/nonsense", "/api/images/nonsense/status", "/api/images/0/metadata", "/api/images/0"]
)
def test_invalid_uuid_returns_422(api: Api, path: str) -> None:
    response = api.client.get(path)

    assert problem(response) == (422, "invalid-request")
    assert [error["field"] for error in response.json()["errors"]] == ["image_id"]


def test_metadata_are_those_of_the_list(own_api: Api) -> None:
    archived = replace_image(record(CONTENT, "x"), reencode_reason="progressive", damage="no scan in scan 2")
    own_api.archive(archived)

    response = own_api.client.get(f"/api/images/{archived.image.id}/metadata")

    assert response.status_code == 200
    assert [response.json()] == own_api.client.get("/api/images").json()
    expected = {
        "method": "reencoded",
        "reencode_reason": "progressive",
        "damage": "no scan in scan 2",
        "sha256": sha256(CONTENT).hexdigest(),
        "upload_sha256": sha256(CONTENT).hexdigest(),
        "width": 16,
        "height": 16,
        "bytes": SIZE,
    }
    assert {name: response.json()[name] for name in expected} == expected


def test_metadata_of_an_image_that_is_not_archived_return_404(own_api: Api) -> None:
    unknown = own_api.client.get(f"/api/images/{uuid.uuid4()}/metadata")
    path = f"{own_api.send(CONTENT, 'x').headers['location']}/metadata"
    in_flight = own_api.client.get(path)
    own_api.fail(BadImage("no scan"))
    failed = own_api.client.get(path)

    assert problem(unknown) == (404, "unknown-image")
    assert problem(in_flight) == (404, "image-in-flight")
    assert problem(failed) == (404, "image-failed")


def test_image_in_flight_returns_404_with_its_own_type_until_archived(own_api: Api) -> None:
    location = own_api.send(CONTENT, "x").headers["location"]

    queued = own_api.client.get(location)
    own_api.caption()
    captioned = own_api.client.get(location)
    own_api.store()
    stored = own_api.client.get(location)

    assert problem(queued) == problem(captioned) == (404, "image-in-flight")
    assert [1 <= int(response.headers["retry-after"]) <= 5 for response in (queued, captioned)] == [True, True]
    assert (queued.json()["detail"], "captioned" in captioned.text) == (IN_FLIGHT.example, True)
    assert (stored.status_code, stored.content) == (200, CONTENT)


def test_failed_image_returns_404_with_its_own_type_and_the_error(own_api: Api) -> None:
    location = own_api.send(CONTENT, "x").headers["location"]
    with pytest.raises(BadImage) as damaged:
        Captioner(Style()).add_caption(photo().replace(b"\xff\xc0\0", b"\xff\xc0\xff", 1), "x")
    own_api.fail(damaged.value)

    response, status = own_api.client.get(location), own_api.client.get(f"{location}/status")

    assert problem(response) == (404, "image-failed")
    assert response.json()["detail"] == status.json()["error"] == str(damaged.value)
    assert response.json()["detail"] == IMAGE_FAILED.example
    assert "retry-after" not in response.headers


def test_missing_file_returns_500_and_names_the_fix(own_api: Api) -> None:
    [image] = own_api.archive(record(CONTENT, "x"))
    own_api.context.archive.file(image).unlink()

    response = own_api.client.get(f"/api/images/{image.id}")

    assert problem(response) == (500, "file-missing")
    assert "captiond verify" in response.json()["detail"]


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("/proc/self/mem", id="EIO"),  # opens, and fails when it is read at 0
        pytest.param("self", id="ELOOP"),
        pytest.param("/", id="EISDIR"),
    ],
)
@pytest.mark.parametrize("suffix", ["", "/original", "/thumbnail"])
def test_file_that_cannot_be_read_returns_503_before_the_first_byte(own_api: Api, target: str, suffix: str) -> None:
    [image] = own_api.archive(record(CONTENT, "x"))
    file = own_api.context.archive.file(image)
    file.unlink()
    file.symlink_to(file if target == "self" else target)

    response = own_api.client.get(f"/api/images/{image.id}{suffix}")

    assert problem(response) == (503, "unavailable")
    assert str(file) not in response.text


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"!", b""])
def test_file_of_another_size_returns_500_and_names_the_fix(own_api: Api, content: bytes) -> None:
    [image] = own_api.archive(record(CONTENT, "x"))
    own_api.context.archive.file(image).write_bytes(content)

    response = own_api.client.get(f"/api/images/{image.id}", headers={"Range": "bytes=0-1"})

    assert problem(response) == (500, "file-altered")
    assert "captiond verify" in response.json()["detail"]


def test_status_changes_from_queued_to_captioned_to_stored(own_api: Api) -> None:
    sent = own_api.send(CONTENT, "x")
    path = f"{sent.headers['location']}/status"

    bodies = [own_api.client.get(path).json()]
    own_api.caption()
    bodies.append(own_api.client.get(path).json())
    own_api.store()
    bodies.append(own_api.client.get(path).json())

    assert bodies == [{"id": sent.json()["id"], "status": status} for status in ("queued", "captioned", "stored")]


def test_status_of_a_failed_image_names_the_command_that_shows_an_internal_error(own_api: Api) -> None:
    sent = own_api.send(CONTENT, "x")
    image_id = sent.json()["id"]
    own_api.fail(OSError(5, "Input/output error", "/srv/images/one.jpg"))

    status = own_api.client.get(f"{sent.headers['location']}/status")
    image = own_api.client.get(sent.headers["location"])

    error = f"Processing failed; the operator can read the error with `captiond dead show {image_id}`."
    assert status.json() == {"id": image_id, "status": "failed", "error": error}
    assert problem(image) == (404, "image-failed")
    assert image.json()["detail"] == error


def test_archived_image_is_stored_without_a_record_in_redis(own_api: Api) -> None:
    [image] = own_api.archive(record(CONTENT, "x"))

    assert own_api.client.get(f"/api/images/{image.id}/status").json()["status"] == "stored"


def test_status_of_an_unknown_image_returns_404(api: Api) -> None:
    assert problem(api.client.get(f"/api/images/{uuid.uuid4()}/status")) == (404, "unknown-image")


@pytest.mark.parametrize(
    ("captured_at", "zone"),
    [
        (datetime(1, 1, 1, tzinfo=UTC), "America/New_York"),
        (datetime(9999, 12, 31, 23, 59, tzinfo=UTC), "Europe/Moscow"),
    ],
)
def test_page_shows_an_image_of_a_time_that_the_zone_lacks(
    valkey: RedisServer, tmp_path: Path, captured_at: datetime, zone: str
) -> None:
    with open_api(Backends(valkey.url, tmp_path, page=PageOptions(ZoneInfo(zone)))) as api:
        [image] = api.archive(replace_image(record(CONTENT, "x"), captured_at=captured_at))

        responses = [api.client.get(path) for path in (f"/images/{image.id}", "/images")]

    assert [response.status_code for response in responses] == [200, 200]
    assert f"{captured_at:%Y-%m-%d}" in responses[0].text
