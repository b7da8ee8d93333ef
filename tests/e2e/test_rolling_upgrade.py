"""A rolling upgrade: processes of an earlier version and of this one, on the same Redis and database.

`releases/` has the package of the earlier version, because a checkout may lack the history: the compressed output of
`git archive 2b4a047 src/captiond LICENSE`. It is the oldest version that runs with the present dependencies.
"""

import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import pytest
from sqlalchemy import URL, create_engine

from captiond.archive.schema import read_version
from captiond.pipeline import QUEUES
from captiond.workqueue import Broker
from tests.e2e.conftest import fresh_database
from tests.e2e.product import (
    START_SECONDS,
    STOP_SECONDS,
    VERIFIED,
    Place,
    is_ready,
    photo,
    place,
    wait_until,
)
from tests.servers.ports import free_port
from tests.servers.queues import running_valkey

EARLIER = Path(__file__).with_name("releases") / "captiond-2b4a047.tar.xz"
EARLIER_SCHEMA = "0004"
UPLOADS = 6


@dataclass
class Deployment:
    """Processes of both versions, and the uploads that any API has accepted. `earlier` has the package."""

    where: Place
    earlier: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    clients: dict[str, httpx.Client] = field(default_factory=dict)
    accepted: dict[str, bytes] = field(default_factory=dict)

    def start(self, version: str, service: str) -> None:
        name = f"{version} {service}"
        port = free_port()
        environment = dict(self.where.environment)
        if version == "old":
            environment["PYTHONPATH"] = str(self.earlier)
        with (self.where.folder / f"{name}.output").open("wb") as output:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", "captiond", service, *(("--port", str(port)) if service == "api" else ())],
                cwd=self.where.folder,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        if service == "api":
            client = self.clients[version] = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
            wait_until(lambda: is_ready(client), START_SECONDS, f"the {name} is ready")

    def stop(self, version: str, *services: str) -> None:
        for name in [f"{version} {service}" for service in services]:
            self.running[name].terminate()
        for name in [f"{version} {service}" for service in services]:
            output = self.where.folder / f"{name}.output"
            assert self.running.pop(name).wait(STOP_SECONDS) == 0, output.read_text()

    def upload(self) -> None:
        """Send images to every API that runs."""
        for client in self.clients.values():
            for number in range(UPLOADS):
                image = photo(64 + 16 * number, 64)
                response = client.post(
                    "/api/images", files={"image": image}, data={"description": "во время обновления"}
                )
                assert response.status_code == 202, response.text
                self.accepted[response.json()["id"]] = image

    def await_stored(self) -> None:
        """Wait until every API returns every image."""
        for client in self.clients.values():
            for image_id in self.accepted:
                wait_until(partial(has_image, client, image_id), START_SECONDS, f"{image_id} is stored")

    def close(self) -> None:
        for client in self.clients.values():
            client.close()
        for process in self.running.values():
            process.kill()
            process.wait()


def has_image(client: httpx.Client, image_id: str) -> bool:
    return client.get(f"/api/images/{image_id}").status_code == 200


@pytest.fixture
def deployment(postgresql_server: URL, tmp_path: Path) -> Iterator[Deployment]:
    with tarfile.open(EARLIER) as archive:
        archive.extractall(tmp_path / "earlier", filter="data")
    with running_valkey() as server, fresh_database(postgresql_server) as database:
        url = database.render_as_string(hide_password=False)
        opened = Deployment(place(tmp_path, server.url, url), tmp_path / "earlier" / "src")
        try:
            yield opened
        finally:
            opened.close()


def schema_of(where: Place) -> str | None:
    engine = create_engine(where.settings["database_url"])
    try:
        return read_version(engine).schema_revision
    finally:
        engine.dispose()


def test_old_and_new_processes_work_together(deployment: Deployment) -> None:
    for service in ("archiver", "captioner", "api"):
        deployment.start("old", service)
    deployment.upload()
    deployment.await_stored()
    assert schema_of(deployment.where) == EARLIER_SCHEMA

    # The old processes run on the new schema.
    deployment.upload()
    assert deployment.where.run("migrate").status == 0
    assert schema_of(deployment.where) != EARLIER_SCHEMA
    deployment.upload()
    deployment.await_stored()

    # Old API, new captioner, old archiver.
    deployment.upload()
    deployment.start("new", "captioner")
    deployment.stop("old", "captioner")
    deployment.upload()
    deployment.await_stored()

    # All processes of both versions.
    deployment.start("new", "archiver")
    deployment.start("old", "captioner")
    deployment.start("new", "api")
    for _ in range(3):
        deployment.upload()
    deployment.await_stored()

    # New API, old captioner, new archiver.
    deployment.stop("new", "captioner")
    deployment.stop("old", "archiver", "api")
    deployment.clients.pop("old").close()
    deployment.upload()
    deployment.await_stored()

    where = deployment.where
    [api] = deployment.clients.values()
    listed = {image["id"]: image for image in api.get("/api/images?limit=1000").json()}
    assert listed.keys() == deployment.accepted.keys()
    originals = {image_id: api.get(f"/api/images/{image_id}/original").content for image_id in listed}
    assert originals == deployment.accepted
    deployment.stop("old", "captioner")
    deployment.stop("new", "api", "archiver")
    with Broker(where.settings["redis_url"]) as broker:
        assert [broker.monitor.stats(queue).dead_letters for queue in QUEUES] == [0, 0]
    assert where.run("seal").status == 0
    done = where.run("verify")
    assert (done.status, done.stdout) == (0, VERIFIED)
