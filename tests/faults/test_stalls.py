"""Scenarios 11 to 13: suspended workers whose leases expire, and slow workers that renew their leases."""

import pytest

from tests.faults.poison import BUSY, BUSY_SECONDS, SLOW
from tests.faults.rig import Rig, wait_for
from tests.faults.servers import IN_FULL

# Suspended workers, each with one batch.
SUSPENDED = 10 if IN_FULL else 2
SLOW_UPLOADS = 20 if IN_FULL else 2
SLOW_LEASES = 5
COMPETITORS = 4
BATCH = 4


def suspend_and_take_over(rig: Rig, service: str, failpoint: str, description: str = "number") -> None:
    """Suspend a worker with in-flight messages until another worker has processed them, then resume it."""
    worker = rig.start(service, failpoint=failpoint)
    wait_for(lambda: bool(rig.running(service)), 30, "the worker runs")
    rig.load.send(BATCH, description)
    wait_for(
        lambda: worker.reached_failpoint() and worker.is_suspended(),
        60,
        "the worker is suspended with in-flight messages",
    )
    other = rig.start(service)
    rig.drain()
    worker.resume()
    rig.faults += 1
    for one in (other, worker):
        assert one.stop() == 0
        rig.services.remove(one)


def stop_and_continue(rig: Rig) -> None:
    """Suspend workers in the middle of a batch and before they settle it."""
    rig.extra |= {"FAULTS_POISON": "yes", BUSY_SECONDS: str(rig.lease_seconds / 2)}
    rig.extra |= {
        "FAULTS_HANDLING_SECONDS": "600",
        "CAPTIOND_MAX_CPU_SECONDS": "60",
    }  # above the time that the worker is suspended
    rig.start("api")
    archiver = rig.start("archiver")
    rig.await_ready()
    suspend_and_take_over(rig, "captioner", "caption.before:stop", BUSY)
    for _ in range(SUSPENDED - 1):
        suspend_and_take_over(rig, "captioner", "queue.settle.before:stop")
    archiver.stop()
    rig.services.remove(archiver)
    rig.start("captioner")
    suspend_and_take_over(rig, "archiver", "queue.settle.before:stop")
    rig.mark_recovery_start()


@pytest.mark.servers("all")
@pytest.mark.timeout(900)
def test_resumed_worker_is_fenced_off(rig: Rig) -> None:
    stop_and_continue(rig)

    result = rig.finish("11", "workers stopped for 3 leases")
    assert result.accepted == BATCH * (SUSPENDED + 1)
    assert count_lines(rig, "fenced") >= SUSPENDED
    assert lost_leases(rig) >= 1


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("number", "description"), [("12", SLOW), ("13", BUSY)])
def test_slow_worker_keeps_its_leases_for_five_lease_durations(rig: Rig, number: str, description: str) -> None:
    """In scenario 13 the interpreter is busy, so that the renewal thread rarely gets the interpreter lock."""
    rig.extra |= {"FAULTS_POISON": "yes", BUSY_SECONDS: str(SLOW_LEASES * rig.lease_seconds)}
    rig.extra |= {"FAULTS_HANDLING_SECONDS": "600", "CAPTIOND_MAX_CPU_SECONDS": "60"}
    rig.start_all(captioners=COMPETITORS + (COMPETITORS if IN_FULL else 1))

    for start in range(0, SLOW_UPLOADS, BATCH if IN_FULL else 1):
        del start
        rig.load.send(BATCH if IN_FULL else 1, description)
    rig.mark_recovery_start()

    what = "work of 5 leases, interpreter busy" if description == BUSY else "work of 5 leases"
    result = rig.finish(number, what, seconds=300)
    assert result.accepted == len(rig.load.ids) >= SLOW_UPLOADS
    assert {line.deliveries for line in rig.journal if line.what == "given"} == {1}
    assert lost_leases(rig) == count_lines(rig, "fenced") == 0
    assert count_lines(rig, "renewed") >= SLOW_UPLOADS * SLOW_LEASES


def lost_leases(rig: Rig) -> int:
    """Count leases lost to another worker. A renewal after the settlement of its own worker is not a loss."""
    settled = {(line.consumer, line.entry) for line in rig.journal if line.what == "settled"}
    return sum(line.what == "lease lost" and (line.consumer, line.entry) not in settled for line in rig.journal)


def count_lines(rig: Rig, what: str) -> int:
    return sum(line.what == what for line in rig.journal)
