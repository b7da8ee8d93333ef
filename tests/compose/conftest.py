"""Stacks to test on. Only `make e2e-compose` asks for them, and only an engine can give them."""

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.compose.stack import REPOSITORY, Stack

UNTESTED = "NOTHING OF COMPOSE WAS TESTED"


@pytest.fixture(scope="session")
def docker() -> str:
    """The client of an engine that answers and has Compose."""
    if "CAPTIOND_E2E_COMPOSE" not in os.environ:
        pytest.skip("`make e2e-compose` runs these")
    found = shutil.which("docker")
    if found is None:
        pytest.skip(f"{UNTESTED}: there is no docker command")
    for question in ("info", "compose version"):
        answer = subprocess.run([found, *question.split()], capture_output=True, check=False)
        if answer.returncode != 0:
            pytest.skip(f"{UNTESTED}: `docker {question}` fails")
    return found


@pytest.fixture(scope="module")
def stack(docker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack of compose.yaml alone, as it is after a clone: no .env, all defaults."""
    with _run_stack(docker, tmp_path_factory.mktemp("clone"), "compose.yaml") as running:
        yield running


@pytest.fixture
def mariadb_stack(docker: str, tmp_path: Path) -> Iterator[Stack]:
    with _run_stack(docker, tmp_path, "compose.yaml", "compose.mariadb.yaml") as running:
        yield running


@pytest.fixture
def valkey_stack(docker: str, tmp_path: Path) -> Iterator[Stack]:
    """Set up by the example of a .env, with one setting more."""
    example = (REPOSITORY / ".env.example").read_text()
    (tmp_path / ".env").write_text(f"{example}\nCAPTIOND_FONT_NAME=Liberation Sans\n")
    with _run_stack(docker, tmp_path, "compose.yaml", "compose.valkey.yaml") as running:
        yield running


@contextmanager
def _run_stack(docker: str, folder: Path, *files: str) -> Iterator[Stack]:
    running = Stack(docker, f"captiond-e2e-{uuid.uuid4().hex[:8]}", folder, files)
    running.copy_sources()
    try:
        running.up()
        yield running
    finally:
        running.remove()
