"""Malformed requests, slow clients and full limits, over raw sockets."""

import dataclasses
import errno
import http.client
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import requests

from captiond.services.api import ConnectionLimits
from tests.e2e.product import wait_until
from tests.integration.api.raw import GET, connect, exchange, parse, read_to_end
from tests.integration.api.serving import Api, Backends, form, jpeg, open_api, record
from tests.integration.api.test_security_headers import EVERYWHERE
from tests.servers.queues import RedisServer

POST = b"POST /api/images HTTP/1.1\r\nHost: x\r\n"
FORM_POST = POST + b"Content-Type: multipart/form-data; boundary=limit\r\n"
CHUNKED = FORM_POST + b"Transfer-Encoding: chunked\r\n\r\n"
CLOSE = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
# Short times, and sizes that a test exceeds quickly.
STRICT = ConnectionLimits(
    max_connections=8,
    max_head_bytes=4096,
    head_timeout=1,
    min_body_rate=100_000,
    max_body_seconds=3,
    write_timeout=1,
    max_unsent_bytes=1 << 20,
    linger_seconds=2,
    linger_bytes=1 << 20,
)


@pytest.fixture(scope="module")
def strict(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with open_api(Backends(valkey.url, tmp_path_factory.mktemp("strict"), limits=STRICT)) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _no_traceback(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert [entry.getMessage() for entry in caplog.records if entry.exc_info] == []


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


MALFORMED = {
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
    "invalid Host": b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "user in the Host": b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "length and chunked": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(),
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
    "negative length": POST + b"Content-Length: -5\r\n\r\n",
    "length over 64 bits": POST + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "NUL in a header": GET.replace(b"\r\n\r\n", b"\r\nX: a\0b\r\n\r\n"),
    "line feed only": b"GET / HTTP/1.1\nHost: x\n\n",
    "carriage return only": GET.replace(b"\r\n\r\n", b"\r\nX: a\rY: b\r\n\r\n"),
    "folded header": GET.replace(b"\r\n\r\n", b"\r\nX: a\r\n b\r\n\r\n"),
    "space before the colon": GET.replace(b"\r\n\r\n", b"\r\nX : a\r\n\r\n"),
    "bytes in the path": b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "chunk size is no number": CHUNKED + b"zz\r\n",
    "chunk size over 64 bits": CHUNKED + b"f" * 20 + b"\r\n",
    "chunk ends with a line feed only": CHUNKED + b"3\nabc\n",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_request_returns_400_and_closes(api: Api, name: str) -> None:
    [response] = exchange(api, MALFORMED[name])

    assert response.problem == (400, "malformed-request")
    assert response.headers["connection"] == "close"
    assert response.headers.items() >= EVERYWHERE.items()


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", (501, "not-implemented")),
        (b"FETCH / HTTP/1.1\r\nHost: x\r\n\r\n", (501, "not-implemented")),
        (b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", (501, "not-implemented")),
        (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + chunked(), (501, "not-implemented")),
        (b"GET / HTTP/3.0\r\nHost: x\r\n\r\n", (505, "http-version-not-supported")),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (505, "http-version-not-supported")),
        (b"GET /\r\n\r\n", (505, "http-version-not-supported")),
    ],
)
def test_unsupported_request_returns_a_problem(api: Api, request_bytes: bytes, expected: tuple[int, str]) -> None:
    [response] = exchange(api, request_bytes)

    assert response.problem == expected


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 6_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40_000,
        b"\r\n" * 20_000,
    ],
    ids=["target", "one header", "many headers", "incomplete header", "empty lines"],
)
def test_head_over_the_limit_returns_431(api: Api, head: bytes) -> None:
    [response] = exchange(api, head)

    assert response.problem == (431, "headers-too-large")


def test_head_at_the_limit_is_accepted(strict: Api) -> None:
    empty = len(CLOSE.replace(b"\r\n\r\n", b"\r\nX: \r\n\r\n"))

    def request(size: int) -> bytes:
        return CLOSE.replace(b"\r\n\r\n", b"\r\nX: " + b"a" * (size - empty) + b"\r\n\r\n")

    assert [response.status for response in exchange(strict, request(4096))] == [200]
    assert [response.status for response in exchange(strict, request(4097))] == [431]


@pytest.mark.parametrize(
    "framing", [b"1;" + b"a" * 40_000, b"0\r\n" + b"a: b\r\n" * 8_000], ids=["extension", "trailers"]
)
def test_oversized_chunk_extensions_and_trailers_return_400(api: Api, framing: bytes) -> None:
    [response] = exchange(api, CHUNKED + framing)

    assert response.problem == (400, "malformed-request")


def test_body_in_chunks_of_one_byte_is_accepted(api: Api) -> None:
    body, _ = form([("image", jpeg()), ("description", b"x")])
    head = CHUNKED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")

    [response] = exchange(api, head + chunked(*(bytes([byte]) for byte in body)))

    assert response.status == 202


def test_trailers_are_no_headers(api: Api) -> None:
    body, _ = form([("image", jpeg()), ("description", b"x")])
    head = CHUNKED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")

    [response] = exchange(api, head + b"%x\r\n%b\r\n0\r\nIdempotency-Key: \xff\r\n\r\n" % (len(body), body))

    assert response.status == 202


def test_absolute_target_without_path_is_the_root(api: Api) -> None:
    [response] = exchange(api, b"GET http://x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    assert response.status == 200


def test_pipelined_requests_are_answered_in_order(api: Api) -> None:
    requests = [GET, GET.replace(b"/health/live", b"/nothing"), POST + b"Content-Length: 3\r\n\r\nabc", CLOSE]

    responses = exchange(api, b"".join(requests))

    assert [response.status for response in responses] == [200, 404, 400, 200]


def test_malformed_request_is_answered_after_earlier_ones(api: Api) -> None:
    responses = exchange(api, GET + GET + MALFORMED["no Host"])

    assert [response.status for response in responses] == [200, 200, 400]


def test_malformed_body_is_answered_after_earlier_requests(api: Api) -> None:
    responses = exchange(api, GET + GET + MALFORMED["chunk size is no number"])

    assert [response.status for response in responses] == [200, 200, 400]


def test_too_many_pipelined_requests_return_503_after_the_others(api: Api) -> None:
    *answered, refused = exchange(api, GET * 200)

    assert {response.status for response in answered} == {200}
    assert refused.problem == (503, "overloaded")
    assert refused.headers["retry-after"].isdigit()


@pytest.mark.parametrize("path", ["/health/ready", "/api/images", "/static-offline-docs/swagger-ui.css"])
def test_client_that_closes_its_side_after_the_requests_gets_all_responses(api: Api, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    with connect(api) as connection:
        connection.sendall(request * 3)
        connection.shutdown(socket.SHUT_WR)
        responses = parse(read_to_end(connection))

    assert [response.status for response in responses] == [200] * 3
    assert [response.headers.get("connection") for response in responses] == [None, None, "close"]


def test_upload_of_a_client_that_closes_its_side_gets_a_response(api: Api) -> None:
    body, headers = form([("image", jpeg()), ("description", b"x")])
    head = b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items())
    with connect(api) as connection:
        connection.sendall(POST + head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        connection.shutdown(socket.SHUT_WR)
        [response] = parse(read_to_end(connection))

    assert response.status == 202


def test_client_that_closes_its_side_during_an_upload_is_disconnected(api: Api) -> None:
    with connect(api) as connection:
        connection.sendall(FORM_POST + b"Content-Length: 100\r\n\r\n--limit")
        connection.shutdown(socket.SHUT_WR)

        assert read_to_end(connection) == b""


def test_upgrade_is_ignored(api: Api) -> None:
    upgrade = GET.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")

    assert [response.status for response in exchange(api, upgrade + CLOSE)] == [200, 200]


def test_expect_100_continue_gets_the_error_without_sending_the_body(api: Api) -> None:
    with connect(api) as connection:
        head = POST + b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 99999999\r\n"
        connection.sendall(head + b"Expect: 100-continue\r\n\r\n")
        [response] = parse(read_to_end(connection))

    assert response.problem == (413, "too-large")
    assert response.headers["connection"] == "close"


def test_expect_100_continue_is_answered_before_the_body(api: Api) -> None:
    body, headers = form([("image", jpeg()), ("description", b"x")])
    with connect(api) as connection:
        head = f"Content-Type: {headers['Content-Type']}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
        connection.sendall(POST + head.encode() + b"Expect: 100-continue\r\n\r\n")
        assert connection.recv(1 << 16) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        [response] = parse(read_to_end(connection))

    assert response.status == 202


SLOW = {
    "head": b"GET / HTTP/1.1\r\nHost: x\r\nX: ",
    "body": FORM_POST + b"Content-Length: 1000\r\n\r\n" + b"a" * 500,
    "chunk": CHUNKED + b"10\r\nabc",
}


@pytest.mark.parametrize("name", SLOW)
def test_request_that_stops_returns_408(strict: Api, name: str) -> None:
    [response] = exchange(strict, SLOW[name])

    assert response.problem == (408, "request-timeout")


def test_connection_without_a_request_is_closed(strict: Api) -> None:
    assert exchange(strict, b"") == []


def test_connection_that_sends_only_empty_lines_is_closed(strict: Api) -> None:
    with connect(strict) as connection:
        connection.sendall(GET)
        assert [response.status for response in parse(connection.recv(1 << 16))] == [200]
        [response] = parse(_trickle(connection, b"\r\n"))

    assert response.problem == (408, "request-timeout")


def test_body_that_trickles_returns_408_after_the_maximum_time(strict: Api) -> None:
    began = time.monotonic()
    with connect(strict) as connection:
        connection.sendall(FORM_POST + b"Content-Length: 1000000\r\n\r\n")
        [response] = parse(_trickle(connection, b"a" * 100))

    assert response.problem == (408, "request-timeout")
    assert "3 s" in response.body.decode()
    assert time.monotonic() - began > 2


def test_unread_response_is_reset(strict: Api) -> None:
    [image] = strict.archive(record(os.urandom(8 << 20), "unread"))
    with connect(strict, receive_buffer_bytes=4096) as connection:
        connection.sendall(f"GET /api/images/{image.id} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
        wait_until(lambda: _is_reset(connection), 20, "the connection is reset")


def test_slowly_read_response_is_complete(strict: Api) -> None:
    content = os.urandom(8 << 20)
    [image] = strict.archive(record(content, "slow"))
    received = b""
    with connect(strict, receive_buffer_bytes=64 << 10) as connection:
        connection.sendall(f"GET /api/images/{image.id} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        while data := connection.recv(1 << 20):
            received += data
            if len(received) < 3 << 20:
                time.sleep(0.03)

    assert received.endswith(content)


def test_largest_unread_responses_are_reset_above_the_limit(valkey: RedisServer, tmp_path: Path) -> None:
    limits = dataclasses.replace(STRICT, write_timeout=60, max_unsent_bytes=2 << 20)
    with open_api(Backends(valkey.url, tmp_path, limits=limits)) as api, ExitStack() as opened:
        api.archive(*(record(b"x", "\u044f" * 200) for _ in range(1000)))
        unread = [opened.enter_context(connect(api, receive_buffer_bytes=4096)) for _ in range(7)]
        for connection in unread:
            # The kernel accepts the first responses of several MB.
            connection.sendall(b"GET /api/images?limit=1000 HTTP/1.1\r\nHost: x\r\n\r\n" * 10)
        reset: set[socket.socket] = set()

        def count_reset() -> int:
            reset.update(connection for connection in unread if _is_reset(connection))
            return len(reset)

        wait_until(lambda: count_reset() > 0, 20, "a connection is reset")
        time.sleep(3)
        assert count_reset() < len(unread)


##### Too many clients


def test_connections_over_the_limit_get_503(strict: Api) -> None:
    strict.client.close()
    with ExitStack() as opened:
        for _ in range(8):
            opened.enter_context(connect(strict)).sendall(b"GET /")
        [response] = exchange(strict, GET)

    assert response.problem == (503, "overloaded")
    assert response.headers["retry-after"].isdigit()


##### Responses before the end of the request


LARGE = 40 << 20


def _by_http_client(url: str, body: bytes) -> int:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request("POST", "/api/images", body, {"Content-Type": "multipart/form-data; boundary=limit"})
    return connection.getresponse().status


def _by_urllib(url: str, body: bytes) -> int:
    headers = {"Content-Type": "multipart/form-data; boundary=limit"}
    request = urllib.request.Request(f"{url}/api/images", body, headers)  # noqa: S310 - an HTTP URL
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(request, timeout=30)  # noqa: S310 - an HTTP URL
    raised.value.close()
    return raised.value.code


def _by_requests(url: str, body: bytes) -> int:
    headers = {"Content-Type": "multipart/form-data; boundary=limit"}
    return requests.post(f"{url}/api/images", body, headers=headers, timeout=30).status_code


def _by_httpx(url: str, body: bytes) -> int:
    headers = {"Content-Type": "multipart/form-data; boundary=limit"}
    return httpx.post(f"{url}/api/images", content=body, headers=headers, timeout=30).status_code


def _by_curl(url: str, body: bytes) -> int:
    command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-F", "image=@-;filename=a.jpg", "-H", "Expect:"]
    done = subprocess.run([*command, f"{url}/api/images"], input=body, stdout=subprocess.PIPE, check=True)
    return int(done.stdout)


CLIENTS = [_by_http_client, _by_urllib, _by_requests, _by_httpx, _by_curl]


@pytest.mark.parametrize("send", CLIENTS)
def test_client_that_sends_too_much_sees_413(api: Api, send: Callable[[str, bytes], int]) -> None:
    if send is _by_curl and not shutil.which("curl"):
        pytest.skip("curl is not installed")

    assert send(api.url, bytes(LARGE)) == 413


@pytest.mark.parametrize("send", CLIENTS[:-1])
def test_client_sees_503_while_uploads_use_up_their_quota(
    valkey: RedisServer, tmp_path: Path, send: Callable[[str, bytes], int]
) -> None:
    with open_api(Backends(valkey.url, tmp_path, upload_bytes=1 << 20)) as api, connect(api) as other:
        other.sendall(FORM_POST + b"Content-Length: 600000\r\n\r\n")
        other.sendall(b"--limit")
        wait_until(lambda: send(api.url, bytes(600_000)) == 503, 5, "the first upload has its reservation")

        other.close()
        wait_until(lambda: send(api.url, bytes(600_000)) == 400, 5, "the reservation is released")


def test_discarding_ends_at_its_limits(strict: Api) -> None:
    with connect(strict) as connection:
        connection.sendall(FORM_POST + b"Content-Length: 99999999\r\n\r\n")
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 413 ")
        with pytest.raises(ConnectionError):
            connection.sendall(bytes(50 << 20))


def _trickle(connection: socket.socket, piece: bytes) -> bytes:
    """Send a piece ten times per second until the server answers."""
    connection.settimeout(0.1)
    for _ in range(100):
        connection.sendall(piece)
        with suppress(TimeoutError):
            return connection.recv(1 << 16)
    raise AssertionError("no response within 10 s")


def _is_reset(connection: socket.socket) -> bool:
    return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET
