"""Downloads of an export from a server that fails in each way."""

import json
import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from captiond.evidence import hash_leaf
from captiond.operations.export import ExportImage, FileUnavailable, Folder, ImageDeleted
from captiond.operations.export.remote import MAX_ATTEMPTS, ApiUnavailable, ExportRefused, RemoteImages
from captiond.upload_client import open_client

CONTENT = b"content"
FIELDS = {
    "id": "00000000-0000-0000-0000-000000000001",
    "received_at": "2026-11-23T22:31:00.123456Z",
    "sha256": sha256(CONTENT).hexdigest(),
    "upload_sha256": sha256(b"another").hexdigest(),
}
IMAGE = ExportImage.from_fields(FIELDS)


def problem(name: str) -> bytes:
    return json.dumps({"type": f"urn:captiond:problem:{name}", "detail": f"The detail of {name}."}).encode()


class Server(ThreadingHTTPServer):
    """Sends prepared responses: status, headers and body. The last one is repeated."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.responses: list[tuple[int, dict[str, str], bytes]] = []
        self.paths: list[str] = []

    def prepare(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.responses.append((status, {name.replace("_", "-"): value for name, value in headers.items()}, body))


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        responses = self.server.responses
        status, headers, body = responses.pop(0) if len(responses) > 1 else responses[0]
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def source(server: Server, pauses: list[float]) -> Iterator[RemoteImages]:
    client, shown_url = open_client(f"http://127.0.0.1:{server.server_port}/prefix", None)
    with client:
        yield RemoteImages(client, shown_url, [("camera", "Ленина 12"), ("label", "a:b")], pauses.append)


def test_pages_follow_the_link_header(server: Server, source: RemoteImages) -> None:
    page = json.dumps([FIELDS]).encode()
    server.prepare(200, page, Link='</prefix/api/images?camera=x&before=1_2>; rel="next"')
    server.prepare(200, page)

    pages = [source.next_page() for _ in range(3)]

    assert [len(images) for images in pages] == [1, 1, 0]
    assert pages[0][0].id == IMAGE.id
    assert server.paths == [
        "/prefix/api/images?camera=%D0%9B%D0%B5%D0%BD%D0%B8%D0%BD%D0%B0+12&label=a%3Ab&limit=1000",
        "/prefix/api/images?camera=x&before=1_2",
    ]


def test_transient_errors_are_retried_after_the_time_of_the_server(
    server: Server, source: RemoteImages, pauses: list[float]
) -> None:
    server.prepare(503, problem("unavailable"), Retry_After="3")
    server.prepare(502, b"<html>")
    server.prepare(200, CONTENT)

    assert source.load(IMAGE, Folder.IMAGES) == CONTENT
    assert pauses == [3.0, 2.0]
    assert server.paths == [f"/prefix/api/images/{IMAGE.id}"] * 3


def test_retries_end(server: Server, source: RemoteImages, pauses: list[float]) -> None:
    server.prepare(503, problem("unavailable"))

    with pytest.raises(ApiUnavailable, match=r"The detail of unavailable\."):
        source.load(IMAGE, Folder.IMAGES)

    assert len(server.paths) == MAX_ATTEMPTS
    assert len(pauses) == MAX_ATTEMPTS - 1


def test_unreachable_server_is_named_without_its_password() -> None:
    client, shown_url = open_client("http://user:secret@127.0.0.1:1", None)

    with client, pytest.raises(ApiUnavailable, match=r"^http://127\.0\.0\.1:1 is unreachable: "):
        RemoteImages(client, shown_url, [], lambda _: None).next_page()


@pytest.mark.parametrize(("status", "name"), [(404, "unknown-image"), (410, "image-deleted")])
def test_deleted_image_is_recognised(server: Server, source: RemoteImages, status: int, name: str) -> None:
    server.prepare(status, problem(name))

    with pytest.raises(ImageDeleted):
        source.load(IMAGE, Folder.IMAGES)


@pytest.mark.parametrize(("status", "name"), [(404, "original-gone"), (500, "file-missing"), (500, "file-altered")])
def test_file_problem_is_not_retried(server: Server, source: RemoteImages, status: int, name: str) -> None:
    server.prepare(status, problem(name))

    with pytest.raises(FileUnavailable, match=f"The detail of {name}"):
        source.load(IMAGE, Folder.ORIGINALS)

    assert server.paths == [f"/prefix/api/images/{IMAGE.id}/original"]


def test_file_with_another_checksum_is_refused(server: Server, source: RemoteImages) -> None:
    server.prepare(200, CONTENT)

    with pytest.raises(FileUnavailable, match="does not match its checksum"):
        source.load(IMAGE, Folder.ORIGINALS)


def test_unsealed_image_has_no_proof(server: Server, source: RemoteImages) -> None:
    server.prepare(409, problem("not-sealed"))

    with pytest.raises(FileUnavailable, match="The detail of not-sealed"):
        source.load(IMAGE, Folder.PROOFS)

    assert server.paths == [f"/prefix/api/images/{IMAGE.id}/proof"]


@pytest.mark.parametrize(
    ("record", "reason"),
    [({**FIELDS, "sha256": "00" * 32}, "is that of other files"), ({"sha256": FIELDS["sha256"]}, "is invalid")],
)
def test_proof_of_another_image_is_refused(
    server: Server, source: RemoteImages, record: dict[str, str], reason: str
) -> None:
    text = json.dumps(record)
    statement = {"number": 1, "size": 1, "root": hash_leaf(text.encode()).hex()}
    proof = {"record": text, "leaf_index": 0, "audit_path": [], "seal": {"statement": json.dumps(statement)}}
    server.prepare(200, json.dumps(proof).encode())

    with pytest.raises(FileUnavailable, match=reason):
        source.load(IMAGE, Folder.PROOFS)


@pytest.mark.parametrize("body", [b"<html>", b"1", b"[1]", b'"x"'])
def test_other_lists_of_seals_and_keys_are_refused(server: Server, source: RemoteImages, body: bytes) -> None:
    server.prepare(200, body)

    with pytest.raises(ExportRefused):
        source.seals_after(0)
    with pytest.raises(ExportRefused):
        source.public_keys()


def test_refused_request_is_reported(server: Server, source: RemoteImages) -> None:
    server.prepare(403, problem("missing-scope"))

    with pytest.raises(ExportRefused, match="The detail of missing-scope"):
        source.next_page()
    with pytest.raises(ExportRefused, match="The detail of missing-scope"):
        source.load(IMAGE, Folder.IMAGES)


@pytest.mark.parametrize("body", [b"<html>", b'[{"id": "1"}]', b'["x"]', b"1", b"[" * 100_000])
def test_other_server_is_reported(server: Server, source: RemoteImages, body: bytes) -> None:
    server.prepare(200, body)

    with pytest.raises(ExportRefused, match="is not an API of captiond"):
        source.next_page()
