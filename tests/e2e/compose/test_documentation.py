"""The blocks of the documentation that need Docker Compose, in an order in which each page finds a running stack."""

import uuid
from collections.abc import Iterator

import pytest

from tests.docs.blocks import REPOSITORY, Terminal, clean_environment
from tests.e2e.compose.stack import BUILD_SECONDS, Stack
from tests.servers.ports import free_port

pytestmark = pytest.mark.timeout(500)  # the first one builds the image


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    project, folder, port = f"captiond-docs-{uuid.uuid4().hex[:8]}", tmp_path_factory.mktemp("clone"), free_port()
    stack = Stack(project, folder, ("compose.yaml",))
    stack.copy_sources()
    (folder / "docs").symlink_to(REPOSITORY / "docs")
    environment = clean_environment() | {"COMPOSE_PROJECT_NAME": project, "PORT": str(port), "IMAGE": stack.image}
    try:
        yield Terminal(folder, f"http://127.0.0.1:{port}", environment, BUILD_SECONDS, compose=True)
    finally:
        stack.remove()


@pytest.mark.parametrize("page", ["README.md", "docs/how-to/scale.md", "docs/how-to/backup-and-restore.md"])
def test_compose_commands_of_a_page_succeed(terminal: Terminal, page: str) -> None:
    terminal.run_page(REPOSITORY / page)


def test_compose_commands_of_the_docker_page_start_and_stop_the_stack(terminal: Terminal) -> None:
    terminal.run_page(REPOSITORY / "docs/how-to/docker.md")

    started, sent, stopped = terminal.ran[-3:]
    assert '{"status":"ok"}' in started
    assert '"status":"queued"' in sent
    assert "Removed" in stopped
