"""Compose stacks for the tests. `make test` deselects them; `make e2e-compose` skips them without a Docker engine."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.compose.stack import REPOSITORY, Stack

HOST_USER = 1234


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ours = [item for item in items if item.path.is_relative_to(Path(__file__).parent)]
    if "CAPTIOND_E2E_COMPOSE" not in os.environ:
        config.hook.pytest_deselected(items=ours)
        items[:] = [item for item in items if item not in ours]
    elif ours and (reason := _skip_reason()):
        for item in ours:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack of compose.yaml with default settings, as after a clone."""
    with _run_stack(tmp_path_factory.mktemp("clone"), "compose.yaml") as running:
        yield running


@pytest.fixture
def mariadb_stack(tmp_path: Path) -> Iterator[Stack]:
    with _run_stack(tmp_path, "compose.yaml", "compose.mariadb.yaml") as running:
        yield running


@pytest.fixture
def ha_stack(tmp_path: Path) -> Iterator[Stack]:
    with _run_stack(tmp_path, "compose.yaml", "compose.ha.yaml") as running:
        yield running


@pytest.fixture
def valkey_stack(tmp_path: Path) -> Iterator[Stack]:
    """The stack with .env.example, a font, and host folders that belong to another user than the image's."""
    example = (REPOSITORY / ".env.example").read_text()
    host = f"PUID={HOST_USER}\nPGID={HOST_USER}\nIMAGES_PATH=./images\nTHUMBNAILS_PATH=./thumbnails\nLOGS_PATH=./log\n"
    (tmp_path / ".env").write_text(f"{example}\nCAPTIOND_FONT_NAME=Liberation Sans\n{host}")
    for folder in (tmp_path / "images", tmp_path / "thumbnails", tmp_path / "log"):
        folder.mkdir()
        os.chown(folder, HOST_USER, HOST_USER)
    with _run_stack(tmp_path, "compose.yaml", "compose.valkey.yaml") as running:
        yield running


@contextmanager
def _run_stack(folder: Path, *files: str) -> Iterator[Stack]:
    running = Stack(f"captiond-e2e-{uuid.uuid4().hex[:8]}", folder, files)
    running.copy_sources()
    try:
        running.up("--build")
        yield running
    finally:
        sys.stdout.write(running.read_logs())  # pytest prints it if a test failed
        running.remove()


def _skip_reason() -> str | None:
    for command in (["docker", "info"], ["docker", "compose", "version"]):
        try:
            subprocess.run(command, capture_output=True, timeout=30, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            return f"no Docker engine answers: {error}"
    return None
