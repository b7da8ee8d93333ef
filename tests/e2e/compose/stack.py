"""Runs a compose project with copied sources, a unique name and a free port."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import httpx

REPOSITORY = Path(__file__).parents[3]
# The files of a clone that the engine needs. A developer's .env is not copied.
CLONED = (
    ".dockerignore",
    ".env.example",
    "Dockerfile",
    "LICENSE",
    "README.md",
    "compose.ha.yaml",
    "compose.mariadb.yaml",
    "compose.valkey.yaml",
    "compose.yaml",
    "pyproject.toml",
    "setup.py",
    "requirements.txt",
    "src",
)
COMMAND_SECONDS = 60.0
BUILD_SECONDS = 400.0  # the first build downloads everything
ARRIVAL_SECONDS = 120.0  # longer than the lease of a killed captioner's messages


@dataclass(frozen=True, slots=True)
class Stack:
    """A compose project. The caller removes it with `remove`."""

    project: str
    folder: Path
    files: tuple[str, ...]

    def copy_sources(self) -> None:
        for name in CLONED:
            if (REPOSITORY / name).is_dir():
                without = shutil.ignore_patterns("__pycache__")
                shutil.copytree(REPOSITORY / name, self.folder / name, ignore=without)
            else:
                shutil.copy(REPOSITORY / name, self.folder / name)

    def up(self, *options: str) -> None:
        """Start all stopped services, and return when all are healthy."""
        self.compose("up", "--wait", *options, timeout_seconds=BUILD_SECONDS)

    def remove(self) -> None:
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "5")
        self._docker("image", "rm", self.image)

    @property
    def image(self) -> str:
        return f"{self.project}:test"

    def compose(self, *arguments: str, timeout_seconds: float = COMMAND_SECONDS) -> str:
        """Run a `docker compose` command and return its stdout. Raises AssertionError if it fails."""
        files = [part for file in self.files for part in ("--file", file)]
        command = ["compose", "--project-name", self.project, *files, *arguments]
        return self._docker(*command, timeout_seconds=timeout_seconds)

    def read_logs(self) -> str:
        return self.compose("logs", "--no-color", "--timestamps")

    def run_in(self, service: str, *command: str) -> str:
        return self.compose("exec", "--no-TTY", service, *command)

    def kill(self, container: str) -> None:
        self._docker("kill", f"{self.project}-{container}")

    def freeze(self, container: str) -> None:
        self._docker("pause", f"{self.project}-{container}")

    def inspect(self, template: str) -> dict[str, str]:
        """Return the result of a `docker inspect` template for every container, by name such as `captioner-1`."""
        ids = self.compose("ps", "--all", "--quiet").split()
        lines = self._docker("inspect", "--format", "{{.Name}} " + template, *ids).splitlines()
        pairs = [line.removeprefix(f"/{self.project}-").partition(" ") for line in lines]
        return {name: result for name, _, result in pairs}

    def open_client(self) -> httpx.Client:
        """Return a client of the API, whose port changes at every start."""
        address = self.compose("port", "api", "8000").strip()
        return httpx.Client(base_url=f"http://{address}", timeout=30)

    def _docker(self, *arguments: str, timeout_seconds: float = COMMAND_SECONDS) -> str:
        inherited = {"PATH", "HOME"} | {name for name in os.environ if name[:7] == "DOCKER_"}
        environment = {name: os.environ[name] for name in inherited & os.environ.keys()}
        done = subprocess.run(
            ["docker", *arguments],
            cwd=self.folder,
            env=environment | {"PORT": "0", "IMAGE": self.image},
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            check=False,
        )
        output = f"docker {' '.join(arguments)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        assert done.returncode == 0, output
        return done.stdout


def wait_until_stored(client: httpx.Client, ids: Collection[str]) -> None:
    """Return when every image is archived. Raises AssertionError with the status of the others."""
    missing = dict.fromkeys(ids, "unknown")

    def nothing_is_missing() -> bool:
        for image_id in list(missing):
            missing[image_id] = read_status(client, image_id)
            if missing[image_id] == "stored":
                del missing[image_id]
        return not missing

    wait_until(nothing_is_missing, lambda: f"not stored: {missing}")


def read_status(client: httpx.Client, image_id: str) -> str:
    status: str = client.get(f"/api/images/{image_id}/status").raise_for_status().json()["status"]
    return status


def wait_until(condition: Callable[[], bool], explain: Callable[[], str]) -> None:
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while not condition():
        assert time.monotonic() < deadline, explain()
        time.sleep(0.2)
