"""Scenario 32: the clock of the server is an hour off that of everybody else.

On Valkey, since Debian's Redis does not start under libfaketime: its allocator asks for the time too early.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.product import free_port
from tests.faults.nursery import Nursery
from tests.faults.rig import opened_rig
from tests.faults.servers import BINARIES
from tests.servers.queues import RedisServer

pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]
UPLOADS = 500


@contextmanager
def server_off_by(offset: str, kind: str) -> Iterator[RedisServer]:
    faketime, binary = shutil.which("faketime"), BINARIES[kind]()
    if faketime is None or binary is None:
        pytest.skip(f"faketime or {kind} is not installed")
    with tempfile.TemporaryDirectory(prefix="captiond-") as name:
        wrapped = Path(name) / "server"
        wrapped.write_text(f"#!/bin/sh\nDONT_FAKE_MONOTONIC=1 exec {faketime} -f '{offset}' {binary} \"$@\"\n")
        wrapped.chmod(0o755)
        server = RedisServer(wrapped, Path(name), free_port())
        server.start()
        try:
            yield server
        finally:
            server.kill()


@pytest.mark.parametrize("kind", ["Valkey"])
@pytest.mark.parametrize("offset", ["+1h", "-1h"])
def test_a_clock_that_is_an_hour_off_delivers_nothing_early_or_twice(
    offset: str, kind: str, tmp_path: Path, nursery: Nursery
) -> None:
    with (
        server_off_by(offset, kind) as server,
        opened_rig(tmp_path, server, f"sqlite:///{tmp_path}/captiond.db", nursery) as rig,
    ):
        rig.start_all(captioners=2)
        rig.faults += 1

        rig.load.send(UPLOADS)
        rig.healed()

        result = rig.finish("32", "clock of Redis an hour off", remark=offset)
        assert result.accepted == UPLOADS
        assert {line.deliveries for line in rig.journal if line.what == "given"} == {1}
