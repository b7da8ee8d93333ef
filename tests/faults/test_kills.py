"""Scenarios 1 and 2: workers and the server killed at random, again and again."""

import pytest

from tests.faults.load import wait_done
from tests.faults.rig import Rig
from tests.faults.servers import IN_FULL

# In full as in the table: 10,000 uploads and a kill every 2 s; quickly 1,500 and every 0.3 s.
UPLOADS = 10_000 if IN_FULL else 1_500
INTERVAL_SECONDS = 2.0 if IN_FULL else 0.3
DONE_WITHIN_SECONDS = 120


def kill_workers(rig: Rig, uploads: int, interval_seconds: float) -> None:
    """Kill a captioner or an archiver again and again until all is sent, and once more."""
    with rig.load.sending(uploads) as sent:
        while not sent.done():
            rig.kill(rig.chance.choice(["captioner", "archiver"]))
            wait_done(sent, interval_seconds)
    rig.healed()


@pytest.mark.servers("all")
@pytest.mark.timeout(400)
def test_workers_killed_at_random_lose_and_double_nothing(rig: Rig) -> None:
    rig.start_all(captioners=2, archivers=2)

    kill_workers(rig, UPLOADS, INTERVAL_SECONDS)

    result = rig.finish("1", "workers killed at random")
    assert result.accepted == UPLOADS
    assert rig.faults > 1
    assert result.recovery_seconds < DONE_WITHIN_SECONDS
