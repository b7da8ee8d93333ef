"""Scenario 21: the append-only file cut in the middle of its last records gives one of the states there were."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from captiond.workqueue.worker import Reject
from tests.contract.workqueue.queues import FIRST, SECOND, Queues, a_message
from tests.faults.results import Result, append
from tests.faults.servers import IN_FULL, version_of
from tests.servers.queues import RedisServer

# As in the table in full: each 7th byte; quickly each 41st.
EVERY_BYTES = 7 if IN_FULL else 41
State = dict[bytes | str, object]


@pytest.mark.servers("all")
@pytest.mark.timeout(600)
def test_truncated_log_restores_a_state_between_two_commands(server: RedisServer, tmp_path: Path) -> None:
    with server.client() as client:
        log = log_in(Path(client.config_get("dir")["dir"]))
    states, sizes = take_steps(server, log)
    server.stop()
    whole = shutil.copy(log, tmp_path / "whole")
    cuts = range(sizes[0] + 1, sizes[-1], EVERY_BYTES)
    found = set()

    for size in cuts:
        shutil.copy(whole, log)
        os.truncate(log, size)
        server.start()
        state = state_of(server.client())
        server.kill()
        assert state in states, f"cut at byte {size} of {sizes}"
        found.add(states.index(state))

    server.start()
    assert found == set(range(len(states) - 1))  # the last state needs the whole log
    append(Result("21", "append-only file cut", version_of(server), "none", 5, len(cuts), 5, 0, 0, 1, 0, 0, 0.0))


def log_in(folder: Path) -> Path:
    """The file that is appended to: in a folder of its own since Redis 7."""
    [log] = [*folder.glob("appendonlydir/*.incr.aof"), *folder.glob("appendonly.aof")]
    return log


def take_steps(server: RedisServer, log: Path) -> tuple[list[State], list[int]]:
    """Write a record of each kind; the states in between, and how long the log was then."""
    with Queues(server) as queues:
        captioner, archiver = queues.consumer(FIRST), queues.consumer(SECOND)
        messages = [a_message(b"body %d" % number) for number in range(4)]
        queues.send(*messages)
        done, handed_off, buried, parked = queues.receive(captioner, 4)
        captioner.settle([(done, queues.forward(messages[0]))])
        [finished] = queues.receive(archiver)
        steps: list[Callable[[], object]] = [
            lambda: captioner.settle([(handed_off, queues.forward(messages[1]))]),
            lambda: archiver.settle([(finished, queues.acknowledge())]),
            lambda: captioner.settle([(buried, Reject(ValueError("broken")))]),
            lambda: captioner.requeue([parked]),
            lambda: queues.send(a_message(b"the last")),
        ]
        states, sizes = [state_of(queues.client)], [log.stat().st_size]
        for step in steps:
            step()
            states.append(state_of(queues.client))
            sizes.append(log.stat().st_size)
    return states, sizes


def state_of(client: redis.Redis) -> State:
    """All keys with what they hold, and who has which message in hand."""
    state: State = {}
    for key in sorted(client.keys()):
        match client.type(key):
            case b"stream":
                groups = [group["name"] for group in client.xinfo_groups(key)]
                pending = [client.xpending_range(key, group, "-", "+", 100) for group in groups]
                held = [
                    (row["message_id"], row["consumer"], row["times_delivered"]) for rows in pending for row in rows
                ]
                state[key] = (client.xrange(key), held)
            case b"hash":
                state[key] = client.hgetall(key)
            case b"string":
                state[key] = client.get(key)
            case _:
                state[key] = client.zrange(key, 0, -1)
    return state
