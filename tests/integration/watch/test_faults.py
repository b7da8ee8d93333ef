"""Faults of the server, the file system and the process: every photo is stored exactly once."""

import signal
import socket
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Self
from urllib.parse import urlsplit

from tests.e2e.product import wait_until
from tests.integration.watch.watching import WAIT_SECONDS, Watched, photo, without_privileges
from tests.servers.chaos_proxy import ChaosProxy, NetworkFaults
from tests.servers.ports import free_port


def test_photo_is_sent_once_if_the_watcher_is_killed_before_the_move(watched: Watched) -> None:
    (watched.root / "done").touch()  # no directory, so that the move fails
    watched.write("a.jpg")
    watched.start()
    watched.await_uploads(1)
    watched.await_log("cannot move file='a.jpg'")
    watched.kill()

    (watched.root / "done").unlink()
    watched.start()

    watched.await_files("done/a.jpg")
    assert len(watched.queued()) == 1
    assert watched.count_log("uploaded image=") == 2


def test_photo_that_cannot_be_moved_is_not_uploaded_again(watched: Watched) -> None:
    (watched.root / "done").touch()
    watched.write("a.jpg")
    watched.start()
    watched.await_log("cannot move file='a.jpg': ")

    wait_until(lambda: watched.count_log("cannot move") == 1, WAIT_SECONDS, "the outage is logged once")
    (watched.root / "done").unlink()

    watched.await_files("done/a.jpg")
    assert watched.count_log("uploaded image=") == 1
    assert watched.stop() == "1 photo uploaded, 0 failed, 0 waiting"


def test_photo_is_stored_once_if_the_reply_is_lost(watched: Watched) -> None:
    server = urlsplit(watched.api.url)
    assert server.hostname
    assert server.port
    proxy = ChaosProxy((server.hostname, server.port))
    proxy.network = NetworkFaults(lose_every=1)
    with proxy.serving():
        watched.start("--url", f"http://127.0.0.1:{proxy.port}")
        watched.write("a.jpg")
        watched.await_log("is unreachable")
        watched.await_uploads(1)

        proxy.clear()

        watched.await_files("done/a.jpg")
    assert len(watched.queued()) == 1


def test_killed_watcher_continues_after_the_restart(watched: Watched) -> None:
    for number in range(200):
        watched.write(f"{number}.jpg")
    watched.start("--parallel", "2")
    wait_until(lambda: len(watched.queued()) >= 20, WAIT_SECONDS, "some are uploaded")
    watched.kill()

    watched.start()

    wait_until(lambda: len(list((watched.root / "done").iterdir())) == 200, 60, "all are moved")
    assert sorted(upload.jpeg for upload in watched.queued()) == sorted(photo(f"{number}.jpg") for number in range(200))


def test_photos_wait_for_an_unreachable_server(watched: Watched) -> None:
    port = free_port()
    watched.write("a.jpg")
    watched.start("--url", f"http://127.0.0.1:{port}")
    watched.await_log("is unreachable")

    with Answers(port, [503, 503, 202]):
        watched.await_files("done/a.jpg")

    assert watched.count_log("retrying with backoff") == 1
    assert watched.count_log("recovered outage_seconds") == 1


def test_photos_wait_after_responses_that_do_not_concern_the_photo(watched: Watched) -> None:
    statuses = [302, 401, 403, 404, 408, 421, 425, 429, 431, 500, 502, 503]
    port = free_port()
    with Answers(port, *([status, 202] for status in statuses)) as answers:
        watched.start("--url", f"http://me:sesame@127.0.0.1:{port}")
        watched.write("0.jpg")
        watched.await_log("redirect to http://127.0.0.1:1/")
        for number in range(1, len(statuses)):
            watched.write(f"{number}.jpg")

        watched.await_files(*(f"done/{number}.jpg" for number in range(len(statuses))), seconds=60)

    assert set(Counter(answers.keys).values()) == {2}
    assert "sesame" not in watched.log


def test_photos_fail_with_the_reason_of_the_server(watched: Watched) -> None:
    port = free_port()
    with Answers(port, [400], [413], [415], [422]) as answers:
        watched.start("--url", f"http://127.0.0.1:{port}", "--api-key", "secret")
        for number in range(4):
            watched.write(f"{number}.jpg")

        watched.await_files(*(f"failed/{number}.jpg{end}" for number in range(4) for end in ("", ".reason.txt")))

    assert (watched.root / "failed/0.jpg.reason.txt").read_text() == "because\n"
    assert watched.stop() == "0 photos uploaded, 4 failed, 0 waiting"
    assert set(answers.authorizations) == {"Bearer secret"}


def test_server_refuses_invalid_fields_and_the_photo_fails(watched: Watched) -> None:
    watched.write("a.jpg")
    watched.write("a.txt", ("x" * 201).encode())

    watched.start()

    watched.await_files("failed/a.jpg", "failed/a.jpg.reason.txt", "failed/a.txt")
    assert "the limit is 200" in (watched.root / "failed/a.jpg.reason.txt").read_text()


def test_reason_that_cannot_be_written_does_not_repeat_the_upload(watched: Watched) -> None:
    (watched.root / "failed").touch()
    port = free_port()
    with Answers(port, [422]) as answers:
        watched.start("--url", f"http://127.0.0.1:{port}")
        watched.write("a.jpg")
        watched.await_log("cannot move file='a.jpg'")

        (watched.root / "failed").unlink()
        watched.await_files("failed/a.jpg", "failed/a.jpg.reason.txt")

    assert len(answers.keys) == 1


def test_unreadable_photo_is_logged_once_and_uploaded_when_it_is_readable(watched: Watched) -> None:
    file = watched.write("a.jpg")
    file.chmod(0)
    watched.write("b.jpg")
    watched.start(before=without_privileges())
    watched.await_log("cannot read file='a.jpg': Permission denied")
    watched.await_uploads(1)

    file.chmod(0o600)

    watched.await_uploads(2)
    assert watched.count_log("Permission denied") == 1


def test_directory_that_is_read_only_is_refused(watched: Watched) -> None:
    watched.root.chmod(0o500)

    process = watched.place.start("watch", str(watched.root), before=without_privileges())

    assert process.wait(WAIT_SECONDS) == 2
    assert watched.log == f"captiond: cannot watch {watched.root}: Permission denied\n"


def test_stop_does_not_wait_for_a_server_that_hangs(watched: Watched) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        watched.write("a.jpg")
        watched.start("--url", f"http://127.0.0.1:{silent.getsockname()[1]}")
        connection, _ = silent.accept()
        with connection:
            watched.signal(signal.SIGTERM)
            watched.signal(signal.SIGTERM)

            assert watched.stop() == "0 photos uploaded, 0 failed, 1 waiting"

    watched.await_files("a.jpg")


ACCEPTED = b'{"id": "1", "received_at": "2026-11-23T22:31:00Z", "status": "queued"}'


class Answers:
    """A server that returns the first list of statuses to uploads with the first key, and so on.

    The last status of a key is repeated.
    """

    def __init__(self, port: int, *statuses: list[int]) -> None:
        self.keys: list[str | None] = []
        self.authorizations: list[str | None] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                owner.keys.append(self.headers["Idempotency-Key"])
                owner.authorizations.append(self.headers["Authorization"])
                of_key = statuses[list(dict.fromkeys(owner.keys)).index(owner.keys[-1])]
                status = of_key[min(owner.keys.count(owner.keys[-1]), len(of_key)) - 1]
                body = ACCEPTED if status == 202 else b'{"detail": "because"}'
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Location", "http://127.0.0.1:1/")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - overrides
                pass

        self._server = HTTPServer(("127.0.0.1", port), Handler)
        self._server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
