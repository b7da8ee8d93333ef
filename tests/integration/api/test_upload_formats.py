"""Uploads as a bare JPEG and as JSON, and the fields that clients may add in every format."""

import base64
import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest

from captiond.image import Labels, ReceivedImage
from tests.integration.api.serving import MAX_UPLOAD_BYTES, Api, problem
from tests.integration.api.test_upload import PHOTO, read_queued

FIELDS = {
    "description": "С начала фазы: 7 секунд; 100 % +1",
    "captured_at": "2026-11-26T10:45:01.250+03:00",
    "camera": "Ленина 12",
    "labels": {"plate": "А001МР77", "speed": "83"},
}
CAPTURED_AT = datetime(2026, 11, 26, 7, 45, 1, 250_000, UTC)

Send = Callable[..., httpx.Response]


def as_form(api: Api, jpeg: bytes = PHOTO, **fields: object) -> httpx.Response:
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
    return api.client.post("/api/images", files={"image": jpeg}, data=texts)


def as_jpeg(api: Api, jpeg: bytes = PHOTO, media_type: str = "image/jpeg", **fields: object) -> httpx.Response:
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
    return api.client.post("/api/images", params=texts, content=jpeg, headers={"Content-Type": media_type})


def as_json(api: Api, jpeg: bytes = PHOTO, **fields: object) -> httpx.Response:
    return api.client.post("/api/images", json={"image": base64.b64encode(jpeg).decode(), **fields})


every_format = pytest.mark.parametrize("send", [as_form, as_jpeg, as_json])


def queued(api: Api, response: httpx.Response) -> ReceivedImage:
    """The image as the captioner gets it."""
    assert response.status_code == 202, response.text
    upload = read_queued(api, response.json()["id"])
    assert upload.jpeg == PHOTO
    return upload.image


@every_format
def test_upload_with_all_fields_is_queued(own_api: Api, send: Send) -> None:
    response = send(own_api, **FIELDS)

    image = queued(own_api, response)
    assert (image.description, image.captured_at, image.camera, image.labels) == (
        FIELDS["description"],
        CAPTURED_AT,
        FIELDS["camera"],
        Labels(plate="А001МР77", speed="83"),
    )
    accepted = response.json()
    assert {name: accepted[name] for name in FIELDS} == {**FIELDS, "captured_at": "2026-11-26T07:45:01.250000Z"}


@every_format
def test_fields_are_optional(own_api: Api, send: Send) -> None:
    image = queued(own_api, send(own_api, description="7 секунд"))

    assert (image.captured_at, image.camera, image.labels) == (None, None, Labels())


@every_format
@pytest.mark.parametrize(
    ("field", "value", "detail"),
    [
        ("captured_at", "2026-11-26T10:45:01", "it must be a time with its offset from UTC"),
        ("captured_at", "1700000000", "it must be a time with its offset from UTC"),
        ("captured_at", "2026-02-30T10:45:01Z", "is '2026-02-30T10:45:01Z'"),
        ("captured_at", "0001-01-01T00:00:00+01:00", "its year must be from 1900 to 9998 in UTC"),
        ("captured_at", "1900-01-01T00:00:00+00:01", "its year must be from 1900 to 9998 in UTC"),
        ("captured_at", "9998-12-31T23:59:59-00:01", "is '9998-12-31T23:59:59-00:01'; its year must be"),
        ("camera", "x" * 65, "has 65 characters; the limit is 64"),
        ("camera", "a\x1bb", "must not contain control characters"),
        ("labels", {"Speed": "83"}, "'Speed' is not a label name"),
        ("labels", {"speed": 83}, "the label speed must be text"),
        ("labels", {"speed": "x" * 201}, "the label speed has 201 characters; the limit is 200"),
        ("labels", {f"label{number}": "" for number in range(17)}, "has 17 labels; the limit is 16"),
        ("labels", ["speed"], "must be an object"),
        ("labels", "speed=83", "must be a JSON object"),
        ("description", "x" * 201, "has 201 characters; the limit is 200"),
        ("description", "\u200b", "must not be blank"),
    ],
)
def test_invalid_field_is_named(api: Api, send: Send, field: str, value: object, detail: str) -> None:
    response = send(api, **{"description": "x", field: value})

    assert response.status_code == 422
    [error] = response.json()["errors"]
    assert error["field"] == field
    assert detail in error["detail"]


@every_format
def test_missing_description_returns_422(api: Api, send: Send) -> None:
    response = send(api)

    assert response.status_code == 422
    assert response.json()["errors"] == [{"field": "description", "detail": "is missing"}]


@every_format
def test_image_over_the_limit_returns_413(api: Api, send: Send) -> None:
    response = send(api, PHOTO + bytes(MAX_UPLOAD_BYTES), description="x")

    assert response.status_code == 413
    assert str(MAX_UPLOAD_BYTES) in response.json()["detail"]


@every_format
def test_other_image_returns_415(api: Api, send: Send) -> None:
    assert send(api, b"\x89PNG\r\n\x1a\n" + bytes(100), description="x").status_code == 415


@pytest.mark.parametrize("media_type", ["application/octet-stream", "image/jpg", "IMAGE/JPEG; q=1"])
def test_bare_image_has_several_media_types(own_api: Api, media_type: str) -> None:
    assert queued(own_api, as_jpeg(own_api, media_type=media_type, description="x")).description == "x"


def test_plus_of_an_offset_in_the_query_may_be_unencoded(own_api: Api) -> None:
    response = own_api.client.post(
        "/api/images?description=x&captured_at=2026-11-26T10:45:01+03:00",
        content=PHOTO,
        headers={"Content-Type": "image/jpeg"},
    )

    assert queued(own_api, response).captured_at == CAPTURED_AT.replace(microsecond=0)


def test_repeated_query_field_returns_422(api: Api) -> None:
    response = api.client.post(
        "/api/images?description=x&description=y", content=PHOTO, headers={"Content-Type": "image/jpeg"}
    )

    assert response.status_code == 422
    assert response.json()["errors"] == [{"field": "description", "detail": "must be sent once"}]


NOT_UTF_8 = [{"field": "description", "detail": "must be UTF-8, percent-encoded"}]


@pytest.mark.parametrize("text", ["%CF%F0", "%C0%AF", "%D0%9", "%ED%A0%80", "100%25%FF"])
def test_query_field_that_is_not_utf_8_returns_422(api: Api, text: str) -> None:
    url = f"/api/images?description={text}&other=%FF"

    bare = api.client.post(url, content=PHOTO, headers={"Content-Type": "image/jpeg"})
    form = api.client.post(url, files={"image": PHOTO})
    overridden = api.client.post(url, files={"image": PHOTO}, data={"description": "x"})

    assert (bare.status_code, bare.json()["errors"]) == (422, NOT_UTF_8)
    assert (form.status_code, form.json()["errors"]) == (422, NOT_UTF_8)
    assert (overridden.status_code, overridden.json()["description"]) == (202, "x")


@every_format
def test_repeated_label_returns_422(api: Api, send: Send) -> None:
    response = send(api, description="x", labels='{"plate": "A1", "speed": "83", "plate": "B2"}')

    assert response.status_code == 422
    assert response.json()["errors"] == [{"field": "labels", "detail": "has the name 'plate' twice"}]


def test_last_of_many_names_may_be_repeated(api: Api) -> None:
    """Its search takes linear time: in quadratic time it would take minutes."""
    names = "".join(f'"{number}":0,' for number in range(100_000))

    response = api.client.post(
        "/api/images", content=f'{{{names}"z":0,"z":0}}', headers={"Content-Type": "application/json"}
    )

    assert (response.status_code, response.json()["detail"]) == (400, "The JSON body has the name 'z' twice.")


def test_part_of_the_image_and_missing_fields_of_a_form_are_named_in_the_url(own_api: Api) -> None:
    pictures = [("plate", b"x" * 100), ("scene", PHOTO), ("closeup", PHOTO)]
    query = {"image_part": "scene", "description": "of the URL", "camera": "of the URL"}

    response = own_api.client.post("/api/images", params=query, files=pictures, data={"camera": "of the form"})

    image = queued(own_api, response)
    assert (image.description, image.camera) == ("of the URL", "of the form")


@pytest.mark.parametrize(
    ("query", "field", "detail"),
    [
        ("image_part=%FF&description=x", "image_part", "must be UTF-8, percent-encoded"),
        ("description=a&description=b", "description", "must be sent once"),
    ],
)
def test_field_in_the_url_of_a_form_is_checked(api: Api, query: str, field: str, detail: str) -> None:
    response = api.client.post(f"/api/images?{query}", files={"image": PHOTO})

    assert response.status_code == 422
    assert {"field": field, "detail": detail} in response.json()["errors"]


def test_missing_part_of_the_image_is_named(api: Api) -> None:
    response = api.client.post("/api/images?image_part=scene&description=x", files={"image": PHOTO})

    assert response.json()["errors"] == [{"field": "scene", "detail": "is missing"}]


def test_empty_bare_body_returns_422(api: Api) -> None:
    assert as_jpeg(api, b"", description="x").json()["errors"] == [{"field": "image", "detail": "is empty"}]


@pytest.mark.parametrize("scheme", ["data", "DATA"])
def test_data_url_is_decoded(own_api: Api, scheme: str) -> None:
    url = f"{scheme}:image/jpeg;base64,{base64.encodebytes(PHOTO).decode()}"

    response = own_api.client.post("/api/images", json={"image": url, "description": "x"})

    assert queued(own_api, response).description == "x"


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"{", 400, "not valid JSON"),
        (b"[" * 100_000, 400, "not valid JSON"),
        (b"[]", 400, "must be an object"),
        ('{"image": "/9j/4AAQ", "description": "да"}'.encode("cp1251"), 400, "not valid JSON: it is not UTF-8"),
        (b'{"description": "x", "image": "/9j/4AAQ", "description": "y"}', 400, "has the name 'description' twice"),
        (b'{"labels": {"a": "1", "a": "2"}}', 400, "has the name 'a' twice"),
        (b'{"image": "data:image/jpeg;base64,", "description": "x"}', 422, "image: is empty"),
        (b'{"image": "data:image/jpeg;base64", "description": "x"}', 422, "image: is empty"),
        (b'{"description": "x"}', 422, "image: is missing"),
        (b'{"image": 7, "description": "x"}', 422, "image: must be the JPEG in base64"),
        (b'{"image": "/9j/4", "description": "x"}', 422, "image: is not valid base64"),
        (b'{"image": "\xc3\xa9", "description": "x"}', 422, "image: is not valid base64"),
        (b'{"image": "/9j/4AAQ", "description": 7}', 422, "description: must be text"),
        (b'{"image": "/9j/4AAQ", "description": "a\\ud800"}', 422, "lone surrogates"),
    ],
)
def test_invalid_json_is_explained(api: Api, body: bytes, status: int, detail: str) -> None:
    response = api.client.post("/api/images", content=body, headers={"Content-Type": "application/json"})

    assert response.status_code == status
    assert detail in response.json()["detail"]


@every_format
def test_key_with_other_fields_is_rejected(own_api: Api, send: Send) -> None:
    own_api.client.headers["Idempotency-Key"] = f"key-of-{send.__name__}"

    first = send(own_api, description="x", camera="north")
    again = send(own_api, description="x", camera="north")
    other = send(own_api, description="x", camera="south")

    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 422)
    assert first.json()["id"] == again.json()["id"]


@pytest.mark.parametrize("media_type", ["", "text/plain", "image/png"])
def test_other_media_type_names_the_formats(api: Api, media_type: str) -> None:
    response = as_jpeg(api, media_type=media_type, description="x")

    assert response.status_code == 400
    assert "multipart/form-data" in response.json()["detail"]


def test_compressed_body_is_rejected_with_its_content_coding(api: Api) -> None:
    response = api.client.post("/api/images", content=gzip.compress(PHOTO), headers={"Content-Encoding": "gzip"})

    assert problem(response) == (400, "malformed-body")
    assert response.json()["detail"] == "The body has the Content-Encoding 'gzip'; send it without."
