"""Every shell and Python block of the READMEs, the tutorial and the how-to pages, against a running stack."""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import PAGES, REPOSITORY, Terminal, clean_environment
from tests.e2e.product import COMMANDS, START_SECONDS, Place, wait_until
from tests.e2e.up.stack import Up, up

FENCE = re.compile(r"^ *```(\S*)$", re.MULTILINE)
RUN = {"sh", "python"}
SHOWN = {"text", "ini", "json", "yaml", "caddyfile", "nginx"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A stack in a folder that looks like a clone of the repository after `make up`."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(REPOSITORY / "docs", folder / "docs")
    (folder / ".venv").symlink_to(sys.prefix)
    with up(Place(folder), folder / "var") as running:
        running.start(captioners=1)
        yield running
    COMMANDS.close()


def is_idle(stack: Up) -> bool:
    queues = stack.client.get("/api/operations").json()["pipeline"]["queues"]
    return not any(queue[state] for queue in queues for state in ("depth", "in_flight", "delayed"))


def page_name(page: Path) -> str:
    return page.relative_to(REPOSITORY).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_all_commands_of_a_page_succeed(stack: Up, page: Path) -> None:
    # An image of the previous page that is archived during a backup would be missing in one part of it.
    wait_until(lambda: is_idle(stack), START_SECONDS, "all images are archived")
    terminal = Terminal(stack.place.folder, f"http://127.0.0.1:{stack.port}", clean_environment())

    terminal.run_page(page)


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_block_names_a_language_that_is_run_or_only_shown(page: Path) -> None:
    opening = FENCE.findall(page.read_text("utf-8"))[::2]

    assert set(opening) <= RUN | SHOWN


def test_both_readmes_show_the_same_commands() -> None:
    english, russian = (shell_lines(REPOSITORY / name) for name in ("README.md", "README.ru.md"))

    assert english == russian


def test_readme_is_short() -> None:
    assert len((REPOSITORY / "README.md").read_text("utf-8").splitlines()) <= 120


def shell_lines(page: Path) -> list[str]:
    """The lines of the shell blocks without their comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [re.sub(r"\s+#.*", "", line) for block in blocks for line in block.splitlines()]
