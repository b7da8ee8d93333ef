"""ISAPI events as HTTP requests: forms and documents that only Hikvision cameras send."""

import base64
import json
import logging
from uuid import UUID

import pytest

from tests.integration.api.camera_requests import (
    ALERT,
    PLATE,
    PLATE_PART,
    SCENE,
    SCENE_PART,
    XML_PART,
    Part,
    hikvision,
    post,
    read_queue,
    send,
)
from tests.integration.api.camera_requests import (
    UUID as EVENT_ID,
)
from tests.integration.api.serving import MAX_UPLOAD_BYTES, Api
from tests.integration.api.test_forms import CASES, needs_cases

URL = "/api/ingest/hikvision"
NO_PICTURE = b"<Alert><eventType>%s</eventType><eventState>active</eventState></Alert>"


def test_response_names_event_and_images(own_api: Api) -> None:
    response = send(own_api, hikvision())

    accepted = json.loads(response.body)
    assert (response.status, response.headers["content-type"]) == (202, "application/json")
    assert accepted["event_id"] == EVENT_ID
    uploads = read_queue(own_api)
    assert [UUID(image) for image in accepted["images"]] == [upload.image.id for upload in uploads]
    assert [upload.jpeg for upload in uploads] == [SCENE, PLATE]


@needs_cases
def test_published_request_of_a_camera_is_accepted(own_api: Api) -> None:
    request = (CASES / "18-hikvision.http").read_bytes().replace(b" /api/images ", f" {URL} ".encode())

    response = send(own_api, request.replace(b"Host: x\r\n", b"Host: x\r\nConnection: close\r\n"))

    assert response.status == 202
    uploads = read_queue(own_api)
    assert [upload.image.labels["picture"] for upload in uploads] == ["detection", "plate"]
    assert {upload.image.labels["plate"] for upload in uploads} == {"A123BC77"}
    assert all(upload.jpeg.endswith(b"\xff\xd9") for upload in uploads)


@pytest.mark.parametrize(
    "parts",
    [
        (SCENE_PART, XML_PART),
        (Part("", ALERT, "application/xml"), Part("", SCENE)),
        (Part("a", ALERT, "application/octet-stream"), Part("b", SCENE, "application/octet-stream")),
        (XML_PART, SCENE_PART, Part("licensePlatePicture.jpg", b"")),
        (XML_PART, SCENE_PART, Part("video.mp4", b"\0\0\0\x18ftyp" + bytes(500_000), "video/mp4")),
    ],
)
def test_form_with_unusual_parts_is_accepted(own_api: Api, parts: tuple[Part, ...]) -> None:
    assert send(own_api, hikvision(parts)).status == 202
    assert [upload.jpeg for upload in read_queue(own_api)] == [SCENE]


def test_part_in_base64_is_decoded(own_api: Api) -> None:
    form = hikvision((XML_PART, Part("detectionPicture.jpg", base64.encodebytes(SCENE))))
    encoded = form.replace(b"image/jpeg\r\n", b"image/jpeg\r\nContent-Transfer-Encoding: base64\r\n")
    body = encoded.partition(b"\r\n\r\n")[2]

    response = send(own_api, post(URL, "multipart/mixed; boundary=boundary", body))

    assert response.status == 202
    assert [upload.jpeg for upload in read_queue(own_api)] == [SCENE]


def test_part_with_the_encoding_binary_is_not_decoded(own_api: Api) -> None:
    video = Part("video.mp4", b"\0\0\0\x18ftyp" + bytes(MAX_UPLOAD_BYTES + 1), "video/mp4")
    form = hikvision((XML_PART, SCENE_PART, video))
    body = form.partition(b"\r\n\r\n")[2].replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: Binary\r\n\r\n")

    response = send(own_api, post(URL, "multipart/form-data; boundary=boundary", body))

    assert response.status == 202
    assert [upload.jpeg for upload in read_queue(own_api)] == [SCENE]


def test_second_request_of_an_event_adds_its_pictures(own_api: Api) -> None:
    without_pictures = send(own_api, hikvision((XML_PART,)))
    with_plate = send(own_api, hikvision((XML_PART, PLATE_PART)))
    complete = send(own_api, hikvision())

    assert [response.status for response in (without_pictures, with_plate, complete)] == [200, 202, 202]
    assert [upload.jpeg for upload in read_queue(own_api)] == [PLATE, SCENE]
    assert {json.loads(response.body)["event_id"] for response in (without_pictures, with_plate, complete)} == {
        EVENT_ID
    }


@pytest.mark.parametrize("name", [b"heartBeat", b"videoloss"])
def test_event_without_picture_is_acknowledged(own_api: Api, name: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        response = send(own_api, post(URL, 'application/xml; charset="UTF-8"', NO_PICTURE % name))

    assert response.status == 200
    assert json.loads(response.body)["images"] == []
    assert read_queue(own_api) == []
    [record] = [record for record in caplog.records if "event without picture" in record.message]
    assert record.levelno == (logging.DEBUG if name == b"heartBeat" else logging.INFO)


def test_event_in_json_is_accepted(own_api: Api) -> None:
    document = b'{"eventType": "ANPR", "ANPR": {"licensePlate": "A1"}, "contentID": "background_image"}'

    response = send(own_api, hikvision((Part("event", document, "application/json"), Part("background_image", SCENE))))

    assert response.status == 202
    [upload] = read_queue(own_api)
    assert (upload.image.labels["plate"], upload.image.labels["picture"]) == ("A1", "background")


def test_fields_in_the_query_string_replace_the_document(own_api: Api) -> None:
    query = "?eventType=ANPR&licensePlate=A1&dateTime=2026-11-26T10:45:01+03:00"

    response = send(own_api, hikvision((SCENE_PART,), path=URL + query))

    assert response.status == 202
    [upload] = read_queue(own_api)
    assert upload.image.labels["plate"] == "A1"
    assert upload.image.captured_at is not None
    assert upload.image.captured_at.isoformat() == "2026-11-26T07:45:01+00:00"


def test_picture_that_is_not_a_jpeg_is_skipped_with_a_warning(own_api: Api, caplog: pytest.LogCaptureFixture) -> None:
    response = send(own_api, hikvision((XML_PART, SCENE_PART, Part("licensePlatePicture.jpg", b"BM6"))))

    assert response.status == 202
    assert [upload.jpeg for upload in read_queue(own_api)] == [SCENE]
    assert "skipped picture source=hikvision" in caplog.text
    assert "starts with 42 4d 36" in caplog.text


def test_event_without_any_jpeg_returns_415(own_api: Api) -> None:
    response = send(own_api, hikvision((XML_PART, Part("detectionPicture.jpg", b"\x89PNG"))))

    assert response.problem == (415, "not-a-jpeg")
    assert read_queue(own_api) == []


def test_form_without_event_returns_422_with_its_parts(own_api: Api) -> None:
    response = send(own_api, hikvision((SCENE_PART, PLATE_PART)))

    assert response.problem == (422, "invalid-request")
    assert "'detectionPicture.jpg', 'licensePlatePicture.jpg'" in json.loads(response.body)["detail"]


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"<a>", "The part 'anpr.xml' is not valid XML"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "document type declaration"),
        (b'<!DOCTYPE a [<!ENTITY x "x"><!ENTITY y "&x;&x;">]><a>&y;</a>', "document type declaration"),
        (b"<a>" * 10_000, "nested deeper than 64 levels"),
    ],
)
def test_hostile_document_returns_400(own_api: Api, document: bytes, reason: str) -> None:
    responses = [
        send(own_api, hikvision((Part("anpr.xml", document, "application/xml"), SCENE_PART))),
        send(own_api, post(URL, "application/xml", document)),
    ]

    assert [response.problem for response in responses] == [(400, "malformed-body")] * 2
    assert reason.replace("The part 'anpr.xml' ", "") in json.loads(responses[1].body)["detail"]
    assert reason in json.loads(responses[0].body)["detail"]
    assert read_queue(own_api) == []


def test_large_document_returns_413_with_its_part(own_api: Api) -> None:
    document = b"<a>" + bytes(300_000) + b"</a>"

    response = send(own_api, hikvision((Part("anpr.xml", document, "application/xml"), SCENE_PART)))

    assert response.problem == (413, "too-large")
    assert "'anpr.xml' exceeds the limit of 262144 bytes" in json.loads(response.body)["detail"]
    assert send(own_api, post(URL, "text/xml", document)).problem == (413, "too-large")


def test_large_picture_returns_413(own_api: Api) -> None:
    large = Part("detectionPicture.jpg", SCENE + bytes(MAX_UPLOAD_BYTES))

    assert send(own_api, hikvision((XML_PART, large))).problem == (413, "too-large")


def test_number_of_pictures_is_limited(own_api: Api) -> None:
    response = send(own_api, hikvision((XML_PART, *[SCENE_PART] * 17)))

    assert response.problem == (413, "too-large")
    assert "has 17 pictures; the limit is 16" in json.loads(response.body)["detail"]


def test_number_of_documents_is_limited(own_api: Api) -> None:
    response = send(own_api, hikvision((*[XML_PART] * 5, SCENE_PART)))

    assert response.problem == (413, "too-large")
    assert "has 5 documents; the limit is 4" in json.loads(response.body)["detail"]


def test_form_without_boundary_returns_400(own_api: Api) -> None:
    assert send(own_api, post(URL, "multipart/form-data", b"x")).problem == (400, "not-multipart")
