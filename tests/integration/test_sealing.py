"""The sealer of the archiver, and time stamps from OpenSSL as the time-stamping authority."""

import logging
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from sqlalchemy import update

from captiond.archive import Archive, ArchiveUnavailable, StoredSeal, migrate
from captiond.archive.seals import Seal
from captiond.archive.sql.seals import SEALS
from captiond.evidence import SigningKeys
from captiond.operations.sealing import TimeStampUnavailable, request_time_stamp, seal_archive
from captiond.services.archiver.sealing import run_sealing
from tests.contract.archive.making import make_record

CONFIGURATION = """
[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
[name]
CN = authority
[extensions]
basicConstraints = critical,CA:true
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = authority
[authority]
serial = ./serial
signer_cert = ./certificate.pem
signer_key = ./key.pem
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
accuracy = secs:1
"""


def openssl(folder: Path, *arguments: str) -> bytes:
    return subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the key and the certificate of an authority."""
    folder = tmp_path_factory.mktemp("authority")
    (folder / "openssl.cnf").write_text(CONFIGURATION)
    (folder / "serial").write_text("01\n")
    new_key = ("-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem")
    openssl(folder, "req", "-x509", *new_key, "-days", "2", "-config", "openssl.cnf", "-out", "certificate.pem")
    return folder


@pytest.fixture(scope="module")
def authority_url(authority: Path) -> Iterator[str]:
    """Paths: `/` stamps, `/other` repeats the first response, `/down` fails, `/text` sends no time stamp."""
    first: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            (authority / "request.tsq").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            reply = ("ts", "-reply", "-config", "openssl.cnf", "-queryfile", "request.tsq")
            answer = {"/other": b"".join(first[:1]), "/text": b"no DER"}.get(self.path) or openssl(authority, *reply)
            first.append(answer)
            self.send_response(500 if self.path == "/down" else 200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    url = f"sqlite:///{tmp_path}/captiond.db"
    migrate(url)
    (tmp_path / "images").mkdir()
    with Archive.open(url, tmp_path / "images") as archive:
        yield archive


def make_seal(number: int = 1) -> StoredSeal:
    seal = Seal(number=number, previous=bytes(32), root=bytes(32), size=0, sealed_at=datetime.now(UTC), complete=True)
    return StoredSeal(number, seal.statement)


def test_openssl_verifies_the_time_stamp_of_the_newest_seal(
    archive: Archive, authority: Path, authority_url: str, tmp_path: Path
) -> None:
    archive.store([make_record()])

    [made] = seal_archive(archive.seals, None, authority_url)

    last = archive.seals.last()
    assert last
    assert last.time_stamp
    (tmp_path / "stamp.tsr").write_bytes(last.time_stamp)
    check = ("ts", "-verify", "-in", str(tmp_path / "stamp.tsr"), "-CAfile", "certificate.pem")
    openssl(authority, *check, "-digest", made.hash.hex())
    with pytest.raises(subprocess.CalledProcessError):
        openssl(authority, *check, "-digest", bytes(32).hex())
    assert list(archive.seals.verify(SigningKeys(()))) == []


def test_seal_that_got_no_time_stamp_gets_it_at_the_next_call(
    archive: Archive, authority_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    archive.store([make_record()])
    seal_archive(archive.seals, None, f"{authority_url}/down")
    assert "seal 1 has no time stamp: the authority sent" in caplog.text

    assert seal_archive(archive.seals, None, authority_url) == []

    last = archive.seals.last()
    assert last
    assert last.time_stamp


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/down", "status 500"), ("/text", "sent no time stamp"), ("/other", "the time stamp of another request")],
)
def test_useless_response_is_refused(authority_url: str, path: str, reason: str) -> None:
    request_time_stamp(authority_url, make_seal())

    with pytest.raises(TimeStampUnavailable, match=reason):
        request_time_stamp(f"{authority_url}{path}", make_seal(2))


def test_unreachable_authority_is_named() -> None:
    with pytest.raises(TimeStampUnavailable, match="the authority is unavailable"):
        request_time_stamp("http://127.0.0.1:1/", make_seal())


def test_time_stamp_of_another_seal_is_found_by_verify(archive: Archive, authority_url: str) -> None:
    archive.store([make_record()])
    [made] = archive.seals.seal(None)
    archive.seals.add_time_stamp(made.number, request_time_stamp(authority_url, make_seal(7)))

    assert [str(finding) for finding in archive.seals.verify(SigningKeys(()))] == [
        "altered seal: 1 (its time stamp is that of another seal)"
    ]


def test_archiver_seals_at_its_start_and_then_at_most_once_per_interval(archive: Archive) -> None:
    archive.store([make_record()])
    called = threading.Event()

    def seal() -> None:
        archive.seals.seal(None)
        called.set()

    with run_sealing(archive.seals, seal, 3600):
        assert called.wait(60)
    called.clear()
    with run_sealing(archive.seals, seal, 3600):
        pass  # the end waits for the call in progress
    assert not called.is_set()

    old = Seal.parse(make_seal().statement)
    statement = Seal(
        number=1, previous=old.previous, root=old.root, size=0, sealed_at=old.sealed_at - timedelta(2), complete=True
    ).statement
    with archive._engine.begin() as connection:  # noqa: SLF001 - makes the seal old
        connection.execute(update(SEALS).values(statement=statement))
    with run_sealing(archive.seals, seal, 3600):
        assert called.wait(60)


@pytest.mark.parametrize("error", [ArchiveUnavailable("database: down"), RuntimeError("defect")])
def test_failed_attempt_is_logged_and_repeated(
    archive: Archive, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    calls = threading.Semaphore(0)

    def seal() -> None:
        calls.release()
        raise error

    with caplog.at_level(logging.WARNING), run_sealing(archive.seals, seal, 0.05):
        assert all(calls.acquire(timeout=60) for _ in range(2))

    assert "cannot seal the archive" in caplog.text


def test_interval_of_zero_disables_sealing(archive: Archive) -> None:
    archive.store([make_record()])

    with run_sealing(archive.seals, lambda: archive.seals.seal(None), 0):
        pass

    assert archive.seals.last() is None
