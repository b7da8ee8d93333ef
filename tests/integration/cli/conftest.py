"""A queue server and a running pipeline for the commands."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from captiond.archive import migrate
from tests.e2e.product import COMMANDS, Pipeline, Place, place, running_pipeline
from tests.servers.queues import RedisServer, running_valkey


@pytest.fixture(scope="session", autouse=True)
def commands() -> Iterator[None]:
    yield
    COMMANDS.close()


@pytest.fixture(scope="session")
def valkey() -> Iterator[RedisServer]:
    with running_valkey() as server:
        yield server


@pytest.fixture
def here(valkey: RedisServer, tmp_path: Path) -> Place:
    """Valid settings, an empty queue server and a database without a schema. No service runs."""
    with Redis.from_url(f"{valkey.url}?db=1") as client:
        client.flushdb()
    return place(tmp_path, f"{valkey.url}?db=1", f"sqlite:///{tmp_path}/captiond.db")


@pytest.fixture
def migrated(here: Place) -> Place:
    """As `here`, with the schema."""
    migrate(here.settings["database_url"])
    return here


@pytest.fixture(scope="session")
def pipeline(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """All services. Queues and archive contain what other tests uploaded."""
    folder = tmp_path_factory.mktemp("pipeline")
    with running_pipeline(place(folder, valkey.url, f"sqlite:///{folder}/captiond.db")) as running:
        yield running
