"""Scenario 32: the clock of the server is one hour off.

Runs on Valkey, because Debian's Redis does not start under libfaketime: its allocator reads the clock too early.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.fork_server import ForkServer
from tests.faults.rig import opened_rig
from tests.faults.servers import BINARIES
from tests.servers.ports import free_port
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
def test_clock_skew_of_one_hour_causes_no_redelivery(
    offset: str, kind: str, tmp_path: Path, fork_server: ForkServer
) -> None:
    with (
        server_off_by(offset, kind) as server,
        opened_rig(tmp_path, server, f"sqlite:///{tmp_path}/captiond.db", fork_server) as rig,
    ):
        rig.start_all(captioners=2)
        rig.faults += 1

        rig.load.send(UPLOADS)
        rig.mark_recovery_start()

        result = rig.finish("32", "clock of Redis an hour off", remark=offset)
        assert result.accepted == UPLOADS
        assert {line.deliveries for line in rig.journal if line.what == "given"} == {1}
