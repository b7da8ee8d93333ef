"""Scenario 34: a rolling upgrade to a release with a newer message format."""

import pytest

from tests.faults.rig import Rig
from tests.faults.servers import IN_FULL

pytestmark = pytest.mark.timeout(300)
# As in the table in full.
UPLOADS = 1_000 if IN_FULL else 100


def test_upgrade_from_archiver_to_api_stores_every_image(rig: Rig) -> None:
    """Each service is replaced before anything sends it messages of the newer format."""
    rig.start_all()

    with rig.load.sending(UPLOADS):
        for name in ("archiver", "captioner", "api"):
            [old] = rig.running(name)
            assert old.stop() == 0
            rig.services.remove(old)
            rig.start(name, FAULTS_NEWER="yes")
            rig.faults += 1
    rig.mark_recovery_start()
    rig.await_ready()  # before its start has ended, the new API does not handle SIGTERM

    result = rig.finish("34", "rolling upgrade to a newer message format")
    assert result.accepted == UPLOADS
    assert result.dead == 0
