"""Uploads in each format over real sockets: interrupted, slow, repeated, and with credentials that are ignored."""

import base64
import json
import socket
import struct
from pathlib import Path

import pytest

from captiond.services.api import ConnectionLimits
from tests.e2e.product import photo
from tests.integration.api.camera_requests import post, read_queue, send
from tests.integration.api.raw import connect, parse, read_to_end
from tests.integration.api.serving import Api, Backends, form, open_api
from tests.servers.queues import RedisServer

PHOTO = photo()
IN_FORM, FORM_HEADERS = form([("description", b"7"), ("image", PHOTO)])
IN_JSON = json.dumps({"description": "7", "image": base64.b64encode(PHOTO).decode()}).encode()
REQUESTS = {
    "form": post("/api/images", FORM_HEADERS["Content-Type"], IN_FORM),
    "bare JPEG": post("/api/images?description=7", "image/jpeg", PHOTO),
    "JSON": post("/api/images", "application/json", IN_JSON),
}
every_format = pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS.keys())


def with_header(request: bytes, header: bytes) -> bytes:
    return request.replace(b"\r\n", b"\r\n" + header + b"\r\n", 1)


@every_format
@pytest.mark.parametrize("tenths", range(10))
def test_interrupted_upload_queues_nothing(own_api: Api, request_: bytes, tenths: int) -> None:
    keyed = with_header(request_, b"Idempotency-Key: frame-7")
    with connect(own_api) as connection:
        connection.sendall(keyed[: len(keyed) * tenths // 10])
        connection.shutdown(socket.SHUT_WR)
        read_to_end(connection)

    assert read_queue(own_api) == []
    assert send(own_api, keyed).status == 202
    assert [upload.jpeg for upload in read_queue(own_api)] == [PHOTO]


@every_format
@pytest.mark.parametrize("tenths", range(1, 10, 3))
def test_upload_on_a_reset_connection_queues_nothing(own_api: Api, request_: bytes, tenths: int) -> None:
    with connect(own_api) as connection:
        connection.sendall(request_[: len(request_) * tenths // 10])
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    assert send(own_api, request_).status == 202
    assert len(read_queue(own_api)) == 1


@every_format
def test_repeated_upload_with_a_key_is_queued_once(own_api: Api, request_: bytes) -> None:
    first, second = (with_header(request_, b"Idempotency-Key: frame-%d" % number) for number in (1, 2))

    responses = [send(own_api, request) for request in (second, first, first, second)]

    ids = [json.loads(response.body)["id"] for response in responses]
    assert ids[1:] == [ids[1], ids[1], ids[0]]
    assert [str(upload.image.id) for upload in read_queue(own_api)] == ids[:2]


@every_format
def test_upload_in_small_pieces_is_accepted(own_api: Api, request_: bytes) -> None:
    with connect(own_api) as connection:
        for start in range(0, len(request_), 500):
            connection.sendall(request_[start : start + 500])
        [response] = parse(read_to_end(connection))

    assert response.status == 202
    assert [upload.jpeg for upload in read_queue(own_api)] == [PHOTO]


@every_format
def test_stalled_upload_returns_408(valkey: RedisServer, tmp_path: Path, request_: bytes) -> None:
    with open_api(Backends(valkey.url, tmp_path, limits=ConnectionLimits(max_body_seconds=1))) as api:
        assert send(api, request_[:-100]).problem == (408, "request-timeout")
        assert read_queue(api) == []


@every_format
def test_credentials_are_ignored(own_api: Api, request_: bytes) -> None:
    assert send(own_api, with_header(request_, b"Authorization: Basic Y2FtZXJhOndyb25n")).status == 202
