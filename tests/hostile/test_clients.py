"""Hostile and slow clients at the HTTP door. Each test holds one load; `full` tests have the figures of reports."""

import asyncio
import os
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.e2e.product import photo, wait_until
from tests.hostile.api_process import MIB, ApiProcess, running_api
from tests.integration.api.serving import form

HEAD = b"POST /api/images HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=limit\r\n"
PROMPT_SECONDS = 2
BASE_BYTES = 200 * MIB  # of the process without load: 110 MiB
UPLOAD_BYTES = 64 * MIB
RETAINED_BYTES = 32 * MIB  # more than before the load
ORIGINAL_BYTES = 32 * MIB
SETTINGS = {
    "max_upload_memory": str(UPLOAD_BYTES),
    "max_original_memory": str(ORIGINAL_BYTES),
    "max_event_streams": "100",
    "head_timeout": "3",
    "write_timeout": "4",
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiProcess]:
    folder = tmp_path_factory.mktemp("clients")
    with running_api(folder, SETTINGS) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_traceback(api: ApiProcess) -> Iterator[None]:
    yield
    assert "Traceback" not in api.log


@contextmanager
def connections(
    api: ApiProcess, count: int, *, receive_buffer_bytes: int | None = None
) -> Iterator[list[socket.socket]]:
    with ExitStack() as opened:
        sockets = []
        for _ in range(count):
            connection = opened.enter_context(socket.socket())
            if receive_buffer_bytes is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
            connection.settimeout(60)
            connection.connect(api.address)
            sockets.append(connection)
        yield sockets


def send_all(connection: socket.socket, data: bytes) -> None:
    """Send, until the server closes the connection."""
    with suppress(ConnectionError):
        connection.sendall(data)


def status_of(connection: socket.socket) -> int:
    """The status of the response, 0 if the server closes or resets the connection without one."""
    with suppress(ConnectionError):
        if line := connection.recv(1 << 16).split(b"\r\n")[0]:
            return int(line.split()[1])
    return 0


def header_flood(api: ApiProcess, size_bytes: int) -> None:
    with connections(api, 1) as [connection], api.recorded_memory() as peak:
        began = time.monotonic()
        send_all(connection, b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-A: ")
        send_all(connection, b"a" * size_bytes)
        assert api.response_seconds("/health/live") < PROMPT_SECONDS
        assert status_of(connection) == 431
        assert time.monotonic() - began < 10
    assert peak[0] < BASE_BYTES


def test_header_of_20_mb_returns_431_and_delays_nobody(api: ApiProcess) -> None:
    header_flood(api, 20 * MIB)


@pytest.mark.full
def test_header_of_150_mb_returns_431_and_delays_nobody(api: ApiProcess) -> None:
    header_flood(api, 150 * MIB)


def half_uploads(api: ApiProcess, count: int) -> None:
    body = (
        b'--limit\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n\xff\xd8\xff'
        + os.urandom(9 * MIB)
    )
    bytes_before = api.memory_bytes
    with connections(api, count) as sockets, api.recorded_memory() as peak:
        for connection in sockets:
            send_all(connection, HEAD + b"Content-Length: %d\r\n\r\n" % len(body))
        for connection in sockets:
            send_all(connection, body[: len(body) // 2])
        assert api.response_seconds("/health/live") < PROMPT_SECONDS
        assert peak[0] < BASE_BYTES + UPLOAD_BYTES
        # The body rate is measured over 10 s, from the first byte or the last interval.
        statuses = Counter(map(status_of, sockets))
    assert set(statuses) == {408, 503}
    assert statuses[408] <= UPLOAD_BYTES // (9 * MIB) + 1
    await_returned_memory(api, bytes_before)


def test_50_uploads_that_stop_half_way_are_ended(api: ApiProcess) -> None:
    half_uploads(api, 50)


@pytest.mark.full
def test_500_uploads_that_stop_half_way_are_ended(api: ApiProcess) -> None:
    half_uploads(api, 500)


def parallel_uploads(api: ApiProcess, count: int) -> None:
    """Send uploads of 9.5 MB at once, and check memory during and after it."""
    body, headers = form([("image", photo() + os.urandom(9 * MIB + MIB // 2)), ("description", b"x")])

    async def send() -> Counter[int]:
        async with httpx.AsyncClient(base_url=api.client.base_url, timeout=120, limits=httpx.Limits()) as client:
            requests = (client.post("/api/images", content=body, headers=headers) for _ in range(count))
            return Counter([response.status_code for response in await asyncio.gather(*requests)])

    bytes_before = api.memory_bytes
    with api.recorded_memory() as peak:
        statuses = asyncio.run(send())
    assert set(statuses) == {202, 503}
    assert statuses[202] >= UPLOAD_BYTES // (10 * MIB)
    assert peak[0] < BASE_BYTES + UPLOAD_BYTES
    await_returned_memory(api, bytes_before)


def await_returned_memory(api: ApiProcess, bytes_before: int) -> None:
    wait_until(lambda: api.memory_bytes < bytes_before + RETAINED_BYTES, 20, "the memory of the uploads is returned")


def test_memory_of_40_parallel_uploads_is_bounded_and_returned(api: ApiProcess) -> None:
    parallel_uploads(api, 40)


@pytest.mark.full
def test_memory_of_300_parallel_uploads_is_bounded_and_returned(api: ApiProcess) -> None:
    parallel_uploads(api, 300)


def unread_originals(api: ApiProcess, count: int, image: bytes) -> None:
    """The image must be larger than the buffers of the kernel, which are up to 4 MB."""
    image_id = store(api, image)
    path = f"/api/images/{image_id}/original"
    assert api.client.get(path).content == image
    with api.recorded_memory() as peak, connections(api, count, receive_buffer_bytes=4096) as sockets:
        for connection in sockets:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert api.response_seconds("/health/live") < PROMPT_SECONDS
        wait_until(lambda: api.client.get(path).content == image, 30, "the write timeout has ended unread responses")
    assert peak[0] < BASE_BYTES + ORIGINAL_BYTES
    assert "slow-reader" in api.log


def store(api: ApiProcess, image: bytes) -> str:
    """Upload an image, and caption and archive it."""
    files = {"image": ("photo.jpg", image, "image/jpeg")}
    image_id: str = api.client.post("/api/images", files=files, data={"description": "x"}).json()["id"]
    workers = [api.where.start("captioner"), api.where.start("archiver")]

    def is_stored() -> bool:
        status: str = api.client.get(f"/api/images/{image_id}/status").json()["status"]
        return status == "stored"

    try:
        wait_until(is_stored, 60, "the image is archived")
    finally:
        for worker in workers:
            worker.terminate()
        assert [worker.wait(40) for worker in workers] == [0, 0]
    return image_id


def test_40_unread_originals_are_ended(api: ApiProcess) -> None:
    unread_originals(api, 40, photo(6000, 3600))


@pytest.mark.full
def test_200_unread_originals_are_ended(api: ApiProcess) -> None:
    unread_originals(api, 200, photo(6000, 3600))


def idle_connections(folder: Path, soft_limit: int, count: int) -> None:
    with_limit = ("sh", "-c", f'ulimit -Sn {soft_limit} && exec "$@"', "sh")
    with running_api(folder, before=with_limit) as api, connections(api, count):
        assert api.response_seconds("/api/images") < PROMPT_SECONDS
        assert api.response_seconds("/health/ready") < PROMPT_SECONDS


def test_more_idle_connections_than_the_soft_limit_of_descriptors(tmp_path: Path) -> None:
    idle_connections(tmp_path, 128, 400)


@pytest.mark.full
def test_1300_idle_connections_with_a_soft_limit_of_1024_descriptors(tmp_path: Path) -> None:
    idle_connections(tmp_path, 1024, 1300)


def test_connections_over_the_hard_limit_of_descriptors_get_503(tmp_path: Path) -> None:
    with_limit = ("sh", "-c", 'ulimit -n 400 && exec "$@"', "sh")
    with running_api(tmp_path, {"head_timeout": "3"}, before=with_limit) as api:
        assert "CAPTIOND_MAX_CONNECTIONS" in api.log
        with connections(api, 300) as idle:
            # The others are closed at once, and logged.
            wait_until(lambda: "reason=overloaded" in api.log, 10, "refused connections are logged")
            idle[230].sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            assert status_of(idle[230]) == 503
            wait_until(lambda: is_served(api), 10, "idle connections are closed after the header timeout")


def is_served(api: ApiProcess) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{api.client.base_url}/health/live").status_code == 200
    return False


def event_streams(api: ApiProcess, count: int) -> None:
    """Open streams up to their limit, while status changes arrive, and leave them."""
    request = b"GET /api/events HTTP/1.1\r\nHost: x\r\n\r\n"
    with connections(api, count) as streams:
        for stream in streams:
            stream.sendall(request)
        assert {status_of(stream) for stream in streams} == {200}
        with connections(api, 1) as [refused]:
            refused.sendall(request)
            assert status_of(refused) == 503
        image_id = api.client.post("/api/images", files={"image": photo()}, data={"description": "x"}).json()["id"]
        for stream in streams:
            received = b""
            while image_id.encode() not in received and (chunk := stream.recv(1 << 16)):
                received += chunk
            assert image_id.encode() in received
        for _ in range(20):
            api.client.post("/api/images", files={"image": photo()}, data={"description": "x"}).raise_for_status()
            assert api.response_seconds("/api/images") < PROMPT_SECONDS
        redis = api.valkey.client()
        assert len(redis.client_list()) < 30
    wait_until(lambda: stream_is_accepted(api, request), 10, "streams of clients that left are released")


def stream_is_accepted(api: ApiProcess, request: bytes) -> bool:
    with connections(api, 1) as [stream]:
        stream.sendall(request)
        return status_of(stream) == 200


def test_100_event_streams_delay_no_list(api: ApiProcess) -> None:
    event_streams(api, 100)


@pytest.mark.full
def test_500_event_streams_delay_no_list(tmp_path: Path) -> None:
    with running_api(tmp_path) as api:
        event_streams(api, 500)
        assert "Traceback" not in api.log
