"""Scenario 40: a soak test with kills, restarts and server restarts."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.load import wait_done
from tests.faults.rig import Rig

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]
# FAULTS_SOAK_SECONDS sets another duration.
SECONDS = float(os.environ.get("FAULTS_SOAK_SECONDS", "240"))
BURST = 100
TURNS_BETWEEN_RESTARTS = 6
GROWTH_BYTES = 32 << 20
GROWTH_DESCRIPTORS = 16


@dataclass(frozen=True, slots=True)
class Footprint:
    """Resources of a process."""

    resident_bytes: int
    descriptors: int


def footprint(pid: int) -> Footprint:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Footprint(pages * os.sysconf("SC_PAGE_SIZE"), len(list(Path(f"/proc/{pid}/fd").iterdir())))


@pytest.mark.servers("one")
def test_soak_does_not_increase_memory_or_descriptors(rig: Rig) -> None:
    """The API is never restarted, so its resources show a leak."""
    rig.start_all(captioners=2, archivers=2)
    [api] = rig.running("api")
    until, turns = time.monotonic() + SECONDS, 0
    warm: Footprint | None = None

    while time.monotonic() < until:
        turns += 1
        with rig.load.sending(BURST) as sent:
            rig.kill(rig.chance.choice(["captioner", "archiver"]))
            old = rig.running("archiver")[0]
            rig.start("archiver")
            assert old.stop() == 0
            rig.services.remove(old)
            if turns % TURNS_BETWEEN_RESTARTS == 0:
                rig.server.restart()
            rig.faults += 2
            wait_done(sent, 60)
        if warm is None and turns > TURNS_BETWEEN_RESTARTS:
            warm = footprint(api.pid)
            with rig.client as client:
                client.bgrewriteaof()
    rig.mark_recovery_start()
    end = footprint(api.pid)

    assert warm is not None
    grown = end.resident_bytes - warm.resident_bytes
    result = rig.finish("40", f"soak of {SECONDS:.0f} s", remark=f"API grew by {grown >> 10} KiB")
    assert result.accepted == BURST * turns
    assert grown < GROWTH_BYTES
    assert end.descriptors < warm.descriptors + GROWTH_DESCRIPTORS
