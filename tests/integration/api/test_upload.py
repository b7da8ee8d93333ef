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
from tests.integration.api.serving import MAX_UPLOAD_BYTES, Api, Behind, form, jpeg, open_api, problem
from tests.servers.queues import RedisServer

PHOTO = jpeg()
FORM = "multipart/form-data; boundary=limit"


def post(api: Api, parts: list[tuple[str, bytes]]) -> httpx.Response:
    body, headers = form(parts)
    return api.client.post("/api/images", content=body, headers=headers)


def errors(answer: httpx.Response) -> dict[str, str]:
    return {error["field"]: error["detail"] for error in answer.json()["errors"]}


def queued(api: Api, image_id: str) -> Upload:
    consumer = api.broker.consumer("test", Route(UPLOADS))
    consumer.create_group()
    uploads = [Upload.from_message(delivery.message()) for delivery in consumer.receive(1000, wait_seconds=5)]
    return next(upload for upload in uploads if str(upload.image.id) == image_id)


def test_an_upload_is_accepted_and_lies_in_the_queue(own_api: Api) -> None:
    answer = own_api.send(PHOTO, "С начала фазы запрещающего сигнала прошло: 7 секунд")

    assert answer.status_code == 202
    body = answer.json()
    assert set(body) == {"id", "received_at", "description", "status"}
    assert answer.headers["location"] == f"/api/images/{body['id']}"
    assert uuid.UUID(body["id"]).version == 7
    assert body["received_at"].endswith("Z")
    assert abs(datetime.fromisoformat(body["received_at"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert (body["description"], body["status"]) == ("С начала фазы запрещающего сигнала прошло: 7 секунд", "queued")
    upload = queued(own_api, body["id"])
    assert upload.jpeg == PHOTO
    assert upload.image.description == body["description"]
    assert upload.image.received_at == datetime.fromisoformat(body["received_at"])


def test_two_uploads_of_the_same_are_two_images(api: Api) -> None:
    assert api.send(PHOTO, "once").json()["id"] != api.send(PHOTO, "once").json()["id"]


def test_parts_may_come_in_any_order_and_others_are_ignored(api: Api) -> None:
    answer = post(api, [("camera", b"7"), ("description", b"seven"), ("image", PHOTO), ("note", b"x" * 1000)])

    assert answer.status_code == 202
    assert answer.json()["description"] == "seven"


def test_a_file_that_only_starts_like_a_jpeg_is_accepted(api: Api) -> None:
    assert api.send(b"\xff\xd8\xff and no more", "broken").status_code == 202


def test_an_image_of_exactly_the_limit_is_accepted(api: Api) -> None:
    assert api.send(PHOTO.ljust(MAX_UPLOAD_BYTES, b"\0"), "large").status_code == 202


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"{}", "application/json"),
        (b"image=x&description=y", "application/x-www-form-urlencoded"),
        (b"", "multipart/form-data"),
        (b"", FORM),
        (b"no boundary in here", FORM),
        (b'--limit\r\nContent-Disposition: form-data; name="image"\r\n\r\nno end', FORM),
        (b"--limit\r\nContent-Type: image/jpeg\r\n\r\nno name\r\n--limit--\r\n", FORM),
    ],
    ids=["json", "urlencoded", "no boundary named", "empty", "no boundary", "cut short", "part without name"],
)
def test_a_body_that_is_no_multipart_form_is_400(api: Api, content: bytes, content_type: str) -> None:
    answer = api.client.post("/api/images", content=content, headers={"Content-Type": content_type})

    assert problem(answer) == (400, "not-multipart")


def test_no_body_at_all_is_400(api: Api) -> None:
    assert problem(api.client.post("/api/images")) == (400, "not-multipart")


def test_a_byte_too_many_is_413(api: Api) -> None:
    answer = api.send(PHOTO.ljust(MAX_UPLOAD_BYTES + 1, b"\0"), "too large")

    assert problem(answer) == (413, "too-large")
    assert str(MAX_UPLOAD_BYTES) in answer.json()["detail"]


def test_an_announced_length_is_refused_before_a_byte_of_the_body_is_sent(api: Api) -> None:
    connection = http.client.HTTPConnection(api.url.removeprefix("http://"), timeout=30)
    connection.putrequest("POST", "/api/images")
    connection.putheader("Content-Type", FORM)
    connection.putheader("Content-Length", str(200 << 20))
    connection.endheaders()

    answer = connection.getresponse()

    assert answer.status == 413
    assert answer.getheader("Connection") == "close"
    connection.close()


def test_a_stream_without_length_is_cut_off_early(api: Api) -> None:
    chunk, sent_bytes = bytes(64 << 10), 0
    memory_before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def body() -> Iterator[bytes]:
        nonlocal sent_bytes
        yield b'--limit\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n\xff\xd8\xff'
        while sent_bytes < 200 << 20:
            sent_bytes += len(chunk)
            yield chunk

    answer = api.client.post("/api/images", content=body(), headers={"Content-Type": FORM})

    assert problem(answer) == (413, "too-large")
    assert sent_bytes < 40 << 20  # the limit, and what the sockets between us hold
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory_before_kib < 64 << 10


def test_parts_of_no_interest_are_not_read_without_end(api: Api) -> None:
    answer = post(api, [("note", b"x" * (100 << 10)), ("image", PHOTO), ("description", b"x")])

    assert problem(answer) == (413, "too-large")


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8", b"x"])
def test_a_file_that_is_no_jpeg_is_415_and_told_by_its_first_bytes(api: Api, content: bytes) -> None:
    answer = api.send(content, "no jpeg")

    assert problem(answer) == (415, "not-a-jpeg")
    assert content[:3].hex(" ") in answer.json()["detail"]


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
        ([("image", PHOTO), ("description", b"a\0b")], {"description": "must not hold the character U+0000"}),
        ([("image", PHOTO), ("image", PHOTO), ("description", b"x")], {"image": "was sent twice"}),
        ([("image", PHOTO), ("description", b"x"), ("description", b"x")], {"description": "was sent twice"}),
        ([("image", b""), ("description", b" ")], {"image": "is empty", "description": "must not be blank"}),
        ([("note", b"x")], {"image": "is missing", "description": "is missing"}),
    ],
)
def test_every_wrong_part_is_422_and_named(api: Api, parts: list[tuple[str, bytes]], expected: dict[str, str]) -> None:
    answer = post(api, parts)

    assert problem(answer) == (422, "invalid-request")
    assert errors(answer) == expected
    assert all(f"{field}: {detail}" in answer.json()["detail"] for field, detail in expected.items())


@pytest.mark.parametrize("letter", ["x", "я", "🚦", "й"])
def test_a_description_of_200_characters_is_accepted_and_one_of_201_is_not(api: Api, letter: str) -> None:
    assert api.send(PHOTO, letter * 200).status_code == 202

    answer = api.send(PHOTO, letter * 201)

    assert problem(answer) == (422, "invalid-request")
    assert errors(answer) == {"description": "may have 200 characters at most, has 201"}


def test_characters_count_after_composition(api: Api) -> None:
    decomposed = unicodedata.normalize("NFD", "й" * 200)
    assert len(decomposed) == 400

    answer = api.send(PHOTO, decomposed)

    assert answer.status_code == 202
    assert answer.json()["description"] == "й" * 200


def test_a_description_beyond_all_bounds_is_422(api: Api) -> None:
    answer = api.send(PHOTO, "x" * 20_000)

    assert problem(answer) == (422, "invalid-request")
    assert set(errors(answer)) == {"description"}


def test_the_same_key_gives_the_same_image_once(own_api: Api) -> None:
    key = str(uuid.uuid4())

    first, second = (own_api.send(PHOTO, "once", Idempotency_Key=key) for _ in range(2))

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert uuid.UUID(first.json()["id"]).version == 5
    assert own_api.parts.monitor.stats(UPLOADS).depth == 1


def test_a_repeat_tells_how_far_the_image_has_come(own_api: Api) -> None:
    own_api.send(PHOTO, "once", Idempotency_Key="k")
    own_api.caption()

    assert own_api.send(PHOTO, "once", Idempotency_Key="k").json()["status"] == "captioned"


@pytest.mark.parametrize(("content", "description"), [(jpeg(colour="red"), "one"), (PHOTO, "two")])
def test_the_same_key_with_another_upload_is_422_with_its_own_type(api: Api, content: bytes, description: str) -> None:
    key = str(uuid.uuid4())
    api.send(PHOTO, "one", Idempotency_Key=key)

    assert problem(api.send(content, description, Idempotency_Key=key)) == (422, "idempotency-key-reused")


@pytest.mark.parametrize("key", ["", "with space", "x" * 256])
def test_a_key_that_cannot_be_one_is_422(api: Api, key: str) -> None:
    answer = api.send(PHOTO, "x", Idempotency_Key=key)

    assert problem(answer) == (422, "invalid-request")
    assert [field.lower() for field in errors(answer)] == ["idempotency-key"]


@pytest.mark.parametrize("budget", [Budget(max_messages=2), Budget(max_bytes=2 * len(PHOTO) + 600)])
def test_a_full_backlog_is_503_until_it_is_worked_off(valkey: RedisServer, tmp_path: Path, budget: Budget) -> None:
    with open_api(Behind(valkey.url, tmp_path, budget=budget)) as api:
        assert [api.send(PHOTO, "x").status_code for _ in range(2)] == [202, 202]

        answer = api.send(PHOTO, "x")

        assert problem(answer) == (503, "queue-full")
        assert 1 <= int(answer.headers["retry-after"]) <= 5
        api.caption()
        api.store()
        assert api.send(PHOTO, "x").status_code == 202


@pytest.mark.parametrize("name", ["Content-Digest", "Repr-Digest"])
@pytest.mark.parametrize("algorithm", ["sha-256", "sha-512"])
def test_a_body_that_matches_its_digest_is_accepted_and_another_is_400(api: Api, name: str, algorithm: str) -> None:
    body, headers = form([("image", PHOTO), ("description", b"x")])
    digest = base64.b64encode(hashlib.new(algorithm.replace("-", ""), body).digest()).decode()

    whole = api.client.post("/api/images", content=body, headers={**headers, name: f"{algorithm}=:{digest}:"})
    spoilt = api.client.post(
        "/api/images", content=body.replace(b"\xff", b"\xfe", 1), headers={**headers, name: f"{algorithm}=:{digest}:"}
    )

    assert whole.status_code == 202
    assert problem(spoilt) == (400, "digest-mismatch")


@pytest.mark.parametrize("digest", ["md5=:1B2M2Y8AsgTpgAmY7PhCfg==:", "nonsense"])
def test_a_digest_that_we_do_not_know_is_passed_over(api: Api, digest: str) -> None:
    assert api.send(PHOTO, "x", Content_Digest=digest).status_code == 202


def test_a_client_that_goes_away_leaves_nothing_behind(own_api: Api) -> None:
    connection = http.client.HTTPConnection(own_api.url.removeprefix("http://"), timeout=30)
    body, _ = form([("image", PHOTO), ("description", b"x")])
    connection.putrequest("POST", "/api/images")
    connection.putheader("Content-Type", FORM)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body[:-10])
    connection.close()

    assert own_api.send(PHOTO, "another").status_code == 202
    assert own_api.parts.monitor.stats(UPLOADS).depth == 1
