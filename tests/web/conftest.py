"""Chromium, and servers for it: an app on an archive that tests fill, and a whole pipeline."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e.product import Pipeline, place, running_pipeline
from tests.integration.api.serving import Api, Backends, open_api
from tests.servers.queues import RedisServer, running_valkey
from tests.web.browser import Window, open_browser, open_window

OpenWindow = Callable[..., Window]


@pytest.fixture(scope="session")
def valkey() -> Iterator[RedisServer]:
    with running_valkey() as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. While Playwright runs, no other event loop can run in the thread, so it ends with the module."""
    with open_browser() as opened:
        yield opened


@pytest.fixture
def open_at(browser: Browser) -> Iterator[OpenWindow]:
    """Open windows that are checked and closed after the test: `open_at(url, language="ru")`."""
    opened: list[AbstractContextManager[Window]] = []
    with ExitStack() as windows:

        def open_at(url: str, **options: object) -> Window:
            window = open_window(browser, url, **options)  # type: ignore[arg-type] # the caller's options
            opened.append(window)
            return windows.enter_context(window)

        yield open_at


@pytest.fixture(scope="module")
def api(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An app whose archive the tests of a module fill."""
    with open_api(Backends(valkey.url, tmp_path_factory.mktemp("web"))) as opened:
        yield opened


@pytest.fixture
def own_api(valkey: RedisServer, tmp_path: Path) -> Iterator[Api]:
    """An app with empty queues and an empty archive."""
    with open_api(Backends(valkey.url, tmp_path)) as opened:
        yield opened


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """An API, a captioner and an archiver as processes, on empty queues and an empty archive."""
    folder = tmp_path_factory.mktemp("pipeline")
    with running_valkey() as server:
        where = place(folder, server.url, f"sqlite:///{folder}/captiond.db")
        with running_pipeline(where) as running:
            yield running
