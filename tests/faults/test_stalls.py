"""Scenarios 11 to 13: workers that come back from the dead, and workers that are slow but alive."""

import pytest

from tests.faults.poison import BUSY, BUSY_SECONDS, SLOW
from tests.faults.rig import Rig, wait_for
from tests.faults.servers import IN_FULL

# A zombie holds one batch of 4; the table's 200 uploads would be 50 of them. In full 10, quickly 2.
ZOMBIES = 10 if IN_FULL else 2
SLOW_UPLOADS = 20 if IN_FULL else 2
SLOW_LEASES = 5
COMPETITORS = 4
BATCH = 4


def raise_zombie(rig: Rig, service: str, failpoint: str, description: str = "number") -> None:
    """Stop a worker with messages in hand until another has done its work, then let it go on."""
    zombie = rig.start(service, failpoint=failpoint)
    wait_for(lambda: bool(rig.running(service)), 30, "the zombie-to-be runs")
    rig.load.send(BATCH, description)
    wait_for(lambda: zombie.has_hit() and zombie.is_frozen(), 60, "the worker is stopped with messages in hand")
    other = rig.start(service)
    rig.drain()
    zombie.thaw()
    rig.faults += 1
    for worker in (other, zombie):
        assert worker.stop() == 0
        rig.services.remove(worker)


def stop_and_continue(rig: Rig) -> None:
    """Zombies of both kinds: before they settle, and in the middle of a batch, so that they renew once more."""
    rig.extra |= {"FAULTS_POISON": "yes", BUSY_SECONDS: str(rig.lease_seconds / 2)}
    rig.extra |= {"FAULTS_HANDLING_SECONDS": "600"}  # a watchdog ends the rest
    rig.start("api")
    archiver = rig.start("archiver")
    rig.await_ready()
    raise_zombie(rig, "captioner", "caption.before:stop", BUSY)
    for _ in range(ZOMBIES - 1):
        raise_zombie(rig, "captioner", "queue.settle.before:stop")
    archiver.stop()
    rig.services.remove(archiver)
    rig.start("captioner")
    raise_zombie(rig, "archiver", "queue.settle.before:stop")
    rig.healed()


@pytest.mark.servers("all")
@pytest.mark.timeout(900)
def test_a_worker_that_comes_back_from_the_dead_is_fenced_off(rig: Rig) -> None:
    stop_and_continue(rig)

    result = rig.finish("11", "workers stopped for 3 leases")
    assert result.accepted == BATCH * (ZOMBIES + 1)
    assert said(rig, "fenced") >= ZOMBIES
    assert stolen(rig) >= 1


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("number", "description"), [("12", SLOW), ("13", BUSY)])
def test_work_of_five_leases_is_never_taken_from_a_living_worker(rig: Rig, number: str, description: str) -> None:
    """13: the interpreter is kept busy, so that the thread that renews gets few turns."""
    rig.extra |= {"FAULTS_POISON": "yes", BUSY_SECONDS: str(SLOW_LEASES * rig.lease_seconds)}
    rig.extra |= {"FAULTS_HANDLING_SECONDS": "600"}
    rig.start_all(captioners=COMPETITORS + (COMPETITORS if IN_FULL else 1))

    for start in range(0, SLOW_UPLOADS, BATCH if IN_FULL else 1):
        del start
        rig.load.send(BATCH if IN_FULL else 1, description)
    rig.healed()

    what = "work of 5 leases, interpreter busy" if description == BUSY else "work of 5 leases"
    result = rig.finish(number, what, seconds=300)
    assert result.accepted == len(rig.load.ids) >= SLOW_UPLOADS
    assert {line.deliveries for line in rig.journal if line.what == "given"} == {1}
    assert stolen(rig) == said(rig, "fenced") == 0
    assert said(rig, "renewed") >= SLOW_UPLOADS * SLOW_LEASES


def stolen(rig: Rig) -> int:
    """Leases lost to somebody else; a renewal that only comes a moment after its worker has settled lost nothing."""
    settled = {(line.consumer, line.entry) for line in rig.journal if line.what == "settled"}
    return sum(line.what == "lease lost" and (line.consumer, line.entry) not in settled for line in rig.journal)


def said(rig: Rig, what: str) -> int:
    return sum(line.what == what for line in rig.journal)
