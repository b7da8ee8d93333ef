"""Events of Hikvision and Dahua cameras over real sockets: interrupted, repeated, slow and rejected."""

import json
import logging
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from captiond.imaging import Captioner, Style
from captiond.operations.caption_template import CaptionTemplate
from captiond.operations.keep_originals import KeepOriginals
from captiond.pipeline import CAPTIONED, UPLOADS
from captiond.services.api import ConnectionLimits, IngestOptions
from captiond.services.archiver.handler import ArchiverService
from captiond.services.captioner.handler import CaptionerService
from captiond.workqueue import Budget
from tests.integration.api.camera_requests import (
    PLATE,
    PLATE_PART,
    SCENE,
    SCENE_PART,
    XML_PART,
    dahua,
    hikvision,
    post,
    read_queue,
    send,
)
from tests.integration.api.raw import connect, parse, read_to_end
from tests.integration.api.serving import MAX_UPLOAD_BYTES, Api, Backends, open_api
from tests.servers.queues import RedisServer

REQUESTS = {"hikvision": hikvision(), "dahua": dahua()}
ACCEPTED = {"hikvision": 202, "dahua": 200}
ROLES = {"hikvision": ["detection", "plate"], "dahua": ["normal", "cutout"]}
both = pytest.mark.parametrize("source", REQUESTS)


def archive(api: Api) -> None:
    """Process both queues with the real services."""
    captioner = CaptionerService(Captioner(Style()), KeepOriginals.NEVER, CaptionTemplate())
    archiver = ArchiverService(api.context.archive, lambda _: None)
    api.work(UPLOADS, CAPTIONED, lambda message: captioner.handle([message])[0])
    api.work(CAPTIONED, None, lambda message: archiver.handle([message])[0])


@both
def test_pictures_of_an_event_are_archived_with_its_fields(own_api: Api, source: str) -> None:
    response = send(own_api, REQUESTS[source])

    assert response.status == ACCEPTED[source]
    archive(own_api)
    listed = own_api.client.get("/api/images", params={"camera": "Ленина 12", "label": "plate:А001МР77"}).json()
    by_role = {image["labels"]["picture"]: image for image in listed}
    assert set(by_role) == set(ROLES[source])
    assert len({image["labels"]["event_id"] for image in listed}) == 1
    for role, picture in zip(ROLES[source], (SCENE, PLATE), strict=True):
        image = by_role[role]
        assert image["captured_at"] == "2026-11-26T07:45:01.000000Z"
        assert image["description"].startswith("А001МР77 · 83 km/h · ")
        assert image["description"].endswith("Ленина 12 · 2026-11-26 07:45:01")
        assert (image["labels"]["plate_confidence"], image["labels"]["speed"]) == ("97", "83")
        assert image["method"] == "lossless"
        assert own_api.client.get(f"/api/images/{image['id']}/original").content == picture


@both
def test_repeated_event_is_stored_once(own_api: Api, source: str) -> None:
    first = send(own_api, REQUESTS[source])
    archive(own_api)

    again = send(own_api, REQUESTS[source])

    assert (again.status, again.body) == (first.status, first.body)
    assert read_queue(own_api) == []
    assert len(own_api.client.get("/api/images").json()) == 2


@both
@pytest.mark.parametrize("tenths", range(10))
def test_interrupted_event_queues_nothing(own_api: Api, source: str, tenths: int) -> None:
    request = REQUESTS[source]
    with connect(own_api) as connection:
        connection.sendall(request[: len(request) * tenths // 10])
        connection.shutdown(socket.SHUT_WR)
        read_to_end(connection)

    assert read_queue(own_api) == []
    assert send(own_api, request).status == ACCEPTED[source]
    assert len(read_queue(own_api)) == 2


@both
def test_event_in_small_pieces_is_accepted(own_api: Api, source: str) -> None:
    request = REQUESTS[source]
    with connect(own_api) as connection:
        for start in range(0, len(request), 100):
            connection.sendall(request[start : start + 100])
        [response] = parse(read_to_end(connection))

    assert response.status == ACCEPTED[source]
    assert {upload.jpeg for upload in read_queue(own_api)} == {SCENE, PLATE}


@both
def test_stalled_event_returns_408(valkey: RedisServer, tmp_path: Path, source: str) -> None:
    limits = ConnectionLimits(max_body_seconds=1)
    with open_api(Backends(valkey.url, tmp_path, limits=limits)) as api:
        response = send(api, REQUESTS[source][:-100])

        assert response.problem == (408, "request-timeout")
        assert read_queue(api) == []


@both
def test_connection_stays_open_for_the_next_event(own_api: Api, source: str) -> None:
    request = REQUESTS[source]
    with connect(own_api) as connection:
        connection.sendall(request.replace(b"Connection: close\r\n", b"") + request)
        responses = parse(read_to_end(connection))

    assert [response.status for response in responses] == [ACCEPTED[source]] * 2


@both
def test_full_queue_returns_503_and_the_repeated_event_completes(
    valkey: RedisServer, tmp_path: Path, source: str
) -> None:
    with open_api(Backends(valkey.url, tmp_path, budget=Budget(max_messages=1))) as api:
        refused = send(api, REQUESTS[source])
        archive(api)
        again = send(api, REQUESTS[source])
        archive(api)

        assert refused.problem == (503, "queue-full")
        assert "retry-after" in refused.headers
        assert again.status == ACCEPTED[source]
        assert len(api.client.get("/api/images").json()) == 2


@both
def test_memory_of_events_in_progress_is_limited(valkey: RedisServer, tmp_path: Path, source: str) -> None:
    head = REQUESTS[source].partition(b"\r\n\r\n")[0] + b"\r\nExpect: 100-continue\r\n\r\n"
    with open_api(Backends(valkey.url, tmp_path, upload_bytes=1)) as api, connect(api) as waiting:
        waiting.sendall(head)
        assert waiting.recv(1000).startswith(b"HTTP/1.1 100")  # the server is reading the body

        assert send(api, REQUESTS[source]).problem == (503, "overloaded")


@both
def test_setting_skips_all_but_the_main_picture(valkey: RedisServer, tmp_path: Path, source: str) -> None:
    options = IngestOptions(only_main_picture=True)
    with open_api(Backends(valkey.url, tmp_path, ingest=options)) as api:
        assert send(api, REQUESTS[source]).status == ACCEPTED[source]
        [upload] = read_queue(api)

    assert upload.jpeg == SCENE


@both
def test_description_follows_the_template_of_the_source(valkey: RedisServer, tmp_path: Path, source: str) -> None:
    options = IngestOptions(hikvision=CaptionTemplate("H {labels.plate}"), dahua=CaptionTemplate("D {labels.plate}"))
    with open_api(Backends(valkey.url, tmp_path, ingest=options)) as api:
        send(api, REQUESTS[source])
        descriptions = {upload.image.description for upload in read_queue(api)}

    assert descriptions == {f"{source[0].upper()} А001МР77"}


@pytest.mark.parametrize(
    ("template", "description"), [("{labels.none}", "Hikvision event"), ("x" * 300, "x" * 199 + "…")]
)
def test_description_is_never_empty_or_too_long(
    valkey: RedisServer, tmp_path: Path, template: str, description: str
) -> None:
    options = IngestOptions(hikvision=CaptionTemplate(template))
    with open_api(Backends(valkey.url, tmp_path, ingest=options)) as api:
        assert send(api, REQUESTS["hikvision"]).status == 202
        assert {upload.image.description for upload in read_queue(api)} == {description}


@both
def test_camera_in_the_url_is_the_camera_name(own_api: Api, source: str) -> None:
    make: Callable[..., bytes] = {"hikvision": hikvision, "dahua": dahua}[source]

    response = send(own_api, make(path=f"/api/ingest/{source}/x/y?camera=North+7"))

    assert response.status == ACCEPTED[source]
    assert {upload.image.camera for upload in read_queue(own_api)} == {"North 7"}


@both
def test_credentials_of_a_camera_are_ignored(own_api: Api, source: str) -> None:
    request = REQUESTS[source].replace(b"\r\n", b"\r\nAuthorization: Basic Y2FtZXJhOndyb25n\r\n", 1)

    assert send(own_api, request).status == ACCEPTED[source]


@both
def test_empty_request_is_acknowledged(own_api: Api, source: str) -> None:
    assert send(own_api, post(f"/api/ingest/{source}", "", b"")).status == 200
    assert read_queue(own_api) == []


@both
@pytest.mark.parametrize("media_type", ["image/png", "application/x-www-form-urlencoded"])
def test_other_media_type_returns_400(own_api: Api, source: str, media_type: str) -> None:
    response = send(own_api, post(f"/api/ingest/{source}", media_type, b"x"))

    assert response.problem == (400, "not-multipart")
    assert media_type in json.loads(response.body)["detail"]


@both
def test_event_over_the_limit_returns_413(own_api: Api, source: str) -> None:
    body = bytes(4 * MAX_UPLOAD_BYTES)
    media_type = {"hikvision": "multipart/form-data; boundary=boundary", "dahua": "application/json"}[source]

    assert send(own_api, post(f"/api/ingest/{source}", media_type, body)).problem == (413, "too-large")


@both
def test_unavailable_redis_returns_503(own_valkey: RedisServer, tmp_path: Path, source: str) -> None:
    with open_api(Backends(own_valkey.url, tmp_path)) as api:
        own_valkey.kill()

        assert send(api, REQUESTS[source]).problem == (503, "unavailable")


def test_event_is_logged_with_its_images(own_api: Api, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        images = json.loads(send(own_api, hikvision((XML_PART, SCENE_PART, PLATE_PART))).body)["images"]

    assert f"event source=hikvision camera='Ленина 12' event='ANPR' images={','.join(images)}" in caplog.text
