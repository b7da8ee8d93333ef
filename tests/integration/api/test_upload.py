import base64
import hashlib
import http.client
import resource
import unicodedata
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from captiond.messages import Upload
from captiond.pipeline import UPLOADS
from captiond.workqueue import Budget, Route
from tests.integration.api.serving import MAX_UPLOAD_BYTES, Api, Backends, form, jpeg, open_api, problem
from tests.servers.queues import RedisServer

PHOTO = jpeg()
FORM = "multipart/form-data; boundary=limit"


def post(api: Api, parts: list[tuple[str, bytes]]) -> httpx.Response:
    body, headers = form(parts)
    return api.client.post("/api/images", content=body, headers=headers)


def errors(response: httpx.Response) -> dict[str, str]:
    return {error["field"]: error["detail"] for error in response.json()["errors"]}


def read_queued(api: Api, image_id: str) -> Upload:
    consumer = api.broker.consumer("test", Route(UPLOADS))
    consumer.create_group()
    uploads = [Upload.from_message(delivery.decode()) for delivery in consumer.receive(1000, wait_seconds=5)]
    return next(upload for upload in uploads if str(upload.image.id) == image_id)


def test_accepted_upload_is_in_the_queue(own_api: Api) -> None:
    response = own_api.send(PHOTO, "С начала фазы запрещающего сигнала прошло: 7 секунд")

    assert response.status_code == 202
    body = response.json()
    assert set(body) == {"id", "received_at", "description", "status"}
    assert response.headers["location"] == f"/api/images/{body['id']}"
    assert uuid.UUID(body["id"]).version == 7
    assert body["received_at"].endswith("Z")
    assert abs(datetime.fromisoformat(body["received_at"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert (body["description"], body["status"]) == ("С начала фазы запрещающего сигнала прошло: 7 секунд", "queued")
    upload = read_queued(own_api, body["id"])
    assert upload.jpeg == PHOTO
    assert upload.image.description == body["description"]
    assert upload.image.received_at == datetime.fromisoformat(body["received_at"])


def test_first_of_several_images_is_queued(own_api: Api) -> None:
    response = post(own_api, [("image", PHOTO), ("image", PHOTO + b"\xff"), ("description", b"x")])

    assert response.status_code == 202, response.text
    assert read_queued(own_api, response.json()["id"]).jpeg == PHOTO


def test_repeated_upload_without_key_is_a_new_image(api: Api) -> None:
    assert api.send(PHOTO, "once").json()["id"] != api.send(PHOTO, "once").json()["id"]


def test_part_order_does_not_matter_and_other_parts_are_ignored(api: Api) -> None:
    response = post(api, [("camera", b"7"), ("description", b"seven"), ("image", PHOTO), ("note", b"x" * 1000)])

    assert response.status_code == 202
    assert response.json()["description"] == "seven"


def test_content_of_the_jpeg_is_not_checked(api: Api) -> None:
    assert api.send(PHOTO[: PHOTO.index(b"\xff\xc0") + 30], "broken").status_code == 202


def test_header_that_cannot_be_a_jpeg_returns_415_with_the_fault(api: Api) -> None:
    response = api.send(b"\xff\xd8\xff and no more".ljust(1000, b"."), "junk")

    assert problem(response) == (415, "not-a-jpeg")
    assert response.json()["detail"] == ("The part `image` has no JPEG header: no marker within 64 bytes of offset 2.")


def test_image_of_the_maximum_size_is_accepted(api: Api) -> None:
    assert api.send(PHOTO.ljust(MAX_UPLOAD_BYTES, b"\0"), "large").status_code == 202


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"<image/>", "application/xml"),
        (b"image=x&description=y", "application/x-www-form-urlencoded"),
        (b"", "multipart/form-data"),
        (b"", FORM),
        (b"no boundary in here", FORM),
        (b'--limit\r\nContent-Disposition: form-data; name="image"\r\n\r\nno end', FORM),
    ],
    ids=["xml", "urlencoded", "no boundary named", "empty", "no boundary", "cut short"],
)
def test_body_that_is_not_a_multipart_form_returns_400(api: Api, content: bytes, content_type: str) -> None:
    response = api.client.post("/api/images", content=content, headers={"Content-Type": content_type})

    assert problem(response) == (400, "not-multipart")


def test_missing_body_returns_400(api: Api) -> None:
    assert problem(api.client.post("/api/images")) == (400, "not-multipart")


def test_image_over_the_maximum_size_returns_413(api: Api) -> None:
    response = api.send(PHOTO.ljust(MAX_UPLOAD_BYTES + 1, b"\0"), "too large")

    assert problem(response) == (413, "too-large")
    assert str(MAX_UPLOAD_BYTES) in response.json()["detail"]


def test_content_length_over_the_limit_returns_413_before_the_body(api: Api) -> None:
    connection = http.client.HTTPConnection(api.url.removeprefix("http://"), timeout=30)
    connection.putrequest("POST", "/api/images")
    connection.putheader("Content-Type", FORM)
    connection.putheader("Content-Length", str(200 << 20))
    connection.endheaders()

    response = connection.getresponse()

    assert response.status == 413
    assert response.getheader("Connection") == "close"
    connection.close()


def test_chunked_body_over_the_limit_is_discarded(api: Api) -> None:
    chunk, sent_bytes = bytes(64 << 10), 0
    memory_before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def body() -> Iterator[bytes]:
        nonlocal sent_bytes
        yield b'--limit\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n\xff\xd8\xff'
        while sent_bytes < 200 << 20:
            sent_bytes += len(chunk)
            yield chunk

    response = api.client.post("/api/images", content=body(), headers={"Content-Type": FORM})

    assert problem(response) == (413, "too-large")
    assert sent_bytes == 200 << 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory_before_kib < 64 << 10


def test_other_parts_over_the_limit_return_413(api: Api) -> None:
    response = post(api, [("note", bytes(MAX_UPLOAD_BYTES + 1)), ("image", PHOTO), ("description", b"x")])

    assert problem(response) == (413, "too-large")


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8", b"x"])
def test_file_that_is_not_a_jpeg_returns_415_with_its_first_bytes(api: Api, content: bytes) -> None:
    response = api.send(content, "no jpeg")

    assert problem(response) == (415, "not-a-jpeg")
    assert content[:3].hex(" ") in response.json()["detail"]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([("description", b"x")], {"image": "is missing"}),
        ([("image", b""), ("description", b"x")], {"image": "is empty"}),
        ([("image", PHOTO)], {"description": "is missing"}),
        ([("image", PHOTO), ("description", b"")], {"description": "must not be blank"}),
        ([("image", PHOTO), ("description", " \t\r\n\u00a0\u2003".encode())], {"description": "must not be blank"}),
        ([("image", PHOTO), ("description", b"caf\xe9")], {"description": "must be UTF-8"}),
        ([("image", PHOTO), ("description", b"\xed\xa0\x80")], {"description": "must be UTF-8"}),
        ([("image", PHOTO), ("description", b"a\0b")], {"description": "must not contain U+0000 or lone surrogates"}),
        ([("image", PHOTO), ("description", b"x"), ("description", b"x")], {"description": "must be sent once"}),
        ([("image", b""), ("description", b" ")], {"image": "is empty", "description": "must not be blank"}),
        ([("note", b"x")], {"image": "is missing", "description": "is missing"}),
        ([("", b"x")], {"image": "is missing", "description": "is missing"}),
    ],
)
def test_invalid_parts_return_422_with_their_names(
    api: Api, parts: list[tuple[str, bytes]], expected: dict[str, str]
) -> None:
    response = post(api, parts)

    assert problem(response) == (422, "invalid-request")
    assert errors(response) == expected
    assert all(f"{field}: {detail}" in response.json()["detail"] for field, detail in expected.items())


@pytest.mark.parametrize("letter", ["x", "я", "🚦", "й"])
def test_description_is_limited_to_200_characters(api: Api, letter: str) -> None:
    assert api.send(PHOTO, letter * 200).status_code == 202

    response = api.send(PHOTO, letter * 201)

    assert problem(response) == (422, "invalid-request")
    assert errors(response) == {"description": "has 201 characters; the limit is 200"}


def test_description_length_counts_after_nfc(api: Api) -> None:
    decomposed = unicodedata.normalize("NFD", "й" * 200)
    assert len(decomposed) == 400

    response = api.send(PHOTO, decomposed)

    assert response.status_code == 202
    assert response.json()["description"] == "й" * 200


def test_description_over_16_kib_returns_422(api: Api) -> None:
    response = api.send(PHOTO, "x" * 20_000)

    assert problem(response) == (422, "invalid-request")
    assert set(errors(response)) == {"description"}


def test_repeated_key_returns_the_same_image(own_api: Api) -> None:
    key = str(uuid.uuid4())

    first, second = (own_api.send(PHOTO, "once", Idempotency_Key=key) for _ in range(2))

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert uuid.UUID(first.json()["id"]).version == 5
    assert own_api.context.monitor.stats(UPLOADS).depth == 1


def test_repeated_upload_returns_the_current_status(own_api: Api) -> None:
    own_api.send(PHOTO, "once", Idempotency_Key="k")
    own_api.caption()

    assert own_api.send(PHOTO, "once", Idempotency_Key="k").json()["status"] == "captioned"


@pytest.mark.parametrize(("content", "description"), [(jpeg(colour="red"), "one"), (PHOTO, "two")])
def test_key_of_another_upload_returns_422_with_its_own_type(api: Api, content: bytes, description: str) -> None:
    key = str(uuid.uuid4())
    api.send(PHOTO, "one", Idempotency_Key=key)

    assert problem(api.send(content, description, Idempotency_Key=key)) == (422, "idempotency-key-reused")


@pytest.mark.parametrize("key", ["", "with space", "x" * 256])
def test_invalid_key_returns_422(api: Api, key: str) -> None:
    response = api.send(PHOTO, "x", Idempotency_Key=key)

    assert problem(response) == (422, "invalid-request")
    assert [field.lower() for field in errors(response)] == ["idempotency-key"]


@pytest.mark.parametrize("budget", [Budget(max_messages=2), Budget(max_bytes=2 * len(PHOTO) + 600)])
def test_full_backlog_returns_503_until_it_is_processed(valkey: RedisServer, tmp_path: Path, budget: Budget) -> None:
    with open_api(Backends(valkey.url, tmp_path, budget=budget)) as api:
        assert [api.send(PHOTO, "x").status_code for _ in range(2)] == [202, 202]

        response = api.send(PHOTO, "x")

        assert problem(response) == (503, "queue-full")
        assert 1 <= int(response.headers["retry-after"]) <= 5
        api.caption()
        api.store()
        assert api.send(PHOTO, "x").status_code == 202


@pytest.mark.parametrize("keys", [("a", "a"), ("a", "b"), ("", ""), ("a", "b", "c")])
def test_repeated_key_header_returns_400(api: Api, keys: tuple[str, ...]) -> None:
    body, headers = form([("image", PHOTO), ("description", b"x")])

    response = api.client.post(
        "/api/images", content=body, headers=[*headers.items(), *(("idempotency-key", key) for key in keys)]
    )

    assert problem(response) == (400, "repeated-header")
    assert response.json()["detail"] == f"The request has {len(keys)} Idempotency-Key headers; send one."


@pytest.mark.parametrize("name", ["Content-Digest", "Repr-Digest"])
@pytest.mark.parametrize("algorithm", ["sha-256", "sha-512"])
def test_body_digest_is_verified(api: Api, name: str, algorithm: str) -> None:
    body, headers = form([("image", PHOTO), ("description", b"x")])
    digest = base64.b64encode(hashlib.new(algorithm.replace("-", ""), body).digest()).decode()

    matching = api.client.post("/api/images", content=body, headers={**headers, name: f"{algorithm}=:{digest}:"})
    altered = api.client.post(
        "/api/images", content=body.replace(b"\xff", b"\xfe", 1), headers={**headers, name: f"{algorithm}=:{digest}:"}
    )

    assert matching.status_code == 202
    assert problem(altered) == (400, "digest-mismatch")


@pytest.mark.parametrize("digest", ["md5=:1B2M2Y8AsgTpgAmY7PhCfg==:", "nonsense"])
def test_unknown_digest_algorithm_is_ignored(api: Api, digest: str) -> None:
    assert api.send(PHOTO, "x", Content_Digest=digest).status_code == 202


def test_aborted_upload_is_not_queued(own_api: Api) -> None:
    connection = http.client.HTTPConnection(own_api.url.removeprefix("http://"), timeout=30)
    body, _ = form([("image", PHOTO), ("description", b"x")])
    connection.putrequest("POST", "/api/images")
    connection.putheader("Content-Type", FORM)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body[:-10])
    connection.close()

    assert own_api.send(PHOTO, "another").status_code == 202
    assert own_api.context.monitor.stats(UPLOADS).depth == 1
