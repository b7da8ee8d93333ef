"""Scenario 34: two versions side by side, as during a rolling upgrade."""

import pytest

from tests.faults.rig import Rig
from tests.faults.servers import IN_FULL

pytestmark = pytest.mark.timeout(300)
# As in the table in full.
UPLOADS = 1_000 if IN_FULL else 100


def test_what_a_newer_version_has_queued_waits_for_a_newer_worker(rig: Rig) -> None:
    rig.start_all()
    rig.load.send(UPLOADS // 2)
    [api] = rig.running("api")
    api.stop()
    rig.services.remove(api)

    rig.start("api", FAULTS_NEWER="yes")
    rig.await_ready()
    with rig.load.sending(UPLOADS // 2):
        for name in ("captioner", "archiver"):
            rig.start(name, FAULTS_NEWER="yes")
            rig.faults += 1
    rig.healed()

    result = rig.finish("34", "two versions side by side")
    assert result.accepted == UPLOADS // 2 * 2
    assert result.dead == 0
