"""Scenarios 25 and 26: services told to stop under load, again and again, and some that are not let finish."""

import signal
import time

import pytest

from tests.faults.load import wait_done
from tests.faults.rig import Rig, Service
from tests.faults.servers import IN_FULL

# As in the table in full: 5,000 uploads, 50 restarts.
UPLOADS = 5_000 if IN_FULL else 600
RESTARTS = 50 if IN_FULL else 10
GRACE_SECONDS = 25.0
ERRORS = frozenset({"CaptioningDied"})
CUT_SHORT_UPLOADS = 500 if IN_FULL else 200


@pytest.mark.timeout(400)
def test_rolling_restarts_give_no_message_out_twice(rig: Rig) -> None:
    rig.start_all(captioners=2, archivers=2)
    stopping: list[float] = []

    with rig.load.sending(UPLOADS) as sent:
        while len(stopping) < RESTARTS:
            stopping += [replace(rig, rig.running(name)[0]) for name in ("captioner", "archiver")]
            wait_done(sent, 0.1)
    rig.healed()

    result = rig.finish("25", "rolling restarts under load", remark=f"slowest stop {max(stopping):.1f} s")
    assert result.accepted == UPLOADS
    assert {line.deliveries for line in rig.journal if line.what == "given"} == {1}
    assert max(stopping) < GRACE_SECONDS


def replace(rig: Rig, old: Service) -> float:
    """Start another, stop the old one; how long that took."""
    rig.start(old.name)
    began = time.monotonic()
    assert old.stop() == 0
    rig.services.remove(old)
    rig.faults += 1
    return time.monotonic() - began


@pytest.mark.timeout(400)
@pytest.mark.parametrize("last_word", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM twice", "SIGKILL in the grace"])
def test_services_not_let_finish_lose_nothing(rig: Rig, last_word: signal.Signals) -> None:
    rig.start_all(captioners=2, archivers=2)

    with rig.load.sending(CUT_SHORT_UPLOADS) as sent:
        while not sent.done():
            for name in ("captioner", "archiver"):
                victim = rig.running(name)[0]
                rig.start(name)
                victim.signal(signal.SIGTERM)
                victim.signal(last_word)
                victim.wait()
                rig.services.remove(victim)
                rig.faults += 1
            wait_done(sent, 0.1)
    for service in (*rig.running("captioner"), *rig.running("archiver")):
        rig.await_worker(service)
    rig.healed()

    # Messages that too many died with are captioned apart, which a killed captioner cannot see to the end.
    result = rig.finish("26", f"SIGTERM, then {last_word.name}", errors=ERRORS)
    assert result.accepted == CUT_SHORT_UPLOADS
    assert result.faults > 1
