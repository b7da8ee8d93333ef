"""Servers that hang: suspended by SIGSTOP, they accept connections and answer nothing."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from captiond.archive import Archive, Record, migrate
from captiond.image import CaptionedImage
from captiond.operations.heartbeat import Heartbeat
from captiond.services.api.server import GRACE_SECONDS
from tests.e2e.product import Place, place
from tests.faults.fork_server import ForkServer
from tests.faults.load import percentile
from tests.faults.servers import started
from tests.hostile.clients import PHOTO, Request, Response, send, sending, wait_for
from tests.hostile.conftest import IN_FULL
from tests.servers.databases import NoServerError, own_mariadb, own_postgresql
from tests.servers.ports import free_port
from tests.servers.suspension import Server, hung

# The short form has a shorter request timeout, so that a shorter outage exceeds it.
CLIENTS, HUNG_SECONDS, SETTINGS = (50, 120.0, {}) if IN_FULL else (20, 7.0, {"request_timeout": "4"})
# Limits of the guarantees.
REQUEST_SECONDS, UNAFFECTED_SECONDS, READY_SECONDS, RECOVERY_SECONDS = 12.0, 1.0, 2.5, 5.0
# `/health/live` needs no server: its time is the delay caused by other processes, added to the limits above.
MAX_LAG_SECONDS = 5.0
COMMAND_SECONDS = 12.0
DRAIN_SECONDS = 300.0  # thousands of uploads are accepted while a database hangs
MAX_API_BYTES = 300 << 20

UNKNOWN_ID = "01970000-0000-7000-8000-000000000000"
UPLOAD = Request("upload", "/api/images", upload=True)
LIST = Request("list", "/api/images")
READY = Request("ready", "/health/ready")
COMMANDS = {
    "Redis": (
        *("queues", "verify", "doctor", "dead list", f"dead show {UNKNOWN_ID}", "dead retry --all"),
        *("dead drop --all --yes", "dead export letters --all"),
    ),
    "database": ("verify", "doctor", f"restore {UNKNOWN_ID} -o upload.jpg"),
}


@dataclass(frozen=True, slots=True)
class Pipeline:
    """All services, each in a process of its own, and an archived image."""

    here: Place
    port: int
    image_id: str
    processes: dict[str, subprocess.Popen[bytes]]

    def requests(self) -> list[Request]:
        image = f"/api/images/{self.image_id}"
        return [
            *(
                UPLOAD,
                LIST,
                READY,
                Request("metrics", "/metrics"),
                Request("image", image),
                Request("live", "/health/live"),
            ),
            *(Request("stored", f"{image}/status"), Request("status", f"/api/images/{UNKNOWN_ID}/status")),
        ]

    def is_ready(self) -> bool:
        return send(self.port, READY).status == 200

    def is_stored(self, image_id: str) -> bool:
        response = send(self.port, Request("status", f"/api/images/{image_id}/status"))
        return response.status == 200 and json.loads(response.body)["status"] == "stored"

    def api_peak_bytes(self) -> int:
        status = Path(f"/proc/{self.processes['api'].pid}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) << 10


@dataclass(frozen=True, slots=True)
class Command:
    """The result of a command during the outage."""

    status: int | None
    seconds: float
    output: str


@dataclass(frozen=True, slots=True)
class Outage:
    """What was measured while a server was suspended and after it was resumed."""

    responses: list[Response] = field(repr=False)
    commands: dict[str, Command]
    archiver_problem: str | None
    recovery_seconds: float
    unstored: set[str]
    verify_status: int
    api_peak_bytes: int

    def statuses(self, *kinds: str) -> set[int]:
        return {response.status for response in self.responses if response.kind in kinds}

    def slowest(self, *kinds: str) -> float:
        return max(response.seconds for response in self.responses if response.kind in kinds)

    @property
    def lag_seconds(self) -> float:
        lag = self.slowest("live")
        assert lag < MAX_LAG_SECONDS
        return lag

    def _seconds(self, kind: str) -> str:
        seconds = [response.seconds for response in self.responses if response.kind == kind]
        return f"{max(seconds):.2f} s (99 %: {percentile(seconds, 0.99):.2f} s)"

    def __str__(self) -> str:
        kinds = sorted({response.kind for response in self.responses})
        figures = [f"{kind} {sorted(self.statuses(kind))} {self._seconds(kind)}" for kind in kinds]
        commands = [f"{command} {result.seconds:.1f} s" for command, result in self.commands.items()]
        return "; ".join(
            [
                f"{len(self.responses)} responses, slowest: {', '.join(figures)}",
                f"commands: {', '.join(commands)}",
                f"archiver: {self.archiver_problem}",
                f"recovery {self.recovery_seconds:.1f} s, API peak {self.api_peak_bytes >> 20} MiB",
            ]
        )


@contextmanager
def running(folder: Path, redis_url: str, database_url: str, *services: str, **settings: str) -> Iterator[Pipeline]:
    here, port = place(folder, redis_url, database_url).but(**settings), free_port()
    migrate(database_url)
    image = CaptionedImage(
        id=uuid4(),
        received_at=datetime.now(UTC),
        description="before",
        upload_sha256=bytes(32),
        width=64,
        height=48,
    )
    with Archive.open(database_url, folder / "images") as archive:
        archive.prepare()
        archive.store([Record(image, PHOTO)])
    assert here.run("queues", "--accept").status == 0  # the image passed no queue
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


def run_all(fork_server: ForkServer, here: Place, commands: Sequence[str]) -> dict[str, Command]:
    """Run commands at the same time."""

    def run(number: int, command: str) -> Command:
        began, output = time.monotonic(), here.folder / f"command-{number}"
        pid = fork_server.start(command.split(), here.folder, here.environment, output)
        while (status := fork_server.status(pid)) is None and time.monotonic() - began < 60:
            time.sleep(0.05)
        return Command(status, time.monotonic() - began, output.read_text())

    with ThreadPoolExecutor(len(commands)) as threads:
        return dict(zip(commands, threads.map(run, range(len(commands)), commands), strict=True))


def measure(pipeline: Pipeline, server: Server, recovered: Request, commands: Sequence[str]) -> Outage:
    """Suspend a server under load, run commands meanwhile, then resume it."""
    with ExitStack() as opened:
        fork_server = ForkServer()
        opened.callback(fork_server.close)
        run_all(fork_server, pipeline.here, ["--version"])  # ends when the fork server has imported captiond
        responses = opened.enter_context(sending(pipeline.port, pipeline.requests(), CLIENTS))
        time.sleep(1)  # a second of load before the outage
        before, began = len(responses), time.monotonic()
        with hung(server):
            results = run_all(fork_server, pipeline.here, commands)
            time.sleep(max(0.0, HUNG_SECONDS + began - time.monotonic()))
            problem = Heartbeat(pipeline.here.folder / "run", "archiver").problem()
        recovery_seconds = wait_for(lambda: send(pipeline.port, recovered, "recovered").status in {200, 202}, 60)
        recovery_seconds += wait_for(pipeline.is_ready, 60)
    accepted = {json.loads(response.body)["id"] for response in responses if response.status == 202}
    deadline = time.monotonic() + DRAIN_SECONDS
    unstored = {image_id for image_id in accepted if not pipeline.is_stored(image_id)}
    while unstored and time.monotonic() < deadline:
        unstored = {image_id for image_id in unstored if not pipeline.is_stored(image_id)}
    verify_status = pipeline.here.run("verify").status
    peak_bytes = pipeline.api_peak_bytes()
    return Outage(responses[before:], results, problem, recovery_seconds, unstored, verify_status, peak_bytes)


@pytest.fixture(scope="module")
def redis_outage(tmp_path_factory: pytest.TempPathFactory) -> Outage:
    folder = tmp_path_factory.mktemp("redis")
    url = f"sqlite:///{folder}/captiond.db"
    with (
        started("Redis") as server,
        running(folder, server.url, url, "captioner", "archiver", **SETTINGS) as pipeline,
    ):
        outage = measure(pipeline, server, UPLOAD, COMMANDS["Redis"])
    sys.stdout.write(f"\nRedis: {outage}\n")
    return outage


@pytest.fixture(scope="module", params=["postgresql", "mariadb"])
def database_outage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Outage:
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as opened:
        try:
            server = opened.enter_context({"postgresql": own_postgresql, "mariadb": own_mariadb}[request.param]())
        except NoServerError as error:
            pytest.skip(f"no {request.param} server: {error}")
        redis = opened.enter_context(started("Redis"))
        url = server.url.render_as_string(hide_password=False)
        pipeline = opened.enter_context(running(folder, redis.url, url, "captioner", "archiver", **SETTINGS))
        outage = measure(pipeline, server, LIST, COMMANDS["database"])
    sys.stdout.write(f"\n{request.param}: {outage}\n")
    return outage


def assert_bounded(outage: Outage) -> None:
    assert 0 not in outage.statuses(*{response.kind for response in outage.responses})
    assert max(response.seconds for response in outage.responses) < REQUEST_SECONDS + outage.lag_seconds
    assert outage.slowest("ready") < READY_SECONDS + outage.lag_seconds
    assert all(response.retry_after for response in outage.responses if response.status == 503)
    assert outage.api_peak_bytes < MAX_API_BYTES


def assert_recovered(outage: Outage) -> None:
    assert outage.recovery_seconds < RECOVERY_SECONDS
    assert outage.unstored == set()
    assert outage.verify_status == 0


def assert_commands_failed(outage: Outage) -> None:
    assert {command: result.status for command, result in outage.commands.items()} == dict.fromkeys(outage.commands, 1)
    assert max(result.seconds for result in outage.commands.values()) < COMMAND_SECONDS
    assert not [command for command, result in outage.commands.items() if "Traceback" in result.output]


@pytest.mark.timeout(600)
def test_hung_redis_delays_no_list_image_or_status_of_an_archived_image(redis_outage: Outage) -> None:
    assert redis_outage.statuses("list", "image", "stored") == {200}
    assert redis_outage.slowest("list", "image", "stored") < UNAFFECTED_SECONDS + redis_outage.lag_seconds


@pytest.mark.timeout(600)
def test_hung_redis_is_answered_with_503_in_bounded_time_and_memory(redis_outage: Outage) -> None:
    for kind in ("upload", "status", "ready", "metrics"):
        assert 503 in redis_outage.statuses(kind)
    assert_bounded(redis_outage)


@pytest.mark.timeout(600)
def test_after_a_hung_redis_resumes_no_accepted_image_is_lost(redis_outage: Outage) -> None:
    assert_recovered(redis_outage)


@pytest.mark.timeout(600)
def test_commands_end_with_status_1_while_redis_hangs(redis_outage: Outage) -> None:
    assert_commands_failed(redis_outage)


@pytest.mark.timeout(600)
def test_hung_database_delays_no_upload_or_metrics(database_outage: Outage) -> None:
    assert database_outage.statuses("upload") == {202}
    assert database_outage.statuses("metrics") == {200}
    assert database_outage.slowest("upload", "metrics") < UNAFFECTED_SECONDS + database_outage.lag_seconds


@pytest.mark.timeout(600)
def test_hung_database_is_answered_with_503_in_bounded_time_and_memory(database_outage: Outage) -> None:
    for kind in ("list", "image", "stored", "status", "ready"):
        assert 503 in database_outage.statuses(kind)
    assert_bounded(database_outage)


@pytest.mark.timeout(600)
def test_after_a_hung_database_resumes_no_accepted_image_is_lost(database_outage: Outage) -> None:
    assert_recovered(database_outage)


@pytest.mark.timeout(600)
def test_commands_end_with_status_1_while_the_database_hangs(database_outage: Outage) -> None:
    assert_commands_failed(database_outage)


@pytest.mark.full
@pytest.mark.timeout(600)
def test_archiver_is_unhealthy_while_the_database_hangs(database_outage: Outage) -> None:
    assert database_outage.archiver_problem is not None


def test_upload_during_a_shutdown_with_a_hung_redis_returns_503_and_can_be_repeated(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/captiond.db"
    with started("Redis") as server:
        with (
            running(tmp_path, server.url, url, request_timeout="2") as pipeline,
            ThreadPoolExecutor(1) as client,
            hung(server),
        ):
            upload = client.submit(send, pipeline.port, UPLOAD, "key")
            time.sleep(0.5)  # the upload waits for Redis
            pipeline.processes["api"].send_signal(signal.SIGTERM)
            assert upload.result().status == 503
            assert pipeline.processes["api"].wait(GRACE_SECONDS) == 0

        with running(tmp_path, server.url, url) as pipeline:
            assert send(pipeline.port, UPLOAD, "key").status == 202
