"""A key is replaced while clients upload as fast as they can, through two processes of the API."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie

import httpx
import pytest

from captiond.archive import migrate
from tests.e2e.product import Place, photo, place, wait_until
from tests.integration.cli.test_keys import create
from tests.servers.ports import free_port
from tests.servers.queues import RedisServer

# Stated in docs/how-to/secure.md and SECURITY.md.
REVOCATION_SECONDS = 3.0
PHOTO = photo(16, 16)


@dataclass
class Camera:
    """Uploads in a thread until `stop`. `seen` has the key, the start, the end and the status of each upload."""

    url: str
    key: str
    stops: threading.Event = field(default_factory=threading.Event)
    seen: list[tuple[str, float, float, int]] = field(default_factory=list)

    def run(self) -> None:
        with httpx.Client(base_url=self.url, timeout=30) as client:
            while not self.stops.is_set():
                key, started_at = self.key, time.monotonic()
                response = client.post(
                    "/api/images",
                    content=PHOTO,
                    params={"description": "x"},
                    headers={"Content-Type": "image/jpeg", "X-API-Key": key},
                )
                self.seen.append((key, started_at, time.monotonic(), response.status_code))

    def count(self, key: str, status: int) -> int:
        return len([None for used, _, _, found in self.seen if (used, found) == (key, status)])


@contextmanager
def running_apis(place: Place, number: int) -> Iterator[list[str]]:
    urls = []
    with ExitStack() as opened:
        for _ in range(number):
            port = free_port()
            process = place.start("api", "--port", str(port))
            opened.callback(process.wait, 30)
            opened.callback(process.terminate)
            urls.append(f"http://127.0.0.1:{port}")
        for url in urls:
            wait_until(lambda: _is_live(url), 30, "the API answers")  # noqa: B023 - called at once
        yield urls


@contextmanager
def uploading(cameras: Sequence[Camera]) -> Iterator[None]:
    threads = [threading.Thread(target=camera.run) for camera in cameras]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for camera in cameras:
            camera.stops.set()
        for thread in threads:
            thread.join()


@pytest.fixture(scope="module")
def secured(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("secured")
    database_url = f"sqlite:///{folder}/captiond.db"
    migrate(database_url)
    return place(folder, f"{valkey.url}?db=6", database_url).but(auth="keys")


@pytest.fixture(scope="module")
def urls(secured: Place) -> Iterator[list[str]]:
    """Two processes of the API."""
    with running_apis(secured, 2) as urls:
        yield urls


def test_key_is_replaced_without_a_refused_upload_and_revoked_in_every_process(secured: Place, urls: list[str]) -> None:
    old = create(secured, "old", "--scope", "upload")
    switching, staying = ([Camera(url, old) for url in urls] for _ in range(2))
    cameras = [*switching, *staying]

    with uploading(cameras):
        wait_until(lambda: all(camera.count(old, 202) >= 10 for camera in cameras), 30, "the old key is used")
        new = create(secured, "new", "--scope", "upload")
        for camera in switching:
            camera.key = new
        wait_until(lambda: all(camera.count(new, 202) >= 10 for camera in switching), 30, "the new key is used")
        before = time.monotonic()
        assert secured.run("keys", "revoke", "old").status == 0
        revoked_at = time.monotonic()
        wait_until(lambda: all(camera.count(old, 401) for camera in staying), 30, "the old key is refused")
        time.sleep(max(0.0, revoked_at + REVOCATION_SECONDS + 0.5 - time.monotonic()))

    seen = [each for camera in cameras for each in camera.seen]
    assert {status for key, _, _, status in seen if key == new} == {202}
    assert {status for key, _, ended_at, status in seen if key == old and ended_at < before} == {202}
    accepted = [started_at for key, started_at, _, status in seen if key == old and status == 202]
    assert max(accepted) - revoked_at < REVOCATION_SECONDS
    assert all(camera.seen[-1][-1] == 401 for camera in staying)


def test_session_of_one_process_is_valid_in_the_other(secured: Place, urls: list[str]) -> None:
    token = create(secured, "reader", "--scope", "read")
    first, second = urls
    response = httpx.post(f"{first}/login", data={"key": token}, headers={"Sec-Fetch-Site": "same-origin"})
    [cookie] = SimpleCookie(response.headers["set-cookie"]).values()

    found = httpx.get(f"{second}/api/images", headers={"Cookie": f"{cookie.key}={cookie.value}"})

    assert (response.status_code, found.status_code) == (200, 200)
    assert httpx.get(f"{second}/api/images").status_code == 401


def _is_live(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/live").status_code == 200
    except httpx.TransportError:
        return False
