"""Scenario 37: the product with one mechanism broken on purpose; a scenario must detect each mutant.

The quick tier runs three mutants, the full one all.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest

from tests.faults.audit import AuditFailed
from tests.faults.load import wait_done
from tests.faults.mutants import MUTANTS
from tests.faults.results import Result, append
from tests.faults.rig import Rig
from tests.faults.servers import IN_FULL, version_of
from tests.faults.test_order import assert_in_order, trace_uploads
from tests.servers.chaos_proxy import ChaosProxy, NetworkFaults

KILLED_UPLOADS = 200
# Few, because a suspect message is captioned in a process of its own, which is slow.
KILLS = 5
LOST_UPLOADS = 60
TRIMMED_UPLOADS = 150
BATCH = 4
SHORT_SECONDS = 15.0
# When a captioner is killed after it received its batch. The mutant takes about a second to forward it.
FORWARD_SECONDS = (0.02, 0.5)
Scenario = Callable[[Rig, ChaosProxy, str], None]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def rig(proxied_rig: Rig) -> Rig:
    return proxied_rig


def captioners_killed(rig: Rig, _: ChaosProxy, mutant: str) -> None:
    """Scenario 1 with captioners alone."""
    rig.start("archiver")
    rig.start("api")
    rig.start("captioner", mutant=mutant)
    rig.await_ready()
    with rig.load.sending(KILLED_UPLOADS):
        for _kill in range(KILLS):
            rig.running("captioner")[0].kill()
            captioner = rig.start("captioner", mutant=mutant)
            rig.await_worker(captioner)
            rig.wait(partial(is_working, rig, captioner.pid), SHORT_SECONDS, "the captioner works")
            time.sleep(rig.chance.uniform(*FORWARD_SECONDS))
    rig.drain()
    rig.stop()
    rig.audit()


def is_working(rig: Rig, pid: int) -> bool:
    """Tell whether it has received messages, or none are left."""
    return rig.is_empty() or any(f"-{pid}-" in line.consumer and line.what == "given" for line in rig.journal)


def api_killed(rig: Rig, _: ChaosProxy, mutant: str) -> None:
    """Scenario 4, for accepted uploads."""
    rig.start_all()
    replace_api(rig, mutant)
    for _kill in range(3):
        with rig.load.sending(LOST_UPLOADS) as sent:
            while not rig.load.accepted:
                wait_done(sent, 0.001)
            rig.running("api")[0].kill()
            rig.start("api", mutant=mutant)
        replace_api(rig, mutant)
    rig.drain()
    rig.stop()
    rig.audit()


def replace_api(rig: Rig, mutant: str) -> None:
    """Kill it right after a response."""
    for api in rig.running("api"):
        api.kill()
        rig.services.remove(api)
    rig.start("api", mutant=mutant)
    rig.await_ready()
    rig.load.send(1, senders=1)
    rig.running("api")[0].kill()
    rig.start("api", mutant=mutant)
    rig.await_ready()


def first_consumer_late(rig: Rig, _: ChaosProxy, mutant: str) -> None:
    """More than a hundred uploads arrive before the first consumer."""
    rig.start("api", mutant=mutant)
    rig.await_ready()
    rig.load.send(TRIMMED_UPLOADS)
    rig.start("archiver", mutant=mutant)
    rig.start("captioner", mutant=mutant)
    rig.drain(SHORT_SECONDS)
    rig.stop()
    rig.audit()


def worker_stopped_and_continued(rig: Rig, _: ChaosProxy, mutant: str) -> None:
    """Scenario 11: a frozen captioner that continues must not take its messages back."""
    rig.extra |= {"FAULTS_POISON": "yes", "FAULTS_BUSY_SECONDS": str(2 * rig.lease_seconds)}
    rig.extra |= {"FAULTS_HANDLING_SECONDS": "600", "CAPTIOND_MAX_CPU_SECONDS": "60"}
    rig.start("api")
    rig.start("archiver")
    rig.await_ready()
    zombie = rig.start("captioner", mutant=mutant, failpoint="caption.before:stop")
    rig.load.send(1, "poison: slow")
    rig.wait(lambda: zombie.reached_failpoint() and zombie.is_suspended(), SHORT_SECONDS, "it is suspended")
    other = rig.start("captioner", mutant=mutant)
    rig.wait(lambda: given_to(rig, other.pid), SHORT_SECONDS, "the other has received them")
    zombie.resume()
    rig.drain()
    rig.stop()
    rig.audit()
    assert any(line.what == "lease lost" and f"-{zombie.pid}-" in line.consumer for line in rig.journal), "it stole"


def given_to(rig: Rig, pid: int) -> bool:
    return any(line.what == "given" and f"-{pid}-" in line.consumer for line in rig.journal)


def reads_lost_then_stopped(rig: Rig, proxy: ChaosProxy, mutant: str) -> None:
    """Scenario 7, and the reader deregisters with pending messages whose delivery it did not receive."""
    rig.start("api")
    captioner = rig.start("captioner", mutant=mutant)
    rig.await_ready()
    rig.await_worker(captioner)
    proxy.network = NetworkFaults(lose_replies_to=b"XREADGROUP", lose_at_most=1)
    rig.load.send(BATCH)
    rig.wait(lambda: proxy.network.lose_at_most <= 0, SHORT_SECONDS, "the reply is lost")
    proxy.clear()
    assert captioner.stop() == 0
    rig.services.remove(captioner)
    rig.start("captioner")
    rig.start("archiver")
    rig.drain(SHORT_SECONDS)
    rig.stop()
    rig.audit()


def archivers_at_once(rig: Rig, _: ChaosProxy, mutant: str) -> None:
    """One is frozen before its insert, another commits and is killed, the first continues."""
    rig.start("api")
    rig.start("captioner")
    rig.await_ready()
    slow = rig.start("archiver", mutant=mutant, failpoint="rows.insert.before:stop")
    rig.load.send(1)
    rig.wait(lambda: slow.reached_failpoint() and slow.is_suspended(), SHORT_SECONDS, "it is suspended")
    quick = rig.start("archiver", mutant=mutant, failpoint="queue.settle.before:kill")
    quick.wait(SHORT_SECONDS)
    rig.services.remove(quick)
    slow.resume()
    rig.drain()
    rig.stop()
    rig.audit()


def system_calls(rig: Rig, _: ChaosProxy, mutant: str) -> None:
    """Scenario 20."""
    calls = trace_uploads(rig, mutant)
    rig.stop()
    rig.audit()
    assert_in_order(calls)


def replies_lost(rig: Rig, proxy: ChaosProxy, mutant: str) -> None:
    """Scenario 5."""
    rig.start_all(mutant=mutant)
    proxy.network = NetworkFaults(lose_every=5)
    rig.load.send(LOST_UPLOADS)
    proxy.clear()
    rig.drain()
    rig.stop()
    rig.audit()


@dataclass(frozen=True, slots=True)
class Detection:
    """The scenario that detects a mutant, and its error message."""

    scenario: Scenario
    problem: str


DETECTIONS = {
    # Killed between its steps: before the acknowledgement the message is forwarded again, after it the entry stays.
    "forward_in_two_steps": Detection(
        captioners_killed, "forwarded more than once|the queues are empty|dead and stored"
    ),
    "ack_before_durable": Detection(api_killed, "accepted and lost"),
    "group_at_the_end": Detection(first_consumer_late, "the queues are empty"),
    "trimmed_queue": Detection(first_consumer_late, "accepted and lost"),
    "renewal_without_owner": Detection(worker_stopped_and_continued, "it stole"),
    "consumer_deleted_unguarded": Detection(reads_lost_then_stopped, "the queues are empty"),
    "insert_without_conflict_clause": Detection(archivers_at_once, "dead without a reason"),
    "folders_not_synced": Detection(system_calls, "acknowledged too early: .*'renamed'"),
    "raw_enqueue": Detection(replies_lost, "forwarded more than once"),
}
QUICK = ("forward_in_two_steps", "ack_before_durable", "group_at_the_end")


@pytest.mark.servers("one")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("mutant", list(DETECTIONS) if IN_FULL else QUICK)
def test_mutant_fails_its_scenario(rig: Rig, proxy: ChaosProxy, mutant: str) -> None:
    detection = DETECTIONS[mutant]

    with pytest.raises(AssertionError, match=detection.problem):
        detection.scenario(rig, proxy, mutant)

    remark = f"{mutant}: killed by {detection.scenario.__name__}"
    append(Result("37", "mutant", version_of(rig.server), "sqlite", rig.load.sent, 1, 0, 0, 0, 0, 0, 0, 0.0, remark))


@pytest.mark.servers("one")
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "scenario",
    {detection.scenario: None for name, detection in DETECTIONS.items() if IN_FULL or name in QUICK},
    ids=lambda it: it.__name__,
)
def test_product_passes_the_scenarios_of_the_mutants(rig: Rig, proxy: ChaosProxy, scenario: Scenario) -> None:
    scenario(rig, proxy, "")

    assert rig.load.accepted


def test_every_mutant_has_a_scenario() -> None:
    assert set(DETECTIONS) == set(MUTANTS)
    assert issubclass(AuditFailed, AssertionError)
