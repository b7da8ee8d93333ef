"""Fixtures of the fault tests. `make test` deselects these tests; `make faults` and `make faults-full` run them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.fork_server import ForkServer
from tests.faults.rig import Rig, opened_rig
from tests.faults.servers import IN_FULL, KINDS, QUICK, TIER, started
from tests.servers.chaos_proxy import ChaosProxy
from tests.servers.queues import RedisServer
from tests.tiers import deselect

# The full tier uses all databases: each kind of Redis server with one of them.
DATABASES = ("sqlite", "postgresql", "mariadb")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    deselect(config, items, Path(__file__).parent, TIER)


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    fork_server = ForkServer()
    yield fork_server
    fork_server.close()


@pytest.fixture
def server(kind: str) -> Iterator[RedisServer]:
    with started(kind) as server:
        yield server


@pytest.fixture
def database_url(kind: str, request: pytest.FixtureRequest) -> str:
    """SQLite. In the full tier, the database for this kind of server."""
    database = DATABASES[KINDS.index(kind) % len(DATABASES)] if IN_FULL else "sqlite"
    url = request.getfixturevalue(f"{database}_url")
    assert isinstance(url, str)
    return url


@pytest.fixture
def rig(tmp_path: Path, server: RedisServer, database_url: str, fork_server: ForkServer) -> Iterator[Rig]:
    with opened_rig(tmp_path, server, database_url, fork_server) as rig:
        yield rig


@pytest.fixture
def proxy(server: RedisServer) -> Iterator[ChaosProxy]:
    address = server.address()
    assert isinstance(address, tuple)
    proxy = ChaosProxy(address)
    with proxy.serving():
        yield proxy


@pytest.fixture
def proxied_rig(
    tmp_path: Path, server: RedisServer, database_url: str, fork_server: ForkServer, proxy: ChaosProxy
) -> Iterator[Rig]:
    """A rig whose commands connect through the proxy."""
    with opened_rig(tmp_path, server, database_url, fork_server) as rig:
        rig.redis_url = proxy.redis_url
        yield rig


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a scenario on Redis and Valkey, or as its marker `servers` requires on all versions or on one."""
    chosen = [marker.args[0] for marker in metafunc.definition.iter_markers("parametrize")]
    if "kind" not in metafunc.fixturenames or any("kind" in names for names in chosen):
        return
    marker = metafunc.definition.get_closest_marker("servers")
    kinds = {"all": KINDS, "one": KINDS[:1]}[marker.args[0]] if marker else QUICK
    metafunc.parametrize("kind", kinds)
