"""Servers that hang: suspended by SIGSTOP, they accept connections and answer nothing."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest

from captiond.archive import Archive, Record, migrate
from captiond.image import CaptionedImage
from captiond.services.api.server import GRACE_SECONDS
from tests.e2e.product import Place, free_port, place
from tests.faults.servers import started
from tests.hostile.clients import PHOTO, Request, Response, send, sending, wait_for
from tests.hostile.conftest import IN_FULL
from tests.servers.databases import NoServerError, own_mariadb, own_postgresql
from tests.servers.queues import RedisServer

# Quickly and in full.
HUNG_SECONDS, CLIENTS = (120.0, 50) if IN_FULL else (13.0, 20)
# Limits of the guarantees.
REQUEST_SECONDS, UNAFFECTED_SECONDS, READY_SECONDS, RECOVERY_SECONDS = 12.0, 1.0, 2.5, 5.0
COMMAND_SECONDS = 12.0
MAX_API_BYTES = 300 << 20

UPLOAD = Request("upload", "/api/images", upload=True)
LIST = Request("list", "/api/images")
READY = Request("ready", "/health/ready")
METRICS = Request("metrics", "/metrics")
UNKNOWN_ID = "01970000-0000-7000-8000-000000000000"
DATABASES = {"postgresql": own_postgresql, "mariadb": own_mariadb}


class Server(Protocol):
    """A server that can be suspended."""

    def suspend(self) -> None: ...
    def resume(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Pipeline:
    """All services in processes of their own."""

    here: Place
    port: int
    image_id: str
    processes: dict[str, subprocess.Popen[bytes]]

    def requests(self) -> list[Request]:
        image = f"/api/images/{self.image_id}"
        return [
            *(UPLOAD, LIST, READY, METRICS, Request("image", image), Request("stored", f"{image}/status")),
            Request("status", f"/api/images/{UNKNOWN_ID}/status"),
        ]

    def is_ready(self) -> bool:
        return send(self.port, READY).status == 200

    def api_peak_bytes(self) -> int:
        status = Path(f"/proc/{self.processes['api'].pid}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) << 10

    def is_stored(self, image_id: str) -> bool:
        response = send(self.port, Request("status", f"/api/images/{image_id}/status"))
        return response.status == 200 and json.loads(response.body)["status"] == "stored"


@contextmanager
def running(folder: Path, redis_url: str, database_url: str, *services: str, **settings: str) -> Iterator[Pipeline]:
    migrate(database_url)
    image = CaptionedImage(
        id=__import__("uuid").uuid4(), received_at=datetime.now(UTC), description="before", upload_sha256=bytes(32), width=64, height=48
    )
    with Archive.open(database_url, folder / "images") as archive:
        archive.store([Record(image, PHOTO)])
    here, port = place(folder, redis_url, database_url).but(**settings), free_port()
    processes = {
        name: here.start(name, *(("--port", str(port)) if name == "api" else ())) for name in ("api", *services)
    }
    pipeline = Pipeline(here, port, str(image.id), processes)
    try:
        wait_for(pipeline.is_ready, 60)
        yield pipeline
    finally:
        for process in processes.values():
            process.terminate()
        statuses = [process.wait(GRACE_SECONDS + 10) for process in processes.values()]
    assert set(statuses) == {0}


@contextmanager
def hung(server: Server) -> Iterator[None]:
    server.suspend()
    try:
        yield
    finally:
        server.resume()


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> Iterator[tuple[Server, str]]:
    try:
        with DATABASES[request.param]() as server:
            url = server.url if request.param == "mariadb" else server.url
            yield server, url.render_as_string(hide_password=False)
    except NoServerError as error:
        pytest.skip(f"no {request.param} server: {error}")


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    with started("Redis") as server:
        yield server


def slowest(responses: Sequence[Response], *kinds: str) -> float:
    return max(response.seconds for response in responses if response.kind in kinds)


def statuses(responses: Sequence[Response], *kinds: str) -> set[int]:
    return {response.status for response in responses if response.kind in kinds}


def report(request: pytest.FixtureRequest, responses: Sequence[Response], recovery_seconds: float, bytes_: int) -> None:
    """Print the figures, which the full tier shows with `-s`."""
    kinds = sorted({response.kind for response in responses})
    figures = ", ".join(f"{kind} {slowest(responses, kind):.2f} s {sorted(statuses(responses, kind))}" for kind in kinds)
    sys.stdout.write(
        f"\n{request.node.name}: {len(responses)} responses; slowest: {figures}; recovery {recovery_seconds:.1f} s; "
        f"API peak {bytes_ >> 20} MiB\n"
    )


@pytest.mark.timeout(400)
def test_hung_redis_delays_no_list_or_image_and_every_request_is_answered(
    tmp_path: Path, redis_server: RedisServer, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/captiond.db"
    with running(tmp_path, redis_server.url, url, "captioner", "archiver") as pipeline:
        with sending(pipeline.port, pipeline.requests(), CLIENTS) as responses:
            time.sleep(1)  # a second of load before the outage
            before = len(responses)
            with hung(redis_server):
                time.sleep(HUNG_SECONDS)  # the duration of the outage is part of the scenario
            recovery_seconds = wait_for(lambda: send(pipeline.port, UPLOAD, "recovered").status == 202, 20)
            assert pipeline.is_ready()
        peak_bytes = pipeline.api_peak_bytes()
        report(request, responses[before:], recovery_seconds, peak_bytes)
        accepted = {json.loads(response.body)["id"] for response in responses if response.status == 202}
        for image_id in accepted:
            wait_for(lambda image_id=image_id: pipeline.is_stored(image_id), 60)
        assert pipeline.here.run("verify").status == 0

    assert slowest(responses, "list", "image", "stored") < UNAFFECTED_SECONDS
    assert statuses(responses, "list", "image", "stored") == {200}
    assert statuses(responses, "upload") == {202, 503}
    assert statuses(responses, "status") == {404, 503}
    assert statuses(responses, "ready", "metrics") == {200, 503}
    assert slowest(responses, "ready") < READY_SECONDS
    assert slowest(responses, "upload", "status", "metrics") < REQUEST_SECONDS
    assert all(response.retry_after for response in responses if response.status == 503)
    assert recovery_seconds < RECOVERY_SECONDS
    assert peak_bytes < MAX_API_BYTES


@pytest.mark.timeout(400)
def test_hung_database_delays_no_upload_or_metrics_and_every_request_is_answered(
    tmp_path: Path, redis_server: RedisServer, database: tuple[Server, str], request: pytest.FixtureRequest
) -> None:
    server, url = database
    with running(tmp_path, redis_server.url, url, "captioner", "archiver") as pipeline:
        with sending(pipeline.port, pipeline.requests(), CLIENTS) as responses:
            time.sleep(1)  # a second of load before the outage
            before = len(responses)
            with hung(server):
                time.sleep(HUNG_SECONDS)  # the duration of the outage is part of the scenario
            recovery_seconds = wait_for(lambda: send(pipeline.port, LIST).status == 200, 20)
            wait_for(pipeline.is_ready, RECOVERY_SECONDS)
        peak_bytes = pipeline.api_peak_bytes()
        report(request, responses[before:], recovery_seconds, peak_bytes)
        accepted = {json.loads(response.body)["id"] for response in responses if response.status == 202}
        for image_id in accepted:
            wait_for(lambda image_id=image_id: pipeline.is_stored(image_id), 60)
        assert pipeline.here.run("verify").status == 0

    assert slowest(responses, "upload", "metrics") < UNAFFECTED_SECONDS
    assert statuses(responses, "upload") == {202}
    assert statuses(responses, "metrics") == {200}
    assert statuses(responses, "list", "image", "stored", "ready") == {200, 503}
    assert slowest(responses, "ready") < READY_SECONDS
    assert slowest(responses, "list", "image", "stored", "status") < REQUEST_SECONDS
    assert all(response.retry_after for response in responses if response.status == 503)
    assert recovery_seconds < RECOVERY_SECONDS
    assert peak_bytes < MAX_API_BYTES


def test_upload_during_a_shutdown_with_a_hung_redis_returns_503_and_can_be_repeated(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    url = f"sqlite:///{tmp_path}/captiond.db"
    with running(tmp_path, redis_server.url, url, request_timeout="3") as pipeline, ThreadPoolExecutor(1) as client:
        with hung(redis_server):
            upload = client.submit(send, pipeline.port, UPLOAD, "key")
            time.sleep(0.5)
            pipeline.processes["api"].send_signal(signal.SIGTERM)
            assert upload.result().status == 503
            assert pipeline.processes["api"].wait(GRACE_SECONDS) == 0

    with running(tmp_path, redis_server.url, url) as pipeline:
        assert send(pipeline.port, UPLOAD, "key").status == 202


def run_all(here: Place, commands: Sequence[str]) -> dict[str, tuple[int, float, str]]:
    """Run commands at the same time; return the status, the seconds and stderr of each."""

    def run(command: str) -> tuple[int, float, str]:
        began = time.monotonic()
        args = [sys.executable, "-m", "captiond", *command.split()]
        done = subprocess.run(
            args, cwd=here.folder, env=here.environment, capture_output=True, text=True, timeout=60, check=False
        )
        return done.returncode, time.monotonic() - began, done.stderr

    with ThreadPoolExecutor(len(commands)) as threads:
        return dict(zip(commands, threads.map(run, commands), strict=True))


REDIS_COMMANDS = (
    *("queues", "verify", "doctor", "dead list", "dead show uploads/1-1", "dead retry --all", "dead drop --all --yes"),
    "dead export letters --all",
)


def test_commands_end_with_one_line_and_status_1_when_redis_hangs(tmp_path: Path, redis_server: RedisServer) -> None:
    url = f"sqlite:///{tmp_path}/captiond.db"
    migrate(url)
    here = place(tmp_path, redis_server.url, url)
    with hung(redis_server):
        results = run_all(here, REDIS_COMMANDS)

    assert {command: result[0] for command, result in results.items()} == dict.fromkeys(REDIS_COMMANDS, 1)
    assert max(result[1] for result in results.values()) < COMMAND_SECONDS + 8  # eight processes start at once
    assert {len(result[2].splitlines()) for result in results.values()} <= {0, 1}


def test_commands_end_with_one_line_and_status_1_when_the_database_hangs(
    tmp_path: Path, redis_server: RedisServer, database: tuple[Server, str]
) -> None:
    server, url = database
    migrate(url)
    here = place(tmp_path, redis_server.url, url)
    commands = ("verify", "doctor", f"restore {UNKNOWN_ID} -o upload.jpg")
    with hung(server):
        results = run_all(here, commands)

    assert {command: result[0] for command, result in results.items()} == dict.fromkeys(commands, 1)
    assert max(result[1] for result in results.values()) < COMMAND_SECONDS
    assert {len(result[2].splitlines()) for result in results.values()} <= {0, 1}
