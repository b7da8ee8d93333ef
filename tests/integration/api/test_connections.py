"""Malformed requests, slow clients and full limits, over raw sockets."""

from collections.abc import Iterator

import pytest

from captiond.services.api import ConnectionLimits
from tests.integration.api.raw import GET, connect, exchange, parse, read_to_end
from tests.integration.api.serving import Api, Backends, form, jpeg, open_api
from tests.servers.queues import RedisServer

POST = b"POST /api/images HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Content-Type: multipart/form-data; boundary=limit\r\nTransfer-Encoding: chunked\r\n\r\n"
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


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


MALFORMED = {
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
    "invalid Host": b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
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

    assert response.status == 307


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
