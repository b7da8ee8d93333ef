"""Rigs to break. Only `make faults` and `make faults-full` ask for these tests; `make test` leaves them out."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.nursery import Nursery
from tests.faults.rig import Rig, opened_rig
from tests.faults.servers import IN_FULL, KINDS, QUICK, TIER, started
from tests.servers.queues import RedisServer

# In full every kind of database has its turn; a kind of server always meets the same one.
DATABASES = ("sqlite", "postgresql", "mariadb")
HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ours = [item for item in items if item.path.is_relative_to(HERE)]
    left_out = [item for item in ours if TIER not in os.environ or (item.get_closest_marker("full") and not IN_FULL)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture
def server(kind: str) -> Iterator[RedisServer]:
    with started(kind) as server:
        yield server


@pytest.fixture
def database_url(kind: str, request: pytest.FixtureRequest) -> str:
    """SQLite; in full one of the three, by the kind of server."""
    database = DATABASES[KINDS.index(kind) % len(DATABASES)] if IN_FULL else "sqlite"
    url = request.getfixturevalue(f"{database}_url")
    assert isinstance(url, str)
    return url


@pytest.fixture
def rig(tmp_path: Path, server: RedisServer, database_url: str, nursery: Nursery) -> Iterator[Rig]:
    with opened_rig(tmp_path, server, database_url, nursery) as rig:
        yield rig


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a scenario on the two servers that the product comes with and meets first, or on every one, or on one."""
    chosen = [marker.args[0] for marker in metafunc.definition.iter_markers("parametrize")]
    if "kind" not in metafunc.fixturenames or any("kind" in names for names in chosen):
        return
    marker = metafunc.definition.get_closest_marker("servers")
    kinds = {"all": KINDS, "one": KINDS[:1]}[marker.args[0]] if marker else QUICK
    metafunc.parametrize("kind", kinds)
