"""`.ci/audit-dependencies`, with a server in place of the advisory database."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "audit-dependencies"
PINS = """# comment
celery[redis]==5.4.0 \\
    --hash=sha256:00
uvloop==0.21.0 ; sys_platform != 'win32' \\
    --hash=sha256:01
"""


class Database(HTTPServer):
    """Sends a prepared response."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.response, self.request = 200, b"", b""


class Handler(BaseHTTPRequestHandler):
    server: Database

    def do_POST(self) -> None:
        self.server.request = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.response)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def database() -> Iterator[Database]:
    with Database() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def audit(folder: Path, port: int) -> tuple[int, str]:
    (folder / "requirements.txt").write_text(PINS)
    url = f"http://127.0.0.1:{port}"
    command = (sys.executable, SCRIPT, "--url", url, folder / "requirements.txt", folder / "requirements.txt")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_vulnerable_version_fails(database: Database, tmp_path: Path) -> None:
    database.response = json.dumps({"results": [{"vulns": [{"id": "PYSEC-1"}, {"id": "GHSA-2"}]}, {}]}).encode()

    assert audit(tmp_path, database.server_port) == (
        1,
        "audit: celery 5.4.0: PYSEC-1, GHSA-2\naudit: 2 packages, 1 with known vulnerabilities\n",
    )
    assert json.loads(database.request)["queries"] == [
        {"package": {"ecosystem": "PyPI", "name": "celery"}, "version": "5.4.0"},
        {"package": {"ecosystem": "PyPI", "name": "uvloop"}, "version": "0.21.0"},
    ]


def test_versions_without_advisories_pass(database: Database, tmp_path: Path) -> None:
    database.response = b'{"results":[{},{}]}'

    assert audit(tmp_path, database.server_port) == (0, "audit: 2 packages, 0 with known vulnerabilities\n")


@pytest.mark.parametrize(
    ("status", "response"), [(503, b""), (200, b"<html>"), (200, b'{"results":[{}]}'), (200, b"[]")]
)
def test_unusable_database_is_reported_and_passes(
    database: Database, tmp_path: Path, status: int, response: bytes
) -> None:
    database.status, database.response = status, response

    done, output = audit(tmp_path, database.server_port)

    assert (done, output[:15]) == (0, "audit: NOT RUN:")


def test_unreachable_database_is_reported_and_passes(tmp_path: Path) -> None:
    done, output = audit(tmp_path, 1)

    assert done == 0
    assert output.startswith("audit: NOT RUN: the advisory database cannot be used: <urlopen error")


def test_refused_request_fails(database: Database, tmp_path: Path) -> None:
    database.status = 400

    assert audit(tmp_path, database.server_port)[0] == 1
