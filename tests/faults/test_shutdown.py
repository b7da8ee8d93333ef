"""Scenarios 25 and 26: shutdowns under load, graceful and interrupted."""

import signal
import time

import pytest

from tests.faults.load import wait_done
from tests.faults.rig import Rig, Service
from tests.faults.servers import IN_FULL

UPLOADS = 5_000 if IN_FULL else 600
RESTARTS = 50 if IN_FULL else 10
GRACE_SECONDS = 25.0
ERRORS = frozenset({"CaptioningDied"})
INTERRUPTED_UPLOADS = 500 if IN_FULL else 200


@pytest.mark.timeout(400)
def test_rolling_restarts_redeliver_no_message(rig: Rig) -> None:
    rig.start_all(captioners=2, archivers=2)
    stopping: list[float] = []

    with rig.load.sending(UPLOADS) as sent:
        while len(stopping) < RESTARTS:
            stopping += [replace(rig, rig.running(name)[0]) for name in ("captioner", "archiver")]
            wait_done(sent, 0.1)
    rig.mark_recovery_start()

    result = rig.finish("25", "rolling restarts under load", remark=f"slowest stop {max(stopping):.1f} s")
    assert result.accepted == UPLOADS
    assert {line.deliveries for line in rig.journal if line.what == "given"} == {1}
    assert max(stopping) < GRACE_SECONDS


def replace(rig: Rig, old: Service) -> float:
    """Start a new process and stop the old one. Return the seconds until it ended."""
    rig.start(old.name)
    began = time.monotonic()
    assert old.stop() == 0
    rig.services.remove(old)
    rig.faults += 1
    return time.monotonic() - began


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "second_signal", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM twice", "SIGKILL during shutdown"]
)
def test_interrupted_shutdown_loses_no_message(rig: Rig, second_signal: signal.Signals) -> None:
    rig.start_all(captioners=2, archivers=2)

    with rig.load.sending(INTERRUPTED_UPLOADS) as sent:
        while not sent.done():
            for name in ("captioner", "archiver"):
                victim = rig.running(name)[0]
                rig.start(name)
                victim.signal(signal.SIGTERM)
                victim.signal(second_signal)
                victim.wait()
                rig.services.remove(victim)
                rig.faults += 1
            wait_done(sent, 0.1)
    for service in (*rig.running("captioner"), *rig.running("archiver")):
        rig.await_worker(service)
    rig.mark_recovery_start()

    # After several failed deliveries a message is captioned in isolation, which a killed captioner cannot complete.
    result = rig.finish("26", f"SIGTERM, then {second_signal.name}", errors=ERRORS)
    assert result.accepted == INTERRUPTED_UPLOADS
    assert result.faults > 1
