"""Dead letters beyond their budget: an archiver that is killed while it moves them to disk loses none."""

import pytest

from tests.faults.poison import STUMBLE
from tests.faults.rig import Rig
from tests.faults.test_poison import start_command

UPLOADS = 6
ERRORS = frozenset({"ZeroDivisionError", "CaptioningDied", "EOFError"})  # of STUMBLE, also in a subprocess
FAILPOINTS = (
    "dead_letter_files.write.before:kill:2",
    "dead_letter_files.write.after:kill:2",
    "dead_letters.drop_payload.after:kill:2",
)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("failpoint", FAILPOINTS)
def test_killed_archiver_loses_no_dead_letter(rig: Rig, failpoint: str) -> None:
    rig.lease_seconds = 1.0
    rig.extra |= {"FAULTS_POISON": "yes", "CAPTIOND_MAX_DEAD_LETTER_BYTES": "0"}
    archiver = rig.start("archiver", failpoint=failpoint)
    for service in ("api", "captioner"):
        rig.start(service)
    rig.await_ready()
    poisoned = rig.load.send(UPLOADS, STUMBLE)
    rig.drain(200)
    archiver.wait(60)
    rig.faults += 1
    rig.mark_recovery_start()
    restarted = rig.start("archiver")
    folder = rig.folder / "images" / "dead-letters"
    rig.wait(lambda: len(list(folder.glob("[!.]*"))) == UPLOADS, 60, "all payloads are on disk")
    rig.await_worker(restarted)  # another one may have moved them

    rig.extra["FAULTS_POISON"] = ""  # the bug is fixed
    rig.stop()
    rig.start_all()
    retry = start_command(rig, "dead", "retry", "--all")
    assert retry.wait() == 0

    result = rig.finish("15", "dead letters moved to disk, archiver killed", redriven=poisoned, errors=ERRORS)
    assert result.accepted == len(poisoned) == UPLOADS
    assert result.dead == 0
    assert not list(folder.glob("*"))
