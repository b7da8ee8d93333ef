"""ITSAPI notifications as HTTP requests."""

import json

import pytest

from tests.integration.api.camera_requests import NOTIFICATION, SCENE, dahua, post, read_queue, send
from tests.integration.api.raw import exchange
from tests.integration.api.serving import Api

URL = "/api/ingest/dahua"


@pytest.mark.parametrize("path", [URL, f"{URL}/", f"{URL}/NotificationInfo/TollgateInfo", f"{URL}/x"])
def test_paths_of_devices_are_accepted(own_api: Api, path: str) -> None:
    response = send(own_api, dahua(path=path))

    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    assert json.loads(response.body)["Result"] is True
    assert len(read_queue(own_api)) == 2


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("NotificationInfo/KeepAlive", {"Active": "keepAlive", "DeviceID": "6G01"}),
        ("NotificationInfo/DeviceInfo", {"DeviceName": "ITC", "DeviceID": "6G01"}),
        ("NotificationInfo/TollgateInfo", {"Picture": {"Plate": {"PlateNumber": "A1"}, "NormalPic": {"Content": ""}}}),
    ],
)
def test_notification_without_picture_is_acknowledged(own_api: Api, path: str, document: object) -> None:
    response = send(own_api, dahua(document, f"{URL}/{path}"))

    assert response.status == 200
    assert json.loads(response.body)["Result"] is True
    assert read_queue(own_api) == []


def test_heartbeat_by_get_is_acknowledged(own_api: Api) -> None:
    request = f"GET {URL}/NotificationInfo/KeepAlive HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    [response] = exchange(own_api, request.encode())

    assert json.loads(response.body)["Result"] is True


@pytest.mark.parametrize("media_type", ["", "text/plain", "application/json; charset=gbk"])
def test_inexact_media_type_is_accepted(own_api: Api, media_type: str) -> None:
    document = {"Picture": {**NOTIFICATION["Picture"], "SnapInfo": {"SnapAddress": "停车场"}}}
    body = json.dumps(document, ensure_ascii=False).encode("gbk" if "gbk" in media_type else "utf-8")

    assert send(own_api, post(URL, media_type, body)).status == 200
    assert {upload.image.camera for upload in read_queue(own_api)} == {"停车场"}


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"{", (400, "malformed-body"), "is not valid JSON"),
        (b"[" * 100_000, (400, "malformed-body"), "has more than 5000 values"),
        (b"<a>", (400, "malformed-body"), "is not valid XML"),
        (b'{"NormalPic": {"Content": "/9j/4"}}', (400, "malformed-body"), "invalid base64 in the picture 'normalpic'"),
        (b'{"NormalPic": {"Content": "R0lGODlh"}}', (415, "not-a-jpeg"), "`normal` starts with 47 49 46"),
    ],
)
def test_invalid_notification_returns_its_fault(
    own_api: Api, body: bytes, status: tuple[int, str], detail: str
) -> None:
    response = send(own_api, post(URL, "application/json", body))

    assert response.problem == status
    assert detail in json.loads(response.body)["detail"]
    assert read_queue(own_api) == []


def test_texts_that_databases_cannot_store_are_replaced(own_api: Api) -> None:
    document = {"Picture": {"NormalPic": NOTIFICATION["Picture"]["NormalPic"], "Plate": {"PlateNumber": "A\0\ud800"}}}

    assert send(own_api, post(URL, "application/json", json.dumps(document).encode())).status == 200
    [upload] = read_queue(own_api)
    assert upload.jpeg == SCENE
    assert upload.image.labels["plate"] == "A \ufffd"
