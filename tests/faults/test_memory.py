"""Scenario 22: a server whose memory is used up refuses uploads and is emptied by the workers."""

import pytest

from tests.e2e.product import photo
from tests.faults.rig import Rig
from tests.faults.servers import IN_FULL

IMAGE = photo(320, 208)
# Some megabytes of images in full, one quickly; beyond what the server holds when it is empty.
ROOM_BYTES = (8 if IN_FULL else 2) << 20
AFTER = 20


def use_up(rig: Rig) -> None:
    """Send until the server takes no more."""
    with rig.client as client:
        client.config_set("maxmemory", client.info("memory")["used_memory"] + ROOM_BYTES)
    while not rig.load.refused:
        rig.load.send(10, image=IMAGE, patience_seconds=0)
    rig.faults += 1


@pytest.mark.timeout(300)
def test_a_server_without_memory_refuses_uploads_and_is_emptied(rig: Rig) -> None:
    rig.start_all()
    rig.load.send(AFTER, image=IMAGE)
    rig.drain()
    rest(rig, "captioner")
    rest(rig, "archiver")
    use_up(rig)
    full = len(rig.load.accepted)

    rig.start("captioner")
    rig.start("archiver")
    rig.healed()
    rig.drain()
    rig.load.send(AFTER, image=IMAGE)

    result = rig.finish("22", "server out of memory")
    assert result.accepted >= full + AFTER > AFTER
    assert result.refused > 0
    assert rig.load.without_retry_after == 0


def rest(rig: Rig, name: str) -> None:
    """Have no worker of that service for a while."""
    [worker] = rig.running(name)
    assert worker.stop() == 0
    rig.services.remove(worker)
