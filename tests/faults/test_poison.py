"""Scenarios 14 and 15: uploads that crash or stall the captioner, and their redrive from the dead-letter queue."""

import random

import pytest

from tests.faults.load import SMALL_PHOTO
from tests.faults.poison import ABORT, LOOP, MEMORY
from tests.faults.rig import KEYS, Rig, Service
from tests.faults.servers import IN_FULL, QUICK

# Good images and poisoned images per kind, in the full tier and in the quick tier, which runs LOOP on Valkey only.
GOOD, EACH = (2_000, 5) if IN_FULL else (100, 1)
OTHERS_GOOD, OTHERS_EACH = 200, 1
BOMB = "poison: bomb"
LEASE_SECONDS = 1.0
MAX_DELIVERIES, MAX_FAILURES = 10, 5
KILLED_MIDWAY = 10
ERRORS = frozenset({"BadImage", "CaptioningDied", "EOFError", "DeliveriesExhausted", "DecompressionBombError"})
KINDS = {kind: [ABORT, MEMORY, BOMB, *([LOOP] if IN_FULL or kind == "Valkey" else [])] for kind in QUICK}


def bomb() -> bytes:
    """A JPEG whose header declares 65,500 by 65,500 pixels."""
    at = SMALL_PHOTO.index(b"\xff\xc0") + 5
    return SMALL_PHOTO[:at] + (65_500).to_bytes(2, "big") * 2 + SMALL_PHOTO[at + 4 :]


def send_poison(rig: Rig, kinds: list[str], good: int, each: int) -> set[str]:
    """Send poisoned images among good ones. Return the ids of the poisoned ones."""
    poisoned: set[str] = set()
    for description in kinds:
        rig.load.send(good // len(kinds))
        poisoned |= rig.load.send(each, description, bomb() if description == BOMB else SMALL_PHOTO)
    return poisoned


@pytest.mark.servers("all")
@pytest.mark.timeout(900)
def test_poisoned_images_become_dead_letters_and_good_images_do_not(rig: Rig, kind: str) -> None:
    kinds = KINDS.get(kind, KINDS["Valkey"])
    good, each = (GOOD, EACH) if kind in QUICK else (OTHERS_GOOD, OTHERS_EACH)
    rig.lease_seconds = LEASE_SECONDS
    rig.extra |= {"FAULTS_POISON": "yes", "FAULTS_HANDLING_SECONDS": "60"}
    rig.start_all(captioners=2)

    poisoned = send_poison(rig, kinds, good, each)
    rig.faults = len(poisoned)
    rig.mark_recovery_start()

    result = rig.finish("14", "poison", seconds=400, dead=poisoned, errors=ERRORS)
    assert result.dead == len(poisoned) == each * len(kinds)
    assert result.accepted == good // len(kinds) * len(kinds) + len(poisoned)
    assert deliveries_of(rig, poisoned) <= MAX_DELIVERIES


def deliveries_of(rig: Rig, ids: set[str]) -> int:
    return max(line.deliveries for line in rig.journal if line.id in ids)


@pytest.mark.full
@pytest.mark.timeout(900)
def test_killed_redrive_leaves_each_dead_letter_in_one_queue(rig: Rig) -> None:
    poisoned = poison_all(rig, ABORT, 20)
    rig.extra["FAULTS_POISON"] = ""  # the bug is fixed

    for _ in range(KILLED_MIDWAY):
        retry_and_kill(rig)
        assert dead_and_queued(rig) == sorted(poisoned)
    retry = start_command(rig, "dead", "retry", "--all")
    assert retry.wait() == 0
    rig.start_all()
    rig.mark_recovery_start()

    result = rig.finish("15", "dead letters redriven, killed midway", errors=ERRORS, redriven=poisoned)
    assert result.accepted == len(poisoned) == 20
    assert result.dead == 0


def poison_all(rig: Rig, description: str, uploads: int) -> set[str]:
    """Send poisoned images, wait until all are dead letters, and stop the pipeline."""
    rig.lease_seconds = LEASE_SECONDS
    rig.extra["FAULTS_POISON"] = "yes"
    rig.start_all(captioners=2)
    poisoned = rig.load.send(uploads, description)
    rig.drain(400)
    rig.stop()
    return poisoned


def retry_and_kill(rig: Rig) -> None:
    """Start to redrive all, and kill the command at one of the first dead letters."""
    at = random.Random(rig.faults).randint(1, 3)  # noqa: S311 - selects where to kill
    command = start_command(rig, "dead", "retry", "--all", failpoint=f"dead_letters.redrive.after:kill:{at}")
    command.wait()
    rig.faults += 1


def start_command(rig: Rig, *args: str, failpoint: str = "") -> Service:
    output = rig.folder / "command.output"
    environment = rig.environment(FAULTS_HITS=str(rig.folder / "command.hits"))
    environment |= {"FAULTS_FAILPOINT": failpoint} if failpoint else {}
    return Service("dead", rig.fork_server.start(args, rig.folder, environment, output), rig.fork_server, output)


def dead_and_queued(rig: Rig) -> list[str]:
    """All ids in the queue and in its dead-letter queue, duplicates included."""
    with rig.client as client:
        entries = [*client.xrange(KEYS.stream("uploads")), *client.xrange(KEYS.dead_letters("uploads"))]
    return sorted(fields[b"id"].decode() for _, fields in entries)
