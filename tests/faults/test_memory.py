"""Scenario 22: a server without free memory."""

import pytest

from tests.e2e.product import photo
from tests.faults.rig import Rig
from tests.faults.servers import IN_FULL

IMAGE = photo(320, 208)
# Memory for images, in addition to what the empty server uses.
ROOM_BYTES = (8 if IN_FULL else 2) << 20
AFTER = 20


def exhaust_memory(rig: Rig) -> None:
    """Send until the server refuses writes."""
    with rig.client as client:
        client.config_set("maxmemory", client.info("memory")["used_memory"] + ROOM_BYTES)
    while not rig.load.refused:
        rig.load.send(10, image=IMAGE, retry_for_seconds=0)
    rig.faults += 1


@pytest.mark.timeout(300)
def test_server_without_memory_refuses_uploads_and_workers_drain_it(rig: Rig) -> None:
    rig.start_all()
    rig.load.send(AFTER, image=IMAGE)
    rig.drain()
    stop_worker(rig, "captioner")
    stop_worker(rig, "archiver")
    exhaust_memory(rig)
    full = len(rig.load.accepted)

    rig.start("captioner")
    rig.start("archiver")
    rig.mark_recovery_start()
    rig.drain()
    rig.load.send(AFTER, image=IMAGE)

    result = rig.finish("22", "server out of memory")
    assert result.accepted >= full + AFTER > AFTER
    assert result.refused > 0
    assert rig.load.without_retry_after == 0


def stop_worker(rig: Rig, name: str) -> None:
    """Stop the only worker of a service."""
    [worker] = rig.running(name)
    assert worker.stop() == 0
    rig.services.remove(worker)
