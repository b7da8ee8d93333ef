"""Scenario 35: any order of sends, deliveries, crashes, lost replies and failovers keeps the invariants."""

import pytest

from tests.contract.workqueue.state_machine import run_state_machine
from tests.faults.results import Result, append
from tests.faults.servers import IN_FULL, version_of
from tests.servers.queues import RedisServer

EXAMPLES, STEPS = (500, 50) if IN_FULL else (25, 40)


@pytest.mark.timeout(900)
def test_any_order_of_events_keeps_the_invariants(server: RedisServer) -> None:
    machine = run_state_machine(server, EXAMPLES, STEPS)

    assert machine.steps > EXAMPLES
    counts = (machine.sent_in_all, machine.steps, machine.sent_in_all, 0, 0, 0, 0, 0, 0.0)
    append(Result("35", "state machine", version_of(server), "none", *counts, f"{EXAMPLES} examples of {STEPS} steps"))
