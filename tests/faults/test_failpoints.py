"""Scenario 3: every named failpoint, with every action, in API, captioner and archiver."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pytest

from tests.faults.failpoints import EXIT_STATUS
from tests.faults.rig import REPOSITORY, Rig, wait_for
from tests.faults.servers import IN_FULL, QUICK

# As in the table in full: 20 uploads each, on both servers; quickly 4, each action on one of the two.
UPLOADS = 20 if IN_FULL else 4
HIT_SECONDS = 0.8
TRIES = 40


def around(*names: str) -> list[str]:
    return [f"{name}.{when}" for name, when in product(names, ("before", "after"))]


# What must go wrong first for a failpoint to be reached at all.
FIRST = {
    "queue.record_failure": "caption.before:raise:1,caption.before:raise:2",  # in the batch, and again alone
    "queue.renew": "caption.before:hang",
    "queue.requeue": "file.open.before:raise",
}
FAILPOINTS = {
    "api": [*around("api.form", "api.put"), "api.answer.before"],
    "captioner": around(
        "queue.create_group",
        "queue.receive",
        "queue.claim",
        "caption",
        "queue.settle",
        "queue.record_failure",
        "queue.renew",
        "queue.deregister",
    ),
    "archiver": around(
        "rows.find",
        "file.open",
        "file.write",
        "file.fsync",
        "file.rename",
        "folder.fsync",
        "rows.insert",
        "rows.commit",
        "store",
        "queue.settle",
        "queue.requeue",
    ),
}
ACTIONS = ("exit", "kill", "hang", "raise")
STATUSES = {"exit": EXIT_STATUS, "kill": -signal.SIGKILL}
CASES = [
    (kind, service, action)
    for at, (service, action) in enumerate(product(FAILPOINTS, ACTIONS))
    for kind in (QUICK if IN_FULL else [QUICK[at % 2]])
]
# The bug of a failpoint; and, on a busy machine, an isolated captioner that is slow to start.
ERRORS = frozenset({"ZeroDivisionError", "CaptioningDied"})


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("kind", "service", "action"), CASES)
def test_whatever_step_goes_wrong_nothing_is_lost(rig: Rig, service: str, action: str) -> None:
    for name in FAILPOINTS.keys() - {service} | {"api"}:
        rig.start(name)
    rig.await_ready()

    for name in FAILPOINTS[service]:
        first = FIRST.get(name.rpartition(".")[0])
        specification = ",".join([*([first] if first else []), f"{name}:{action}"])
        if service == "api":
            blow_up_api(rig, specification, action)
        else:
            blow_up_worker(rig, service, specification, action)
    if service != "api":
        rig.start(service)
    rig.mark_recovery_start()

    result = rig.finish("3", f"failpoints: {service}, {action}", errors=ERRORS)
    assert rig.faults == len(FAILPOINTS[service])
    assert result.accepted == result.uploads >= UPLOADS * len(FAILPOINTS[service])


def blow_up_worker(rig: Rig, service: str, specification: str, action: str) -> None:
    """Have a worker reach the failpoint."""
    armed = rig.start(service, failpoint=specification)
    target = specification.rpartition(",")[2]
    if "queue.deregister" in target:
        rig.await_worker(armed)
        armed.signal(signal.SIGTERM)
    for _ in range(TRIES):
        rig.load.send(UPLOADS)
        if hits(armed.hits, target):
            break
    assert hits(armed.hits, target), f"{specification} was never reached"
    end(rig, specification, action)


def blow_up_api(rig: Rig, specification: str, action: str) -> None:
    """Have an API in the place of the whole one reach the failpoint."""
    [whole] = rig.running("api")
    assert whole.stop() == 0
    rig.services.remove(whole)
    armed = rig.start("api", failpoint=specification)
    rig.await_ready()
    with rig.load.sending(UPLOADS):
        rig.wait(lambda: hits(armed.hits, specification), 30, f"{specification} is reached")
        end(rig, specification, action)
        rig.start("api")
    rig.await_ready()


def end(rig: Rig, specification: str, action: str) -> None:
    """See that the armed one, the last to start, ended as it should; what goes on hanging is waited for later."""
    armed = rig.services[-1]
    rig.faults += 1
    if action in STATUSES:
        assert armed.wait() == STATUSES[action], specification
        rig.services.remove(armed)
    elif armed.name == "api":
        assert armed.stop() == 0, specification
        rig.services.remove(armed)
    else:
        armed.signal(signal.SIGTERM)


def hits(file: Path, specification: str) -> bool:
    """Whether it is hit within a moment."""

    def is_hit() -> bool:
        return file.exists() and specification in read(file)

    try:
        wait_for(is_hit, HIT_SECONDS, specification)
    except AssertionError:
        return False
    return True


def read(file: Path) -> Sequence[str]:
    return file.read_text().splitlines()


@pytest.mark.servers("one")
def test_a_failpoint_can_be_armed_from_the_command_line(rig: Rig) -> None:
    command = [sys.executable, "-m", "tests.faults.failpoints", "queue.create_group.before:kill", "--", "captioner"]

    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=rig.environment(FAULTS_HITS=str(rig.folder / "hits")),
        capture_output=True,
        check=False,
    )

    assert done.returncode == -signal.SIGKILL, done.stderr
