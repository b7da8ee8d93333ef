"""Runs captiond as users do: processes of `python -m captiond`, which tests kill and restart."""

import io
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from PIL import Image, ImageChops, ImageStat

from captiond.operations.heartbeat import Heartbeat
from tests.e2e.command_server import CommandServer
from tests.servers.ports import free_port

START_SECONDS = 60.0
# The messages of a killed worker are redelivered after their lease of 30 s; workers look for them about every 9 s.
TAKEOVER_SECONDS = 100.0
STOP_SECONDS = 40.0
COMMANDS = CommandServer()
VERIFIED = "archive: ok\nqueues: ok\n"


@dataclass(frozen=True, slots=True)
class Done:
    """The result of a command."""

    status: int
    stdout: str
    stderr: str

    @property
    def problem(self) -> str:
        """The error message, which must be one line."""
        [line] = self.stderr.splitlines()
        assert line.startswith("captiond: ")
        return line.removeprefix("captiond: ")


@dataclass(frozen=True, slots=True)
class Place:
    """A working directory and the settings for commands, without those of the test machine."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("CAPTIOND_")}
        return own | {f"CAPTIOND_{name.upper()}": value for name, value in self.settings.items()}

    def but(self, **settings: str) -> "Place":
        return Place(self.folder, {**self.settings, **settings})

    def run(self, *args: str, answer: str = "") -> Done:
        return Done(*COMMANDS.run(args, self.folder, self.environment, answer))

    def start(self, *args: str, before: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        """Start a service, through the command `before`. Its output goes to the files `stdout` and `stderr`."""
        with (self.folder / "stdout").open("ab") as stdout, (self.folder / "stderr").open("ab") as stderr:
            return subprocess.Popen(
                [*before, sys.executable, "-m", "captiond", *args],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )


def place(folder: Path, redis_url: str, database_url: str) -> Place:
    return Place(
        folder,
        {
            "redis_url": redis_url,
            "database_url": database_url,
            "images_dir": str(folder / "images"),
            "log_dir": str(folder / "log"),
            "run_dir": str(folder / "run"),
        },
    )


class Uploader:
    """A client of the API, which `client` addresses."""

    client: httpx.Client

    def send(self, image: bytes, description: str) -> str:
        response = self.client.post(
            "/api/images",
            files={"image": ("photo.jpg", image, "image/jpeg")},
            data={"description": description},
        )
        assert response.status_code == 202, response.text
        image_id: str = response.json()["id"]
        return image_id

    def status(self, image_id: str) -> str:
        status: str = self.client.get(f"/api/images/{image_id}/status").json()["status"]
        return status

    def await_status(self, image_id: str, status: str, seconds: float = START_SECONDS) -> None:
        wait_until(lambda: self.status(image_id) == status, seconds, f"{image_id} is {status}")


class Pipeline(Uploader):
    """An API, a captioner and an archiver."""

    def __init__(self, where: Place) -> None:
        self.place = where
        self._port = free_port()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self._port}", timeout=60)

    @property
    def url(self) -> str:
        return str(self.client.base_url)

    def start(self, *services: str) -> None:
        for service in services:
            options = ("--port", str(self._port)) if service == "api" else ()
            self._running[service] = self.place.start(service, *options)

    def kill(self, service: str) -> None:
        """Kill a service with SIGKILL."""
        process = self._running.pop(service)
        process.kill()
        process.wait()

    def stop(self) -> list[int]:
        """Stop all services with SIGTERM. Returns their exit statuses."""
        self.client.close()
        for process in self._running.values():
            process.terminate()
        return [process.wait(STOP_SECONDS) for process in self._running.values()]

    def await_ready(self) -> None:
        wait_until(lambda: is_ready(self.client), START_SECONDS, "the API is ready")

    def listed(self) -> list[str]:
        """The ids of the archived images, at most 1000."""
        return [image["id"] for image in self.client.get("/api/images?limit=1000").json()]

    def problem(self, service: str) -> str | None:
        """The problem in a worker's heartbeat."""
        return Heartbeat(self.place.folder / "run", service).problem()


@contextmanager
def running_pipeline(where: Place) -> Iterator[Pipeline]:
    pipeline = Pipeline(where)
    pipeline.start("archiver", "api", "captioner")
    try:
        pipeline.await_ready()
        yield pipeline
    finally:
        statuses = pipeline.stop()
    assert set(statuses) == {0}, (where.folder / "stderr").read_text()


def is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def photo(width: int = 320, height: int = 208) -> bytes:
    """A photo with detail. Its sides are whole MCUs, so that the strip starts at the end of the photo."""
    detail = Image.effect_noise((width, height), 20)
    slope = Image.linear_gradient("L").resize((width, height))
    file = io.BytesIO()
    Image.merge("RGB", (detail, slope, slope.transpose(Image.Transpose.ROTATE_180))).save(file, "JPEG", quality=90)
    return file.getvalue()


def assert_captioned(captioned: bytes, original: bytes) -> None:
    """Check that the photo is unchanged, and that a black strip with white text is below it."""
    with Image.open(io.BytesIO(captioned)) as opened:
        assert opened.format == "JPEG"
        whole = opened.convert("RGB")
    with Image.open(io.BytesIO(original)) as opened:
        sent = opened.convert("RGB")
    assert whole.width == sent.width
    assert whole.height > sent.height

    above = whole.crop((0, 0, *sent.size))
    assert max(ImageStat.Stat(ImageChops.difference(above, sent)).mean) < 4

    strip = ImageStat.Stat(whole.crop((0, sent.height, whole.width, whole.height)).convert("L"))
    darkest, lightest = strip.extrema[0]
    assert darkest < 20
    assert lightest > 230
    assert strip.median[0] < 20


def is_running(pid: int) -> bool:
    """Return whether the process runs. A zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
